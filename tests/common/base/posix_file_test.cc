#include "common/base/posix_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/temporary_folder.h"

namespace nakadachi {
namespace {

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PosixFileTest, WritesAllOfIt) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/file";
  // More than a pipe or a page takes at once.
  const std::string content(3'000'001, 'x');
  {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(WriteAll(file.get(), content), 0);
    EXPECT_EQ(WriteAll(file.get(), ""), 0);
  }
  EXPECT_EQ(Content(path), content);
}

TEST(PosixFileTest, SaysWhyItWasNotWritten) {
  EXPECT_EQ(WriteAll(-1, "x"), EBADF);
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(WriteAll(full.get(), "x"), ENOSPC);
}

TEST(PosixFileTest, ClosesAtTheEndOfTheScope) {
  int number;
  {
    const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = file.get();
    EXPECT_NE(::fcntl(number, F_GETFD), -1);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_FALSE(Descriptor(-1).ok());
}

TEST(PosixFileTest, SyncsFoldersThatAreThere) {
  const TemporaryFolder folder;
  EXPECT_EQ(SyncFolder(folder.path()), 0);
  EXPECT_EQ(SyncFolder(folder.path() + "/absent"), ENOENT);
  std::ofstream(folder.path() + "/file") << "x";
  EXPECT_EQ(SyncFolder(folder.path() + "/file"), ENOTDIR);
}

}  // namespace
}  // namespace nakadachi
