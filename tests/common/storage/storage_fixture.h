// What the tests of this folder share: a folder of their own, a database in it, its bytes.
#ifndef NAKADACHI_TESTS_COMMON_STORAGE_STORAGE_FIXTURE_H_
#define NAKADACHI_TESTS_COMMON_STORAGE_STORAGE_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/storage/database.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::storage {

constexpr int kRecords = 0;  // sealed
constexpr int kHashes = 1;   // plain

inline std::string ReadBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// What a kill at this instant would leave.
inline void CopyFolder(const std::string& from, const std::string& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

// Files whose names end in `suffix`, in order.
inline std::vector<std::string> FilesOf(const std::string& folder, const std::string& suffix) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.size() >= suffix.size() &&
        path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0)
      paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

inline std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

class StorageTest : public testing::Test {
 protected:
  OpenOptions Options(const std::string& path) {
    OpenOptions options;
    options.path = path;
    options.owner = "072028";
    options.families = {{"records", Form::kSealed}, {"hashes", Form::kPlain}};
    options.environment = environment_;
    options.key_provider = key_provider_.get();
    options.random = &SystemRandom();
    return options;
  }

  std::unique_ptr<Database> MustOpen(const std::string& path) {
    absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(Options(path));
    EXPECT_TRUE(database.ok()) << database.status();
    return database.ok() ? *std::move(database) : nullptr;
  }
  std::unique_ptr<Database> MustOpen() { return MustOpen(path_); }

  static absl::Status Put(Database& database, int family, absl::string_view key,
                          absl::string_view value) {
    Batch batch(database);
    batch.Put(family, key, value);
    return database.Commit(std::move(batch));
  }

  // Everything in a family; the status is that of the scan.
  static absl::StatusOr<std::map<std::string, std::string>> All(const Database& database,
                                                                int family) {
    std::map<std::string, std::string> all;
    const absl::Status status =
        database.Scan(family, {}, {}, [&](absl::string_view key, absl::string_view value) {
          all.emplace(std::string(key), std::string(value));
          return true;
        });
    if (!status.ok()) return status;
    return all;
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_ / "db";
  const std::shared_ptr<Environment> environment_ = Environment::Create(32 << 20);
  const std::unique_ptr<KeyProvider> key_provider_ =
      MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
};

}  // namespace nakadachi::storage

#endif  // NAKADACHI_TESTS_COMMON_STORAGE_STORAGE_FIXTURE_H_
