// The complete subtrees of a growing tree, from which its root follows at any size.
#ifndef NAKADACHI_TOOLS_REPLAY_PEAKS_H_
#define NAKADACHI_TOOLS_REPLAY_PEAKS_H_

#include <utility>
#include <vector>

#include "common/merkle/merkle.h"

namespace nakadachi::replay {

class Peaks {
 public:
  // The next subtree of 2^level leaves; no subtree before it is smaller.
  void Add(int level, Hash hash) {
    for (; !peaks_.empty() && peaks_.back().first == level; ++level, peaks_.pop_back())
      hash = merkle::NodeHash(peaks_.back().second, hash);
    peaks_.emplace_back(level, hash);
  }
  Hash Root() const {
    std::vector<Hash> hashes;
    for (const auto& [level, hash] : peaks_) hashes.push_back(hash);
    return merkle::RootFromPeaks(hashes);
  }

 private:
  std::vector<std::pair<int, Hash>> peaks_;  // largest first
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_PEAKS_H_
