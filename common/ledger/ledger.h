// An institution's append-only ledger: statements in, statements with proofs out.
//
// Appends are grouped: one commit (a WriteBatch, a synced write), one signature for all that
// queued up meanwhile. Acknowledged means durable: `done` is called only after the synced write.
// In memory is only the tree's right edge, so that opening does not depend on length.
// Source of the formats: proto/README.md; RFC 9162 2.1; C2SP tlog-checkpoint.
#ifndef NAKADACHI_COMMON_LEDGER_LEDGER_H_
#define NAKADACHI_COMMON_LEDGER_LEDGER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/ledger_store.h"
#include "common/storage/database.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::ledger {

// A statement ready to be recorded: its bytes, salt and commitment are fixed, so that what
// refers to it can be made before it is recorded.
struct Prepared {
  std::string statement;
  std::string salt;
  Hash commitment{};
  bool keep_always = false;  // OutlivesItsPeriod
};
// Whether a statement is kept for as long as the ledger: without Directory statements no key would
// be known, without the Operations of starts, erasures and holds nobody could judge what is gone.
bool OutlivesItsPeriod(const v1::Statement& statement);
// Serialises once and draws a salt.
Prepared Prepare(const v1::Statement& statement, Random& random);

struct Options {
  Author author = Author::Broker();
  const Ed25519PrivateKey* key = nullptr;  // outlives the ledger
  LedgerStore* store = nullptr;            // outlives the ledger
  Clock* clock = nullptr;                  // outlives the ledger
  size_t max_batch = 1024;                 // statements in one commit
  // Keys that `key` has replaced: the stored checkpoint may still be signed by one of them.
  std::vector<Ed25519PublicKey> previous_keys;
};

// Thread-safe. Destruction waits for what is queued.
class Ledger {
 public:
  // DATA_LOSS where the stored head, tiles and commitments do not agree, or where the key does not
  // verify the stored checkpoint and `key` was not rotated. Statements are not read: one that is
  // damaged or lost is DATA_LOSS where it is asked for, and keeps no other from being served.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(const Options& options);
  virtual ~Ledger() = default;

  // Adds to the batch what must become durable with the statement; runs on the writer's thread
  // just before the commit, in the order of the ledger. May be empty.
  using AlsoWrite = absl::AnyInvocable<void(uint64_t leaf_index, storage::Batch& batch)>;
  // Called once, on the writer's thread, after the synced write; must not block.
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::Recorded>)>;

  // Queues a statement. UNAVAILABLE (through `done`) once Shutdown was called;
  // RESOURCE_EXHAUSTED where the disk is full.
  virtual void Append(Prepared prepared, AlsoWrite also, Done done) = 0;
  // Waits for the append.
  absl::StatusOr<v1::Recorded> AppendAndWait(Prepared prepared, AlsoWrite also = nullptr);
  // Refuses new appends and returns when the queued ones are done. Not to be called from `done`.
  virtual void Shutdown() = 0;

  // The statement again, with its proof against the newest checkpoint. OUT_OF_RANGE, DATA_LOSS
  // where it is damaged or lost, or NOT_FOUND with rule "erased".
  virtual absl::StatusOr<v1::Recorded> Prove(uint64_t leaf_index) = 0;
  // Those of the statements [start, end) that `wanted` takes, read in one go, all with their proofs
  // against one checkpoint; `wanted` is asked in order until it has taken `limit`. Erased ones are
  // left out. OUT_OF_RANGE where the ledger is not that long.
  using Wanted = std::function<bool(absl::string_view statement)>;
  virtual absl::StatusOr<std::vector<v1::Recorded>> ProveMany(uint64_t start, uint64_t end,
                                                              size_t limit,
                                                              const Wanted& wanted) = 0;
  virtual absl::StatusOr<std::vector<Hash>> ProveConsistency(uint64_t old_size,
                                                             uint64_t new_size) = 0;
  // A prefix proof (merkle::RootsFromPrefixProof). OUT_OF_RANGE, rule "size", unless
  // 0 < old_size < new_size <= size.
  virtual absl::StatusOr<std::vector<Hash>> ProvePrefix(uint64_t old_size, uint64_t new_size) = 0;
  // The newest durable checkpoint. An empty ledger has one, signed when it was opened.
  virtual StoredHead Head() const = 0;
  virtual const Author& author() const = 0;
};

// Recomputes the whole tree of a store from its entries and compares it with tiles, head and
// signature. Streaming. `progress` may be empty. Statements that are damaged or lost do not end it:
// DATA_LOSS then says how many there are, the first one's entry, and that the tree holds.
struct VerifyResult {
  uint64_t entries = 0;
  uint64_t erased = 0;
};
absl::StatusOr<VerifyResult> VerifyStore(LedgerStore& store, const Author& author,
                                         const std::vector<Ed25519PublicKey>& keys,
                                         const std::function<void(uint64_t)>& progress);

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_LEDGER_H_
