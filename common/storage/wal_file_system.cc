#include "common/storage/wal_file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/posix_file.h"
#include "common/storage/wal_format.h"

namespace nakadachi::storage {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// A file doubles up to here, then grows by as much: each time costs the next sync a journal entry
// and, where others write to the same disk, their data with it.
constexpr uint64_t kLargestGrowth = uint64_t{8} << 20;

[[noreturn]] void DiskFailed(const char* doing, int error) {
  const std::string message =
      absl::StrCat("write-ahead log: cannot ", doing, ": ", std::strerror(error),
                   "; what the disk holds is unknown, hence the end");
  CheckFailed(__FILE__, __LINE__, message.c_str());
}

bool IsFull(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

// 0 or the error.
int WriteAt(int fd, const char* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t n = ::pwrite(fd, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data += n;
    size -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return 0;
}

int FillWithZeros(int fd, uint64_t start, uint64_t end) {
  static constexpr std::array<char, kWalExtent> kZeros{};
  for (uint64_t at = start; at < end; at += kZeros.size()) {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(kZeros.size(), end - at));
    if (const int error = WriteAt(fd, kZeros.data(), size, at); error != 0) return error;
  }
  return 0;
}

uint64_t RoundUp(uint64_t size) { return (size + kWalExtent - 1) / kWalExtent * kWalExtent; }

int OpenFile(const std::string& path) {
  int fd;
  do {
    fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

IOStatus OpenError(const std::string& path, int error) {
  return IsFull(error) ? IOStatus::NoSpace(path, std::strerror(error))
                       : IOStatus::IOError(path, std::strerror(error));
}

}  // namespace

class WalFile final : public rocksdb::FSWritableFile {
 public:
  WalFile(WalFileSystem* system, WalFileSystem::Space space) : system_(system), space_(space) {}
  ~WalFile() override {
    absl::MutexLock lock(&system_->mutex_);
    Forget();
  }

  // Brings in the overload with verification information.
  using FSWritableFile::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions&, IODebugContext*) override {
    absl::MutexLock lock(&system_->mutex_);
    const uint64_t end = space_.position + data.size();
    // Reserve has made room; only what RocksDB writes of its own accord has to find it here.
    if (end > space_.size && !system_->Grow(space_, end)) DiskFailed("extend it", ENOSPC);
    if (const int error = WriteAt(space_.fd, data.data(), data.size(), space_.position); error != 0)
      DiskFailed("write to it", error);
    space_.position = end;
    return IOStatus::OK();
  }

  // Not under the lock: the commits that queue up meanwhile form the next group.
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const WalFileSystem::Space space = Snapshot();
    if (::fdatasync(space.fd) != 0) DiskFailed("sync it", errno);
    absl::MutexLock lock(&system_->mutex_);
    synced_ = std::max(synced_, space.position);
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }

  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  IOStatus Close(const IOOptions&, IODebugContext*) override {
    absl::MutexLock lock(&system_->mutex_);
    Forget();
    return IOStatus::OK();
  }

  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return Snapshot().position; }

 private:
  friend class WalFileSystem;

  WalFileSystem::Space Snapshot() {
    absl::MutexLock lock(&system_->mutex_);
    return space_;
  }

  void SyncRest() {
    if (synced_ == space_.position) return;
    if (::fdatasync(space_.fd) != 0) DiskFailed("sync it", errno);
    synced_ = space_.position;
  }

  void Forget() {
    if (system_->current_ == this) system_->current_ = nullptr;
    if (space_.fd >= 0) ::close(std::exchange(space_.fd, -1));
  }

  WalFileSystem* const system_;
  WalFileSystem::Space space_;
  uint64_t synced_ = 0;
};

WalFileSystem::WalFileSystem(std::string folder)
    : FileSystemWrapper(FileSystem::Default()),
      folder_(std::move(folder)),
      spare_path_(absl::StrCat(folder_, "/", kSpareWal)) {}

