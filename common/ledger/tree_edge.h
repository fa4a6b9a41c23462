// The part of a ledger's tree that must be in memory: its right edge.
//
// A tile holds up to 256 hashes of one level with the nodes above them, so that a path is looked
// up and not computed again. The edge holds the last, not yet full tile of each level.
#ifndef NAKADACHI_COMMON_LEDGER_TREE_EDGE_H_
#define NAKADACHI_COMMON_LEDGER_TREE_EDGE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "common/crypto/crypto.h"
#include "common/ledger/ledger_store.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {

constexpr int kTileHeight = 8;
constexpr uint64_t kTileWidth = uint64_t{1} << kTileHeight;

// The tile that holds a node, and the node's place in it.
struct TilePlace {
  TileId tile;
  int height;      // above the tile's hashes, 0 to 7
  uint64_t index;  // among the tile's nodes of that height
};
TilePlace PlaceOf(merkle::NodeId node);

// One thread appends and truncates; others may read, at the same time, nodes that were complete
// when they were handed the tile.
class Tile {
 public:
  void Append(const Hash& hash);  // requires width() < 256
  void Truncate(uint64_t width) { width_ = width; }
  uint64_t width() const { return width_; }
  const Hash& Node(int height, uint64_t index) const {
    return nodes_[(kTileWidth >> height) + index];
  }
  const Hash& Root() const { return nodes_[1]; }  // requires width() == 256
  absl::Span<const Hash> Hashes() const { return {&nodes_[kTileWidth], width_}; }

 private:
  // A heap: the root at 1, the children of n at 2n and 2n + 1, the hashes from 256 on.
  std::array<Hash, 2 * kTileWidth> nodes_{};
  uint64_t width_ = 0;
};

struct PlacedTile {
  TileId id;
  std::shared_ptr<Tile> tile;
};

// How many hashes the last tile of a level has in a tree of `size`; none where it is just full.
uint64_t WidthOfLastTile(uint64_t size, int tile_level);

// Not thread-safe.
class TreeEdge {
 public:
  TreeEdge() : TreeEdge(0) { Settle(); }
  // For opening a tree of `size`: its last tiles are there but empty. To be followed by Restore()
  // of WidthOfLastTile() hashes for each, then Settle().
  explicit TreeEdge(uint64_t size);
  void Restore(int tile_level, const Hash& hash) { last_[tile_level].tile->Append(hash); }

  uint64_t size() const { return size_; }
  void Append(const Hash& leaf_hash);
  // Works out what root() and Path() tell, after a run of appends.
  void Seal();
  const Hash& root() const { return rest_[levels_]; }

  // The inclusion path of a leaf appended since the last Settle(), lowest first; pointers are
  // valid until the next change. Returns its length.
  using PathPointers = std::array<const Hash*, 64>;
  size_t Path(uint64_t index, PathPointers* path) const;

  // The tiles to write for the appends since the last Settle().
  std::vector<TileWrite> ChangedTiles() const;
  // The tiles that became full since.
  const std::vector<PlacedTile>& FullTiles() const { return full_; }
  // The last tile of each level, lowest first; possibly empty.
  const std::vector<PlacedTile>& LastTiles() const { return last_; }

  // Keeps the appends since the last Settle(), or takes them back. Both seal.
  void Settle();
  void RollBack();

 private:
  struct Settled {
    PlacedTile last;
    uint64_t width;
  };
  const Hash& Node(int level, uint64_t index) const;  // of the edge or of FullTiles()
  void AppendTo(size_t tile_level, const Hash& hash);

  uint64_t size_ = 0;
  std::vector<PlacedTile> last_;
  std::vector<PlacedTile> full_;
  std::vector<Settled> settled_;
  uint64_t settled_size_ = 0;
  // rest_[l]: the hash over the leaves behind the last complete node of level l, if any; at
  // levels_, where no node is complete, the root.
  std::array<Hash, 65> rest_;
  int levels_ = 0;
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_TREE_EDGE_H_
