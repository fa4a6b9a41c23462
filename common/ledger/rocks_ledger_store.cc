#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "common/base/fiscal_year.h"
#include "common/base/status.h"
#include "common/ledger/ledger_store.h"

namespace nakadachi::ledger {
namespace {

constexpr absl::string_view kHeadKey = "ledger/head";
constexpr absl::string_view kPeriodPrefix = "ledger/period/";
constexpr size_t kHashSize = sizeof(Hash);
constexpr size_t kSaltSize = 32;
constexpr size_t kTileWidth = 256;
// Entries read at a time.
constexpr uint64_t kChunk = 256;

absl::Status Corrupt(absl::string_view what) {
  return FieldError(absl::StatusCode::kDataLoss, what, "corrupt", "is not in its stored form");
}

absl::Status Lost(uint64_t index) {
  return FieldError(absl::StatusCode::kDataLoss, "ledger.statement", "corrupt",
                    absl::StrCat("that of entry ", index, " is lost"));
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

absl::Status SetStatement(absl::string_view salted, StoredEntry& entry) {
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

  absl::Status EnterPeriodOf(int64_t time_ms) override {
    return database_.EnterPeriod(FiscalYearOf(time_ms));
  }

  absl::Status Commit(LedgerCommit&& commit) override {
    NAKADACHI_RETURN_IF_ERROR(CheckFollows(commit.first_index));
    NAKADACHI_RETURN_IF_ERROR(EnterPeriodOf(commit.head.time_ms));
    NAKADACHI_ASSIGN_OR_RETURN(const bool is_new, IsNewPeriod(FiscalYearOf(commit.head.time_ms)));
    // The entries go behind what belongs to them: a batch is not copied into another.
    storage::Batch batch =
        commit.also.has_value() ? *std::move(commit.also) : storage::Batch(database_);
    uint64_t index = commit.first_index;
    for (const StoredEntry& entry : commit.entries) PutEntry(index++, entry, batch);
    for (const TileWrite& tile : commit.tiles)
      batch.Put(families_.tiles, TileKey(tile.id), EncodeTile(tile.hashes));
    batch.Put(families_.head, kHeadKey, EncodeHead(commit.head));
    if (is_new) PutPeriod({FiscalYearOf(commit.head.time_ms), commit.first_index}, batch);
    NAKADACHI_RETURN_IF_ERROR(database_.Commit(std::move(batch)));
    known_size_ = commit.head.size;
    if (is_new) {
      absl::MutexLock lock(&periods_mutex_);
      periods_->push_back({FiscalYearOf(commit.head.time_ms), commit.first_index});
    }
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
    NAKADACHI_RETURN_IF_ERROR(statement.has_value() ? SetStatement(*statement, entry)
                                                    : CheckErased(index));
    return entry;
  }

  absl::StatusOr<Hash> ReadCommitment(uint64_t index) override {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> commitment,
                               database_.Get(families_.commitments, storage::KeyU64(index)));
    if (!commitment.has_value()) return OutOfRange(index);
    StoredEntry entry;
    NAKADACHI_RETURN_IF_ERROR(SetCommitment(*commitment, entry));
    return entry.commitment;
  }

  absl::Status ReadCommitments(
      uint64_t start, uint64_t end,
      const std::function<void(uint64_t index, const Hash& commitment)>& visit) override {
    while (start < end) {
      const uint64_t chunk_end = start + std::min(kChunk, end - start);
      std::vector<StoredEntry> entries;
      NAKADACHI_RETURN_IF_ERROR(ReadChunkCommitments(start, chunk_end, &entries));
      for (const StoredEntry& entry : entries) visit(start++, entry.commitment);
      if (start < chunk_end) return OutOfRange(start);
    }
    return absl::OkStatus();
  }

  absl::Status ReadEntries(
      uint64_t start, uint64_t end,
      const std::function<bool(uint64_t index, StoredEntry entry)>& visit) override {
    while (start < end) {
      const uint64_t chunk_end = start + std::min(kChunk, end - start);
      absl::StatusOr<std::vector<StoredEntry>> entries = ReadChunk(start, chunk_end);
      if (absl::IsDataLoss(entries.status())) {
        // One by one: what is damaged may lie behind what is asked for.
        while (start < chunk_end) {
          NAKADACHI_ASSIGN_OR_RETURN(StoredEntry entry, ReadEntry(start));
          if (!visit(start++, std::move(entry))) return absl::OkStatus();
        }
        continue;
      }
      NAKADACHI_RETURN_IF_ERROR(entries.status());
      for (StoredEntry& entry : *entries)
        if (!visit(start++, std::move(entry))) return absl::OkStatus();
      if (start < chunk_end) return OutOfRange(start);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<StoredPeriod>> ReadPeriods() override {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<StoredHead> head, ReadHead());
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<PeriodStart> starts, PeriodStarts());
    std::vector<StoredPeriod> periods;
    for (const PeriodStart& start : starts) {
      if (!head.has_value() || start.first >= head->size) break;  // of a commit after the head
      if (!periods.empty()) periods.back().end = start.first;
      periods.push_back(
          {start.fiscal_year, start.first, head->size, database_.IsDestroyed(start.fiscal_year)});
    }
    return periods;
  }

  void KeepOn(uint64_t index, const StoredEntry& entry, storage::Batch& batch) override {
    PutStatement(index, entry, batch);
  }

  void Drop(uint64_t index, storage::Batch& batch) override {
    batch.Delete(families_.statements, storage::KeyU64(index));
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

  struct PeriodStart {
    int fiscal_year = 0;
    uint64_t first = 0;
  };

  void PutPeriod(const PeriodStart& start, storage::Batch& batch) {
    const auto year = static_cast<uint64_t>(start.fiscal_year);
    batch.Put(families_.head, absl::StrCat(kPeriodPrefix, storage::KeyU64(year)),
              storage::KeyU64(start.first));
  }

  // They are read once: afterwards Commit adds to them.
  absl::StatusOr<std::vector<PeriodStart>> PeriodStarts() {
    absl::MutexLock lock(&periods_mutex_);
    if (periods_.has_value()) return *periods_;
    std::vector<PeriodStart> starts;
    bool readable = true;
    NAKADACHI_RETURN_IF_ERROR(database_.Scan(
        families_.head, kPeriodPrefix, {}, [&](absl::string_view key, absl::string_view value) {
          key.remove_prefix(kPeriodPrefix.size());
          readable &= key.size() == sizeof(uint64_t) && value.size() == sizeof(uint64_t);
          if (readable)
            starts.push_back(
                {static_cast<int>(storage::U64FromKey(key)), storage::U64FromKey(value)});
          return readable;
        }));
    if (!readable) return Corrupt("ledger.period");
    periods_ = starts;
    return starts;
  }

  absl::StatusOr<bool> IsNewPeriod(int fiscal_year) {
    NAKADACHI_RETURN_IF_ERROR(PeriodStarts().status());
    absl::MutexLock lock(&periods_mutex_);
    return periods_->empty() || fiscal_year > periods_->back().fiscal_year;
  }

  // A body that is not there was erased where its period's key was destroyed, and lost elsewhere.
  absl::Status CheckErased(uint64_t index) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<PeriodStart> starts, PeriodStarts());
    const auto next =
        std::upper_bound(starts.begin(), starts.end(), index,
                         [](uint64_t i, const PeriodStart& start) { return i < start.first; });
    if (next != starts.begin() && database_.IsDestroyed(std::prev(next)->fiscal_year))
      return absl::OkStatus();
    return Lost(index);
  }

