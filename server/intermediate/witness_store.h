// What a witness must not forget, in a database of its own: `<data>/witness`.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_WITNESS_STORE_H_
#define NAKADACHI_SERVER_INTERMEDIATE_WITNESS_STORE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/storage/database.h"
#include "common/witness/history.h"
#include "nakadachi/v1/witness.pb.h"

namespace nakadachi::intermediate {

// Thread-safe. Families, all sealed:
//   kept      institution -> note                                    the last that was proved
//   waiting   institution || 0x00 || SHA-256(note) -> note           relied on, not proved yet
//   forks     SHA-256(proof) -> v1.Fork
class WitnessStore {
 public:
  struct Options {
    std::string folder;
    storage::KeyProvider* key_provider = nullptr;  // outlives the store
    std::shared_ptr<storage::Environment> environment;
    Random* random = nullptr;  // outlives the store
  };
  // Errors of storage::Database::Open.
  static absl::StatusOr<std::unique_ptr<WitnessStore>> Open(const Options& options);

  using Seen = witness::SeenCheckpoint;
  struct Contents {
    std::map<Author, Seen> kept;
    std::map<Author, std::vector<Seen>> waiting;
    std::vector<v1::Fork> forks;  // oldest first
  };
  // DATA_LOSS where something stored cannot be read.
  absl::StatusOr<Contents> Read() const;

  // Durable on return: what is cosigned next must never be forgotten.
  absl::Status Keep(const Author& author, const Seen& proved, const std::vector<Seen>& no_more);
  // A crash may lose them: what was seen in the last moments.
  absl::Status PutWaiting(const Author& author, const std::vector<Seen>& waiting);
  // Durable on return.
  absl::Status PutFork(const v1::Fork& fork);
  // Durable on return. What was kept of the ledger is forgotten: it begins anew.
  absl::Status ClearFork(const v1::Fork& fork, const std::vector<Seen>& no_more);

 private:
  explicit WitnessStore(std::unique_ptr<storage::Database> database)
      : database_(std::move(database)) {}

  const std::unique_ptr<storage::Database> database_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_WITNESS_STORE_H_
