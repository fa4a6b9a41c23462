// The benchmark: a network of real processes, the floors and the figures in one run.
#ifndef NAKADACHI_TOOLS_BENCH_BENCH_H_
#define NAKADACHI_TOOLS_BENCH_BENCH_H_

#include <functional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "tools/bench/report.h"

namespace nakadachi::bench {

// What `only` may name.
inline constexpr const char* kParts[] = {"permits", "lone", "exchanges", "bulk", "load"};

struct BenchOptions {
  std::string folder;          // an existing folder of its own, on the disk to be measured
  std::string bin_folder;      // where the servers' programs lie
  bool quick = false;          // shorter, with fewer residents
  double seconds = 0;          // each load; 0: as `quick` says
  std::set<std::string> only;  // of kParts; empty: all
  std::function<void(const std::string&)> say;
};
absl::StatusOr<Report> RunBench(const BenchOptions& options);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_BENCH_H_
