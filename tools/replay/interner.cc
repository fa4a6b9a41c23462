#include "tools/replay/interner.h"

#include "common/base/check.h"

namespace nakadachi::replay {

uint32_t Interner::Intern(absl::string_view text) {
  {
    absl::ReaderMutexLock lock(&mutex_);
    const auto known = numbers_.find(text);
    if (known != numbers_.end()) return known->second;
    if (texts_.size() >= max_texts_ || bytes_ + text.size() > max_bytes_) return kUnlisted;
  }
  absl::MutexLock lock(&mutex_);
  const auto known = numbers_.find(text);
  if (known != numbers_.end()) return known->second;
  if (texts_.size() >= max_texts_ || bytes_ + text.size() > max_bytes_) return kUnlisted;
  const auto number = static_cast<uint32_t>(texts_.size());
  texts_.emplace_back(text);
  bytes_ += text.size();
  numbers_.emplace(texts_.back(), number);
  return number;
}

const std::string& Interner::Text(uint32_t number) const {
  absl::ReaderMutexLock lock(&mutex_);
  NAKADACHI_CHECK(number < texts_.size());
  return texts_[number];
}

uint32_t Interner::size() const {
  absl::ReaderMutexLock lock(&mutex_);
  return static_cast<uint32_t>(texts_.size());
}

}  // namespace nakadachi::replay
