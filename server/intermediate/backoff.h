// How long to wait before a peer is asked again.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_BACKOFF_H_
#define NAKADACHI_SERVER_INTERMEDIATE_BACKOFF_H_

#include <algorithm>

#include "absl/time/time.h"
#include "common/base/random.h"

namespace nakadachi::intermediate {

// After `failures` (from 1) in a row: 50 ms, doubled each time up to 5 s, of which a random part
// of up to one half is taken off so that those who failed together do not come back together.
inline absl::Duration PauseAfter(int failures, Random& random) {
  const int doublings = std::clamp(failures - 1, 0, 7);
  const absl::Duration longest =
      std::min(absl::Milliseconds(50) * (1 << doublings), absl::Seconds(5));
  return longest - longest * (random.Bytes<1>()[0] / 512.0);
}

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_BACKOFF_H_
