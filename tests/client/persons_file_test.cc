#include "client/persons_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/storage/database.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::client {
namespace {

namespace fs = std::filesystem;

class PersonsFileTest : public testing::Test {
 protected:
  std::string Content(const char* name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
  }
  static std::string Code(unsigned char byte) { return std::string(16, static_cast<char>(byte)); }
  static std::string Row(unsigned char byte, uint64_t index) {
    return Code(byte) + storage::KeyU64(index);
  }

  TemporaryFolder folder_;
};

TEST_F(PersonsFileTest, SortsByBytesAndDropsWhatStandsTwice) {
  PersonsFile file(folder_.path());
  EXPECT_FALSE(PersonsFile::Exists(folder_.path()));
  file.Add(Code(0xf0), 300);
  file.Add(Code(0x01), 256);
  file.Add(Code(0x01), 2);
  ASSERT_TRUE(file.Flush().ok());
  EXPECT_TRUE(PersonsFile::Exists(folder_.path()));
  file.Add(Code(0x01), 256);
  ASSERT_TRUE(file.Merge(1000).ok());
  EXPECT_EQ(Content("persons"), Row(0x01, 2) + Row(0x01, 256) + Row(0xf0, 300));
  EXPECT_FALSE(fs::exists(folder_ / "persons.part"));

  file.Add(Code(0x7f), 999);
  ASSERT_TRUE(file.Merge(1000).ok());
  EXPECT_EQ(Content("persons"), Row(0x01, 2) + Row(0x01, 256) + Row(0x7f, 999) + Row(0xf0, 300));
}

// A death in the middle of a write, and of entries that the log then does not have.
TEST_F(PersonsFileTest, GoesOnBehindADeath) {
  {
    PersonsFile file(folder_.path());
    file.Add(Code(0x02), 1);
    file.Add(Code(0x03), 7);
    ASSERT_TRUE(file.Flush().ok());
  }
  std::ofstream(folder_ / "persons.part", std::ios::binary | std::ios::app) << "torn";
  PersonsFile file(folder_.path());
  ASSERT_TRUE(file.Merge(5).ok());
  EXPECT_EQ(Content("persons"), Row(0x02, 1));
  file.Add(Code(0x03), 7);
  ASSERT_TRUE(file.Merge(8).ok());
  EXPECT_EQ(Content("persons"), Row(0x02, 1) + Row(0x03, 7));
}

TEST_F(PersonsFileTest, IsEmptyWhereNobodyWasAskedAbout) {
  PersonsFile file(folder_.path());
  ASSERT_TRUE(file.Merge(10).ok());
  EXPECT_TRUE(fs::exists(folder_ / "persons"));
  EXPECT_EQ(Content("persons"), "");
}

TEST_F(PersonsFileTest, TellsWhatCannotBeWritten) {
  PersonsFile file(folder_ / "missing");
  file.Add(Code(1), 1);
  EXPECT_TRUE(absl::IsUnavailable(file.Flush()));
}

}  // namespace
}  // namespace nakadachi::client
