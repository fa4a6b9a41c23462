#include "tools/replay/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/status.h"

namespace nakadachi::replay {
namespace {

absl::Status DiskError(int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return FieldError(full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
                    "temporary files", full ? "disk-full" : "io", std::strerror(error));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TemporaryFile>> TemporaryFile::Create(const std::string& folder) {
  std::string name = folder + "/nakadachi-replay-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return DiskError(errno);
  unlink(name.c_str());
  return std::unique_ptr<TemporaryFile>(new TemporaryFile(fd));
}

absl::Status TemporaryFile::WriteAt(uint64_t offset, const void* bytes, size_t size) {
  const char* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = pwrite(file_.get(), from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return DiskError(written == 0 ? EIO : errno);
    from += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status TemporaryFile::ReadAt(uint64_t offset, void* to, size_t size) const {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = pread(file_.get(), at, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return DiskError(got == 0 ? EIO : errno);
    at += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::replay
