#include "common/storage/database.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "storage_fixture.h"

namespace nakadachi::storage {
namespace {

class DatabaseTest : public StorageTest {};

TEST_F(DatabaseTest, KeepsWhatWasCommittedOverReopening) {
  for (const int round : {0, 1, 2}) {
    const auto database = MustOpen();
    ASSERT_NE(database, nullptr);
    for (int earlier = 0; earlier < round; ++earlier) {
      EXPECT_EQ(database->Get(kRecords, KeyU64(earlier))->value(),
                "value" + std::to_string(earlier));
      EXPECT_EQ(database->Get(kHashes, KeyU64(earlier))->value(), "hash");
    }
    EXPECT_FALSE(database->Get(kRecords, KeyU64(round))->has_value());
    Batch batch(*database);
    batch.Put(kRecords, KeyU64(round), "value" + std::to_string(round));
    batch.Put(kHashes, KeyU64(round), "hash");
    EXPECT_GT(batch.bytes(), 0u);
    ASSERT_TRUE(database->Commit(std::move(batch)).ok());
  }
}

TEST_F(DatabaseTest, KeepsEmptyAndLargeValues) {
  const std::string large = SystemRandom().String(3 << 20);
  {
    const auto database = MustOpen();
    ASSERT_TRUE(Put(*database, kRecords, "empty", "").ok());
    ASSERT_TRUE(Put(*database, kHashes, "", "empty key").ok());
    ASSERT_TRUE(Put(*database, kRecords, "large", large).ok());
  }
  const auto database = MustOpen();
  EXPECT_EQ(database->Get(kRecords, "empty")->value(), "");
  EXPECT_EQ(database->Get(kHashes, "")->value(), "empty key");
  EXPECT_EQ(database->Get(kRecords, "large")->value(), large);
}

TEST_F(DatabaseTest, DeletesInOrderWithPuts) {
  const auto database = MustOpen();
  ASSERT_TRUE(Put(*database, kRecords, "a", "1").ok());
  Batch batch(*database);
  batch.Delete(kRecords, "a");
  batch.Put(kRecords, "b", "2");
  batch.Delete(kRecords, "b");
  batch.Put(kRecords, "b", "3");
  ASSERT_TRUE(database->Commit(std::move(batch)).ok());
  EXPECT_FALSE(database->Get(kRecords, "a")->has_value());
  EXPECT_EQ(database->Get(kRecords, "b")->value(), "3");
}

// Random batches against a map, in memory and on the disk, with keys looked up before they come.
TEST_F(DatabaseTest, FindsKeysOfAFamilyThatExpectsNone) {
  OpenOptions options = Options(path_);
  options.families = {{"records", Form::kSealed, Expect::kAbsent}};
  std::map<std::string, std::string> model;
  uint32_t state = 12345;
  const auto next = [&state](uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 16) % below;
  };
  for (int opening = 0; opening < 3; ++opening) {
    const auto database = Database::Open(options).value();
    for (int round = 0; round < 60; ++round) {
      Batch batch(*database);
      std::map<std::string, std::string> changes;
      for (int i = 0; i < 40; ++i) {
        const std::string key = "k" + std::to_string(next(20'000));
        const auto held = database->Get(0, key).value();
        ASSERT_EQ(held.has_value(), model.count(key) > 0);
        ASSERT_EQ(held.value_or(""), held.has_value() ? model[key] : "");
        changes[key] = std::to_string(next(1'000'000));
      }
      // Every other batch in the order of keys, then against it.
      for (auto at = changes.begin(); round % 2 == 0 && at != changes.end(); ++at)
        batch.Put(0, at->first, at->second);
      for (auto at = changes.rbegin(); round % 2 == 1 && at != changes.rend(); ++at)
        batch.Put(0, at->first, at->second);
      ASSERT_TRUE(database->Commit(std::move(batch)).ok());
      for (const auto& [key, value] : changes) model[key] = value;
      ASSERT_TRUE(round != 30 || database->Flush().ok());
    }
    for (const auto& [key, value] : model) ASSERT_EQ(database->Get(0, key)->value(), value);
    std::vector<std::string> keys;
    ASSERT_TRUE(database
                    ->Scan(0, "", "",
                           [&](absl::string_view key, absl::string_view) {
                             keys.emplace_back(key);
                             return true;
                           })
                    .ok());
    ASSERT_EQ(keys.size(), model.size());
    EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  }
}

TEST_F(DatabaseTest, BatchOfNoDatabaseStaysEmpty) {
  const auto database = MustOpen();
  Batch batch;
  batch.Put(kRecords, "a", "1");
  batch.Delete(kRecords, "a");
  EXPECT_EQ(batch.bytes(), 0u);
  EXPECT_TRUE(database->Commit(std::move(batch)).ok());
  EXPECT_FALSE(database->Get(kRecords, "a")->has_value());
}

TEST_F(DatabaseTest, ScansInOrderFromStartWithinPrefix) {
  const std::vector<std::string> keys = {"a", "b",    "b1",      "b2", std::string("b\xFF", 2),
                                         "c", "\xFF", "\xFF\xFF"};
  const struct {
    std::string prefix, start;
    size_t stop_after;
    std::vector<std::string> expected;
  } kCases[] = {
      {"", "", 99, keys},
      {"b", "", 99, {"b", "b1", "b2", "b\xFF"}},
      {"b", "b1", 99, {"b1", "b2", "b\xFF"}},
      {"b", "b11", 99, {"b2", "b\xFF"}},
      {"b", "a", 2, {"b", "b1"}},
      {"b", "c", 99, {}},
      {"", "b2", 2, {"b2", "b\xFF"}},
      {"\xFF", "", 99, {"\xFF", "\xFF\xFF"}},
      {"\xFF\xFF\xFF", "", 99, {}},
      {"aa", "", 99, {}},
  };
  const auto database = MustOpen();
  for (const int family : {kRecords, kHashes}) {
    Batch batch(*database);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) batch.Put(family, *key, "=" + *key);
    ASSERT_TRUE(database->Commit(std::move(batch)).ok());
    for (const bool is_flushed : {false, true}) {
      if (is_flushed) {
        ASSERT_TRUE(database->Flush().ok());
      }
      for (const auto& c : kCases) {
        SCOPED_TRACE(c.prefix + "|" + c.start);
        std::vector<std::string> seen;
        EXPECT_TRUE(database
                        ->Scan(family, c.prefix, c.start,
                               [&](absl::string_view key, absl::string_view value) {
                                 seen.emplace_back(key);
                                 EXPECT_EQ(value, "=" + seen.back());
                                 return seen.size() < c.stop_after;
                               })
                        .ok());
        EXPECT_EQ(seen, c.expected);
      }
    }
  }
}

TEST_F(DatabaseTest, NumberKeysSortAsNumbersDo) {
  const std::vector<uint64_t> numbers = {0, 1, 255, 256, 65535, uint64_t{1} << 32, ~uint64_t{0}};
  for (size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(U64FromKey(KeyU64(numbers[i])), numbers[i]);
    if (i > 0) {
      EXPECT_LT(KeyU64(numbers[i - 1]), KeyU64(numbers[i]));
    }
  }
  EXPECT_EQ(KeyU64(258), std::string("\0\0\0\0\0\0\1\2", 8));
}

TEST_F(DatabaseTest, BlindKeysDependOnPurposeDatabaseAndValueOnly) {
  std::string blind;
  {
    const auto database = MustOpen();
    blind = database->BlindKey("addressee", "123");
    EXPECT_EQ(blind.size(), 16u);
    EXPECT_NE(blind, database->BlindKey("addressee", "124"));
    EXPECT_NE(blind, database->BlindKey("code", "123"));
  }
  EXPECT_EQ(blind, MustOpen()->BlindKey("addressee", "123"));
  EXPECT_NE(blind, MustOpen(path_ + "2")->BlindKey("addressee", "123"));
}

TEST_F(DatabaseTest, NothingSealedIsReadableOnTheDisk) {
  const std::string planted = "PLANTED-SECRET-WORDS";
  const auto database = MustOpen();
  ASSERT_TRUE(Put(*database, kRecords, "flushed", planted).ok());
  ASSERT_TRUE(database->Flush().ok());
  ASSERT_TRUE(Put(*database, kRecords, "in the log", planted).ok());
  ASSERT_TRUE(Put(*database, kHashes, "plain", "PLAIN-WORDS").ok());
  bool is_plain_seen = false;
  for (const std::string& path : FilesOf(path_, "")) {
    const std::string bytes = ReadBytes(path);
    EXPECT_EQ(bytes.find(planted), std::string::npos) << path;
    is_plain_seen |= bytes.find("PLAIN-WORDS") != std::string::npos;
  }
  EXPECT_TRUE(is_plain_seen);
}

TEST_F(DatabaseTest, SameValueIsNeverStoredTheSameWay) {
  const auto database = MustOpen();
  Batch batch(*database);
  for (int i = 0; i < 100; ++i) batch.Put(kRecords, "key", "value");
  ASSERT_TRUE(database->Commit(std::move(batch)).ok());
  const std::string log = ReadBytes(FilesOf(path_, ".log").back());
  // Stored size of "value": 8 + 5 + 16.
  std::vector<std::string> stored;
  for (size_t at = log.find("key"); at != std::string::npos; at = log.find("key", at + 1))
    stored.push_back(log.substr(at + 4, 29));
  EXPECT_EQ(stored.size(), 100u);
  std::sort(stored.begin(), stored.end());
  EXPECT_EQ(std::unique(stored.begin(), stored.end()), stored.end());
}

TEST_F(DatabaseTest, OpensOnceOnly) {
  auto database = MustOpen();
  const absl::Status second = Database::Open(Options(path_)).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Rule(second), "locked");
  ASSERT_TRUE(Put(*database, kRecords, "a", "1").ok());
  database.reset();
  EXPECT_EQ(MustOpen()->Get(kRecords, "a")->value(), "1");
}

TEST_F(DatabaseTest, LeavesFamiliesAloneThatAreNotAskedFor) {
  ASSERT_TRUE(Put(*MustOpen(), kHashes, "a", "1").ok());
  OpenOptions options = Options(path_);
  options.families = {{"records", Form::kSealed}, {"new", Form::kSealed}};
  {
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(Put(**database, 1, "a", "new").ok());
    ASSERT_TRUE((*database)->Compact().ok());
  }
  EXPECT_EQ(MustOpen()->Get(kHashes, "a")->value(), "1");
}

TEST_F(DatabaseTest, DatabasesShareAnEnvironment) {
  const auto one = MustOpen(path_ + "1");
  const auto two = MustOpen(path_ + "2");
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Put(*one, kRecords, KeyU64(i), "one").ok());
    ASSERT_TRUE(Put(*two, kRecords, KeyU64(i), "two").ok());
  }
  ASSERT_TRUE(one->Flush().ok());
  EXPECT_EQ(one->Get(kRecords, KeyU64(7))->value(), "one");
  EXPECT_EQ(two->Get(kRecords, KeyU64(7))->value(), "two");
  EXPECT_GT(one->SumProperty("rocksdb.total-sst-files-size"), 0u);
  EXPECT_EQ(two->SumProperty("rocksdb.total-sst-files-size"), 0u);
  EXPECT_EQ(one->SumProperty("no such property"), 0u);
}

