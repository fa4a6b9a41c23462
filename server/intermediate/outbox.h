// What must reach others, durable until they have it: halves of exchanges for the broker, answers
// after review for requesters. Entries are written in the same batch as what they tell of.
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
// Halves go in the order of the ledger, in batches of up to 256, each with its proof against the
// checkpoint of that moment. A half that the broker refuses for good is set aside, so that it
// holds up no other, and is offered again when the outbox is next opened.
//
// A delivery ends with a receipt that verifies (its StoredReview is then marked delivered), with
// the requester's refusal, or when its time is over.
class Outbox {
 public:
  static absl::StatusOr<std::unique_ptr<Outbox>> Open(Institution* institution, BrokerLink* broker,
                                                      PeerLink* peers);
  virtual ~Outbox() = default;

  // Adds to `batch`: the statement at `leaf_index` is to be reported. `batch` is the one that is
  // committed with that statement. Call Wake once durable.
  virtual void AddHalf(uint64_t leaf_index, storage::Batch& batch) = 0;
  // Adds to `batch`: the final answer to the permit that `entry` names is to be delivered. One a
  // permit. Call Wake once durable.
  virtual void AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) = 0;
  virtual void Wake() = 0;
  // Entries that were not accepted yet, those set aside included. Counts them in the database.
  virtual uint64_t size() const = 0;
  // Sends nothing more; what is unsent is sent after the next Open.
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_OUTBOX_H_
