// Time is handed in. Servers use the system's clock, or in a simulation one that a file shifts;
// tests use a ManualClock.
#ifndef NAKADACHI_COMMON_BASE_CLOCK_H_
#define NAKADACHI_COMMON_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nakadachi {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
  int64_t NowMs() const { return absl::ToUnixMillis(Now()); }
};

// The system's clock; lives as long as the process.
Clock& SystemClock();

class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start);
  absl::Time Now() const override;
  void Set(absl::Time time);
  void Advance(absl::Duration by);

 private:
  std::atomic<int64_t> unix_micros_;
};

// The system's clock plus the signed little-endian milliseconds in the first eight bytes of
// `path`, which several processes may map and one may change. Created with zero where absent.
absl::StatusOr<std::unique_ptr<Clock>> OpenOffsetClock(const std::string& path);

// Writes an offset for every OffsetClock on `path`.
absl::Status WriteClockOffset(const std::string& path, absl::Duration offset);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_CLOCK_H_
