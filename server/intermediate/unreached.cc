#include "server/intermediate/unreached.h"

namespace nakadachi::intermediate {

absl::Time Unreached::Failed(absl::string_view who, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  any_ = true;
  Failures& failures = failures_.try_emplace(std::string(who), Failures{now, now}).first->second;
  if (now - failures.last > kForgottenAfter) failures.first = now;
  failures.last = now;
  return failures.first;
}

void Unreached::Answered(absl::string_view who) {
  if (!any_) return;
  absl::MutexLock lock(&mutex_);
  const auto found = failures_.find(std::string(who));
  if (found != failures_.end()) failures_.erase(found);
  any_ = !failures_.empty();
}

bool Unreached::Contains(absl::string_view who, absl::Time now) const {
  if (!any_) return false;
  absl::MutexLock lock(&mutex_);
  const auto found = failures_.find(std::string(who));
  return found != failures_.end() && now - found->second.last <= kForgottenAfter;
}

std::map<std::string, absl::Time> Unreached::List(absl::Time now) const {
  std::map<std::string, absl::Time> list;
  absl::MutexLock lock(&mutex_);
  for (const auto& [who, failures] : failures_) {
    if (now - failures.last <= kForgottenAfter) list.emplace(who, failures.first);
  }
  return list;
}

}  // namespace nakadachi::intermediate
