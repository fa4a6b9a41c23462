// What must reach others, durable until they have it: halves of exchanges for the broker, answers
// after review for requesters.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_OUTBOX_H_
#define NAKADACHI_SERVER_INTERMEDIATE_OUTBOX_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/intermediate.pb.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/links.h"

namespace nakadachi::intermediate {

// Thread-safe. A thread of its own sends, retrying with a growing pause (to 5 s) until accepted.
// Sending again what was accepted does no harm, so that entries are deleted without a sync.
//
// Halves are the Provisions and Receipts of the institution's ledger: what became durable there is
// to be reported, and all that is kept of it is how far the reports have come. They go in the order
// of the ledger, in batches of up to 256, each with its proof against the checkpoint of that
// moment. A half that the broker refuses for good is set aside, so that it holds up no other, and
// is offered again when the outbox is next opened.
//
// A delivery ends with a receipt that verifies (its StoredReview is then marked delivered), with
// the requester's refusal, or when its time is over.
class Outbox {
 public:
  static absl::StatusOr<std::unique_ptr<Outbox>> Open(Institution* institution, BrokerLink* broker,
                                                      PeerLink* peers);
  virtual ~Outbox() = default;

  // Adds to `batch`: the final answer to the permit that `entry` names is to be delivered. One a
  // permit. `batch` is the one that is committed with that answer.
  virtual void AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) = 0;
  // Once a half is durable.
  virtual void Wake() = 0;
  // Likewise, and with it a delivery.
  virtual void WakeForDelivery() = 0;
  // Halves and deliveries that were not accepted yet, those set aside included. Reads the database.
  virtual uint64_t size() const = 0;
  // Sends nothing more; what is unsent is sent after the next Open.
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_OUTBOX_H_
