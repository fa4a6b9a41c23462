// Families kept by retention periods: values go with their period's key.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "tests/common/storage/storage_fixture.h"

namespace nakadachi::storage {
namespace {

constexpr int kKept = 2;  // by periods
constexpr int kFirst = 2017;
constexpr int kSecond = 2018;

class PeriodTest : public StorageTest {
 protected:
  PeriodTest() { Open(path_); }

  void Open(const std::string& path) {
    database_.reset();
    OpenOptions options = Options(path);
    options.families.push_back({"kept", Form::kPeriod});
    auto database = Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }
  void Put(absl::string_view key, absl::string_view value, Keep keep = Keep::kPeriod) {
    Batch batch(*database_);
    batch.Put(kKept, key, value, keep);
    ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  }
  // The value, or what happened instead.
  std::string Get(absl::string_view key) const {
    const auto value = database_->Get(kKept, key);
    if (!value.ok()) return Rule(value.status());
    return value->value_or("absent");
  }
  // A value in each of two periods, and one for always.
  void Fill() {
    ASSERT_TRUE(database_->EnterPeriod(kFirst).ok());
    Put("first", "one");
    Put("always", "kept", Keep::kAlways);
    ASSERT_TRUE(database_->EnterPeriod(kSecond).ok());
    Put("second", "two");
  }
  void ExpectFirstIsGone() const {
    EXPECT_EQ(Get("first"), "absent");
    EXPECT_EQ(Get("second"), "two");
    EXPECT_EQ(Get("always"), "kept");
    EXPECT_EQ(All(*database_, kKept).value(),
              (std::map<std::string, std::string>{{"always", "kept"}, {"second", "two"}}));
  }
  std::string KeyFile(int period) const { return absl::StrCat(path_, "/period-", period); }

  std::unique_ptr<Database> database_;
};

TEST_F(PeriodTest, ValuesComeBackInAnyPeriodAndAfterARestart) {
  Put("before", "zero");
  Fill();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Get("before"), "zero");
    EXPECT_EQ(Get("first"), "one");
    EXPECT_EQ(Get("second"), "two");
    EXPECT_EQ(Get("always"), "kept");
    Open(path_);
  }
}

