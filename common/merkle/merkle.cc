#include "common/merkle/merkle.h"

#include <cstring>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/tree_hash.h"

namespace nakadachi::merkle {
namespace {

constexpr uint8_t kLeafPrefix = 0;
constexpr uint8_t kNodePrefix = 1;

// The largest power of two below n; n >= 2.
uint64_t Split(uint64_t n) { return uint64_t{1} << (63 - __builtin_clzll(n - 1)); }

// The complete subtrees that fold into the hash of leaves [start, end). Every range that the
// definitions below produce begins where a subtree of its size may begin.
std::vector<NodeId> NodesOfRange(uint64_t start, uint64_t end) {
  std::vector<NodeId> nodes = Peaks(end - start);
  for (NodeId& node : nodes) node.index += start >> node.level;
  return nodes;
}

absl::Status ProofError(absl::string_view rule, absl::string_view message) {
  return InvalidField("path", rule, message);
}

}  // namespace

Hash LeafHash(absl::string_view entry) {
  Hash commitment;
  if (entry.size() != commitment.size()) {
    return Sha256(absl::string_view(reinterpret_cast<const char*>(&kLeafPrefix), 1), entry);
  }
  std::memcpy(commitment.data(), entry.data(), entry.size());
  return Sha256OfHash(kLeafPrefix, commitment);
}

Hash NodeHash(const Hash& left, const Hash& right) {
  return Sha256OfPair(kNodePrefix, left, right);
}

Hash EmptyRoot() { return Sha256({}); }

Hash RootOfLeaves(absl::Span<const Hash> leaf_hashes) {
  if (leaf_hashes.empty()) return EmptyRoot();
  if (leaf_hashes.size() == 1) return leaf_hashes[0];
  const uint64_t k = Split(leaf_hashes.size());
  return NodeHash(RootOfLeaves(leaf_hashes.subspan(0, k)), RootOfLeaves(leaf_hashes.subspan(k)));
}

std::vector<NodeId> Peaks(uint64_t size) {
  std::vector<NodeId> peaks;
  for (int level = 63; level >= 0; --level) {
    if ((size >> level & 1) != 0) peaks.push_back({level, (size >> level) - 1});
  }
  return peaks;
}

Hash RootFromPeaks(absl::Span<const Hash> peaks) {
  if (peaks.empty()) return EmptyRoot();
  Hash root = peaks.back();
  for (size_t i = peaks.size() - 1; i-- > 0;) root = NodeHash(peaks[i], root);
  return root;
}

ProofNodes InclusionProofNodes(uint64_t index, uint64_t size) {
  NAKADACHI_CHECK(index < size);
  ProofNodes from_root;
  uint64_t start = 0;
  uint64_t end = size;
  while (end - start > 1) {
    const uint64_t middle = start + Split(end - start);
    if (index < middle) {
      from_root.push_back(NodesOfRange(middle, end));
      end = middle;
    } else {
      from_root.push_back(NodesOfRange(start, middle));
      start = middle;
    }
  }
  return ProofNodes(from_root.rbegin(), from_root.rend());
}

ProofNodes PrefixProofNodes(uint64_t old_size, uint64_t new_size) {
  NAKADACHI_CHECK(old_size > 0 && old_size <= new_size);
  ProofNodes from_root;
  uint64_t start = 0;
  uint64_t end = new_size;
  while (end != old_size) {
    const uint64_t middle = start + Split(end - start);
    if (old_size <= middle) {
      from_root.push_back(NodesOfRange(middle, end));
      end = middle;
    } else {
      from_root.push_back(NodesOfRange(start, middle));
      start = middle;
    }
  }
  from_root.push_back(NodesOfRange(start, end));
  return ProofNodes(from_root.rbegin(), from_root.rend());
}

ProofNodes ConsistencyProofNodes(uint64_t old_size, uint64_t new_size) {
  ProofNodes nodes = PrefixProofNodes(old_size, new_size);
  // A verifier holds the old root; only what is smaller than the whole old tree must be sent.
  if (nodes.front() == NodesOfRange(0, old_size)) nodes.erase(nodes.begin());
  return nodes;
}

absl::StatusOr<std::vector<Hash>> BuildProof(
    const ProofNodes& nodes, const std::function<absl::StatusOr<Hash>(NodeId)>& read) {
  std::vector<Hash> proof;
  proof.reserve(nodes.size());
  std::vector<Hash> peaks;
  for (const std::vector<NodeId>& group : nodes) {
    peaks.clear();
    for (const NodeId& node : group) {
      NAKADACHI_ASSIGN_OR_RETURN(const Hash hash, read(node));
      peaks.push_back(hash);
    }
    proof.push_back(RootFromPeaks(peaks));
  }
  return proof;
}

absl::StatusOr<Hash> RootFromInclusionProof(uint64_t index, uint64_t size, const Hash& leaf_hash,
                                            absl::Span<const Hash> path) {
  if (index >= size) return InvalidField("leaf_index", "index", "not in a tree of this size");
  uint64_t node = index;
  uint64_t last = size - 1;
  Hash root = leaf_hash;
  for (const Hash& sibling : path) {
    if (last == 0) return ProofError("path-length", "longer than the tree is high");
    if ((node & 1) == 0 && node < last) {
      root = NodeHash(root, sibling);
    } else {
      root = NodeHash(sibling, root);
      // The rightmost node of an incomplete tree stands for its parents until it has a left one.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return ProofError("path-length", "shorter than the tree is high");
  return root;
}

absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf_hash,
                             absl::Span<const Hash> path, const Hash& root) {
  NAKADACHI_ASSIGN_OR_RETURN(const Hash reached,
                             RootFromInclusionProof(index, size, leaf_hash, path));
  if (reached != root) return ProofError("inclusion", "leads to another root");
  return absl::OkStatus();
}

absl::StatusOr<PrefixRoots> RootsFromPrefixProof(uint64_t old_size, uint64_t new_size,
                                                 absl::Span<const Hash> path) {
  NAKADACHI_CHECK(old_size > 0 && old_size < new_size);
  if (path.empty()) return ProofError("path-length", "is empty");
  uint64_t node = old_size - 1;
  uint64_t last = new_size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  PrefixRoots roots{path[0], path[0]};
  for (const Hash& sibling : path.subspan(1)) {
    if (last == 0) return ProofError("path-length", "longer than the tree is high");
    if ((node & 1) == 0 && node < last) {
      roots.new_root = NodeHash(roots.new_root, sibling);
    } else {
      roots.old_root = NodeHash(sibling, roots.old_root);
      roots.new_root = NodeHash(sibling, roots.new_root);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return ProofError("path-length", "shorter than the tree is high");
  return roots;
}

absl::Status VerifyConsistency(uint64_t old_size, uint64_t new_size, const Hash& old_root,
                               const Hash& new_root, absl::Span<const Hash> path) {
  const absl::Status inconsistent = ProofError("consistency", "does not tie the two roots");
  if (old_size > new_size) return inconsistent;
  if (old_size == 0 && old_root != EmptyRoot()) return inconsistent;
  if (old_size == new_size && old_root != new_root) return inconsistent;
  if (old_size == 0 || old_size == new_size) return path.empty() ? absl::OkStatus() : inconsistent;
  // Where the old tree is one complete subtree, its root is the first hash and is not sent.
  std::vector<Hash> with_first;
  if ((old_size & (old_size - 1)) == 0) {
    with_first.reserve(path.size() + 1);
    with_first.push_back(old_root);
    with_first.insert(with_first.end(), path.begin(), path.end());
    path = with_first;
  }
  const absl::StatusOr<PrefixRoots> roots = RootsFromPrefixProof(old_size, new_size, path);
  if (!roots.ok() || roots->old_root != old_root || roots->new_root != new_root) {
    return inconsistent;
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::merkle
