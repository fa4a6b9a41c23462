// The Merkle tree of RFC 6962 / RFC 9162 section 2.1 over SHA-256: pure functions, no storage.
//
// Leaf hash = SHA-256(0x00 || entry), node hash = SHA-256(0x01 || left || right). In a ledger an
// entry is the 32-byte commitment of a statement.
#ifndef NAKADACHI_COMMON_MERKLE_MERKLE_H_
#define NAKADACHI_COMMON_MERKLE_MERKLE_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/crypto/crypto.h"

namespace nakadachi::merkle {

Hash LeafHash(absl::string_view entry);
Hash NodeHash(const Hash& left, const Hash& right);
// Root of the empty tree: SHA-256 of nothing.
Hash EmptyRoot();

// The root over leaf hashes, computed the naive way of the RFC's definition. For tests and small
// inputs.
Hash RootOfLeaves(absl::Span<const Hash> leaf_hashes);

// A complete subtree of 2^level leaves, the index-th of its level.
struct NodeId {
  int level;
  uint64_t index;
  bool operator==(const NodeId& other) const {
    return level == other.level && index == other.index;
  }
};

// The complete subtrees that make up a tree of `size`, largest (leftmost) first.
std::vector<NodeId> Peaks(uint64_t size);
// The root from the hashes of Peaks(size).
Hash RootFromPeaks(absl::Span<const Hash> peaks);

// Nodes to fetch for a proof. Some siblings are not complete subtrees: they are folded from
// several complete ones, so a proof is a list of groups; each group folds (RootFromPeaks) into
// one hash of the proof.
using ProofNodes = std::vector<std::vector<NodeId>>;
// Requires index < size.
ProofNodes InclusionProofNodes(uint64_t index, uint64_t size);
// Requires 0 < old_size <= new_size.
ProofNodes ConsistencyProofNodes(uint64_t old_size, uint64_t new_size);
// As above, but a verifier need not hold the old root: where the old tree is one complete subtree,
// its root comes first instead of being left out.
ProofNodes PrefixProofNodes(uint64_t old_size, uint64_t new_size);

// Folds the groups with `read`.
absl::StatusOr<std::vector<Hash>> BuildProof(
    const ProofNodes& nodes, const std::function<absl::StatusOr<Hash>(NodeId)>& read);

// RFC 9162 section 2.1.3.2: the root that an inclusion path leads to. INVALID_ARGUMENT, rule
// "path-length" or "index".
absl::StatusOr<Hash> RootFromInclusionProof(uint64_t index, uint64_t size, const Hash& leaf_hash,
                                            absl::Span<const Hash> path);

// As above and compares. INVALID_ARGUMENT, rule "inclusion", where the roots differ.
absl::Status VerifyInclusion(uint64_t index, uint64_t size, const Hash& leaf_hash,
                             absl::Span<const Hash> path, const Hash& root);

// RFC 9162 section 2.1.4.2. INVALID_ARGUMENT, rule "consistency".
absl::Status VerifyConsistency(uint64_t old_size, uint64_t new_size, const Hash& old_root,
                               const Hash& new_root, absl::Span<const Hash> path);

// The roots that the path of a prefix proof leads to. Where the new one is that of a tree, the old
// one is, as surely as SHA-256 has no collisions, what that tree's root was at the old size.
// Requires 0 < old_size < new_size. INVALID_ARGUMENT, rule "path-length".
struct PrefixRoots {
  Hash old_root;
  Hash new_root;
};
absl::StatusOr<PrefixRoots> RootsFromPrefixProof(uint64_t old_size, uint64_t new_size,
                                                 absl::Span<const Hash> path);

}  // namespace nakadachi::merkle

#endif  // NAKADACHI_COMMON_MERKLE_MERKLE_H_
