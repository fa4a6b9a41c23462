#include "common/ledger/tree_edge.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/ledger/stored_tree.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {
namespace {

std::vector<Hash> Leaves(size_t count) {
  std::vector<Hash> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(merkle::LeafHash(absl::StrCat("leaf ", i)));
  return leaves;
}

Hash RootOf(const std::vector<Hash>& leaves, size_t size) {
  return merkle::RootOfLeaves(absl::MakeConstSpan(leaves.data(), size));
}

absl::Status CheckPath(const TreeEdge& edge, const std::vector<Hash>& leaves, uint64_t index) {
  TreeEdge::PathPointers pointers;
  const size_t length = edge.Path(index, &pointers);
  std::vector<Hash> path;
  for (size_t i = 0; i < length; ++i) path.push_back(*pointers[i]);
  return merkle::VerifyInclusion(index, edge.size(), leaves[index], path, edge.root());
}

TEST(TreeEdge, PlaceOfNodes) {
  const struct {
    merkle::NodeId node;
    int level;
    uint64_t tile;
    int height;
    uint64_t index;
  } kCases[] = {{{0, 0}, 0, 0, 0, 0},   {{0, 255}, 0, 0, 0, 255}, {{0, 256}, 0, 1, 0, 0},
                {{7, 3}, 0, 1, 7, 1},   {{8, 0}, 1, 0, 0, 0},     {{8, 300}, 1, 1, 0, 44},
                {{9, 129}, 1, 1, 1, 1}, {{16, 5}, 2, 0, 0, 5},    {{63, 1}, 7, 0, 7, 1}};
  for (const auto& known : kCases) {
    const TilePlace place = PlaceOf(known.node);
    EXPECT_EQ(place.tile.level, known.level);
    EXPECT_EQ(place.tile.index, known.tile);
    EXPECT_EQ(place.height, known.height);
    EXPECT_EQ(place.index, known.index);
  }
}

TEST(TreeEdge, RootAndPathOfEverySize) {
  const std::vector<Hash> leaves = Leaves(600);
  TreeEdge edge;
  EXPECT_EQ(edge.root(), merkle::EmptyRoot());
  for (size_t size = 1; size <= leaves.size(); ++size) {
    edge.Append(leaves[size - 1]);
    edge.Seal();
    ASSERT_EQ(edge.root(), RootOf(leaves, size)) << size;
    ASSERT_TRUE(CheckPath(edge, leaves, size - 1).ok()) << size;
    edge.Settle();
  }
}

// Batches of random size, some rolled back; the tiles that are kept are those of the tree.
TEST(TreeEdge, RandomBatchesAndRollBacks) {
  const std::vector<Hash> leaves = Leaves(70000);
  std::mt19937_64 random(3);
  std::map<std::pair<int, uint64_t>, std::vector<Hash>> tiles;
  TreeEdge edge;
  while (edge.size() < leaves.size()) {
    const uint64_t before = edge.size();
    const uint64_t batch = 1 + random() % (random() % 4 == 0 ? 3000 : 40);
    const uint64_t end = std::min<uint64_t>(before + batch, leaves.size());
    const bool kept = random() % 3 != 0;
    while (edge.size() < end)
      edge.Append(kept ? leaves[edge.size()] : merkle::LeafHash("of a batch that is lost"));
    edge.Seal();
    if (!kept) {
      edge.RollBack();
      ASSERT_EQ(edge.size(), before);
      continue;
    }
    for (const uint64_t index : {before, before + (end - before) / 2, end - 1})
      ASSERT_TRUE(CheckPath(edge, leaves, index).ok()) << index << " of " << end;
    for (TileWrite& write : edge.ChangedTiles())
      tiles[{write.id.level, write.id.index}] = std::move(write.hashes);
    edge.Settle();
  }
  ASSERT_EQ(edge.root(), RootOf(leaves, leaves.size()));
  // As C2SP tlog-tiles counts for a tree of 70,000: 273 full tiles, a full one of level 1, 17
  // hashes behind it, and one of level 2.
  EXPECT_EQ(tiles.size(), 276u);
  for (uint64_t i = 0; i < 273; ++i) {
    const std::vector<Hash> hashes(leaves.begin() + i * 256, leaves.begin() + (i + 1) * 256);
    ASSERT_EQ((tiles[{0, i}]), hashes);
    ASSERT_EQ((tiles[{1, i / 256}][i % 256]), merkle::RootOfLeaves(hashes));
  }
  EXPECT_EQ((tiles[{1, 0}].size()), 256u);
  EXPECT_EQ((tiles[{1, 1}].size()), 17u);
  EXPECT_EQ((tiles[{2, 0}]), (std::vector<Hash>{merkle::RootOfLeaves(tiles[{1, 0}])}));
}

TEST(TreeEdge, RollBackWhereNothingWasSettled) {
  TreeEdge edge;
  for (const Hash& leaf : Leaves(300)) edge.Append(leaf);
  edge.RollBack();
  EXPECT_EQ(edge.size(), 0u);
  EXPECT_EQ(edge.root(), merkle::EmptyRoot());
  EXPECT_TRUE(edge.ChangedTiles().empty());
  const std::vector<Hash> leaves = Leaves(513);
  for (const Hash& leaf : leaves) edge.Append(leaf);
  edge.Seal();
  EXPECT_EQ(edge.root(), RootOf(leaves, 513));
}

}  // namespace
}  // namespace nakadachi::ledger
