// Lets an object end while callbacks that refer to it are still with others: each callback enters
// first, and none gets in once the gate is closed.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_GATE_H_
#define NAKADACHI_SERVER_INTERMEDIATE_GATE_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::intermediate {

// Thread-safe. Shared by the object and its callbacks, and so outlives the object.
class Gate {
 public:
  // Holds the gate open while it lives; empty where the gate was closed already.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(std::shared_ptr<Gate> gate) {
      if (gate->Enter()) gate_ = std::move(gate);
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }
    // For what begins inside and ends later. The caller is inside.
    static Pass Another(const std::shared_ptr<Gate>& gate) {
      absl::MutexLock lock(&gate->mutex_);
      ++gate->inside_;
      Pass pass;
      pass.gate_ = gate;
      return pass;
    }
    Pass(Pass&& other) noexcept : gate_(std::move(other.gate_)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    std::shared_ptr<Gate> gate_;
  };

  // Lets nobody in any more and waits until all have left. Not from inside.
  void CloseAndWait() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    mutex_.Await(absl::Condition(
        +[](int* inside) { return *inside == 0; }, &inside_));
  }

 private:
  bool Enter() {
    absl::MutexLock lock(&mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --inside_;
  }

  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_GATE_H_
