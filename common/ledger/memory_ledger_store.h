// A ledger's store in memory, for tests: it counts reads, fails when told to and can be altered
// behind the ledger's back.
#ifndef NAKADACHI_COMMON_LEDGER_MEMORY_LEDGER_STORE_H_
#define NAKADACHI_COMMON_LEDGER_MEMORY_LEDGER_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/ledger/ledger_store.h"

namespace nakadachi::ledger {

// Thread-safe. Takes no business records up: its batches belong to no database.
class MemoryLedgerStore final : public LedgerStore {
 public:
  // How a commit fails. kPersisted breaks the contract of LedgerStore on purpose: it is what a
  // process that died between the write and the answer finds when it opens again.
  enum class Fault { kNotPersisted, kPersisted };
  // The next `times` commits fail with `status`.
  void FailCommits(int times, Fault fault, absl::Status status);

  // Runs at the begin of each commit, without the store's lock; to hold a writer up.
  void OnCommit(std::function<void()> hook);

  // Reads of all kinds so far; a range of entries counts as one for each entry.
  uint64_t reads() const;
  uint64_t commits() const;  // that succeeded
  uint64_t size() const;

  // Forgets salt and statement of an entry, as an erasure does.
  void Erase(uint64_t index);
  // Alter what is stored; the index or tile must exist.
  void AlterEntry(uint64_t index, const std::function<void(StoredEntry&)>& alter);
  void AlterTile(TileId id, const std::function<void(std::vector<Hash>&)>& alter);
  void AlterHead(const std::function<void(StoredHead&)>& alter);
  void DropTile(TileId id);
  std::vector<TileId> tiles() const;

  storage::Batch NewBatch() override;
  absl::StatusOr<std::optional<StoredHead>> ReadHead() override;
  // Everything is kept always here: there are no periods.
  absl::Status EnterPeriodOf(int64_t time_ms) override;
  absl::Status Commit(LedgerCommit&& commit) override;
  absl::StatusOr<StoredEntry> ReadEntry(uint64_t index) override;
  absl::StatusOr<Hash> ReadCommitment(uint64_t index) override;
  absl::Status ReadCommitments(
      uint64_t start, uint64_t end,
      const std::function<void(uint64_t index, const Hash& commitment)>& visit) override;
  absl::Status ReadEntries(
      uint64_t start, uint64_t end,
      const std::function<bool(uint64_t index, StoredEntry entry)>& visit) override;
  absl::StatusOr<std::vector<StoredPeriod>> ReadPeriods() override;
  void KeepOn(uint64_t index, const StoredEntry& entry, storage::Batch& batch) override;
  void Drop(uint64_t index, storage::Batch& batch) override;
  absl::StatusOr<std::vector<Hash>> ReadTile(TileId id) override;

 private:
  void Persist(LedgerCommit&& commit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::optional<StoredHead> head_ ABSL_GUARDED_BY(mutex_);
  std::deque<StoredEntry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<int, uint64_t>, std::vector<Hash>> tiles_ ABSL_GUARDED_BY(mutex_);
  uint64_t reads_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t commits_ ABSL_GUARDED_BY(mutex_) = 0;
  int faults_ ABSL_GUARDED_BY(mutex_) = 0;
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kNotPersisted;
  absl::Status fault_status_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_commit_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_MEMORY_LEDGER_STORE_H_
