#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/ledger.h"
#include "common/ledger/stored_tree.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {
namespace {

constexpr uint64_t kProgressEvery = 4096;

absl::Status CompareTile(LedgerStore& store, TileId id, absl::Span<const Hash> computed) {
  const absl::StatusOr<std::vector<Hash>> stored = store.ReadTile(id);
  if (!stored.ok()) return ReadError(stored.status(), "ledger.tile");
  if (absl::MakeConstSpan(*stored) != computed)
    return StoreError("ledger.tile", "hashes", "does not hold the hashes of the entries");
  return absl::OkStatus();
}

// Rebuilds the tree an entry at a time, comparing each tile as soon as it is full.
class Rebuild {
 public:
  explicit Rebuild(LedgerStore& store) : store_(store) {}

  absl::Status Add(uint64_t index, const StoredEntry& entry, const absl::Status& body) {
    if (index != edge_.size())
      return StoreError("ledger.entry", "missing", "was written and is not stored");
    if (!body.ok()) return AddDamaged(entry.commitment, body);
    const absl::StatusOr<bool> erased = CheckEntry(entry);
    if (!erased.ok()) return AddDamaged(entry.commitment, erased.status());
    erased_ += *erased ? 1 : 0;
    return AddCommitment(entry.commitment);
  }

  absl::Status Finish(const StoredHead& head) {
    if (edge_.size() != head.size)
      return StoreError("ledger.entry", "missing", "was written and is not stored");
    edge_.Settle();
    for (const PlacedTile& last : edge_.LastTiles()) {
      if (last.id.level > 0 && last.tile->width() > 0)
        NAKADACHI_RETURN_IF_ERROR(CompareTile(store_, last.id, last.tile->Hashes()));
    }
    if (edge_.root() != head.root)
      return StoreError("ledger.head", "root", "the entries lead to another root");
    if (damaged_ == 0) return absl::OkStatus();
    return StoreError("ledger.statement", rule_,
                      absl::StrCat(damaged_, " damaged or lost, the first of them that of entry ",
                                   first_damaged_, "; tree, tiles, head and signature agree"));
  }

  uint64_t size() const { return edge_.size(); }
  VerifyResult result() const { return {edge_.size(), erased_}; }

 private:
  // The next entry, whose statement cannot be had.
  absl::Status AddDamaged(const Hash& commitment, const absl::Status& why) {
    if (damaged_++ == 0) {
      first_damaged_ = edge_.size();
      rule_ = GetFieldRule(why).rule;
    }
    return AddCommitment(commitment);
  }

  absl::Status AddCommitment(const Hash& commitment) {
    edge_.Append(merkle::LeafHash(AsView(commitment)));
    if (edge_.FullTiles().empty()) return absl::OkStatus();
    for (const PlacedTile& full : edge_.FullTiles())
      NAKADACHI_RETURN_IF_ERROR(CompareTile(store_, full.id, full.tile->Hashes()));
    edge_.Settle();
    return absl::OkStatus();
  }

  LedgerStore& store_;
  TreeEdge edge_;
  uint64_t erased_ = 0;
  uint64_t damaged_ = 0;
  uint64_t first_damaged_ = 0;
  std::string rule_;
};

}  // namespace

absl::StatusOr<VerifyResult> VerifyStore(LedgerStore& store, const Author& author,
                                         const std::vector<Ed25519PublicKey>& keys,
                                         const std::function<void(uint64_t)>& progress) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<StoredHead> head, store.ReadHead());
  NAKADACHI_RETURN_IF_ERROR(CheckNothingBehind(store, head.has_value() ? head->size : 0));
  if (!head.has_value()) return VerifyResult{};
  NAKADACHI_RETURN_IF_ERROR(CheckHead(*head, author, keys).status());

  Rebuild rebuild(store);
  absl::Status added;
  const absl::Status read =
      ReadEveryEntry(store, 0, head->size,
                     [&](uint64_t index, const StoredEntry& entry, const absl::Status& body) {
                       added = rebuild.Add(index, entry, body);
                       if (progress && (index + 1) % kProgressEvery == 0) progress(index + 1);
                       return added.ok();
                     });
  NAKADACHI_RETURN_IF_ERROR(added);
  if (!read.ok()) return ReadError(read, "ledger.entry");
  NAKADACHI_RETURN_IF_ERROR(rebuild.Finish(*head));
  if (progress) progress(head->size);
  return rebuild.result();
}

}  // namespace nakadachi::ledger
