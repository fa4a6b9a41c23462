// What seals and keys hold together: nothing stored may be moved, taken over or reopened by
// another.
#include <rocksdb/db.h>
#include <sys/stat.h>

#include "common/storage/wal_format.h"
#include "storage_fixture.h"

namespace nakadachi::storage {
namespace {

constexpr char kDataKey[] = "/data-key";

class SealTest : public StorageTest {
 protected:
  SealTest() {
    Batch batch(*database_);
    batch.Put(kRecords, "a", "value of a");
    batch.Put(kRecords, "b", "value of b");
    batch.Put(2, "a", "value in other");
    EXPECT_TRUE(database_->Commit(std::move(batch)).ok());
    // Flushed, so that no log stands in the way of RocksDB on its own.
    EXPECT_TRUE(database_->Flush().ok());
    database_.reset();
  }

  OpenOptions ThreeFamilies() {
    OpenOptions options = Options(path_);
    options.families.push_back({"other", Form::kSealed});
    return options;
  }

  // Changes the stored bytes by RocksDB itself, as one would who has the disk.
  using Raw = std::map<std::string, rocksdb::ColumnFamilyHandle*>;
  void WithRocksDb(const std::function<void(rocksdb::DB&, Raw&)>& change) {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path_, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(rocksdb::DBOptions(), path_, families, &handles, &db).ok());
    Raw raw;
    for (size_t i = 0; i < names.size(); ++i) raw[names[i]] = handles[i];
    change(*db, raw);
    ASSERT_TRUE(db->Flush(rocksdb::FlushOptions(), handles).ok());
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    delete db;
    // A log of RocksDB's own is not padded; nothing in it is needed by now.
    for (const std::string& log : FilesOf(path_, ".log")) {
      std::filesystem::resize_file(log, 0);
      std::filesystem::resize_file(log, kWalExtent);
    }
  }

  static std::string RawGet(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                            const std::string& key) {
    std::string value;
    EXPECT_TRUE(db.Get(rocksdb::ReadOptions(), family, key, &value).ok());
    return value;
  }
  static void RawPut(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, const std::string& key,
                     const std::string& value) {
    EXPECT_TRUE(db.Put(rocksdb::WriteOptions(), family, key, value).ok());
  }

  void ExpectBroken(int family, const std::string& key) {
    const auto database = Database::Open(ThreeFamilies());
    ASSERT_TRUE(database.ok()) << database.status();
    const absl::Status status = (*database)->Get(family, key).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Rule(status), "seal");
    EXPECT_EQ(Rule(All(**database, family).status()), "seal");
  }

  std::unique_ptr<Database> database_ = [this] {
    auto database = Database::Open(ThreeFamilies());
    EXPECT_TRUE(database.ok());
    return *std::move(database);
  }();
};

TEST_F(SealTest, UnchangedValuesOpen) {
  WithRocksDb([](rocksdb::DB&, Raw&) {});
  const auto database = Database::Open(ThreeFamilies());
  ASSERT_TRUE(database.ok()) << database.status();
  EXPECT_EQ((*database)->Get(kRecords, "a")->value(), "value of a");
}

TEST_F(SealTest, BindsTheKey) {
  WithRocksDb([](rocksdb::DB& db, Raw& raw) {
    const std::string a = RawGet(db, raw["records"], "a");
    RawPut(db, raw["records"], "a", RawGet(db, raw["records"], "b"));
    RawPut(db, raw["records"], "b", a);
  });
  ExpectBroken(kRecords, "a");
  ExpectBroken(kRecords, "b");
}

TEST_F(SealTest, BindsTheFamily) {
  WithRocksDb([](rocksdb::DB& db, Raw& raw) {
    RawPut(db, raw["records"], "a", RawGet(db, raw["other"], "a"));
  });
  ExpectBroken(kRecords, "a");
}

