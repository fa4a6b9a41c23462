#include "common/witness/history.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/status.h"
#include "common/merkle/merkle.h"

namespace nakadachi::witness {
namespace {

using Pointers = std::vector<const SeenCheckpoint*>;

absl::Status NotProved(absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "history", rule, message);
}

ForkProof Contradiction(ForkKind kind, const SeenCheckpoint& first, const SeenCheckpoint& second) {
  ForkProof proof;
  proof.kind = kind;
  proof.first = first.note;
  proof.second = second.note;
  return proof;
}

std::optional<ForkProof> FindSameSize(Pointers seen) {
  std::stable_sort(seen.begin(), seen.end(), [](const auto* a, const auto* b) {
    return a->checkpoint.size < b->checkpoint.size;
  });
  for (size_t i = 1; i < seen.size(); ++i) {
    const ledger::Checkpoint& before = seen[i - 1]->checkpoint;
    const ledger::Checkpoint& here = seen[i]->checkpoint;
    if (before.size == here.size && before.root != here.root) {
      return Contradiction(ForkKind::kSameSize, *seen[i - 1], *seen[i]);
    }
  }
  return std::nullopt;
}

std::optional<ForkProof> FindOrder(Pointers seen) {
  // Of one time the larger first, so that no two of one time are held against each other.
  std::stable_sort(seen.begin(), seen.end(), [](const auto* a, const auto* b) {
    return std::make_pair(b->checkpoint.time_ms, a->checkpoint.size) <
           std::make_pair(a->checkpoint.time_ms, b->checkpoint.size);
  });
  // From the latest back: none may be larger than one of a later time.
  const SeenCheckpoint* smallest = nullptr;  // of all later ones
  for (size_t i = 0; i < seen.size();) {
    const int64_t time_ms = seen[i]->checkpoint.time_ms;
    const SeenCheckpoint* smallest_now = seen[i];
    for (; i < seen.size() && seen[i]->checkpoint.time_ms == time_ms; ++i) {
      if (smallest != nullptr && seen[i]->checkpoint.size > smallest->checkpoint.size) {
        return Contradiction(ForkKind::kOrder, *seen[i], *smallest);
      }
    }
    if (smallest == nullptr || smallest_now->checkpoint.size < smallest->checkpoint.size) {
      smallest = smallest_now;
    }
  }
  return std::nullopt;
}

std::optional<std::vector<Hash>> SplitHashes(absl::string_view bytes) {
  constexpr size_t kHashBytes = 32;
  if (bytes.size() % kHashBytes != 0) return std::nullopt;
  std::vector<Hash> hashes(bytes.size() / kHashBytes);
  for (size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * kHashBytes), kHashBytes,
                hashes[i].begin());
  }
  return hashes;
}

}  // namespace

std::optional<ForkProof> FindContradiction(absl::Span<const SeenCheckpoint* const> seen) {
  const Pointers all(seen.begin(), seen.end());
  if (auto same_size = FindSameSize(all)) return same_size;
  return FindOrder(all);
}

std::vector<uint64_t> SizesToProve(absl::Span<const SeenCheckpoint* const> seen,
                                   const SeenCheckpoint& newest) {
  std::vector<uint64_t> sizes;
  for (const SeenCheckpoint* one : seen) {
    const uint64_t size = one->checkpoint.size;
    if (size > 0 && size < newest.checkpoint.size) sizes.push_back(size);
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

Judgement Judge(absl::Span<const SeenCheckpoint* const> seen, const SeenCheckpoint& newest,
                absl::Span<const std::string> proofs) {
  Pointers all(seen.begin(), seen.end());
  all.push_back(&newest);
  if (auto contradiction = FindContradiction(all)) return {std::move(contradiction), {}};

  std::map<uint64_t, const SeenCheckpoint*> by_size;  // no two roots of one size any more
  for (const SeenCheckpoint* one : seen) by_size.emplace(one->checkpoint.size, one);
  Judgement judgement;
  const ledger::Checkpoint& last = newest.checkpoint;
  const std::vector<uint64_t> sizes = SizesToProve(seen, newest);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const SeenCheckpoint& earlier = *by_size.at(sizes[i]);
    const auto path = i < proofs.size() ? SplitHashes(proofs[i]) : std::nullopt;
    const auto roots = path ? merkle::RootsFromPrefixProof(sizes[i], last.size, *path)
                            : absl::StatusOr<merkle::PrefixRoots>(absl::InternalError(""));
    if (!roots.ok() || roots->new_root != last.root) {
      judgement.proved = NotProved("proof", "the ledger's proof leads nowhere");
      continue;
    }
    if (roots->old_root == earlier.checkpoint.root) continue;
    judgement.fork = Contradiction(ForkKind::kPrefix, earlier, newest);
    judgement.fork->path = *path;
    return judgement;
  }
  for (const auto& [size, one] : by_size) {
    if (size == 0 && one->checkpoint.root != merkle::EmptyRoot()) {
      judgement.proved = NotProved("empty-root", "a tree without entries has another root");
    }
    if (size > last.size) {
      judgement.proved = NotProved("stale", "the newest checkpoint is older than one seen");
    }
  }
  return judgement;
}

}  // namespace nakadachi::witness
