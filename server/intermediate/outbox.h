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

// Thread-safe. A thread of its own sends, retrying with a growing pause (to 5 s) until accepted
// (deliveries: or until they make no more sense). Halves go in batches of up to 256.
class Outbox {
 public:
  static absl::StatusOr<std::unique_ptr<Outbox>> Open(Institution* institution, BrokerLink* broker,
                                                      PeerLink* peers);
  virtual ~Outbox() = default;

  // Adds to `batch`: the statement at `leaf_index` is to be reported. Call Wake once durable.
  virtual void AddHalf(uint64_t leaf_index, storage::Batch& batch) = 0;
  // Adds to `batch`: the final answer to this permit is to be delivered.
  virtual void AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) = 0;
  virtual void Wake() = 0;
  virtual uint64_t size() const = 0;
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_OUTBOX_H_
