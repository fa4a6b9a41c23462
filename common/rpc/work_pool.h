// A few threads for work that may block.
#ifndef NAKADACHI_COMMON_RPC_WORK_POOL_H_
#define NAKADACHI_COMMON_RPC_WORK_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::rpc {

// Thread-safe.
class WorkPool {
 public:
  explicit WorkPool(int threads = 4, size_t max_queued = 1024);
  // Runs what is queued, then ends. Not from one of its own threads.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False, and `work` is dropped, where `max_queued` wait already.
  [[nodiscard]] bool Submit(std::function<void()> work);

 private:
  void Run();

  const size_t max_queued_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_WORK_POOL_H_
