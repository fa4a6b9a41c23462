// Inspections of one ledger (nakadachi.v1.InspectionService).
#ifndef NAKADACHI_COMMON_INSPECTION_INSPECTION_DESK_H_
#define NAKADACHI_COMMON_INSPECTION_INSPECTION_DESK_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/inspection/access_log.h"
#include "common/ledger/ledger_store.h"
#include "common/rpc/peer.h"
#include "nakadachi/v1/inspection.pb.h"

namespace nakadachi::inspection {

// Thread-safe. Calls wait for the disk.
class InspectionDesk {
 public:
  // The record-management code of a permit (16 bytes), by its number; empty where none is kept.
  using PersonOf = std::function<absl::StatusOr<std::string>(const std::string& permit_number)>;
  // Everything outlives the desk. `person_of` is empty but at the broker.
  struct Parts {
    AccessLog* log = nullptr;
    ledger::Ledger* ledger = nullptr;
    ledger::LedgerStore* store = nullptr;
    PersonOf person_of;
  };
  explicit InspectionDesk(Parts parts) : parts_(std::move(parts)) {}

  static constexpr uint32_t kMaxEntries = 1024;

  // The request names this ledger. Errors of CheckRequest, CheckScope and AccessLog::Record;
  // OUT_OF_RANGE, rule "range", where `first` lies behind the ledger.
  absl::StatusOr<v1::OpenInspectionResponse> Open(const rpc::Peer& inspector,
                                                  const v1::OpenInspectionRequest& request);
  // NOT_FOUND, rule "unknown-inspection", also for another inspector's; errors of CheckScope, by
  // the certificate that is shown now; OUT_OF_RANGE, rule "range"; INVALID_ARGUMENT, rule "length"
  // or "range" (more than kMaxEntries). Where a statement is damaged or lost the entry says so;
  // DATA_LOSS, field "entry <index>", only where not even its commitment can be read.
  absl::StatusOr<v1::ReadInspectionResponse> Read(const rpc::Peer& inspector,
                                                  const v1::ReadInspectionRequest& request) const;

 private:
  absl::Status ReadRange(const v1::OpenInspectionRequest& scope, uint64_t end,
                         v1::ReadInspectionResponse* page) const;
  absl::Status Fill(const v1::OpenInspectionRequest& scope, ledger::StoredEntry entry,
                    v1::InspectedEntry* out) const;

  const Parts parts_;
};

}  // namespace nakadachi::inspection

#endif  // NAKADACHI_COMMON_INSPECTION_INSPECTION_DESK_H_
