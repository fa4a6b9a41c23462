// Facts in the order of their keys, handed out a key at a time.
#ifndef NAKADACHI_TOOLS_REPLAY_GROUPED_H_
#define NAKADACHI_TOOLS_REPLAY_GROUPED_H_

#include <algorithm>
#include <vector>

namespace nakadachi::replay {

// `facts` outlives it and is not changed.
template <typename Fact, typename Key>
class Grouped {
 public:
  using Group = std::vector<const Fact*>;

  Grouped(const std::vector<Fact>& facts, Key Fact::*key) : key_(key) {
    order_.reserve(facts.size());
    for (const Fact& fact : facts) order_.push_back(&fact);
    std::sort(order_.begin(), order_.end(), [key](const Fact* a, const Fact* b) {
      if (a->*key != b->*key) return a->*key < b->*key;
      return a < b;  // as they were recorded
    });
  }
  // Null at the end.
  const Key* next() const { return at_ < order_.size() ? &(order_[at_]->*key_) : nullptr; }
  // The facts of a key that is not after next(); none where it is before it. Lives until the next
  // call.
  const Group& Take(const Key& key) {
    group_.clear();
    while (at_ < order_.size() && order_[at_]->*key_ == key) group_.push_back(order_[at_++]);
    return group_;
  }

 private:
  Key Fact::*const key_;
  Group order_;
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
