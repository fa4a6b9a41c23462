// A person's own provision records, by their record-management code.
#ifndef NAKADACHI_SERVER_BROKER_DESK_OWN_RECORDS_DESK_H_
#define NAKADACHI_SERVER_BROKER_DESK_OWN_RECORDS_DESK_H_

#include <optional>

#include "absl/status/statusor.h"
#include "common/inspection/access_log.h"
#include "common/ledger/ledger.h"
#include "common/rpc/peer.h"
#include "nakadachi/v1/inspection.pb.h"
#include "server/broker/store/broker_store.h"

namespace nakadachi::broker {

// Thread-safe. Calls wait for the disk.
class OwnRecordsDesk {
 public:
  // Everything outlives the desk.
  struct Parts {
    inspection::AccessLog* log = nullptr;
    ledger::Ledger* ledger = nullptr;
    BrokerStore* store = nullptr;
  };
  explicit OwnRecordsDesk(const Parts& parts) : parts_(parts) {}

  static constexpr uint32_t kMaxRecords = 256;

  // The access is recorded first, once a request id. Records under the non-disclosure flag, and
  // erased ones, leave no trace in the answer. INVALID_ARGUMENT, rule "length" or "range";
  // PERMISSION_DENIED, rule "pseudonym"; errors of AccessLog::Record.
  absl::StatusOr<v1::ListOwnRecordsResponse> List(const rpc::Peer& portal,
                                                  const v1::ListOwnRecordsRequest& request);

 private:
  absl::Status RecordAccess(const rpc::Peer& portal, const v1::ListOwnRecordsRequest& request);
  // nullopt: not for the person.
  absl::StatusOr<std::optional<v1::OwnRecord>> ReadRecord(uint64_t leaf) const;
  absl::Status AddAnswer(const std::string& permit_number, v1::OwnRecord* record) const;

  const Parts parts_;
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_DESK_OWN_RECORDS_DESK_H_
