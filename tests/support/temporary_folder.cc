#include "tests/support/temporary_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "common/base/check.h"

namespace nakadachi {
namespace {

std::string Parent(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const char* const base = getenv("TMPDIR");
  return base == nullptr || *base == '\0' ? "/tmp" : base;
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& parent)
    : path_(Parent(parent) + "/nakadachi-test-XXXXXX") {
  NAKADACHI_CHECK(mkdtemp(path_.data()) != nullptr);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  EXPECT_FALSE(error) << path_ << ": " << error.message();
}

}  // namespace nakadachi
