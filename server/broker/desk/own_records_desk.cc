#include "server/broker/desk/own_records_desk.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

constexpr size_t kIdBytes = 16;

absl::Status CheckRequest(const rpc::Peer& portal, const v1::ListOwnRecordsRequest& request) {
  if (portal.staff_pseudonym.empty()) {
    return FieldError(absl::StatusCode::kPermissionDenied, "peer", "pseudonym",
                      "the certificate does not name a portal");
  }
  if (request.request_id().size() != kIdBytes) {
    return InvalidField("request_id", "length", "must have 16 bytes");
  }
  if (request.record_management_code().size() != RecordManagementCode().size()) {
    return InvalidField("record_management_code", "length", "must have 16 bytes");
  }
  if (request.limit() > OwnRecordsDesk::kMaxRecords) {
    return InvalidField("limit", "range", "more than 256 records");
  }
  return absl::OkStatus();
}

RecordManagementCode CodeOf(const v1::ListOwnRecordsRequest& request) {
  RecordManagementCode code;
  std::copy(request.record_management_code().begin(), request.record_management_code().end(),
            code.begin());
  return code;
}

}  // namespace

absl::StatusOr<v1::ListOwnRecordsResponse> OwnRecordsDesk::List(
    const rpc::Peer& portal, const v1::ListOwnRecordsRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckRequest(portal, request));
  NAKADACHI_RETURN_IF_ERROR(RecordAccess(portal, request));
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<uint64_t> leaves,
                             parts_.store->PermitsOf(CodeOf(request)));
  const int limit = static_cast<int>(request.limit() == 0 ? kMaxRecords : request.limit());
  v1::ListOwnRecordsResponse response;
  for (const uint64_t leaf : leaves) {
    if (request.more() && leaf <= request.after_index()) continue;
    NAKADACHI_ASSIGN_OR_RETURN(std::optional<v1::OwnRecord> record, ReadRecord(leaf));
    if (!record) continue;
    if (response.records_size() == limit) {
      response.set_more(true);
      break;
    }
    *response.add_records() = *std::move(record);
  }
  return response;
}

absl::Status OwnRecordsDesk::RecordAccess(const rpc::Peer& portal,
                                          const v1::ListOwnRecordsRequest& request) {
  inspection::AccessLog::Access access;
  access.kind = "own-records";
  access.id = request.request_id();
  access.pseudonym = portal.staff_pseudonym;
  access.request =
      std::string(AsView(Sha256("nakadachi/own-records/v1", request.record_management_code())));
  access.detail = absl::StrCat("own records ", absl::BytesToHexString(request.request_id()));
  return parts_.log->Record(access).status();
}

absl::StatusOr<std::optional<v1::OwnRecord>> OwnRecordsDesk::ReadRecord(uint64_t leaf) const {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::StoredEntry entry,
                             parts_.store->ledger_store().ReadEntry(leaf));
  if (entry.salt.empty()) return std::optional<v1::OwnRecord>();
  v1::Statement statement;
  if (!statement.ParseFromString(entry.statement) || !statement.has_permit()) {
    return FieldError(absl::StatusCode::kDataLoss, "permit", "statement-format",
                      "a recorded permit cannot be read");
  }
  if (statement.permit().non_disclosure()) return std::optional<v1::OwnRecord>();
  v1::OwnRecord record;
  NAKADACHI_ASSIGN_OR_RETURN(*record.mutable_permit(), parts_.ledger->Prove(leaf));
  NAKADACHI_RETURN_IF_ERROR(AddAnswer(statement.permit().permit_number(), &record));
  return std::optional<v1::OwnRecord>(std::move(record));
}

absl::Status OwnRecordsDesk::AddAnswer(const std::string& permit, v1::OwnRecord* record) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<stored::v1::PermitRecord> kept,
                             parts_.store->FindPermit(permit));
  if (!kept || kept->provision_commitment().empty()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<v1::Recorded> half,
                             parts_.store->FindHalf(permit, kept->provision_commitment()));
  v1::Statement statement;
  if (!half || !statement.ParseFromString(half->statement())) {
    return FieldError(absl::StatusCode::kDataLoss, "provision", "statement-format",
                      "a reported provision cannot be read");
  }
  record->set_outcome(statement.provision().outcome());
  record->set_answered_ms(statement.time_ms());
  record->set_provision_commitment(kept->provision_commitment());
  return absl::OkStatus();
}

}  // namespace nakadachi::broker
