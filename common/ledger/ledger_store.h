// Where a ledger is kept: the seam between the ledger and embedded RocksDB, or a quorum database
// when a broker outgrows one machine.
#ifndef NAKADACHI_COMMON_LEDGER_LEDGER_STORE_H_
#define NAKADACHI_COMMON_LEDGER_LEDGER_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/crypto/crypto.h"
#include "common/storage/database.h"

namespace nakadachi::ledger {

// One recorded statement as stored.
struct StoredEntry {
  Hash commitment{};
  std::string salt;       // 32 bytes; empty where erased
  std::string statement;  // empty where erased
  // To be stored for as long as the ledger, not for its period; reads leave it false.
  bool keep_always = false;
};

// A retention period: the entries recorded in a fiscal year, [first, end).
struct StoredPeriod {
  int fiscal_year = 0;
  uint64_t first = 0;
  uint64_t end = 0;
  bool destroyed = false;  // its key; what is left of its bodies is kept for longer
};

struct StoredHead {
  uint64_t size = 0;
  Hash root{};
  int64_t time_ms = 0;
  std::string note;  // the signed checkpoint
};

// 256 hashes of a level (fewer in the rightmost tile), as in C2SP tlog-tiles: level 0 holds leaf
// hashes; a hash of level L+1 is the root of a full tile of level L.
struct TileId {
  int level = 0;
  uint64_t index = 0;
};
struct TileWrite {
  TileId id;
  std::vector<Hash> hashes;
};

struct LedgerCommit {
  uint64_t first_index = 0;
  std::vector<StoredEntry> entries;
  // Level 0: full tiles only. Higher levels: full or the rightmost partial tile.
  std::vector<TileWrite> tiles;
  StoredHead head;
  std::optional<storage::Batch> also;  // business records that belong to the entries
};

// Commit is called by one thread at a time; reads by any.
class LedgerStore {
 public:
  virtual ~LedgerStore() = default;
  // An empty batch that LedgerCommit::also may carry. By any thread.
  virtual storage::Batch NewBatch() = 0;
  // nullopt: an empty ledger.
  virtual absl::StatusOr<std::optional<StoredHead>> ReadHead() = 0;
  // What NewBatch makes from now on, and Commit, belongs to the retention period of this time (Unix
  // ms), or of the latest that was entered. Errors of Database::EnterPeriod.
  virtual absl::Status EnterPeriodOf(int64_t time_ms) = 0;
  // All of it or nothing; durable on return. On an error nothing was written. FAILED_PRECONDITION
  // where `first_index` is not the size of the stored head: another writer was here.
  virtual absl::Status Commit(LedgerCommit&& commit) = 0;
  // OUT_OF_RANGE where there is no such entry; DATA_LOSS where its statement is damaged or lost.
  virtual absl::StatusOr<StoredEntry> ReadEntry(uint64_t index) = 0;
  // The commitment alone, also where the statement cannot be read. OUT_OF_RANGE as ReadEntry.
  virtual absl::StatusOr<Hash> ReadCommitment(uint64_t index) = 0;
  // Visits the commitments [start, end) in order, and reads nothing else.
  virtual absl::Status ReadCommitments(
      uint64_t start, uint64_t end,
      const std::function<void(uint64_t index, const Hash& commitment)>& visit) = 0;
  // Visits entries [start, end) in order while `visit` returns true, up to the first that cannot be
  // read. Errors of ReadEntry.
  virtual absl::Status ReadEntries(
      uint64_t start, uint64_t end,
      const std::function<bool(uint64_t index, StoredEntry entry)>& visit) = 0;
  // Oldest first; years without an entry are left out.
  virtual absl::StatusOr<std::vector<StoredPeriod>> ReadPeriods() = 0;
  // Adds to `batch`: the entry's body is kept by the current period again, or goes at once.
  virtual void KeepOn(uint64_t index, const StoredEntry& entry, storage::Batch& batch) = 0;
  virtual void Drop(uint64_t index, storage::Batch& batch) = 0;
  // NOT_FOUND where the tile was never written.
  virtual absl::StatusOr<std::vector<Hash>> ReadTile(TileId id) = 0;
};

// On a sealed database; its retention periods are fiscal years. The families are given by their
// number in the database.
struct LedgerFamilies {
  int commitments;  // Form::kPlain: key index, value commitment
  int statements;   // Form::kPeriod, or kSealed where nothing is ever erased: key index, value
                    // salt || statement
  int tiles;        // Form::kPlain
  int head;         // Form::kSealed, shared with others; keys "ledger/head" and
                    // "ledger/period/" || fiscal year (8 bytes), value the first index
};
std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* database,
                                                  const LedgerFamilies& families);
// The same families by the names that every server gives them, for programs that open a database
// for its ledger only.
const std::vector<storage::ColumnFamily>& FamiliesOfLedger();
std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* of_these_families);

// As LedgerStore::ReadEntries, but what is damaged or lost does not end it: then `body` says what
// is the matter (DATA_LOSS), and the entry has its commitment alone. DATA_LOSS, under "entry
// <index>", only where not even that can be read.
using VisitEntry = std::function<bool(uint64_t index, StoredEntry entry, const absl::Status& body)>;
absl::Status ReadEveryEntry(LedgerStore& store, uint64_t start, uint64_t end,
                            const VisitEntry& visit);

// In memory, for tests. memory_ledger_store.h has the class itself, which can be told to fail.
std::unique_ptr<LedgerStore> MakeMemoryLedgerStore();

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_LEDGER_STORE_H_
