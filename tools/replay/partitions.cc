#include "tools/replay/partitions.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/hash/hash.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi::replay {
namespace {

absl::Status DiskError(int error) {
  const bool full = error == ENOSPC || error == EDQUOT;
  return FieldError(full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
                    "temporary files", full ? "disk-full" : "io", std::strerror(error));
}

}  // namespace

size_t Parting::PartOf(absl::string_view key) const { return absl::HashOf(seed_, key) % parts_; }

absl::StatusOr<std::unique_ptr<PartedFile>> PartedFile::Create(const std::string& folder,
                                                               size_t parts) {
  std::string name = folder + "/nakadachi-replay-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return DiskError(errno);
  unlink(name.c_str());
  return std::unique_ptr<PartedFile>(new PartedFile(fd, parts));
}

PartedFile::~PartedFile() { close(fd_); }

absl::Status PartedFile::Append(size_t part, const void* bytes, size_t size) {
  uint64_t offset = 0;
  {
    absl::MutexLock lock(&mutex_);
    offset = end_;
    end_ += size;
    blocks_[part].push_back({offset, size});
  }
  const char* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = pwrite(fd_, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return DiskError(written == 0 ? EIO : errno);
    from += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

size_t PartedFile::SizeOf(size_t part) const {
  absl::MutexLock lock(&mutex_);
  size_t size = 0;
  for (const Block& block : blocks_[part]) size += block.size;
  return size;
}

absl::Status PartedFile::Read(size_t part, void* to) const {
  std::vector<Block> blocks;
  {
    absl::MutexLock lock(&mutex_);
    blocks = blocks_[part];
  }
  char* at = static_cast<char*>(to);
  for (const Block& block : blocks) {
    NAKADACHI_RETURN_IF_ERROR(ReadAt(block.offset, at, block.size));
    at += block.size;
  }
  return absl::OkStatus();
}

absl::Status PartedFile::ReadAt(uint64_t offset, void* to, size_t size) const {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = pread(fd_, at, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return DiskError(got == 0 ? EIO : errno);
    at += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::replay
