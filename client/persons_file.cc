#include "client/persons_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/posix_file.h"
#include "common/base/status.h"
#include "common/storage/database.h"

namespace nakadachi::client {
namespace {

constexpr size_t kCodeBytes = 16;
// Unsigned, so that rows sort by their bytes.
using Row = std::array<uint8_t, 24>;

absl::Status IoError(const std::string& path, int error) {
  return FieldError(absl::StatusCode::kUnavailable, path, "io", std::strerror(error));
}

// Writes all of `content` at the end and syncs.
absl::Status Append(const std::string& path, int flags, absl::string_view content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));
  if (!file.ok()) return IoError(path, errno);
  if (const int error = WriteAll(file.get(), content); error != 0) return IoError(path, error);
  return ::fsync(file.get()) == 0 ? absl::OkStatus() : IoError(path, errno);
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int error = SyncFolder(folder);
  return error == 0 ? absl::OkStatus() : IoError(folder, error);
}

absl::string_view Bytes(const uint8_t* data, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(data), size);
}

// What stands behind the last whole row is of a write that was cut off.
void AddRows(const std::string& path, uint64_t size, std::vector<Row>* rows) {
  std::ifstream file(path, std::ios::binary);
  Row row;
  while (file.read(reinterpret_cast<char*>(row.data()), row.size())) {
    const absl::string_view index = Bytes(row.data(), row.size()).substr(kCodeBytes);
    if (storage::U64FromKey(index) < size) rows->push_back(row);
  }
}

}  // namespace

PersonsFile::PersonsFile(const std::string& folder)
    : path_(absl::StrCat(folder, "/persons")), part_(absl::StrCat(path_, ".part")) {}

bool PersonsFile::Exists(const std::string& folder) {
  std::error_code error;
  const PersonsFile file(folder);
  return std::filesystem::exists(file.path_, error) || std::filesystem::exists(file.part_, error);
}

void PersonsFile::Add(absl::string_view code, uint64_t leaf_index) {
  absl::StrAppend(&added_, code, storage::KeyU64(leaf_index));
}

absl::Status PersonsFile::Flush() {
  if (added_.empty()) return absl::OkStatus();
  NAKADACHI_RETURN_IF_ERROR(Append(part_, O_APPEND, added_));
  added_.clear();
  return SyncFolderOf(part_);
}

absl::Status PersonsFile::Merge(uint64_t size) {
  NAKADACHI_RETURN_IF_ERROR(Flush());
  std::vector<Row> rows;
  AddRows(path_, size, &rows);
  AddRows(part_, size, &rows);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  const absl::string_view content =
      rows.empty() ? absl::string_view() : Bytes(rows.front().data(), rows.size() * sizeof(Row));
  const std::string next = absl::StrCat(path_, ".new");
  NAKADACHI_RETURN_IF_ERROR(Append(next, O_TRUNC, content));
  if (::rename(next.c_str(), path_.c_str()) != 0) return IoError(path_, errno);
  NAKADACHI_RETURN_IF_ERROR(SyncFolderOf(path_));
  if (::unlink(part_.c_str()) != 0 && errno != ENOENT) return IoError(part_, errno);
  return absl::OkStatus();
}

}  // namespace nakadachi::client
