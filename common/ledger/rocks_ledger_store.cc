#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/ledger_store.h"

namespace nakadachi::ledger {
namespace {

constexpr absl::string_view kHeadKey = "ledger/head";
constexpr size_t kHashSize = sizeof(Hash);
constexpr size_t kSaltSize = 32;
constexpr size_t kTileWidth = 256;
// Entries read at a time.
constexpr uint64_t kChunk = 1024;

absl::Status Corrupt(absl::string_view what) {
  return FieldError(absl::StatusCode::kDataLoss, what, "corrupt", "is not in its stored form");
}

absl::Status OutOfRange(uint64_t index) {
  return FieldError(absl::StatusCode::kOutOfRange, "ledger.entry", "index",
                    absl::StrCat("entry ", index, " is not stored"));
}

// size (8 bytes) || time (8) || root (32) || note; numbers big-endian.
std::string EncodeHead(const StoredHead& head) {
  return absl::StrCat(storage::KeyU64(head.size),
                      storage::KeyU64(static_cast<uint64_t>(head.time_ms)), AsView(head.root),
                      head.note);
}

absl::StatusOr<StoredHead> DecodeHead(absl::string_view bytes) {
  if (bytes.size() < 16 + kHashSize) return Corrupt("ledger.head");
  StoredHead head;
  head.size = storage::U64FromKey(bytes.substr(0, 8));
  head.time_ms = static_cast<int64_t>(storage::U64FromKey(bytes.substr(8, 8)));
  NAKADACHI_ASSIGN_OR_RETURN(head.root, HashFromBytes(bytes.substr(16, kHashSize), "head.root"));
  head.note = std::string(bytes.substr(16 + kHashSize));
  return head;
}

std::string TileKey(TileId id) {
  NAKADACHI_CHECK(id.level >= 0 && id.level < 64);
  return absl::StrCat(std::string(1, static_cast<char>(id.level)), storage::KeyU64(id.index));
}

std::string EncodeTile(const std::vector<Hash>& hashes) {
  NAKADACHI_CHECK(!hashes.empty() && hashes.size() <= kTileWidth);
  std::string bytes;
  bytes.reserve(hashes.size() * kHashSize);
  for (const Hash& hash : hashes) bytes.append(AsView(hash).data(), kHashSize);
  return bytes;
}

absl::StatusOr<std::vector<Hash>> DecodeTile(absl::string_view bytes) {
  if (bytes.empty() || bytes.size() % kHashSize != 0 || bytes.size() > kTileWidth * kHashSize)
    return Corrupt("ledger.tile");
  std::vector<Hash> hashes(bytes.size() / kHashSize);
  for (Hash& hash : hashes) {
    std::copy_n(bytes.data(), kHashSize, reinterpret_cast<char*>(hash.data()));
    bytes.remove_prefix(kHashSize);
  }
  return hashes;
}

absl::Status SetCommitment(absl::string_view bytes, StoredEntry& entry) {
  if (bytes.size() != kHashSize) return Corrupt("ledger.commitment");
  std::copy_n(bytes.data(), kHashSize, reinterpret_cast<char*>(entry.commitment.data()));
  return absl::OkStatus();
}

// An erased statement leaves an empty value behind: a row that is not there was lost.
absl::Status SetStatement(absl::string_view salted, StoredEntry& entry) {
  if (salted.empty()) return absl::OkStatus();
  if (salted.size() < kSaltSize) return Corrupt("ledger.statement");
  entry.salt = std::string(salted.substr(0, kSaltSize));
  entry.statement = std::string(salted.substr(kSaltSize));
  return absl::OkStatus();
}

class RocksLedgerStore final : public LedgerStore {
 public:
  RocksLedgerStore(storage::Database* database, const LedgerFamilies& families)
      : database_(*database), families_(families) {}

  storage::Batch NewBatch() override { return storage::Batch(database_); }

  absl::StatusOr<std::optional<StoredHead>> ReadHead() override {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                               database_.Get(families_.head, kHeadKey));
    if (!bytes.has_value()) return std::optional<StoredHead>();
    NAKADACHI_ASSIGN_OR_RETURN(StoredHead head, DecodeHead(*bytes));
    return std::make_optional(std::move(head));
  }

  absl::Status Commit(LedgerCommit&& commit) override {
    NAKADACHI_RETURN_IF_ERROR(CheckFollows(commit.first_index));
    storage::Batch batch(database_);
    uint64_t index = commit.first_index;
    for (const StoredEntry& entry : commit.entries) PutEntry(index++, entry, batch);
    for (const TileWrite& tile : commit.tiles)
      batch.Put(families_.tiles, TileKey(tile.id), EncodeTile(tile.hashes));
    batch.Put(families_.head, kHeadKey, EncodeHead(commit.head));
    for (storage::Batch& also : commit.also) batch.Append(std::move(also));
    NAKADACHI_RETURN_IF_ERROR(database_.Commit(std::move(batch)));
    known_size_ = commit.head.size;
    return absl::OkStatus();
  }