WalFileSystem::~WalFileSystem() {
  if (spare_.fd < 0) return;
  ::close(spare_.fd);
  ::unlink(spare_path_.c_str());
}

// The length is set before anything is written behind the old one and taken back where there is
// no room, so that it is a multiple of kWalExtent at every instant.
bool WalFileSystem::Lengthen(Space& space, uint64_t size) {
  int error = ::ftruncate(space.fd, static_cast<off_t>(size)) == 0 ? 0 : errno;
  if (error == 0) error = FillWithZeros(space.fd, space.size, size);
  if (error == 0) {
    space.size = size;
    return true;
  }
  if (!IsFull(error)) DiskFailed("extend it", error);
  const uint64_t before = std::max<uint64_t>(space.size, kWalExtent);
  if (::ftruncate(space.fd, static_cast<off_t>(before)) != 0) DiskFailed("shorten it", errno);
  return false;
}

// The last room on a disk is for what is needed.
bool WalFileSystem::Grow(Space& space, uint64_t needed) {
  if (needed <= space.size) return true;
  const uint64_t enough = RoundUp(needed);
  const uint64_t ample = std::max(enough, space.size + std::min(space.size, kLargestGrowth));
  return Lengthen(space, ample) || (enough < ample && Lengthen(space, enough));
}

bool WalFileSystem::OpenSpare() {
  if (spare_.fd >= 0) return true;
  spare_ = Space{OpenFile(spare_path_), 0, 0};
  if (spare_.fd < 0) return false;
  if (::ftruncate(spare_.fd, kWalExtent) != 0) DiskFailed("give it its length", errno);
  return true;
}

bool WalFileSystem::Reserve(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  const size_t needed = reserved_ + bytes;
  if (current_ != nullptr && !Grow(current_->space_, current_->space_.position + needed))
    return false;
  if (!OpenSpare() || !Grow(spare_, needed)) return false;
  reserved_ = needed;
  return true;
}

void WalFileSystem::Release(size_t bytes) {
  absl::MutexLock lock(&mutex_);
  NAKADACHI_CHECK(bytes <= reserved_);
  reserved_ -= bytes;
}

// Written in place: a few bytes of one sector. Where there is no room for them the older number
// stands, and says less.
void WalFileSystem::NoteNewest(const std::string& path) {
  if (const int error = SyncFolder(folder_); error != 0) DiskFailed("sync its folder", error);
  const std::string name = path.substr(path.rfind('/') + 1);
  uint64_t number = 0;
  NAKADACHI_CHECK(absl::SimpleAtoi(absl::StripSuffix(name, kWalSuffix), &number));
  const std::string line = absl::StrFormat("%020u\n", number);
  const Descriptor file(
      ::open(absl::StrCat(folder_, "/", kNewestWal).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  int error = file.ok() ? WriteAt(file.get(), line.data(), line.size(), 0) : errno;
  if (error == 0 && ::fdatasync(file.get()) != 0) error = errno;
  if (error != 0 && !IsFull(error)) DiskFailed("note its number", error);
}

IOStatus WalFileSystem::NewWritableFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* result,
                                        IODebugContext* debug) {
  if (!absl::EndsWith(path, kWalSuffix))
    return FileSystemWrapper::NewWritableFile(path, options, result, debug);
  absl::MutexLock lock(&mutex_);
  if (current_ != nullptr) current_->SyncRest();
  // Under its own name only once it has its length: a log of none is one that was cut.
  if (!OpenSpare()) return OpenError(path, errno);
  if (::rename(spare_path_.c_str(), path.c_str()) != 0) return OpenError(path, errno);
  NoteNewest(path);
  const Space space = std::exchange(spare_, Space());
  auto file = std::make_unique<WalFile>(this, space);
  current_ = file.get();
  *result = std::move(file);
  return IOStatus::OK();
}

}  // namespace nakadachi::storage
