#include "common/ledger/memory_ledger_store.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi::ledger {

void MemoryLedgerStore::FailCommits(int times, Fault fault, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  faults_ = times;
  fault_ = fault;
  fault_status_ = std::move(status);
}

void MemoryLedgerStore::OnCommit(std::function<void()> hook) {
  absl::MutexLock lock(&mutex_);
  on_commit_ = std::move(hook);
}

uint64_t MemoryLedgerStore::reads() const {
  absl::MutexLock lock(&mutex_);
  return reads_;
}

uint64_t MemoryLedgerStore::commits() const {
  absl::MutexLock lock(&mutex_);
  return commits_;
}

uint64_t MemoryLedgerStore::size() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

void MemoryLedgerStore::Erase(uint64_t index) {
  AlterEntry(index, [](StoredEntry& entry) {
    entry.salt.clear();
    entry.statement.clear();
  });
}

void MemoryLedgerStore::AlterEntry(uint64_t index, const std::function<void(StoredEntry&)>& alter) {
  absl::MutexLock lock(&mutex_);
  NAKADACHI_CHECK(index < entries_.size());
  alter(entries_[index]);
}

void MemoryLedgerStore::AlterTile(TileId id, const std::function<void(std::vector<Hash>&)>& alter) {
  absl::MutexLock lock(&mutex_);
  const auto tile = tiles_.find({id.level, id.index});
  NAKADACHI_CHECK(tile != tiles_.end());
  alter(tile->second);
}

void MemoryLedgerStore::AlterHead(const std::function<void(StoredHead&)>& alter) {
  absl::MutexLock lock(&mutex_);
  NAKADACHI_CHECK(head_.has_value());
  alter(*head_);
}

void MemoryLedgerStore::DropTile(TileId id) {
  absl::MutexLock lock(&mutex_);
  NAKADACHI_CHECK(tiles_.erase({id.level, id.index}) == 1);
}

std::vector<TileId> MemoryLedgerStore::tiles() const {
  absl::MutexLock lock(&mutex_);
  std::vector<TileId> ids;
  for (const auto& [id, hashes] : tiles_) ids.push_back({id.first, id.second});
  return ids;
}

storage::Batch MemoryLedgerStore::NewBatch() { return storage::Batch(); }

absl::StatusOr<std::optional<StoredHead>> MemoryLedgerStore::ReadHead() {
  absl::MutexLock lock(&mutex_);
  ++reads_;
  return head_;
}

absl::Status MemoryLedgerStore::Commit(LedgerCommit&& commit) {
  std::function<void()> hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = on_commit_;
  }
  if (hook) hook();
  absl::MutexLock lock(&mutex_);
  if (commit.first_index != entries_.size())
    return FieldError(absl::StatusCode::kFailedPrecondition, "ledger.head", "size",
                      "the stored ledger has another size");
  const bool fails = faults_ > 0;
  if (fails) --faults_;
  if (!fails || fault_ == Fault::kPersisted) Persist(std::move(commit));
  if (fails) return fault_status_;
  ++commits_;
  return absl::OkStatus();
}

void MemoryLedgerStore::Persist(LedgerCommit&& commit) {
  for (StoredEntry& entry : commit.entries) entries_.push_back(std::move(entry));
  for (TileWrite& tile : commit.tiles)
    tiles_[{tile.id.level, tile.id.index}] = std::move(tile.hashes);
  head_ = std::move(commit.head);
}

absl::StatusOr<StoredEntry> MemoryLedgerStore::ReadEntry(uint64_t index) {
  absl::MutexLock lock(&mutex_);
  ++reads_;
  if (index >= entries_.size())
    return FieldError(absl::StatusCode::kOutOfRange, "ledger.entry", "index", "is not stored");
  return entries_[index];
}

absl::StatusOr<Hash> MemoryLedgerStore::ReadCommitment(uint64_t index) {
  NAKADACHI_ASSIGN_OR_RETURN(const StoredEntry entry, ReadEntry(index));
  return entry.commitment;
}

absl::Status MemoryLedgerStore::ReadCommitments(
    uint64_t start, uint64_t end,
    const std::function<void(uint64_t index, const Hash& commitment)>& visit) {
  for (uint64_t index = start; index < end; ++index) {
    NAKADACHI_ASSIGN_OR_RETURN(const Hash commitment, ReadCommitment(index));
    visit(index, commitment);
  }
  return absl::OkStatus();
}

absl::Status MemoryLedgerStore::ReadEntries(
    uint64_t start, uint64_t end,
    const std::function<bool(uint64_t index, StoredEntry entry)>& visit) {
  for (uint64_t index = start; index < end; ++index) {
    NAKADACHI_ASSIGN_OR_RETURN(StoredEntry entry, ReadEntry(index));
    if (!visit(index, std::move(entry))) break;
  }
  return absl::OkStatus();
}

absl::Status MemoryLedgerStore::EnterPeriodOf(int64_t /*time_ms*/) { return absl::OkStatus(); }

absl::StatusOr<std::vector<StoredPeriod>> MemoryLedgerStore::ReadPeriods() {
  return std::vector<StoredPeriod>();
}

void MemoryLedgerStore::KeepOn(uint64_t /*index*/, const StoredEntry& /*entry*/,
                               storage::Batch& /*batch*/) {}

void MemoryLedgerStore::Drop(uint64_t index, storage::Batch& /*batch*/) { Erase(index); }

absl::StatusOr<std::vector<Hash>> MemoryLedgerStore::ReadTile(TileId id) {
  absl::MutexLock lock(&mutex_);
  ++reads_;
  const auto tile = tiles_.find({id.level, id.index});
  if (tile == tiles_.end())
    return FieldError(absl::StatusCode::kNotFound, "ledger.tile", "tile", "is not stored");
  return tile->second;
}

std::unique_ptr<LedgerStore> MakeMemoryLedgerStore() {
  return std::make_unique<MemoryLedgerStore>();
}

}  // namespace nakadachi::ledger
