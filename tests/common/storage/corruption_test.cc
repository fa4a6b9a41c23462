// A file of a database is altered or cut: what is then read is right, or DATA_LOSS.
#include "storage_fixture.h"

namespace nakadachi::storage {
namespace {

class CorruptionTest : public StorageTest {
 protected:
  CorruptionTest() {
    const auto database = MustOpen();
    for (int i = 0; i < 200; ++i) {
      const std::string key = KeyU64(static_cast<uint64_t>(i));
      expected_[key] = SystemRandom().String(100);
      EXPECT_TRUE(Put(*database, kRecords, key, expected_[key]).ok());
      EXPECT_TRUE(Put(*database, kHashes, key, expected_[key]).ok());
      if (i == 100) {
        EXPECT_TRUE(database->Flush().ok());
      }
    }
    CopyFolder(path_, image_);
  }

  // True where the damage was detected; a value that differs or is missing fails the test.
  bool IsDetected(const std::string& what) {
    SCOPED_TRACE(what);
    const auto database = Database::Open(Options(path_));
    if (!database.ok()) {
      EXPECT_EQ(database.status().code(), absl::StatusCode::kDataLoss) << database.status();
      return true;
    }
    bool is_detected = false;
    for (const int family : {kRecords, kHashes}) {
      for (const auto& [key, value] : expected_) {
        const auto got = (*database)->Get(family, key);
        if (!got.ok()) {
          EXPECT_EQ(got.status().code(), absl::StatusCode::kDataLoss) << got.status();
          is_detected = true;
          continue;
        }
        EXPECT_TRUE(got->has_value() && **got == value) << "served wrong";
      }
      const auto all = All(**database, family);
      if (all.ok()) {
        EXPECT_TRUE(*all == expected_) << "scanned wrong";
      }
    }
    return is_detected;
  }

  void Alter(const std::string& name, const std::string& bytes) {
    CopyFolder(image_, path_);
    WriteBytes(path_ + "/" + name, bytes);
  }

  // Names of the files of `suffix` or prefix.
  std::vector<std::string> Names(const std::string& part) {
    std::vector<std::string> names;
    for (const std::string& path : FilesOf(image_, "")) {
      const std::string name = std::filesystem::path(path).filename().string();
      if (name.find(part) != std::string::npos) names.push_back(name);
    }
    return names;
  }

  const std::string image_ = path_ + "-image";
  std::map<std::string, std::string> expected_;
};

TEST_F(CorruptionTest, UnalteredImageIsWhole) { EXPECT_FALSE(IsDetected("unaltered")); }

TEST_F(CorruptionTest, AlteredBytesAreNeverServed) {
  for (const char* part : {".sst", ".log", "MANIFEST", "CURRENT"}) {
    for (const std::string& name : Names(part)) {
      const std::string bytes = ReadBytes(image_ + "/" + name);
      const size_t used = bytes.find_last_not_of('\0') + 1;
      int detected = 0;
      for (size_t at = 0; at < used; at += used / 40 + 1) {
        std::string altered = bytes;
        altered[at] = static_cast<char>(altered[at] ^ (1 << at % 8));
        Alter(name, altered);
        detected += IsDetected(name + " at " + std::to_string(at)) ? 1 : 0;
      }
      EXPECT_GT(detected, 0) << name;
    }
  }
}

TEST_F(CorruptionTest, CutTablesAndLogsAreDetected) {
  for (const char* part : {".sst", ".log"}) {
    for (const std::string& name : Names(part)) {
      const std::string bytes = ReadBytes(image_ + "/" + name);
      for (const size_t size : {size_t{0}, size_t{1}, bytes.size() / 2 + 1, bytes.size() - 1}) {
        Alter(name, bytes.substr(0, size));
        EXPECT_TRUE(IsDetected(name + " of " + std::to_string(size))) << name << " " << size;
      }
    }
  }
}

TEST_F(CorruptionTest, LostFilesAreDetected) {
  for (const char* part : {".sst", ".log", "MANIFEST", "CURRENT"}) {
    for (const std::string& name : Names(part)) {
      CopyFolder(image_, path_);
      std::filesystem::remove(path_ + "/" + name);
      EXPECT_TRUE(IsDetected(name + " lost")) << name;
    }
  }
}

// Logs that a flush has not freed stay beside the newest one. None of them may be missing.
TEST_F(CorruptionTest, AnyOfSeveralLogsIsMissed) {
  std::filesystem::remove_all(path_);
  for (int run = 0; run < 3; ++run) {
    const auto database = MustOpen();
    ASSERT_NE(database, nullptr);
    ASSERT_TRUE(Put(*database, kRecords, KeyU64(static_cast<uint64_t>(run)), "value").ok());
    CopyFolder(path_, image_);
  }
  // As they would lie there if the run before had ended just before it freed its log.
  const std::string newest = Names(".log").back();
  const auto database = MustOpen();
  ASSERT_NE(database, nullptr);
  ASSERT_TRUE(Put(*database, kHashes, "a", "1").ok());
  std::filesystem::copy_file(image_ + "/" + newest, path_ + "/" + newest,
                             std::filesystem::copy_options::skip_existing);
  CopyFolder(path_, image_);
  ASSERT_GT(Names(".log").size(), 1u);
  CopyFolder(image_, path_ + "-copy");
  EXPECT_TRUE(Database::Open(Options(path_ + "-copy")).ok());

  CopyFolder(image_, path_ + "-copy");
  std::filesystem::remove(path_ + "-copy/" + Names(".log").back());
  const auto opened = Database::Open(Options(path_ + "-copy"));
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
}

TEST_F(CorruptionTest, OneDatabasesDamageDoesNotTouchAnother) {
  const auto other = MustOpen(path_ + "-other");
  ASSERT_TRUE(Put(*other, kRecords, "a", "1").ok());
  const std::string name = Names(".sst").front();
  Alter(name, std::string(ReadBytes(image_ + "/" + name).size(), 'x'));
  EXPECT_TRUE(IsDetected(name));
  EXPECT_EQ(other->Get(kRecords, "a")->value(), "1");
  ASSERT_TRUE(Put(*other, kRecords, "b", "2").ok());
}

}  // namespace
}  // namespace nakadachi::storage
