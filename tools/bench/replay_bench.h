// What inspectors' tools do in a second, beside what hashing alone would allow.
#ifndef NAKADACHI_TOOLS_BENCH_REPLAY_BENCH_H_
#define NAKADACHI_TOOLS_BENCH_REPLAY_BENCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/report.h"

namespace nakadachi::bench {

struct ReplayBenchOptions {
  std::string folder;      // an existing folder of its own
  std::string bin_folder;  // where nakadachi-replay lies
  uint64_t exchanges = 250'000;
  size_t members = 20;
  std::function<void(const std::string&)> say;
};
absl::StatusOr<Report> RunReplayBench(const ReplayBenchOptions& options);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_REPLAY_BENCH_H_
