#include "tools/bench/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace nakadachi::bench {
namespace {

constexpr size_t kRecordBytes = 1024;
constexpr size_t kFileBytes = 4 << 20;

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write and sync ", path));
}

}  // namespace

RecordFile::RecordFile(std::string path, int file)
    : path_(std::move(path)), file_(file), record_(kRecordBytes, 'y') {}

RecordFile::~RecordFile() {
  close(file_);
  unlink(path_.c_str());
}

absl::StatusOr<std::unique_ptr<RecordFile>> RecordFile::Create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return Failed(path);
  std::unique_ptr<RecordFile> file(new RecordFile(path, descriptor));
  if (!file->WriteAt(std::string(kFileBytes, 'x'), 0)) return Failed(path);
  return file;
}

absl::Status RecordFile::Write() {
  if (!WriteAt(record_, at_)) return Failed(path_);
  at_ = (at_ + kRecordBytes) % kFileBytes;
  return absl::OkStatus();
}

bool RecordFile::WriteAt(const std::string& bytes, size_t offset) const {
  return pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
             static_cast<ssize_t>(bytes.size()) &&
         fdatasync(file_) == 0;
}

}  // namespace nakadachi::bench
