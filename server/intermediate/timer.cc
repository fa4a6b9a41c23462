#include "server/intermediate/timer.h"

#include "absl/time/clock.h"

namespace nakadachi::intermediate {

Timer::Timer() : thread_([this] { Run(); }) {}

uint64_t Timer::After(absl::Duration pause, Task task) {
  const absl::Time due = absl::Now() + pause;
  absl::MutexLock lock(&mutex_);
  const uint64_t number = ++last_number_;
  if (stopping_) return number;
  tasks_.emplace(std::make_pair(due, number), std::move(task));
  due_.emplace(number, due);
  return number;
}

bool Timer::Cancel(uint64_t number) {
  Task dropped;  // what it holds goes once the lock is free
  absl::MutexLock lock(&mutex_);
  const auto due = due_.find(number);
  if (due == due_.end()) return false;
  const auto task = tasks_.find({due->second, number});
  dropped = std::move(task->second);
  tasks_.erase(task);
  due_.erase(due);
  return true;
}

void Timer::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
  std::map<std::pair<absl::Time, uint64_t>, Task> dropped;
  absl::MutexLock lock(&mutex_);
  dropped.swap(tasks_);
  due_.clear();
}

bool Timer::IsNews() const {
  return stopping_ || (!tasks_.empty() && tasks_.begin()->first.first < waits_until_);
}

void Timer::Run() {
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mutex_);
      waits_until_ = tasks_.empty() ? absl::InfiniteFuture() : tasks_.begin()->first.first;
      mutex_.AwaitWithDeadline(absl::Condition(this, &Timer::IsNews), waits_until_);
      if (stopping_) return;
      const auto next = tasks_.begin();
      if (next == tasks_.end() || next->first.first > absl::Now()) continue;
      task = std::move(next->second);
      due_.erase(next->first.second);
      tasks_.erase(next);
    }
    task();
  }
}

}  // namespace nakadachi::intermediate
