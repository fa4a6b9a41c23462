// Reading a ledger's tree back from its store. Nothing that is read is believed: every hash is
// checked against one above it, up to the signed root.
#ifndef NAKADACHI_COMMON_LEDGER_STORED_TREE_H_
#define NAKADACHI_COMMON_LEDGER_STORED_TREE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/ledger_store.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"

namespace nakadachi::ledger {

// DATA_LOSS on what a store holds.
absl::Status StoreError(absl::string_view field, absl::string_view rule, absl::string_view message);

// The store's error; DATA_LOSS, rule "missing", where it is that something written is absent.
absl::Status ReadError(const absl::Status& status, absl::string_view field);

// The key that signed a stored head. DATA_LOSS where its note is not a checkpoint of `author`,
// says something else than the head, or is signed by none of `keys`.
absl::StatusOr<Ed25519PublicKey> CheckHead(const StoredHead& head, const Author& author,
                                           absl::Span<const Ed25519PublicKey> keys);

// DATA_LOSS where an entry of the store does not fit its commitment. True where it is erased.
absl::StatusOr<bool> CheckEntry(const StoredEntry& entry);

// DATA_LOSS where the store has entries behind `size`: its head is not its newest.
absl::Status CheckNothingBehind(LedgerStore& store, uint64_t size);

// The right edge of the tree of `head`: at most 255 commitments and one tile a level are read.
// DATA_LOSS where they do not add up to the head's root. Statements are not read: one that is
// damaged or lost is noticed where it is asked for, and by VerifyStore.
absl::StatusOr<TreeEdge> LoadEdge(LedgerStore& store, const StoredHead& head);

// A durable state of the tree; never changes.
struct TreeView {
  StoredHead head;
  std::vector<PlacedTile> last_tiles;  // one a level, lowest first
};

// Thread-safe.
class TreeReader {
 public:
  explicit TreeReader(LedgerStore* store) : store_(store) {}

  // Requires a complete subtree of the view. DATA_LOSS where its tile was lost or altered.
  absl::StatusOr<Hash> ReadNode(const TreeView& view, merkle::NodeId node);
  // Keeps a full tile at hand; a few are kept.
  void Remember(PlacedTile tile);

 private:
  absl::StatusOr<std::shared_ptr<const Tile>> FullTile(const TreeView& view, TileId id);
  std::shared_ptr<const Tile> Recall(TileId id);

  LedgerStore* const store_;
  absl::Mutex mutex_;
  std::list<PlacedTile> recent_ ABSL_GUARDED_BY(mutex_);  // newest first
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_STORED_TREE_H_
