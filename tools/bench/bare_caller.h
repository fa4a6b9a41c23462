// Three bare servers and their caller: what an exchange would cost if it were only its calls, or
// only its calls and records.
#ifndef NAKADACHI_TOOLS_BENCH_BARE_CALLER_H_
#define NAKADACHI_TOOLS_BENCH_BARE_CALLER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/load.h"

namespace nakadachi::bench {

// Bytes of a call's two messages.
struct CallSize {
  size_t request = 0;
  size_t response = 0;
};
// The calls of an exchange as they were seen on the network.
struct ExchangeSizes {
  CallSize query;      // office to requester
  CallSize permit;     // requester to broker
  CallSize provision;  // requester to provider
};

// Thread-safe.
class BareCaller {
 public:
  // Makes `folder` and starts the servers; they end with the object.
  static absl::StatusOr<std::unique_ptr<BareCaller>> Start(const std::string& folder);
  virtual ~BareCaller() = default;

  // One unary call, to a server that answers at once.
  virtual Ask OneCall(const CallSize& size) = 0;
  // Three calls in a row between the same processes as an exchange: this one calls the first,
  // which before it answers calls the second, then the third.
  virtual Ask ThreeCalls(const ExchangeSizes& sizes) = 0;
  // The same, and each server records before it answers, the first also before it calls: four
  // signatures checked, four made, four writes of 1 KiB synced. One at a time.
  virtual Ask ThreeRecordedCalls(const ExchangeSizes& sizes) = 0;
};

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_BARE_CALLER_H_
