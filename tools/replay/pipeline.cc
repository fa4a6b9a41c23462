#include "tools/replay/pipeline.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"

namespace nakadachi::replay {
namespace {

class Order {
 public:
  Order(uint64_t count, size_t slots) : count_(count), slots_(slots), made_(slots, 0) {}

  // The next piece to make, once its slot is free; count where there is none.
  uint64_t Next() {
    absl::MutexLock lock(&mutex_);
    const uint64_t piece = next_;
    if (piece == count_) return piece;
    ++next_;
    const auto free = [this, piece]()
                          ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return piece < taken_ + slots_; };
    mutex_.Await(absl::Condition(&free));
    return piece;
  }
  void Made(uint64_t piece) {
    absl::MutexLock lock(&mutex_);
    made_[piece % slots_] = 1;
  }
  void AwaitMade(uint64_t piece) {
    absl::MutexLock lock(&mutex_);
    const auto made = [this, piece]()
                          ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return made_[piece % slots_] != 0; };
    mutex_.Await(absl::Condition(&made));
  }
  void Taken(uint64_t piece) {
    absl::MutexLock lock(&mutex_);
    made_[piece % slots_] = 0;
    taken_ = piece + 1;
  }

 private:
  const uint64_t count_;
  const size_t slots_;
  absl::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<char> made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void RunInOrder(uint64_t count, int threads, size_t slots,
                const std::function<void(uint64_t piece, size_t slot)>& make,
                const std::function<void(uint64_t piece, size_t slot)>& take) {
  NAKADACHI_CHECK(threads > 0 && slots > 0);
  Order order(count, slots);
  std::vector<std::thread> makers;
  makers.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    makers.emplace_back([&] {
      for (uint64_t piece = order.Next(); piece < count; piece = order.Next()) {
        make(piece, piece % slots);
        order.Made(piece);
      }
    });
  }
  for (uint64_t piece = 0; piece < count; ++piece) {
    order.AwaitMade(piece);
    take(piece, piece % slots);
    order.Taken(piece);
  }
  for (std::thread& maker : makers) maker.join();
}

}  // namespace nakadachi::replay
