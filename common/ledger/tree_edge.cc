#include "common/ledger/tree_edge.h"

#include "common/base/check.h"

namespace nakadachi::ledger {
namespace {

int BitLength(uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

uint64_t TilesBefore(uint64_t size, int tile_level) {
  const int shift = kTileHeight * (tile_level + 1);
  return shift >= 64 ? 0 : size >> shift;
}

}  // namespace

TilePlace PlaceOf(merkle::NodeId node) {
  const int height = node.level % kTileHeight;
  const int bits = kTileHeight - height;
  return {{node.level / kTileHeight, node.index >> bits},
          height,
          node.index & ((uint64_t{1} << bits) - 1)};
}

void Tile::Append(const Hash& hash) {
  NAKADACHI_CHECK(width_ < kTileWidth);
  uint64_t node = kTileWidth + width_++;
  nodes_[node] = hash;
  for (; node > 1 && (node & 1) != 0; node >>= 1)
    nodes_[node >> 1] = merkle::NodeHash(nodes_[node - 1], nodes_[node]);
}

uint64_t WidthOfLastTile(uint64_t size, int tile_level) {
  return (size >> (kTileHeight * tile_level)) % kTileWidth;
}

TreeEdge::TreeEdge(uint64_t size) : size_(size) {
  for (int level = 0; level == 0 || TilesBefore(size, level - 1) > 0; ++level)
    last_.push_back({{level, TilesBefore(size, level)}, std::make_shared<Tile>()});
}

void TreeEdge::Append(const Hash& leaf_hash) {
  AppendTo(0, leaf_hash);
  ++size_;
}

void TreeEdge::AppendTo(size_t tile_level, const Hash& hash) {
  if (tile_level == last_.size())
    last_.push_back({{static_cast<int>(tile_level), 0}, std::make_shared<Tile>()});
  last_[tile_level].tile->Append(hash);
  if (last_[tile_level].tile->width() < kTileWidth) return;
  const PlacedTile full = last_[tile_level];
  full_.push_back(full);
  last_[tile_level] = {{full.id.level, full.id.index + 1}, std::make_shared<Tile>()};
  AppendTo(tile_level + 1, full.tile->Root());
}

const Hash& TreeEdge::Node(int level, uint64_t index) const {
  const TilePlace place = PlaceOf({level, index});
  const PlacedTile& last = last_[place.tile.level];
  if (last.id.index == place.tile.index) return last.tile->Node(place.height, place.index);
  for (const PlacedTile& full : full_) {
    if (full.id.level == place.tile.level && full.id.index == place.tile.index)
      return full.tile->Node(place.height, place.index);
  }
  NAKADACHI_CHECK(false && "a node outside the edge");
  return last.tile->Root();
}

void TreeEdge::Seal() {
  levels_ = BitLength(size_);
  if (size_ == 0) rest_[0] = merkle::EmptyRoot();
  bool has_rest = false;
  for (int level = 0; level < levels_; ++level) {
    const uint64_t complete = size_ >> level;
    if ((complete & 1) == 0) {
      rest_[level + 1] = rest_[level];
      continue;
    }
    const Hash& node = Node(level, complete - 1);
    rest_[level + 1] = has_rest ? merkle::NodeHash(node, rest_[level]) : node;
    has_rest = true;
  }
}

size_t TreeEdge::Path(uint64_t index, PathPointers* path) const {
  size_t length = 0;
  for (int level = 0; level < levels_; ++level) {
    const uint64_t sibling = (index >> level) ^ 1;
    const uint64_t complete = size_ >> level;
    const bool has_rest = (size_ & ((uint64_t{1} << level) - 1)) != 0;
    if (sibling < complete) {
      (*path)[length++] = &Node(level, sibling);
    } else if (sibling == complete && has_rest) {
      (*path)[length++] = &rest_[level];
    }
  }
  return length;
}

std::vector<TileWrite> TreeEdge::ChangedTiles() const {
  std::vector<TileWrite> writes;
  for (const PlacedTile& full : full_)
    writes.push_back({full.id, {full.tile->Hashes().begin(), full.tile->Hashes().end()}});
  for (size_t level = 1; level < last_.size(); ++level) {
    const PlacedTile& last = last_[level];
    const uint64_t before = level < settled_.size() && settled_[level].last.tile == last.tile
                                ? settled_[level].width
                                : 0;
    if (last.tile->width() > before)
      writes.push_back({last.id, {last.tile->Hashes().begin(), last.tile->Hashes().end()}});
  }
  return writes;
}

void TreeEdge::Settle() {
  Seal();
  full_.clear();
  settled_.clear();
  for (const PlacedTile& last : last_) settled_.push_back({last, last.tile->width()});
  settled_size_ = size_;
}

void TreeEdge::RollBack() {
  full_.clear();
  last_.clear();
  for (const Settled& settled : settled_) {
    settled.last.tile->Truncate(settled.width);
    last_.push_back(settled.last);
  }
  size_ = settled_size_;
  Seal();
}

}  // namespace nakadachi::ledger
