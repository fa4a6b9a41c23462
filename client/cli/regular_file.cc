#include "client/cli/regular_file.h"

#include <filesystem>

#include "common/base/status.h"

namespace nakadachi::cli {

absl::StatusOr<std::ifstream> OpenRegularFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return FieldError(absl::StatusCode::kNotFound, path, "missing", "cannot be read");
  }
  if (!std::filesystem::is_regular_file(path, error)) {
    return InvalidField(path, "regular", "is not a regular file; it is read more than once");
  }
  std::ifstream file(path, std::ios::binary);
  if (file) return file;
  return FieldError(absl::StatusCode::kNotFound, path, "missing", "cannot be read");
}

}  // namespace nakadachi::cli
