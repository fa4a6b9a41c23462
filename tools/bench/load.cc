#include "tools/bench/load.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace nakadachi::bench {
namespace {

// A disk that stands still for a while must not make a figure of nothing.
constexpr int64_t kFewest = 3;

class Loop {
 public:
  Loop(const LoadPlan& plan, const Ask& ask)
      : plan_(plan),
        ask_(ask),
        counted_from_(absl::Now() + plan.warm_up),
        end_(counted_from_ + plan.measured),
        running_(plan.in_flight),
        micros_(plan.in_flight) {}

  absl::StatusOr<LoadResult> Run() {
    for (int slot = 0; slot < plan_.in_flight; ++slot) Next(slot);
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](int* running) { return *running == 0; }, &running_));
      if (!failure_.ok()) return failure_;
    }
    LoadResult result;
    for (const std::vector<double>& slot : micros_) {
      result.micros.insert(result.micros.end(), slot.begin(), slot.end());
    }
    const absl::Time last = absl::FromUnixNanos(last_counted_ns_.load());
    const absl::Duration measured = std::max(end_, last) - counted_from_;
    result.per_second = static_cast<double>(result.micros.size()) / absl::ToDoubleSeconds(measured);
    return result;
  }

 private:
  void Next(int slot) {
    const absl::Time asked = absl::Now();
    ask_(slot, [this, slot, asked](const absl::Status& status) { Take(slot, asked, status); });
  }

  void Take(int slot, absl::Time asked, const absl::Status& status) {
    const absl::Time now = absl::Now();
    // Only one request of a slot is in flight, so that its values need no lock.
    const bool over = now >= end_ && counted_.load() >= kFewest;
    if (status.ok() && now >= counted_from_ && !over) {
      micros_[slot].push_back(absl::ToDoubleMicroseconds(now - asked));
      last_counted_ns_ = absl::ToUnixNanos(now);
      ++counted_;
    }
    if (status.ok() && !over) return Next(slot);
    absl::MutexLock lock(&mutex_);
    failure_.Update(status);
    --running_;
  }

  const LoadPlan plan_;
  const Ask& ask_;
  const absl::Time counted_from_;
  const absl::Time end_;
  absl::Mutex mutex_;
  int running_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<double>> micros_;
  std::atomic<int64_t> counted_{0};
  std::atomic<int64_t> last_counted_ns_{0};  // since 1970
};

}  // namespace

absl::StatusOr<LoadResult> RunLoad(const LoadPlan& plan, const Ask& ask) {
  return Loop(plan, ask).Run();
}

double Percentile(std::vector<double> values, double percent) {
  if (values.empty()) return 0;
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()));
  const size_t at = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace nakadachi::bench
