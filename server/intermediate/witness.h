// Holds the broker and the peers to one history each. What the platform relies on is remembered on
// the path of an exchange, which costs a lock and a copy, and proved off it.
//
// Guarantee. A checkpoint that a statement was verified under is proved to lie in the history of
// the ledger's newest checkpoint within one interval and the time of three calls, or the ledger is
// asked again every interval. What contradicts it is a fork: stored, told of, and nothing new is
// asked of that ledger's author until an operator clears it. A ledger that goes on signing but
// proves nothing is asked nothing new after a limit, nor once more of it waits than has room
// (32,768 notes, 64 MiB), until it proves. The proved checkpoint is
// durable, so that a restart does not begin anew; a crash loses the notes of one interval at most,
// which a later proof still covers where their statements are met again.
//
// Two sides that are shown a history each find out by each other: a permit carries the broker's
// checkpoint as the requester was shown it, and the provider has it proved.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_WITNESS_H_
#define NAKADACHI_SERVER_INTERMEDIATE_WITNESS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/directory/directory.h"
#include "common/ledger/verifier.h"
#include "nakadachi/v1/witness.pb.h"
#include "server/intermediate/witness_link.h"
#include "server/intermediate/witness_store.h"

namespace nakadachi::intermediate {

struct WitnessOptions {
  WitnessStore::Options store;
  Clock* clock = nullptr;                // outlives the witness, as do the next two
  const Directory* directory = nullptr;  // keys and routes
  absl::Duration every = absl::Seconds(5);
  absl::Duration unproven_limit = absl::Minutes(10);
};

// Thread-safe.
class Witness final : public ledger::CheckpointObserver {
 public:
  // Reads what was kept; follows nothing yet.
  static absl::StatusOr<std::unique_ptr<Witness>> Open(const WitnessOptions& options);
  ~Witness() override { Shutdown(); }

  // An institution of the platform; cosigns where a ledger's policy names it.
  struct Cosigner {
    Author author = Author::Broker();
    const Ed25519PrivateKey* key = nullptr;
  };
  // All of it outlives the witness's Shutdown.
  struct Parts {
    LedgerLink* link = nullptr;
    v1::Route broker;
    std::vector<Cosigner> cosigners;
    std::function<void(const v1::Fork&)> alarm;  // once a fork, when it is durable
  };
  // Follows the broker and the peers, each on a thread of its own.
  void Start(Parts parts);
  // Waits for what is under way and keeps what is not proved yet.
  void Shutdown();

  void Seen(const std::string& note, const Author& author,
            const ledger::Checkpoint& checkpoint) override;

  // OK where the author may be asked something new. FAILED_PRECONDITION, rule "ledger-forked";
  // UNAVAILABLE, rule "ledger-unproven". `field` is the error's.
  absl::Status MayRely(const Author& author, absl::string_view field) const;

  v1::ListForksResponse List() const;
  // NOT_FOUND, rule "unknown-fork".
  absl::StatusOr<v1::Fork> FindFork(absl::string_view id) const;
  // The ledger begins anew with its next checkpoint. Durable on return. Idempotent.
  absl::Status Clear(absl::string_view id);

 private:
  using SeenCheckpoint = witness::SeenCheckpoint;
  using Batch = std::vector<SeenCheckpoint>;

  struct Followed {
    std::optional<SeenCheckpoint> kept;
    Batch waiting;
    size_t under_way = 0;  // of those waiting, taken by the round that runs
    size_t bytes = 0;      // of the notes of both
    size_t Unproved() const { return waiting.size() + under_way; }
    bool forked = false;
    bool unproven = false;
    bool asked_before = false;  // since the process started
    bool news = false;          // something was relied on since the last round
    int unproven_rounds = 0;
    int failures = 0;  // in a row, not reached
    int skip = 0;      // rounds
    int64_t proved_ms = 0;
    std::string last_error;
  };
  // What the ledger's side answered in a round.
  struct Shown {
    SeenCheckpoint newest;
    std::optional<SeenCheckpoint> candidate;
    v1::Witnessing witnessing;
    std::vector<std::string> proofs;
  };

  explicit Witness(const WitnessOptions& options) : options_(options) {}

  void Run(bool broker);
  bool Pause();
  std::vector<Author> PeersToAsk();
  void Round(const Author& author, const v1::Route& route);
  absl::StatusOr<Shown> Ask(const Author& author, const v1::Route& route,
                            const std::vector<const SeenCheckpoint*>& seen);
  absl::StatusOr<SeenCheckpoint> CheckNote(const Author& author, const std::string& note) const;
  absl::Status Prove(const Author& author, const std::optional<SeenCheckpoint>& kept,
                     const Batch& batch, const v1::Route& route);
  absl::Status CosignCandidate(const Author& author, const v1::Route& route, const Shown& shown,
                               const std::optional<SeenCheckpoint>& kept);
  absl::Status Found(const Author& author, witness::ForkProof proof);
  void AddKeys(const Author& author, witness::ForkProof& proof) const;
  void Settle(const Author& author, const absl::Status& result, Batch batch);
  void UpdateTrouble() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const WitnessOptions options_;
  std::unique_ptr<WitnessStore> store_;
  Parts parts_;
  std::thread broker_thread_;
  std::thread peers_thread_;

  std::atomic<bool> trouble_{false};  // of any ledger: the path asks no lock while there is none
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<Author, Followed> followed_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Fork> forks_ ABSL_GUARDED_BY(mutex_);  // oldest first
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_WITNESS_H_
