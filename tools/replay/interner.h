// Texts that repeat, as small numbers: what a fact of fixed size can hold.
#ifndef NAKADACHI_TOOLS_REPLAY_INTERNER_H_
#define NAKADACHI_TOOLS_REPLAY_INTERNER_H_

#include <cstdint>
#include <deque>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::replay {

// Thread-safe. Bounded: once it is full, new texts get kUnlisted, and who needs them reads the
// statement again. The same text always has the same number, or kUnlisted.
class Interner {
 public:
  static constexpr uint32_t kUnlisted = UINT32_MAX;

  explicit Interner(size_t max_texts = 200'000, size_t max_bytes = 40'000'000)
      : max_texts_(max_texts), max_bytes_(max_bytes) {}

  uint32_t Intern(absl::string_view text);
  // Requires a number that Intern gave, not kUnlisted. Lives as long as the interner.
  const std::string& Text(uint32_t number) const;
  uint32_t size() const;

 private:
  const size_t max_texts_;
  const size_t max_bytes_;
  mutable absl::Mutex mutex_;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<absl::string_view, uint32_t> numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_INTERNER_H_
