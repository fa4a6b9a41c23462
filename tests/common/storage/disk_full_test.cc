// A full disk refuses, never lies, and is taken up again when there is space.
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <thread>

#include "storage_fixture.h"
#include "tests/support/small_disk.h"

namespace nakadachi::storage {
namespace {

// A limit on the length of files, as a full disk for the write-ahead log. Lifted when it goes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

class DiskFullTest : public StorageTest {
 protected:
  // Commits until the disk is full; returns how many were acknowledged.
  uint64_t FillUp(Database& database, uint64_t next) {
    for (;; ++next) {
      const absl::Status status = Put(database, kRecords, KeyU64(next), value_);
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
      EXPECT_EQ(Rule(status), "disk-full");
      return next;
    }
  }

  void ExpectExactly(const Database& database, uint64_t count) {
    const auto all = All(database, kRecords);
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(all->size(), count);
    for (const auto& [key, value] : *all) EXPECT_TRUE(value == value_);
  }

  const std::string value_ = SystemRandom().String(20000);
};

TEST_F(DiskFullTest, LogWithoutSpaceRefusesAndGoesOn) {
  auto database = MustOpen();
  uint64_t acknowledged = 0;
  {
    const FileSizeLimit limit(2 << 20);
    acknowledged = FillUp(*database, 0);
    EXPECT_GT(acknowledged, 20u);
    EXPECT_EQ(FillUp(*database, acknowledged), acknowledged);
    // A commit larger than all that is left is refused whole.
    EXPECT_EQ(Rule(Put(*database, kRecords, "large", std::string(4 << 20, 'x'))), "disk-full");
    ExpectExactly(*database, acknowledged);
    // What a crash would leave now.
    CopyFolder(path_, path_ + "-image");
  }
  ExpectExactly(*MustOpen(path_ + "-image"), acknowledged);
  ASSERT_TRUE(Put(*database, kRecords, KeyU64(acknowledged), value_).ok());
  database.reset();
  ExpectExactly(*MustOpen(), acknowledged + 1);
}

// Whoever starts on a full disk is told so; nothing falls, and there is nothing lost.
TEST_F(DiskFullTest, OpeningOnAFullDiskIsAnError) {
  const SmallDisk disk(40);
  if (!disk.mounted()) GTEST_SKIP() << disk.problem();
  const std::string path = disk.path() + "/db";
  const std::string ballast = disk.path() + "/ballast";
  { ASSERT_TRUE(Put(*MustOpen(path), kRecords, "a", "1").ok()); }
  for (const uint64_t left : {uint64_t{0}, uint64_t{4} << 10, uint64_t{64} << 10}) {
    std::filesystem::remove(ballast);
    WriteBytes(ballast, std::string(std::filesystem::space(disk.path()).available - left, 'x'));
    const auto database = Database::Open(Options(path));
    if (database.ok()) {
      EXPECT_EQ((*database)->Get(kRecords, "a")->value_or(""), "1");
    } else {
      EXPECT_EQ(Rule(database.status()), "disk-full") << left << " " << database.status();
    }
  }
  std::filesystem::remove(ballast);
  EXPECT_EQ(MustOpen(path)->Get(kRecords, "a")->value_or(""), "1");
}

TEST_F(DiskFullTest, FullDiskRefusesAndGoesOn) {
  const SmallDisk disk(96);
  if (!disk.mounted()) GTEST_SKIP() << disk.problem();
  const std::string path = disk.path() + "/db";
  auto database = MustOpen(path);
  ASSERT_NE(database, nullptr);
  WriteBytes(disk.path() + "/ballast", std::string(60 << 20, 'x'));

  // Tables are written too, until there is no more room for either.
  uint64_t acknowledged = FillUp(*database, 0);
  EXPECT_GT(acknowledged, 200u);
  const absl::Status flush = database->Flush();
  EXPECT_TRUE(flush.ok() || Rule(flush) == "disk-full") << flush;
  // Tables that were written have freed their logs.
  acknowledged = FillUp(*database, acknowledged);
  ExpectExactly(*database, acknowledged);

  std::filesystem::remove(disk.path() + "/ballast");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!Put(*database, kRecords, KeyU64(acknowledged), value_).ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "did not recover";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  ++acknowledged;
  ExpectExactly(*database, acknowledged);
  database.reset();
  database = MustOpen(path);
  ASSERT_NE(database, nullptr);
  ExpectExactly(*database, acknowledged);
}

}  // namespace
}  // namespace nakadachi::storage
