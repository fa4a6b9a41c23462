#include "common/base/clock.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

static_assert(std::atomic<uint64_t>::is_always_lock_free,
              "an atomic in shared memory must not hide a lock");

class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", path));
}

// The eight bytes at the start of a file, shared with whoever maps the same file.
class SharedOffset {
 public:
  static absl::StatusOr<std::unique_ptr<SharedOffset>> Open(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return SystemError("open", path);
    absl::StatusOr<std::unique_ptr<SharedOffset>> result = Map(fd, path);
    close(fd);
    return result;
  }
  ~SharedOffset() { munmap(cell_, sizeof(*cell_)); }
  SharedOffset(const SharedOffset&) = delete;
  SharedOffset& operator=(const SharedOffset&) = delete;

  int64_t LoadMs() const {
    return static_cast<int64_t>(le64toh(cell_->load(std::memory_order_relaxed)));
  }
  void StoreMs(int64_t ms) {
    cell_->store(htole64(static_cast<uint64_t>(ms)), std::memory_order_relaxed);
  }

 private:
  using Cell = std::atomic<uint64_t>;
  explicit SharedOffset(Cell* cell) : cell_(cell) {}

  static absl::StatusOr<std::unique_ptr<SharedOffset>> Map(int fd, const std::string& path) {
    struct stat info {};
    if (fstat(fd, &info) != 0) return SystemError("stat", path);
    // Growing fills with zeros and keeps what another process may have written meanwhile.
    if (info.st_size < static_cast<off_t>(sizeof(Cell)) && ftruncate(fd, sizeof(Cell)) != 0) {
      return SystemError("grow", path);
    }
    void* memory = mmap(nullptr, sizeof(Cell), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return SystemError("map", path);
    return std::unique_ptr<SharedOffset>(new SharedOffset(static_cast<Cell*>(memory)));
  }

  Cell* cell_;
};

class OffsetClock final : public Clock {
 public:
  explicit OffsetClock(std::unique_ptr<SharedOffset> offset) : offset_(std::move(offset)) {}
  absl::Time Now() const override { return absl::Now() + absl::Milliseconds(offset_->LoadMs()); }

 private:
  std::unique_ptr<SharedOffset> offset_;
};

}  // namespace

Clock& SystemClock() {
  static RealClock* const clock = new RealClock;
  return *clock;
}

ManualClock::ManualClock(absl::Time start) : unix_micros_(absl::ToUnixMicros(start)) {}

absl::Time ManualClock::Now() const { return absl::FromUnixMicros(unix_micros_.load()); }

void ManualClock::Set(absl::Time time) { unix_micros_.store(absl::ToUnixMicros(time)); }

void ManualClock::Advance(absl::Duration by) {
  unix_micros_.fetch_add(absl::ToInt64Microseconds(by));
}

absl::StatusOr<std::unique_ptr<Clock>> OpenOffsetClock(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<SharedOffset> offset, SharedOffset::Open(path));
  return std::make_unique<OffsetClock>(std::move(offset));
}

absl::Status WriteClockOffset(const std::string& path, absl::Duration offset) {
  NAKADACHI_ASSIGN_OR_RETURN(std::unique_ptr<SharedOffset> shared, SharedOffset::Open(path));
  shared->StoreMs(absl::ToInt64Milliseconds(offset));
  return absl::OkStatus();
}

}  // namespace nakadachi
