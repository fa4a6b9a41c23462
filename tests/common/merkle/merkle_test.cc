#include "common/merkle/merkle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::merkle {
namespace {

using ::testing::ElementsAreArray;

std::vector<Hash> Leaves(size_t count) {
  std::vector<Hash> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(LeafHash(absl::StrCat("leaf ", i)));
  return leaves;
}

absl::Span<const Hash> First(const std::vector<Hash>& leaves, uint64_t count) {
  return absl::MakeConstSpan(leaves.data(), count);
}

// What a store would answer, worked out from the leaves each time.
std::function<absl::StatusOr<Hash>(NodeId)> Reader(const std::vector<Hash>& leaves) {
  return [&leaves](NodeId node) -> absl::StatusOr<Hash> {
    const uint64_t width = uint64_t{1} << node.level;
    if ((node.index + 1) * width > leaves.size()) return absl::OutOfRangeError("not complete");
    return RootOfLeaves(absl::MakeConstSpan(leaves).subspan(node.index * width, width));
  };
}

std::vector<Hash> Inclusion(const std::vector<Hash>& leaves, uint64_t index, uint64_t size) {
  return BuildProof(InclusionProofNodes(index, size), Reader(leaves)).value();
}

std::vector<Hash> Consistency(const std::vector<Hash>& leaves, uint64_t from, uint64_t to) {
  return BuildProof(ConsistencyProofNodes(from, to), Reader(leaves)).value();
}

// RFC 9162 section 2.1.3.1, word for word.
std::vector<Hash> NaivePath(uint64_t m, absl::Span<const Hash> d) {
  if (d.size() == 1) return {};
  uint64_t k = 1;
  while (2 * k < d.size()) k *= 2;
  std::vector<Hash> path = m < k ? NaivePath(m, d.subspan(0, k)) : NaivePath(m - k, d.subspan(k));
  path.push_back(RootOfLeaves(m < k ? d.subspan(k) : d.subspan(0, k)));
  return path;
}

// RFC 9162 section 2.1.4.1, word for word.
std::vector<Hash> NaiveSubproof(uint64_t m, absl::Span<const Hash> d, bool b) {
  if (m == d.size()) return b ? std::vector<Hash>() : std::vector<Hash>{RootOfLeaves(d)};
  uint64_t k = 1;
  while (2 * k < d.size()) k *= 2;
  std::vector<Hash> proof =
      m <= k ? NaiveSubproof(m, d.subspan(0, k), b) : NaiveSubproof(m - k, d.subspan(k), false);
  proof.push_back(RootOfLeaves(m <= k ? d.subspan(k) : d.subspan(0, k)));
  return proof;
}

Hash FromHex(absl::string_view hex) {
  return HashFromBytes(HexDecode(hex, "hex").value(), "hex").value();
}

std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

// ---- Naive reference -------------------------------------------------------------------------

TEST(MerkleReference, RootFromPeaksForEverySize) {
  const std::vector<Hash> leaves = Leaves(300);
  const auto read = Reader(leaves);
  for (uint64_t size = 0; size <= leaves.size(); ++size) {
    std::vector<Hash> peaks;
    for (const NodeId& node : Peaks(size)) peaks.push_back(read(node).value());
    EXPECT_EQ(RootFromPeaks(peaks), RootOfLeaves(First(leaves, size))) << size;
  }
}

TEST(MerkleReference, InclusionForEveryIndexAndSize) {
  const std::vector<Hash> leaves = Leaves(130);
  for (uint64_t size = 1; size <= leaves.size(); ++size) {
    const Hash root = RootOfLeaves(First(leaves, size));
    for (uint64_t index = 0; index < size; ++index) {
      const std::vector<Hash> path = Inclusion(leaves, index, size);
      ASSERT_EQ(path, NaivePath(index, First(leaves, size))) << index << " of " << size;
      ASSERT_TRUE(VerifyInclusion(index, size, leaves[index], path, root).ok())
          << index << " of " << size;
    }
  }
}

TEST(MerkleReference, ConsistencyForEveryPairOfSizes) {
  const std::vector<Hash> leaves = Leaves(130);
  for (uint64_t to = 1; to <= leaves.size(); ++to) {
    const Hash new_root = RootOfLeaves(First(leaves, to));
    for (uint64_t from = 1; from <= to; ++from) {
      const std::vector<Hash> proof = Consistency(leaves, from, to);
      ASSERT_EQ(proof, NaiveSubproof(from, First(leaves, to), true)) << from << " to " << to;
      ASSERT_TRUE(
          VerifyConsistency(from, to, RootOfLeaves(First(leaves, from)), new_root, proof).ok())
          << from << " to " << to;
    }
  }
}

TEST(MerkleReference, EveryTreeFollowsFromTheEmptyOne) {
  const Hash root = RootOfLeaves(Leaves(5));
  EXPECT_TRUE(VerifyConsistency(0, 5, EmptyRoot(), root, {}).ok());
  EXPECT_TRUE(VerifyConsistency(0, 0, EmptyRoot(), EmptyRoot(), {}).ok());
  EXPECT_FALSE(VerifyConsistency(0, 5, root, root, {}).ok());
  EXPECT_FALSE(VerifyConsistency(0, 5, EmptyRoot(), root, {root}).ok());
  EXPECT_FALSE(VerifyConsistency(0, 0, EmptyRoot(), root, {}).ok());
}

// ---- Random cross-check ----------------------------------------------------------------------

TEST(MerkleRandom, ProofsOfLargerTrees) {
  std::mt19937_64 random(1);
  const std::vector<Hash> leaves = Leaves(5000);
  for (int round = 0; round < 200; ++round) {
    const uint64_t size = 1 + random() % leaves.size();
    const uint64_t index = random() % size;
    const uint64_t old_size = 1 + random() % size;
    const Hash root = RootOfLeaves(First(leaves, size));
    EXPECT_TRUE(
        VerifyInclusion(index, size, leaves[index], Inclusion(leaves, index, size), root).ok());
    EXPECT_TRUE(VerifyConsistency(old_size, size, RootOfLeaves(First(leaves, old_size)), root,
                                  Consistency(leaves, old_size, size))
                    .ok());
  }
}

TEST(MerkleRandom, NodesOfHugeTreesAreCompleteAndInside) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t size = 1 + (random() >> (random() % 63));
    const uint64_t index = random() % size;
    const uint64_t old_size = 1 + random() % size;
    for (const ProofNodes& groups :
         {InclusionProofNodes(index, size), ConsistencyProofNodes(old_size, size)}) {
      EXPECT_LE(groups.size(), 65u);
      for (const std::vector<NodeId>& group : groups) {
        for (const NodeId& node : group) EXPECT_LT(node.index, size >> node.level);
      }
    }
  }
}