  void PutEntry(uint64_t index, const StoredEntry& entry, storage::Batch& batch) {
    batch.Put(families_.commitments, storage::KeyU64(index), AsView(entry.commitment));
    PutStatement(index, entry, batch);
  }

  void PutStatement(uint64_t index, const StoredEntry& entry, storage::Batch& batch) {
    NAKADACHI_CHECK(entry.salt.size() == kSaltSize);
    batch.Put(families_.statements, storage::KeyU64(index),
              absl::StrCat(entry.salt, entry.statement),
              entry.keep_always ? storage::Keep::kAlways : storage::Keep::kPeriod);
  }

  // Those from `start` on, fewer than asked for where one is missing.
  absl::Status ReadChunkCommitments(uint64_t start, uint64_t end,
                                    std::vector<StoredEntry>* entries) {
    return ScanChunk(families_.commitments, start, end,
                     [&](uint64_t index, absl::string_view value) {
                       if (index != start + entries->size())
                         return OutOfRange(start + entries->size());
                       return SetCommitment(value, entries->emplace_back());
                     });
  }

  // As ReadChunkCommitments.
  absl::StatusOr<std::vector<StoredEntry>> ReadChunk(uint64_t start, uint64_t end) {
    std::vector<StoredEntry> entries;
    NAKADACHI_RETURN_IF_ERROR(ReadChunkCommitments(start, end, &entries));
    NAKADACHI_RETURN_IF_ERROR(ScanChunk(families_.statements, start, start + entries.size(),
                                        [&](uint64_t index, absl::string_view value) {
                                          return SetStatement(value, entries[index - start]);
                                        }));
    for (size_t i = 0; i < entries.size(); ++i)
      if (entries[i].salt.empty()) NAKADACHI_RETURN_IF_ERROR(CheckErased(start + i));
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
  absl::Mutex periods_mutex_;
  std::optional<std::vector<PeriodStart>> periods_ ABSL_GUARDED_BY(periods_mutex_);
};

}  // namespace

std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* database,
                                                  const LedgerFamilies& families) {
  return std::make_unique<RocksLedgerStore>(database, families);
}

const std::vector<storage::ColumnFamily>& FamiliesOfLedger() {
  static const auto* const families =
      new std::vector<storage::ColumnFamily>{{"commitments", storage::Form::kPlain},
                                             {"statements", storage::Form::kPeriod},
                                             {"tiles", storage::Form::kPlain},
                                             {"meta", storage::Form::kSealed}};
  return *families;
}

std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* of_these_families) {
  return MakeRocksLedgerStore(of_these_families, {/*commitments=*/0, /*statements=*/1,
                                                  /*tiles=*/2, /*head=*/3});
}

}  // namespace nakadachi::ledger
