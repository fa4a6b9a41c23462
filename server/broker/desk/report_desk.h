// Both halves of every exchange, Provisions and Receipts, and the permits that lack one.
#ifndef NAKADACHI_SERVER_BROKER_DESK_REPORT_DESK_H_
#define NAKADACHI_SERVER_BROKER_DESK_REPORT_DESK_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/ledger/verifier.h"
#include "common/rpc/peer.h"
#include "nakadachi/v1/broker.pb.h"
#include "server/broker/desk/figures.h"
#include "server/broker/store/broker_store.h"

namespace nakadachi::broker {

// Thread-safe. Calls wait for the disk.
class ReportDesk {
 public:
  static constexpr int kMaxHalves = 512;

  // Everything outlives the desk.
  struct Parts {
    ledger::Verifier* verifier = nullptr;
    BrokerStore* store = nullptr;
    Figures* figures = nullptr;
    Clock* clock = nullptr;
  };
  explicit ReportDesk(const Parts& parts) : parts_(parts) {}

  // Durable on return. Idempotent. An error of the whole call: INVALID_ARGUMENT, rule "too-many",
  // or the disk's, after which nothing was stored. Errors of single halves: see ReportResponse; and
  // DATA_LOSS where the permit's record cannot be read: the broker's trouble, which holds up no
  // other half. What contradicts a half on record is refused, and kept as evidence.
  absl::StatusOr<v1::ReportResponse> Report(const rpc::Peer& peer,
                                            const v1::ReportRequest& request);

  // The oldest first; at most `limit`, and never more than kMaxUnanswered.
  static constexpr uint32_t kMaxUnanswered = 4096;
  absl::StatusOr<v1::ListUnansweredResponse> ListUnanswered(uint32_t limit) const;

 private:
  struct Round;

  absl::StatusOr<ledger::Verified> Examine(const rpc::Peer& peer, const v1::Recorded& half) const;
  absl::Status Enter(const ledger::Verified& verified, const v1::Recorded& half, Round& round)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Commit(Round round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Parts parts_;
  absl::Mutex mutex_;  // records are read, changed and stored by one call at a time
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_DESK_REPORT_DESK_H_
