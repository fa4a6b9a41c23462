// Texts that repeat, as small numbers: what a fact of fixed size can hold.
#ifndef NAKADACHI_TOOLS_REPLAY_INTERNER_H_
#define NAKADACHI_TOOLS_REPLAY_INTERNER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::replay {

// Thread-safe. Bounded: once it is full, new texts get kUnlisted, and who needs them reads the
// statement again. The same text always has the same number, or kUnlisted. A text that is known
// already is found without a lock: every statement asks for several.
class Interner {
 public:
  static constexpr uint32_t kUnlisted = UINT32_MAX;

  explicit Interner(size_t max_texts = 200'000, size_t max_bytes = 40'000'000);
  ~Interner();

  uint32_t Intern(absl::string_view text);
  // Requires a number that Intern gave, not kUnlisted. Lives as long as the interner.
  const std::string& Text(uint32_t number) const;
  uint32_t size() const;

 private:
  struct Named {
    size_t hash;
    uint32_t number;
    std::string text;
  };
  class Table;
  uint32_t Add(size_t hash, absl::string_view text);
  void Grow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_texts_;
  const size_t max_bytes_;
  std::atomic<const Table*> table_;  // the last of them
  mutable absl::Mutex mutex_;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Named> texts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Table>> tables_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_INTERNER_H_
