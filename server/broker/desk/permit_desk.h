// Queries in, Permits and Refusals out. The hot path of the broker: nothing in it waits but for
// point reads; answers come from the ledger's writer once they are durable.
#ifndef NAKADACHI_SERVER_BROKER_DESK_PERMIT_DESK_H_
#define NAKADACHI_SERVER_BROKER_DESK_PERMIT_DESK_H_

#include <functional>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/directory/directory.h"
#include "common/ledger/ledger.h"
#include "common/ledger/verifier.h"
#include "common/rpc/peer.h"
#include "common/sealing/sealed_code.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/broker/desk/figures.h"
#include "server/broker/model/code_deriver.h"
#include "server/broker/model/permit_decision.h"
#include "server/broker/store/broker_store.h"

namespace nakadachi::broker {

// Thread-safe.
class PermitDesk {
 public:
  // Everything outlives the desk; the desk outlives the ledger's last answer.
  struct Parts {
    ledger::Ledger* ledger = nullptr;
    ledger::Verifier* verifier = nullptr;
    const Directory* directory = nullptr;
    const CodeDeriver* codes = nullptr;
    sealing::CodeSealer* sealer = nullptr;
    BrokerStore* store = nullptr;
    Figures* figures = nullptr;
    Clock* clock = nullptr;
    Random* random = nullptr;
    DecisionRules rules;
  };
  // Called once, from any thread. A decision is a Permit or a Refusal and is durable.
  // INVALID_ARGUMENT, rule "statement-format", "kind" or "salt", where what came is no query;
  // errors of the ledger (RESOURCE_EXHAUSTED, UNAVAILABLE), after which the query may be asked
  // again.
  using Answer = std::function<void(absl::StatusOr<v1::Recorded>)>;

  explicit PermitDesk(const Parts& parts) : parts_(parts) {}

  // The same query (same commitment) gets the same decision, also while the first is still being
  // recorded and after a restart. A presentation that proves nothing (a peer that may not speak
  // for the author, a proof or key that does not hold, a clock that is off) says nothing about the
  // query: its Refusal stands for that presentation only, so that nobody can spoil a query by
  // presenting it badly.
  void Handle(const rpc::Peer& peer, const v1::Recorded& query, Answer answer);

 private:
  struct Case;

  void DecideProven(const Case& the_case, const ledger::Verified& query);
  // Records (or finds) the Refusal of a presentation; `key` is what the answers wait under.
  void RefusePresentation(const Case& the_case, const Hash& key, const Hash& presentation,
                          const Refused& refused);
  void RecordRefusal(const Case& the_case, const Hash& key, const Refused& refused,
                     ledger::Ledger::AlsoWrite also);
  void RecordPermit(const Case& the_case, Permitted permitted);
  v1::Statement NewStatement(const Case& the_case) const;

  // True where the caller is the first for `key` and must see that Settle is called.
  bool Enter(const Hash& key, Answer answer);
  void Settle(const Hash& key, absl::StatusOr<v1::Recorded> decision);
  // Settles with the stored decision, where `leaf` has one, and returns true.
  bool SettleFromStore(const Hash& key, const absl::StatusOr<std::optional<uint64_t>>& leaf);

  const Parts parts_;
  absl::Mutex mutex_;
  absl::flat_hash_map<Hash, std::vector<Answer>> in_flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_DESK_PERMIT_DESK_H_
