#include "common/rpc/rate_limiter.h"

#include <algorithm>

namespace nakadachi::rpc {

bool RateLimiter::Admit(absl::string_view peer, absl::Duration now) {
  // Only holders of a certificate of ours get here; renewals over the years still add up.
  constexpr size_t kMaxPeers = 10'000;
  absl::MutexLock lock(&mutex_);
  if (buckets_.size() >= kMaxPeers) buckets_.clear();
  Bucket& bucket = buckets_.try_emplace(std::string(peer), Bucket{rate_, now}).first->second;
  const double refill = absl::ToDoubleSeconds(now - bucket.filled) * rate_;
  bucket.tokens = std::min(rate_, bucket.tokens + refill);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace nakadachi::rpc
