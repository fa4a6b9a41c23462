#include "tools/replay/interner.h"

#include "absl/hash/hash.h"
#include "common/base/check.h"

namespace nakadachi::replay {
namespace {
constexpr size_t kFirstSlots = 256;
}  // namespace

// Open addressing; at most half of the slots are taken. Slots are only ever filled.
class Interner::Table {
 public:
  explicit Table(size_t slots) : slots_(slots) {}
  size_t size() const { return slots_.size(); }
  // Null where there is none.
  const Named* Find(size_t hash, absl::string_view text) const {
    for (size_t i = hash % slots_.size();; i = (i + 1) % slots_.size()) {
      const Named* named = slots_[i].load(std::memory_order_acquire);
      if (named == nullptr || (named->hash == hash && named->text == text)) return named;
    }
  }
  // One at a time, of a text that is not there.
  void Put(const Named* named) {
    size_t i = named->hash % slots_.size();
    while (slots_[i].load(std::memory_order_relaxed) != nullptr) i = (i + 1) % slots_.size();
    slots_[i].store(named, std::memory_order_release);
  }

 private:
  std::vector<std::atomic<const Named*>> slots_;
};

Interner::Interner(size_t max_texts, size_t max_bytes)
    : max_texts_(max_texts), max_bytes_(max_bytes) {
  tables_.push_back(std::make_unique<Table>(kFirstSlots));
  table_ = tables_.back().get();
}

Interner::~Interner() = default;

uint32_t Interner::Intern(absl::string_view text) {
  const size_t hash = absl::Hash<absl::string_view>{}(text);
  const Named* known = table_.load(std::memory_order_acquire)->Find(hash, text);
  return known != nullptr ? known->number : Add(hash, text);
}

uint32_t Interner::Add(size_t hash, absl::string_view text) {
  absl::MutexLock lock(&mutex_);
  const Named* known = tables_.back()->Find(hash, text);
  if (known != nullptr) return known->number;
  if (texts_.size() >= max_texts_ || bytes_ + text.size() > max_bytes_) return kUnlisted;
  if (2 * (texts_.size() + 1) > tables_.back()->size()) Grow();
  texts_.push_back({hash, static_cast<uint32_t>(texts_.size()), std::string(text)});
  bytes_ += text.size();
  tables_.back()->Put(&texts_.back());
  return texts_.back().number;
}

// Readers may still be in the old table: it is kept. What they do not find there, Add does.
void Interner::Grow() {
  auto grown = std::make_unique<Table>(2 * tables_.back()->size());
  for (const Named& named : texts_) grown->Put(&named);
  tables_.push_back(std::move(grown));
  table_.store(tables_.back().get(), std::memory_order_release);
}

const std::string& Interner::Text(uint32_t number) const {
  absl::MutexLock lock(&mutex_);
  NAKADACHI_CHECK(number < texts_.size());
  return texts_[number].text;
}

uint32_t Interner::size() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<uint32_t>(texts_.size());
}

}  // namespace nakadachi::replay
