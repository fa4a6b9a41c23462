#include "common/ledger/stored_tree.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"

namespace nakadachi::ledger {
namespace {

// 16 KiB each, for each ledger of the process.
constexpr size_t kRememberedTiles = 16;

bool IsAbsent(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsOutOfRange(status);
}

absl::Status RestoreLeaves(LedgerStore& store, TreeEdge* edge) {
  const uint64_t end = edge->size();
  const uint64_t start = end - WidthOfLastTile(end, 0);
  uint64_t next = start;
  const absl::Status read =
      store.ReadCommitments(start, end, [&](uint64_t index, const Hash& commitment) {
        if (index != next) return;
        edge->Restore(0, merkle::LeafHash(AsView(commitment)));
        ++next;
      });
  if (!read.ok()) return ReadError(read, "ledger.entry");
  if (next != end) return StoreError("ledger.entry", "missing", "was written and is not stored");
  return absl::OkStatus();
}

absl::Status RestoreTile(LedgerStore& store, TileId id, TreeEdge* edge) {
  const uint64_t width = WidthOfLastTile(edge->size(), id.level);
  if (width == 0) return absl::OkStatus();
  const absl::StatusOr<std::vector<Hash>> hashes = store.ReadTile(id);
  if (!hashes.ok()) return ReadError(hashes.status(), "ledger.tile");
  if (hashes->size() != width)
    return StoreError("ledger.tile", "length", "has another number of hashes than its tree");
  for (const Hash& hash : *hashes) edge->Restore(id.level, hash);
  return absl::OkStatus();
}

}  // namespace

absl::Status StoreError(absl::string_view field, absl::string_view rule,
                        absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, field, rule, message);
}

absl::Status ReadError(const absl::Status& status, absl::string_view field) {
  if (!IsAbsent(status)) return status;
  return StoreError(field, "missing", "was written and is not stored");
}

absl::StatusOr<Ed25519PublicKey> CheckHead(const StoredHead& head, const Author& author,
                                           absl::Span<const Ed25519PublicKey> keys) {
  const absl::StatusOr<SignedCheckpoint> parsed = ParseCheckpoint(head.note);
  if (!parsed.ok())
    return StoreError("ledger.head", "checkpoint-format", "its note is not a checkpoint");
  const Checkpoint& checkpoint = parsed->checkpoint;
  if (checkpoint.origin != Origin(author))
    return StoreError("ledger.head", "origin", "its note is another author's");
  if (checkpoint.size != head.size || checkpoint.root != head.root ||
      checkpoint.time_ms != head.time_ms)
    return StoreError("ledger.head", "checkpoint", "its note says something else");
  for (const Ed25519PublicKey& key : keys) {
    if (VerifyCheckpointSignature(*parsed, key)) return key;
  }
  return StoreError("ledger.head", "signature", "its note is signed by no key of the author");
}

absl::StatusOr<bool> CheckEntry(const StoredEntry& entry) {
  if (entry.salt.empty() && entry.statement.empty()) return true;
  if (entry.salt.size() != 32 || Commit(entry.salt, entry.statement) != entry.commitment)
    return StoreError("ledger.entry", "commitment", "salt and statement are not those committed");
  return false;
}

absl::Status CheckNothingBehind(LedgerStore& store, uint64_t size) {
  const absl::Status behind = store.ReadCommitment(size).status();
  if (behind.ok()) return StoreError("ledger.head", "size", "entries are stored behind it");
  return IsAbsent(behind) ? absl::OkStatus() : behind;
}

absl::StatusOr<TreeEdge> LoadEdge(LedgerStore& store, const StoredHead& head) {
  TreeEdge edge(head.size);
  NAKADACHI_RETURN_IF_ERROR(RestoreLeaves(store, &edge));
  const size_t levels = edge.LastTiles().size();
  for (size_t level = 1; level < levels; ++level)
    NAKADACHI_RETURN_IF_ERROR(RestoreTile(store, edge.LastTiles()[level].id, &edge));
  edge.Settle();
  if (edge.root() != head.root)
    return StoreError("ledger.head", "root", "entries and tiles lead to another root");
  return edge;
}

absl::StatusOr<Hash> TreeReader::ReadNode(const TreeView& view, merkle::NodeId node) {
  const TilePlace place = PlaceOf(node);
  const size_t level = place.tile.level;
  NAKADACHI_CHECK(level < view.last_tiles.size());
  const PlacedTile& last = view.last_tiles[level];
  NAKADACHI_CHECK(place.tile.index <= last.id.index);
  if (place.tile.index == last.id.index) return last.tile->Node(place.height, place.index);
  NAKADACHI_ASSIGN_OR_RETURN(const std::shared_ptr<const Tile> tile, FullTile(view, place.tile));
  return tile->Node(place.height, place.index);
}

absl::StatusOr<std::shared_ptr<const Tile>> TreeReader::FullTile(const TreeView& view, TileId id) {
  if (std::shared_ptr<const Tile> recent = Recall(id)) return recent;
  const absl::StatusOr<std::vector<Hash>> hashes = store_->ReadTile(id);
  if (!hashes.ok()) return ReadError(hashes.status(), "ledger.tile");
  if (hashes->size() != kTileWidth)
    return StoreError("ledger.tile", "length", "has another number of hashes than its tree");
  auto tile = std::make_shared<Tile>();
  for (const Hash& hash : *hashes) tile->Append(hash);
  NAKADACHI_ASSIGN_OR_RETURN(const Hash root,
                             ReadNode(view, {kTileHeight * (id.level + 1), id.index}));
  if (tile->Root() != root)
    return StoreError("ledger.tile", "root", "does not add up to the hash above it");
  Remember({id, tile});
  return tile;
}

std::shared_ptr<const Tile> TreeReader::Recall(TileId id) {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(recent_.begin(), recent_.end(), [id](const PlacedTile& placed) {
    return placed.id.level == id.level && placed.id.index == id.index;
  });
  if (found == recent_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found);
  return recent_.front().tile;
}

void TreeReader::Remember(PlacedTile tile) {
  absl::MutexLock lock(&mutex_);
  recent_.push_front(std::move(tile));
  if (recent_.size() > kRememberedTiles) recent_.pop_back();
}

}  // namespace nakadachi::ledger
