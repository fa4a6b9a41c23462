// One thread that does things later.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_TIMER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_TIMER_H_

#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nakadachi::intermediate {

// Thread-safe. Pauses are of real time, whatever clock the records are stamped with.
class Timer {
 public:
  using Task = absl::AnyInvocable<void()>;

  Timer();
  ~Timer() { Stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Runs `task` after `pause`, on the timer's thread; never, once stopped. The number is never 0.
  uint64_t After(absl::Duration pause, Task task);
  // True where the task has not begun: it will not run.
  bool Cancel(uint64_t number);
  // Drops what is not due yet; returns once no task runs. Not from a task.
  void Stop();

 private:
  void Run();
  bool IsNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time waits_until_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<absl::Time, uint64_t>, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, absl::Time> due_ ABSL_GUARDED_BY(mutex_);  // by number
  std::thread thread_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_TIMER_H_
