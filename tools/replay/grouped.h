// Facts in the order of their keys, handed out a key at a time.
#ifndef NAKADACHI_TOOLS_REPLAY_GROUPED_H_
#define NAKADACHI_TOOLS_REPLAY_GROUPED_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace nakadachi::replay {

// `facts` outlives it and is not changed. Keys are arrays of at least eight bytes.
template <typename Fact, typename Key>
class Grouped {
 public:
  using Group = std::vector<const Fact*>;

  Grouped(const std::vector<Fact>& facts, Key Fact::*key) : key_(key) {
    order_.reserve(facts.size());
    for (const Fact& fact : facts) order_.push_back({Begin(fact.*key), &fact});
    std::sort(order_.begin(), order_.end(), [key](const Placed& a, const Placed& b) {
      if (a.begin != b.begin) return a.begin < b.begin;
      if (a.fact->*key != b.fact->*key) return a.fact->*key < b.fact->*key;
      return a.fact < b.fact;  // as they were recorded
    });
  }
  // Null at the end.
  const Key* next() const { return at_ < order_.size() ? &(order_[at_].fact->*key_) : nullptr; }
  // The facts of a key that is not after next(); none where it is before it. Lives until the next
  // call.
  const Group& Take(const Key& key) {
    group_.clear();
    while (at_ < order_.size() && order_[at_].fact->*key_ == key)
      group_.push_back(order_[at_++].fact);
    return group_;
  }

 private:
  // Keys are digests: their first bytes tell nearly all of them apart, without a look at the fact.
  struct Placed {
    uint64_t begin;
    const Fact* fact;
  };
  static uint64_t Begin(const Key& key) {
    uint64_t begin = 0;
    for (size_t i = 0; i < sizeof(begin); ++i) begin = begin << 8 | key[i];
    return begin;
  }

  Key Fact::*const key_;
  std::vector<Placed> order_;
  Group group_;
  size_t at_ = 0;
};

// The lesser of two next() keys; null at the end of both.
template <typename Key>
const Key* Lesser(const Key* a, const Key* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return *b < *a ? b : a;
}

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_GROUPED_H_