TEST_F(SealTest, EveryByteCounts) {
  std::string stored;
  WithRocksDb([&](rocksdb::DB& db, Raw& raw) { stored = RawGet(db, raw["records"], "a"); });
  ASSERT_EQ(stored.size(), 8 + std::string("value of a").size() + 16);
  WithRocksDb([&](rocksdb::DB& db, Raw& raw) {
    for (size_t i = 0; i < stored.size(); ++i) {
      std::string altered = stored;
      altered[i] = static_cast<char>(altered[i] ^ 1);
      RawPut(db, raw["records"], "a", altered);
      // Each under its own database would be slow; here the key stays and the value varies.
      RawPut(db, raw["other"], "length" + std::to_string(i), stored.substr(0, i));
    }
  });
  ExpectBroken(kRecords, "a");
  const auto database = Database::Open(ThreeFamilies());
  ASSERT_TRUE(database.ok());
  for (size_t i = 0; i < stored.size(); ++i)
    EXPECT_EQ(Rule((*database)->Get(2, "length" + std::to_string(i)).status()), "seal") << i;
}

TEST_F(SealTest, BindsTheOwner) {
  OpenOptions options = ThreeFamilies();
  options.owner = "072036";
  const absl::Status status = Database::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Rule(status), "wrapped-key");
}

TEST_F(SealTest, NeedsTheSameWrappingKey) {
  const auto other = MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  OpenOptions options = ThreeFamilies();
  options.key_provider = other.get();
  const absl::Status status = Database::Open(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Rule(status), "wrapped-key");
}

TEST_F(SealTest, AnotherDatabasesDataKeyDoesNotOpenIt) {
  MustOpen(path_ + "2").reset();
  std::filesystem::copy_file(path_ + "2" + kDataKey, path_ + kDataKey,
                             std::filesystem::copy_options::overwrite_existing);
  ExpectBroken(kRecords, "a");
}

TEST_F(SealTest, LostDataKeyIsNotReplaced) {
  std::filesystem::remove(path_ + kDataKey);
  const absl::Status status = Database::Open(ThreeFamilies()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Rule(status), "wrapped-key");
  EXPECT_FALSE(std::filesystem::exists(path_ + kDataKey));
}

TEST_F(SealTest, AlteredDataKeyFileIsRefused) {
  const std::string bytes = ReadBytes(path_ + kDataKey);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string altered = bytes;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    WriteBytes(path_ + kDataKey, altered);
    EXPECT_EQ(Rule(Database::Open(ThreeFamilies()).status()), "wrapped-key") << i;
    WriteBytes(path_ + kDataKey, bytes.substr(0, i));
    EXPECT_EQ(Rule(Database::Open(ThreeFamilies()).status()), "wrapped-key") << i;
  }
}

TEST_F(SealTest, LostDatabaseIsNotReplacedByAnEmptyOne) {
  for (const std::string& path : FilesOf(path_, ""))
    if (path != path_ + kDataKey) std::filesystem::remove(path);
  EXPECT_EQ(Database::Open(ThreeFamilies()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(KeyProviderTest, BindsKeyAndContext) {
  const Secret data_key = Secret::Generate(SystemRandom(), 32);
  const auto provider = MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  const auto other = MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  const std::string wrapped = *provider->Wrap(data_key, "context");
  EXPECT_EQ(provider->Unwrap(wrapped, "context")->Expose(), data_key.Expose());
  EXPECT_NE(*provider->Wrap(data_key, "context"), wrapped);
  for (const absl::Status& status :
       {provider->Unwrap(wrapped, "contexT").status(), other->Unwrap(wrapped, "context").status(),
        provider->Unwrap("", "context").status(),
        provider->Unwrap(wrapped.substr(0, 27), "context").status(),
        provider->Unwrap(wrapped + "x", "context").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Rule(status), "wrapped-key");
  }
}

TEST(KeyProviderTest, ReadsAPrivateFileOnly) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/secret";
  WriteBytes(path, std::string(64, 'a') + "\n");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const absl::Status open = OpenFileKeyProvider(path).status();
  EXPECT_EQ(open.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Rule(open), "mode");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const auto provider = OpenFileKeyProvider(path);
  ASSERT_TRUE(provider.ok()) << provider.status();
  const auto same = MakeMemoryKeyProvider(Secret(std::string(32, '\xAA')));
  const std::string wrapped = *(*provider)->Wrap(Secret("data key"), "context");
  EXPECT_EQ(same->Unwrap(wrapped, "context")->Expose(), "data key");
  WriteBytes(path, std::string(63, 'a') + "\n");
  EXPECT_FALSE(OpenFileKeyProvider(path).ok());
  EXPECT_EQ(OpenFileKeyProvider(folder.path() + "/none").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace nakadachi::storage