TEST_F(PeriodTest, KeysAreFilesForTheirOwnerOnlyAndTellNothing) {
  Fill();
  struct stat info {};
  ASSERT_EQ(stat(KeyFile(kFirst).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_NE(ReadBytes(KeyFile(kFirst)), ReadBytes(KeyFile(kSecond)));
}

TEST_F(PeriodTest, TheNewestKeyThatIsDamagedOrGoneIsNotReplaced) {
  Fill();
  database_.reset();
  const std::string whole = ReadBytes(KeyFile(kSecond));
  const auto opened = [&] {
    OpenOptions options = Options(path_);
    options.families.push_back({"kept", Form::kPeriod});
    return Database::Open(options).status();
  };
  for (const size_t at : {size_t{0}, whole.size() / 2, whole.size() - 1}) {
    std::string altered = whole;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    WriteBytes(KeyFile(kSecond), altered);
    EXPECT_EQ(opened().code(), absl::StatusCode::kDataLoss) << at << " " << opened();
  }
  std::filesystem::remove(KeyFile(kSecond));
  EXPECT_EQ(opened().code(), absl::StatusCode::kDataLoss) << opened();
  EXPECT_EQ(Rule(opened()), "period-key");
  EXPECT_FALSE(std::filesystem::exists(KeyFile(kSecond)));

  WriteBytes(KeyFile(kSecond), whole);
  std::filesystem::permissions(
      KeyFile(kSecond), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  Open(path_);
  EXPECT_EQ(Get("second"), "two");
}

TEST_F(PeriodTest, DestroyedValuesAreGoneAtOnceAndForGood) {
  Fill();
  ASSERT_TRUE(database_->DestroyPeriod(kFirst).ok());
  EXPECT_TRUE(database_->IsDestroyed(kFirst));
  EXPECT_FALSE(database_->IsDestroyed(kSecond));
  ExpectFirstIsGone();
  EXPECT_FALSE(std::filesystem::exists(KeyFile(kFirst)));
  EXPECT_TRUE(database_->DestroyPeriod(kFirst).ok());
  Open(path_);
  EXPECT_TRUE(database_->IsDestroyed(kFirst));
  ExpectFirstIsGone();
}

// What someone copied before cannot be read with what is left, only with the key.
TEST_F(PeriodTest, OldFilesSayNothingWithoutTheKey) {
  Fill();
  ASSERT_TRUE(database_->Flush().ok());
  const std::string copy = folder_ / "copy";
  CopyFolder(path_, copy);
  Open(copy);
  EXPECT_EQ(Get("first"), "one");
  database_.reset();
  std::filesystem::remove(copy + "/period-2017");
  Open(copy);
  EXPECT_EQ(Get("first"), "period-key");
  EXPECT_EQ(Get("second"), "two");
  EXPECT_EQ(All(*database_, kKept).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(PeriodTest, CompactionTakesWhatIsLeftFromTheDisk) {
  ASSERT_TRUE(database_->EnterPeriod(kFirst).ok());
  for (int i = 0; i < 2000; ++i) Put(absl::StrCat("old needle ", i), std::string(1000, 'v'));
  ASSERT_TRUE(database_->EnterPeriod(kSecond).ok());
  Put("young needle", "two");
  ASSERT_TRUE(database_->Flush().ok());
  const uint64_t before = database_->SumProperty("rocksdb.live-sst-files-size");
  ASSERT_TRUE(database_->DestroyPeriod(kFirst).ok());
  ASSERT_TRUE(database_->Compact().ok());
  const uint64_t after = database_->SumProperty("rocksdb.live-sst-files-size");
  EXPECT_GT(before, 2'000'000u);
  EXPECT_GT(database_->DroppedBytes(), 2'000'000u);
  EXPECT_LE(database_->DroppedBytes(), before);
  EXPECT_LT(after, 20'000u);
  database_.reset();
  for (const char* suffix : {".sst", ".log"}) {
    for (const std::string& file : FilesOf(path_, suffix))
      EXPECT_EQ(ReadBytes(file).find("old needle"), std::string::npos) << file;
  }
  Open(path_);
  EXPECT_EQ(Get("young needle"), "two");
  EXPECT_EQ(Get("old needle 7"), "absent");
}

TEST_F(PeriodTest, RewrittenValuesBelongToTheCurrentPeriod) {
  Fill();
  Put("first", "again");
  ASSERT_TRUE(database_->DestroyPeriod(kFirst).ok());
  EXPECT_EQ(Get("first"), "again");
}

TEST_F(PeriodTest, RefusesWhatIsNotOverAndNeverGoesBack) {
  Fill();
  for (const int period : {kSecond, kSecond + 1, 0, -1}) {
    const absl::Status status = database_->DestroyPeriod(period);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << period;
    EXPECT_EQ(Rule(status), "period-in-use");
  }
  EXPECT_EQ(Rule(database_->EnterPeriod(kLastPeriod + 1)), "range");
  ASSERT_TRUE(database_->EnterPeriod(kFirst).ok());
  Put("late", "three");
  ASSERT_TRUE(database_->DestroyPeriod(kFirst).ok());
  EXPECT_EQ(Get("late"), "three");
  Open(path_);
  ASSERT_TRUE(database_->EnterPeriod(kFirst).ok());
  Put("later", "four");
  EXPECT_EQ(Get("later"), "four");
}

// A crash behind the mark: the next opening completes what it promises.
TEST_F(PeriodTest, InterruptedDestructionIsCompleted) {
  Fill();
  database_.reset();
  WriteBytes(KeyFile(kFirst) + "-destroyed", "");
  std::filesystem::permissions(KeyFile(kFirst) + "-destroyed", std::filesystem::perms::owner_read);
  Open(path_);
  EXPECT_FALSE(std::filesystem::exists(KeyFile(kFirst)));
  ExpectFirstIsGone();
}

TEST_F(PeriodTest, ValuesCannotChangeTheirPeriod) {
  Fill();
  ASSERT_TRUE(database_->EnterPeriod(kSecond + 1).ok());  // whose key is opened at the start
  ASSERT_TRUE(database_->Compact().ok());
  database_.reset();
  // RocksDB's own checksum finds a changed byte first; keys that change places are for the seal.
  std::filesystem::rename(KeyFile(kFirst), KeyFile(kFirst) + ".other");
  std::filesystem::rename(KeyFile(kSecond), KeyFile(kFirst));
  std::filesystem::rename(KeyFile(kFirst) + ".other", KeyFile(kSecond));
  Open(path_);
  EXPECT_EQ(Get("first"), "wrapped-key");
  EXPECT_EQ(Get("second"), "wrapped-key");
  EXPECT_EQ(Get("always"), "kept");
}

}  // namespace
}  // namespace nakadachi::storage
