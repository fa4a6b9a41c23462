// A closed loop: so many requests in flight, each answer starting the next.
#ifndef NAKADACHI_TOOLS_BENCH_LOAD_H_
#define NAKADACHI_TOOLS_BENCH_LOAD_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nakadachi::bench {

struct LoadPlan {
  int in_flight = 1;
  absl::Duration warm_up;   // not counted
  absl::Duration measured;  // longer where next to nothing was answered; then the rest is awaited
};

struct LoadResult {
  double per_second = 0;
  std::vector<double> micros;  // each counted answer, from asking
};

using Answered = std::function<void(absl::Status)>;
// Starts one request, for slot 0 … in_flight - 1, and calls `done` once, on any thread.
using Ask = std::function<void(int slot, Answered done)>;

// Returns when nothing is in flight any more. The first error ends the load and is returned.
absl::StatusOr<LoadResult> RunLoad(const LoadPlan& plan, const Ask& ask);

// The smallest of the values that at least `percent` of them do not exceed; 0 of none.
double Percentile(std::vector<double> values, double percent);
double Median(std::vector<double> values);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_LOAD_H_