TEST_F(DatabaseTest, FullBuffersOfIdleDatabasesAreFlushedNotThoseOfTheWriter) {
  const std::string value(1000, 'v');
  std::vector<std::unique_ptr<Database>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(MustOpen(path_ + std::to_string(i)));
    Batch batch(*idle.back());
    for (uint64_t j = 0; j < 3900; ++j) batch.Put(kRecords, KeyU64(j), value);
    ASSERT_TRUE(idle.back()->Commit(std::move(batch)).ok());
  }
  // The limit is 16 MiB, and RocksDB begins to flush before it is reached.
  const auto writer = MustOpen();
  const std::vector<std::string> log = FilesOf(path_, ".log");
  for (uint64_t i = 0; i < 4000; ++i) {
    Batch batch(*writer);
    batch.Put(kRecords, KeyU64(i), value);
    ASSERT_TRUE(writer->CommitUnsynced(std::move(batch)).ok());
  }
  for (const auto& database : idle) ASSERT_TRUE(database->Get(kRecords, KeyU64(3899))->has_value());
  // A flush would have replaced the log.
  EXPECT_EQ(FilesOf(path_, ".log"), log);
  EXPECT_TRUE(FilesOf(path_, ".sst").empty());
}

TEST_F(DatabaseTest, CompactionFreesWhatWasDeleted) {
  const auto database = MustOpen();
  for (int i = 0; i < 64; ++i)
    ASSERT_TRUE(Put(*database, kRecords, KeyU64(i), SystemRandom().String(10000)).ok());
  ASSERT_TRUE(database->Flush().ok());
  const uint64_t before = database->SumProperty("rocksdb.total-sst-files-size");
  Batch batch(*database);
  for (int i = 1; i < 64; ++i) batch.Delete(kRecords, KeyU64(i));
  ASSERT_TRUE(database->Commit(std::move(batch)).ok());
  ASSERT_TRUE(database->Compact().ok());
  EXPECT_LT(database->SumProperty("rocksdb.total-sst-files-size"), before / 8);
  EXPECT_TRUE(database->Get(kRecords, KeyU64(0))->has_value());
}

TEST_F(DatabaseTest, ReportsWhatItCannotOpen) {
  WriteBytes(folder_.path() + "/file", "not a folder");
  const absl::Status status = Database::Open(Options(folder_.path() + "/file/db")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Rule(status), "io");
}

}  // namespace
}  // namespace nakadachi::storage
