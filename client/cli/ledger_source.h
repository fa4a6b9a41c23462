// A ledger to read: a running server's, over the network, or a stopped server's database.
#ifndef NAKADACHI_CLIENT_CLI_LEDGER_SOURCE_H_
#define NAKADACHI_CLIENT_CLI_LEDGER_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/ledger_client.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"
#include "nakadachi/v1/ledger.pb.h"

namespace nakadachi::cli {

// Not thread-safe.
class LedgerSource {
 public:
  virtual ~LedgerSource() = default;
  // The newest signed checkpoint, as a signed note.
  virtual absl::StatusOr<std::string> Checkpoint() = 0;
  // Visits entries [start, end) in order while `visit` returns true; fewer where the ledger ends
  // before. OUT_OF_RANGE where a server's ledger ends before `start`; DATA_LOSS, rule "missing",
  // where entries are left out.
  virtual absl::Status Read(uint64_t start, uint64_t end, bool with_statements,
                            const std::function<bool(const v1::LedgerEntry&)>& visit) = 0;
};

// `connection` outlives the source.
std::unique_ptr<LedgerSource> RemoteLedger(client::LedgerConnection* connection,
                                           const std::string& institution);

// `data` is the database's folder, or the server's data folder with one folder an institution;
// `kek` the file of the key that wraps its data key. The server must not be running:
// FAILED_PRECONDITION. Other errors: those of storage::Database::Open.
class StoredLedger : public LedgerSource {
 public:
  static absl::StatusOr<std::unique_ptr<StoredLedger>> Open(const std::string& data,
                                                            const std::string& kek,
                                                            const Author& author);
  // ledger::VerifyStore: entries, tiles, head and signature.
  struct Verified {
    uint64_t entries = 0;
    uint64_t erased = 0;
  };
  virtual absl::StatusOr<Verified> Verify(const std::vector<Ed25519PublicKey>& keys,
                                          const std::function<void(uint64_t)>& progress) = 0;
};

// Keys by which a ledger's checkpoints are checked; all of one name.
struct TrustedKeys {
  Author author = Author::Broker();
  std::vector<Ed25519PublicKey> keys;
};
// C2SP verifier keys; whitespace around them, as the line ends of a file leave it, is passed over.
// INVALID_ARGUMENT, rules of ledger::ParseVerifierKey, or "author" where they
// are not all of one ledger.
absl::StatusOr<TrustedKeys> ParseTrustedKeys(const std::vector<std::string>& vkeys);

struct LedgerVerification {
  ledger::Checkpoint checkpoint;
  std::string note;
  uint64_t erased = 0;
};
// Recomputes the whole tree of a source and compares it with its signed checkpoint; `earlier`, a
// checkpoint seen before, must lie in the same history. With statements, each must fit its
// commitment and be the author's. DATA_LOSS with "ledger.checkpoint", "ledger.root",
// "ledger.history" or "ledger.entry" as field and a rule: "signature", "origin", "root",
// "consistency", "shorter", "missing", "commitment", "author"; where the tree holds and statements
// are damaged or lost, "ledger.statement", rule "unreadable".
absl::StatusOr<LedgerVerification> VerifyLedger(
    LedgerSource& source, const TrustedKeys& trusted,
    const std::optional<ledger::Checkpoint>& earlier, bool with_statements,
    const std::function<void(uint64_t done, uint64_t total)>& progress);

// A checkpoint signed by one of the keys. DATA_LOSS, rules "signature" and "origin".
absl::StatusOr<ledger::Checkpoint> TrustedCheckpoint(const std::string& note,
                                                     const TrustedKeys& trusted);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_LEDGER_SOURCE_H_
