#include "common/base/clock.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi {
namespace {

class OffsetClockTest : public testing::Test {
 protected:
  // True where the clock reads the system's time plus `offset`.
  static bool Shows(const Clock& clock, absl::Duration offset) {
    const absl::Time before = absl::Now();
    const absl::Time shown = clock.Now();
    const absl::Time after = absl::Now();
    return before + offset <= shown && shown <= after + offset;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "offset";
};

TEST(SystemClockTest, ShowsTheSystemsTime) {
  const absl::Time before = absl::Now();
  const absl::Time shown = SystemClock().Now();
  EXPECT_LE(before, shown);
  EXPECT_LE(shown, absl::Now());
}

TEST(ManualClockTest, StandsStillUntilMoved) {
  ManualClock clock(absl::FromUnixMillis(1'711'929'600'000));
  EXPECT_EQ(clock.NowMs(), 1'711'929'600'000);
  clock.Advance(absl::Seconds(90));
  EXPECT_EQ(clock.NowMs(), 1'711'929'690'000);
  clock.Advance(-absl::Seconds(180));
  EXPECT_EQ(clock.NowMs(), 1'711'929'510'000);
  clock.Set(absl::UnixEpoch());
  EXPECT_EQ(clock.NowMs(), 0);
}

TEST(ManualClockTest, LosesNoAdvanceBetweenThreads) {
  ManualClock clock(absl::UnixEpoch());
  const auto advance = [&clock] {
    for (int i = 0; i < 1000; ++i) clock.Advance(absl::Milliseconds(1));
  };
  std::thread other(advance);
  advance();
  other.join();
  EXPECT_EQ(clock.NowMs(), 2000);
}

TEST_F(OffsetClockTest, StartsWithoutOffset) {
  const auto clock = OpenOffsetClock(path_);
  ASSERT_TRUE(clock.ok()) << clock.status();
  EXPECT_TRUE(Shows(**clock, absl::ZeroDuration()));
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(OffsetClockTest, TwoMappingsFollowEveryChange) {
  const auto one = OpenOffsetClock(path_);
  const auto two = OpenOffsetClock(path_);
  ASSERT_TRUE(one.ok() && two.ok());
  for (const absl::Duration offset :
       {absl::Hours(24 * 365 * 7), -absl::Hours(1), absl::Milliseconds(1), absl::ZeroDuration()}) {
    ASSERT_TRUE(WriteClockOffset(path_, offset).ok());
    EXPECT_TRUE(Shows(**one, offset)) << offset;
    EXPECT_TRUE(Shows(**two, offset)) << offset;
  }
}

TEST_F(OffsetClockTest, OpeningKeepsTheOffset) {
  ASSERT_TRUE(WriteClockOffset(path_, absl::Minutes(5)).ok());
  const auto clock = OpenOffsetClock(path_);
  ASSERT_TRUE(clock.ok());
  EXPECT_TRUE(Shows(**clock, absl::Minutes(5)));
}

TEST_F(OffsetClockTest, FileHoldsSignedLittleEndianMilliseconds) {
  ASSERT_TRUE(WriteClockOffset(path_, -absl::Milliseconds(258)).ok());
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(bytes, "\xFE\xFE\xFF\xFF\xFF\xFF\xFF\xFF");
}

TEST_F(OffsetClockTest, ShortFileIsGrown) {
  std::ofstream(path_, std::ios::binary) << "\x05";
  const auto clock = OpenOffsetClock(path_);
  ASSERT_TRUE(clock.ok());
  EXPECT_TRUE(Shows(**clock, absl::Milliseconds(5)));
}

TEST_F(OffsetClockTest, UnusablePathIsAnError) {
  EXPECT_EQ(OpenOffsetClock(folder_ / "none/offset").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(OpenOffsetClock(folder_.path()).ok());
  EXPECT_FALSE(WriteClockOffset(folder_.path(), absl::Seconds(1)).ok());
}

}  // namespace
}  // namespace nakadachi
