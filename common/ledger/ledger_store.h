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
  std::vector<storage::Batch> also;  // business records that belong to the entries
};

// Commit is called by one thread at a time; reads by any.
class LedgerStore {
 public:
  virtual ~LedgerStore() = default;
  // An empty batch that LedgerCommit::also may carry. By any thread.
  virtual storage::Batch NewBatch() = 0;
  // nullopt: an empty ledger.
  virtual absl::StatusOr<std::optional<StoredHead>> ReadHead() = 0;
  // All of it or nothing; durable on return. On an error nothing was written. FAILED_PRECONDITION
  // where `first_index` is not the size of the stored head: another writer was here.
  virtual absl::Status Commit(LedgerCommit&& commit) = 0;
  // OUT_OF_RANGE where there is no such entry.
  virtual absl::StatusOr<StoredEntry> ReadEntry(uint64_t index) = 0;
  // Visits entries [start, end) in order while `visit` returns true. OUT_OF_RANGE as ReadEntry.
  virtual absl::Status ReadEntries(
      uint64_t start, uint64_t end,
      const std::function<bool(uint64_t index, StoredEntry entry)>& visit) = 0;
  // NOT_FOUND where the tile was never written.
  virtual absl::StatusOr<std::vector<Hash>> ReadTile(TileId id) = 0;
};

// On a sealed database. Families: `entries` (commitment in clear, salt and statement sealed),
// `tiles` (plain), `meta` (head). The families are given by their number in the database.
struct LedgerFamilies {
  int commitments;  // Form::kPlain: key index, value commitment
  int statements;   // Form::kSealed: key index, value salt || statement
  int tiles;        // Form::kPlain
  int head;         // Form::kSealed, shared with others; key "ledger/head"
};
std::unique_ptr<LedgerStore> MakeRocksLedgerStore(storage::Database* database,
                                                  const LedgerFamilies& families);

// In memory, for tests. memory_ledger_store.h has the class itself, which can be told to fail.
std::unique_ptr<LedgerStore> MakeMemoryLedgerStore();

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_LEDGER_STORE_H_
