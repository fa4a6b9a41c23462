#include "tools/replay/pipeline.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"

namespace nakadachi::replay {
namespace {

struct Task {
  enum class Kind { kMake, kTake, kNone } kind = Kind::kNone;
  uint64_t piece = 0;
};

// What is to be done next, by whom ever asks.
class Order {
 public:
  Order(uint64_t count, size_t slots) : count_(count), slots_(slots), made_(slots, 0) {}

  // Waits until there is something to do; kNone at the end of all.
  Task Next() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Order::HasNext));
    if (CanTake()) {
      taking_ = true;
      return {Task::Kind::kTake, taken_};
    }
    if (CanMake()) return {Task::Kind::kMake, next_++};
    return {};
  }
  void Made(uint64_t piece) {
    absl::MutexLock lock(&mutex_);
    made_[piece % slots_] = 1;
  }
  void Taken(uint64_t piece) {
    absl::MutexLock lock(&mutex_);
    made_[piece % slots_] = 0;
    taken_ = piece + 1;
    taking_ = false;
  }

 private:
  bool CanTake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !taking_ && taken_ < count_ && made_[taken_ % slots_] != 0;
  }
  bool CanMake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return next_ < count_ && next_ < taken_ + slots_;
  }
  bool HasNext() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return CanTake() || CanMake() || taken_ == count_;
  }

  const uint64_t count_;
  const size_t slots_;
  absl::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // to make
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  bool taking_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<char> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void RunInOrder(uint64_t count, int threads, size_t slots,
                const std::function<void(uint64_t piece, size_t slot)>& make,
                const std::function<void(uint64_t piece, size_t slot)>& take) {
  NAKADACHI_CHECK(threads > 0 && slots > 0);
  Order order(count, slots);
  const auto work = [&] {
    for (Task task = order.Next(); task.kind != Task::Kind::kNone; task = order.Next()) {
      const uint64_t piece = task.piece;
      if (task.kind == Task::Kind::kTake) {
        take(piece, piece % slots);
        order.Taken(piece);
      } else {
        make(piece, piece % slots);
        order.Made(piece);
      }
    }
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<size_t>(threads) - 1);
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

}  // namespace nakadachi::replay
