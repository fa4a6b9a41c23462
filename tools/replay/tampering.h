// What was done to entries that are not those signed, as far as the files tell.
#ifndef NAKADACHI_TOOLS_REPLAY_TAMPERING_H_
#define NAKADACHI_TOOLS_REPLAY_TAMPERING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "common/evidence/log_reader.h"
#include "tools/replay/structure.h"

namespace nakadachi::replay {

// What was done, and the first leaf hash that differs, as signed and as it is now.
struct Comparison {
  StructureFinding finding;  // kind, index, other and reason
  Hash expected{};
  Hash found{};
};

// What makes `found` of `expected`: leaf hashes from the index `first` on, as signed and as they
// are now; they differ within the first `own`. What follows those only tells whether it moved.
Comparison CompareLeaves(uint64_t first, absl::Span<const Hash> expected,
                         absl::Span<const Hash> found, size_t own);

// Compares the entries of a bundle with its tile, which is the signed one.
Comparison CompareBundle(const evidence::LogReader& reader, uint64_t bundle);

// Where the entries lead to another root than the checkpoint's, and the lowest tiles do too: goes
// down from the root through the tiles that are the signed ones. `differing` has the first hash of
// a tile (level, index) that the entries do not lead to, by its place in the tile. `proven`: a
// smaller tree that is known to be the signed one.
StructureFinding FindRewritten(const evidence::LogReader& reader,
                               const std::map<std::pair<int, uint64_t>, uint64_t>& differing,
                               uint64_t proven);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_TAMPERING_H_
