// Who belongs to the network and which list is in force: changes in, Directory statements out.
#ifndef NAKADACHI_SERVER_BROKER_DESK_DIRECTORY_DESK_H_
#define NAKADACHI_SERVER_BROKER_DESK_DIRECTORY_DESK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/directory/directory.h"
#include "common/ledger/ledger.h"
#include "nakadachi/v1/broker.pb.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/broker/store/broker_store.h"

namespace nakadachi::broker {

// The directory that the stored statements add up to; empty, trusting `own_key`, where there are
// none. DATA_LOSS where one is missing, erased or does not apply. Needs no ledger, so that a ledger
// can be opened with the keys it finds.
absl::StatusOr<std::unique_ptr<Directory>> ReplayDirectory(BrokerStore& store,
                                                           const Ed25519PublicKey& own_key);

// Thread-safe. Calls wait for the disk.
class DirectoryDesk {
 public:
  // Everything outlives the desk.
  struct Parts {
    ledger::Ledger* ledger = nullptr;
    BrokerStore* store = nullptr;
    Directory* directory = nullptr;  // as ReplayDirectory left it
    Clock* clock = nullptr;
    Random* random = nullptr;
  };
  explicit DirectoryDesk(const Parts& parts) : parts_(parts) {}

  // The first statement of a network. Does nothing where there is one.
  absl::Status Found(const std::string& network_name, const Ed25519PublicKey& signing_key,
                     const X25519PublicKey& sealing_key);

  // Records one change, whose sequence number is filled in here, as are a list's version and, where
  // they are 0, the time it comes into force and the time from which a key is revoked (now).
  // Durable and applied on return. The same request id gets the same statement again, also after a
  // restart; ALREADY_EXISTS, rule "request-id-reused", where it asked for something else.
  // INVALID_ARGUMENT, rule "length", unless the id has 16 bytes. Else the errors of
  // CheckNamesAndRoutes and CheckTimes (model/member_rules.h) and Directory::Check.
  absl::StatusOr<v1::Recorded> Change(const std::string& request_id, v1::Directory change);

  // Keeps the proofs that a crash left out. When the ledger has been opened, before anything is
  // recorded: afterwards another key may have signed.
  absl::Status KeepProofs();

  static constexpr size_t kMaxStatements = 256;
  // Statements after a sequence number, as many as fit in a message, at most kMaxStatements. Each
  // with its first proof: who knows the broker's founding key can check them one after the other,
  // and learns of each further key before it is used.
  absl::StatusOr<v1::FetchDirectoryResponse> Fetch(uint64_t after_sequence) const;

 private:
  absl::StatusOr<v1::Recorded> Record(v1::Directory change, const std::string& request_id,
                                      const Hash& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status KeepProof(uint64_t sequence, const v1::Recorded& recorded);
  absl::Status KeepMissingProofs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::Recorded> ProveNow(uint64_t sequence) const;

  const Parts parts_;
  absl::Mutex mutex_;  // changes are checked, recorded and applied one after the other
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_DESK_DIRECTORY_DESK_H_