  absl::StatusOr<StoredEntry> ReadEntry(uint64_t index) override {
    const std::string key = storage::KeyU64(index);
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> commitment,
                               database_.Get(families_.commitments, key));
    if (!commitment.has_value()) return OutOfRange(index);
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> statement,
                               database_.Get(families_.statements, key));
    StoredEntry entry;
    NAKADACHI_RETURN_IF_ERROR(SetCommitment(*commitment, entry));
    if (!statement.has_value()) return Corrupt("ledger.statement");
    NAKADACHI_RETURN_IF_ERROR(SetStatement(*statement, entry));
    return entry;
  }

  absl::Status ReadEntries(
      uint64_t start, uint64_t end,
      const std::function<bool(uint64_t index, StoredEntry entry)>& visit) override {
    while (start < end) {
      const uint64_t chunk_end = start + std::min(kChunk, end - start);
      NAKADACHI_ASSIGN_OR_RETURN(std::vector<StoredEntry> entries, ReadChunk(start, chunk_end));
      for (StoredEntry& entry : entries)
        if (!visit(start++, std::move(entry))) return absl::OkStatus();
      if (start < chunk_end) return OutOfRange(start);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Hash>> ReadTile(TileId id) override {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                               database_.Get(families_.tiles, TileKey(id)));
    if (!bytes.has_value())
      return FieldError(absl::StatusCode::kNotFound, "ledger.tile", "tile", "is not stored");
    return DecodeTile(*bytes);
  }

 private:
  // The head is read once: afterwards this store is its only writer.
  absl::Status CheckFollows(uint64_t first_index) {
    if (!known_size_.has_value()) {
      NAKADACHI_ASSIGN_OR_RETURN(const std::optional<StoredHead> head, ReadHead());
      known_size_ = head.has_value() ? head->size : 0;
    }
    if (first_index == *known_size_) return absl::OkStatus();
    return FieldError(absl::StatusCode::kFailedPrecondition, "ledger.head", "size",
                      "the stored ledger has another size");
  }

  void PutEntry(uint64_t index, const StoredEntry& entry, storage::Batch& batch) {
    const std::string key = storage::KeyU64(index);
    batch.Put(families_.commitments, key, AsView(entry.commitment));
    NAKADACHI_CHECK(entry.salt.size() == kSaltSize ||
                    (entry.salt.empty() && entry.statement.empty()));
    batch.Put(families_.statements, key, absl::StrCat(entry.salt, entry.statement));
  }

  // The entries from `start` on, fewer than asked for where one is missing.
  absl::StatusOr<std::vector<StoredEntry>> ReadChunk(uint64_t start, uint64_t end) {
    std::vector<StoredEntry> entries;
    NAKADACHI_RETURN_IF_ERROR(
        ScanChunk(families_.commitments, start, end, [&](uint64_t index, absl::string_view value) {
          if (index != start + entries.size()) return OutOfRange(start + entries.size());
          return SetCommitment(value, entries.emplace_back());
        }));
    uint64_t next = start;
    NAKADACHI_RETURN_IF_ERROR(ScanChunk(families_.statements, start, start + entries.size(),
                                        [&](uint64_t index, absl::string_view value) {
                                          if (index != next++) return Corrupt("ledger.statement");
                                          return SetStatement(value, entries[index - start]);
                                        }));
    if (next != start + entries.size()) return Corrupt("ledger.statement");
    return entries;
  }

  absl::Status ScanChunk(
      int family, uint64_t start, uint64_t end,
      const std::function<absl::Status(uint64_t index, absl::string_view value)>& take) {
    absl::Status result;
    const absl::Status scanned = database_.Scan(
        family, {}, storage::KeyU64(start), [&](absl::string_view key, absl::string_view value) {
          if (key.size() != sizeof(uint64_t)) {
            result = Corrupt("ledger.entry_key");
            return false;
          }
          const uint64_t index = storage::U64FromKey(key);
          if (index >= end) return false;
          result = take(index, value);
          return result.ok();
        });
    return scanned.ok() ? result : scanned;
  }

  storage::Database& database_;
  const LedgerFamilies families_;
  std::optional<uint64_t> known_size_;  // of the stored head; touched by Commit only
};

}  // namespace

std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* database,
                                                  const LedgerFamilies& families) {
  return std::make_unique<RocksLedgerStore>(database, families);
}

}  // namespace nakadachi::ledger
