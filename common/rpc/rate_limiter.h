// How many calls a second each peer may start.
#ifndef NAKADACHI_COMMON_RPC_RATE_LIMITER_H_
#define NAKADACHI_COMMON_RPC_RATE_LIMITER_H_

#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nakadachi::rpc {

// A token bucket a peer that holds one second's worth. Thread-safe.
class RateLimiter {
 public:
  explicit RateLimiter(double calls_per_second) : rate_(calls_per_second) {}

  // Whether `peer` may start a call `now`, on any clock that does not go back.
  bool Admit(absl::string_view peer, absl::Duration now);

 private:
  struct Bucket {
    double tokens;
    absl::Duration filled;
  };

  const double rate_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_RATE_LIMITER_H_