TEST(MerkleRandom, BuildProofHandsOnTheError) {
  const std::vector<Hash> leaves = Leaves(3);
  EXPECT_EQ(BuildProof(InclusionProofNodes(3, 9), Reader(leaves)).status().code(),
            absl::StatusCode::kOutOfRange);
}

// ---- Known answers: the tree of the Certificate Transparency reference tests -------------------

class MerkleKnownAnswers : public ::testing::Test {
 protected:
  MerkleKnownAnswers() {
    for (const char* entry : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                              "606162636465666768696a6b6c6d6e6f"})
      leaves_.push_back(LeafHash(HexDecode(entry, "entry").value()));
  }
  Hash Root(uint64_t size) const { return FromHex(kRoots[size]); }
  std::vector<Hash> leaves_;
  static constexpr const char* kRoots[] = {
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
};

TEST_F(MerkleKnownAnswers, Roots) {
  EXPECT_EQ(EmptyRoot(), Root(0));
  for (uint64_t size = 0; size <= 8; ++size)
    EXPECT_EQ(RootOfLeaves(First(leaves_, size)), Root(size)) << size;
}

TEST_F(MerkleKnownAnswers, InclusionProofs) {
  const struct {
    uint64_t index, size;
    std::vector<const char*> path;
  } kCases[] = {{0, 1, {}},
                {0,
                 8,
                 {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
                {5,
                 8,
                 {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
                {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
                {1,
                 5,
                 {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}};
  for (const auto& known : kCases) {
    std::vector<Hash> path;
    for (const char* hex : known.path) path.push_back(FromHex(hex));
    EXPECT_THAT(Inclusion(leaves_, known.index, known.size), ElementsAreArray(path));
    EXPECT_TRUE(
        VerifyInclusion(known.index, known.size, leaves_[known.index], path, Root(known.size))
            .ok());
  }
}

TEST_F(MerkleKnownAnswers, ConsistencyProofs) {
  const struct {
    uint64_t from, to;
    std::vector<const char*> path;
  } kCases[] = {{1, 1, {}},
                {1,
                 8,
                 {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
                {6,
                 8,
                 {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
                {2,
                 5,
                 {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}}};
  for (const auto& known : kCases) {
    std::vector<Hash> path;
    for (const char* hex : known.path) path.push_back(FromHex(hex));
    EXPECT_THAT(Consistency(leaves_, known.from, known.to), ElementsAreArray(path));
    EXPECT_TRUE(
        VerifyConsistency(known.from, known.to, Root(known.from), Root(known.to), path).ok());
  }
}

// ---- Systematic corruption -------------------------------------------------------------------

// Calls `check` with each bit of `hash` flipped once.
template <typename Check>
void WithEachBitFlipped(Hash* hash, const Check& check) {
  for (size_t bit = 0; bit < 256; ++bit) {
    (*hash)[bit / 8] ^= 1 << bit % 8;
    check();
    (*hash)[bit / 8] ^= 1 << bit % 8;
  }
}

// Calls `check` with proofs that have one hash too few, too many, or two in the other order.
template <typename Check>
void WithEachReshaping(const std::vector<Hash>& path, const Check& check) {
  for (size_t i = 0; i < path.size(); ++i) {
    std::vector<Hash> shorter = path;
    shorter.erase(shorter.begin() + i);
    check(shorter);
    if (i == 0) continue;
    std::vector<Hash> swapped = path;
    std::swap(swapped[i - 1], swapped[i]);
    check(swapped);
  }
  for (size_t i = 0; i <= path.size(); ++i) {
    std::vector<Hash> longer = path;
    longer.insert(longer.begin() + i, Hash{});
    check(longer);
    longer[i] = EmptyRoot();
    check(longer);
  }
}

TEST(MerkleCorruption, Inclusion) {
  const std::vector<Hash> leaves = Leaves(33);
  for (const uint64_t size : {1, 2, 3, 7, 8, 13, 33}) {
    Hash root = RootOfLeaves(First(leaves, size));
    for (uint64_t index = 0; index < size; ++index) {
      std::vector<Hash> path = Inclusion(leaves, index, size);
      Hash leaf = leaves[index];
      const auto rejected = [&] {
        ASSERT_EQ(Rule(VerifyInclusion(index, size, leaf, path, root)), "inclusion");
      };
      for (Hash& hash : path) WithEachBitFlipped(&hash, rejected);
      WithEachBitFlipped(&root, rejected);
      WithEachBitFlipped(&leaf, rejected);
      WithEachReshaping(path, [&](const std::vector<Hash>& reshaped) {
        ASSERT_FALSE(VerifyInclusion(index, size, leaf, reshaped, root).ok());
      });
      for (uint64_t other = 0; other < size + 3; ++other) {
        const absl::Status status = VerifyInclusion(other, size, leaf, path, root);
        ASSERT_EQ(status.ok(), other == index) << other << " for " << index << " of " << size;
        ASSERT_TRUE(other < size || Rule(status) == "index");
      }
      ASSERT_TRUE(VerifyInclusion(index, size, leaf, path, root).ok());
    }
  }
}

TEST(MerkleCorruption, InclusionNamesTheRule) {
  const std::vector<Hash> leaves = Leaves(8);
  const Hash root = RootOfLeaves(leaves);
  std::vector<Hash> path = Inclusion(leaves, 3, 8);
  path.push_back(root);
  EXPECT_EQ(Rule(VerifyInclusion(3, 8, leaves[3], path, root)), "path-length");
  path.resize(2);
  EXPECT_EQ(Rule(VerifyInclusion(3, 8, leaves[3], path, root)), "path-length");
  EXPECT_EQ(Rule(VerifyInclusion(0, 0, leaves[3], {}, EmptyRoot())), "index");
  EXPECT_EQ(Rule(VerifyInclusion(~uint64_t{0}, ~uint64_t{0}, leaves[3], path, root)), "index");
  EXPECT_EQ(Rule(VerifyInclusion(~uint64_t{0} - 1, ~uint64_t{0}, leaves[3], path, root)),
            "path-length");
}

TEST(MerkleCorruption, Consistency) {
  const std::vector<Hash> leaves = Leaves(33);
  for (const auto& [from, to] : std::vector<std::pair<uint64_t, uint64_t>>{
           {1, 2}, {1, 8}, {2, 5}, {3, 7}, {4, 8}, {6, 8}, {7, 13}, {8, 33}, {31, 33}, {5, 5}}) {
    Hash old_root = RootOfLeaves(First(leaves, from));
    Hash new_root = RootOfLeaves(First(leaves, to));
    std::vector<Hash> path = Consistency(leaves, from, to);
    const auto rejected = [&, from = from, to = to] {
      ASSERT_EQ(Rule(VerifyConsistency(from, to, old_root, new_root, path)), "consistency")
          << from << " to " << to;
    };
    for (Hash& hash : path) WithEachBitFlipped(&hash, rejected);
    WithEachBitFlipped(&old_root, rejected);
    WithEachBitFlipped(&new_root, rejected);
    WithEachReshaping(path, [&, from = from, to = to](const std::vector<Hash>& reshaped) {
      ASSERT_FALSE(VerifyConsistency(from, to, old_root, new_root, reshaped).ok());
    });
    for (uint64_t other = 0; other < to + 3; ++other) {
      ASSERT_EQ(VerifyConsistency(other, to, old_root, new_root, path).ok(), other == from)
          << other << " for " << from << " to " << to;
    }
    ASSERT_FALSE(VerifyConsistency(to, from, new_root, old_root, path).ok() && from != to);
  }
}

}  // namespace
}  // namespace nakadachi::merkle
