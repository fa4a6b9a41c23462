// The bodies of a file of statements, each in the place where it was signed.
#ifndef NAKADACHI_TOOLS_REPLAY_SEARCH_BODIES_H_
#define NAKADACHI_TOOLS_REPLAY_SEARCH_BODIES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "common/crypto/crypto.h"
#include "common/evidence/layout.h"
#include "common/evidence/log_reader.h"

namespace nakadachi::replay {

// Of up to 256 entries, by the lowest tile: a body that somebody put in another place of its file
// is found where it belongs. Not thread-safe.
class SignedBodies {
 public:
  // Requires bundle < reader.bundles(). What cannot be read is not there.
  SignedBodies(const evidence::LogReader& reader, uint64_t bundle);

  size_t size() const { return width_; }  // entries, by the tree
  struct Entry {
    evidence::Body body;    // what the tile says, or else what stands there; kAbsent: nothing
    Hash commitment{};      // of a body that is present
    bool is_tiles = false;  // the tile says it
  };
  // Requires place < size(). The views live as long as this.
  Entry At(size_t place);

 private:
  Entry EntryOf(size_t at) const;

  const size_t width_;
  evidence::StatementBundle statements_;
  evidence::HashTile tile_;
  std::optional<std::map<Hash, size_t>> by_leaf_;  // once a body is not where it belongs
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SEARCH_BODIES_H_
