#include "server/broker/desk/report_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "server/broker/model/halves.h"

namespace nakadachi::broker {

// What one call changes. Records that it touched are kept, so that two halves of one permit in a
// call see each other.
struct ReportDesk::Round {
  explicit Round(const storage::Database& database) : batch(database) {}
  storage::Batch batch;
  std::map<std::string, stored::v1::PermitRecord> records;
  bool changed = false;
  uint64_t provisions = 0;
  uint64_t receipts = 0;
  uint64_t contradictions = 0;
};

absl::StatusOr<v1::ReportResponse> ReportDesk::Report(const rpc::Peer& peer,
                                                      const v1::ReportRequest& request) {
  if (request.halves_size() > kMaxHalves) {
    return InvalidField("halves", "too-many", "holds more than 512");
  }
  std::vector<absl::StatusOr<ledger::Verified>> examined;
  examined.reserve(request.halves_size());
  for (const v1::Recorded& half : request.halves()) examined.push_back(Examine(peer, half));

  v1::ReportResponse response;
  absl::MutexLock lock(&mutex_);
  Round round(parts_.store->database());
  for (int i = 0; i < request.halves_size(); ++i) {
    const absl::Status status =
        examined[i].ok() ? Enter(*examined[i], request.halves(i), round) : examined[i].status();
    if (status.ok()) response.set_accepted(response.accepted() + 1);
    response.add_errors(rpc::ToBytes(status));
  }
  NAKADACHI_RETURN_IF_ERROR(Commit(std::move(round)));
  return response;
}

absl::StatusOr<ledger::Verified> ReportDesk::Examine(const rpc::Peer& peer,
                                                     const v1::Recorded& half) const {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::Verified verified,
                             parts_.verifier->Verify(half, parts_.clock->NowMs()));
  auto author = LocalGovernmentCode::Parse(verified.author.ToString());
  if (!author.ok() || !peer.MaySpeakFor(*author)) {
    return FieldError(absl::StatusCode::kPermissionDenied, "author", "author",
                      "is not one that this peer may speak for");
  }
  return verified;
}

absl::Status ReportDesk::Enter(const ledger::Verified& verified, const v1::Recorded& half,
                               Round& round) {
  const v1::Statement& statement = verified.statement;
  const std::string& permit = PermitNumberOf(statement);
  auto touched = round.records.find(permit);
  if (touched == round.records.end()) {
    NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::PermitRecord> found,
                               parts_.store->FindPermit(permit));
    if (!found && !permit.empty()) {
      return FieldError(absl::StatusCode::kNotFound, "permit_number", "unknown-permit",
                        "names no permit of this broker");
    }
    touched = round.records.emplace(permit, found.value_or(stored::v1::PermitRecord())).first;
  }
  stored::v1::PermitRecord& record = touched->second;
  NAKADACHI_RETURN_IF_ERROR(CheckHalf(statement, record));

  const HalfResult result = statement.has_provision()
                                ? ApplyProvision(statement.provision(), verified.commitment, record)
                                : ApplyReceipt(statement.receipt(), verified.commitment, record);
  if (result.effect == HalfEffect::kKnown) return absl::OkStatus();
  round.changed = true;
  parts_.store->PutHalf(permit, verified.commitment, half, round.batch);
  if (result.receipt_dropped) ++round.contradictions;
  if (result.effect == HalfEffect::kContradicts) {
    ++round.contradictions;
    return FieldError(absl::StatusCode::kAlreadyExists, "statement", "contradicts",
                      "contradicts a half reported before");
  }
  if (result.effect == HalfEffect::kInterim) return absl::OkStatus();
  ++(statement.has_provision() ? round.provisions : round.receipts);
  parts_.store->UpdatePermit(record, round.batch);
  if (result.closes) parts_.store->ClosePermit(record, round.batch);
  return absl::OkStatus();
}

absl::Status ReportDesk::Commit(Round round) {
  if (!round.changed) return absl::OkStatus();
  NAKADACHI_RETURN_IF_ERROR(parts_.store->database().Commit(std::move(round.batch)));
  parts_.figures->provisions_reported += round.provisions;
  parts_.figures->receipts_reported += round.receipts;
  parts_.figures->contradictions += round.contradictions;
  return absl::OkStatus();
}

absl::StatusOr<v1::ListUnansweredResponse> ReportDesk::ListUnanswered(uint32_t limit) const {
  const uint32_t most = limit == 0 ? kMaxUnanswered : std::min(limit, kMaxUnanswered);
  std::vector<std::string> lapsed;
  NAKADACHI_RETURN_IF_ERROR(
      parts_.store->VisitLapsed(parts_.clock->NowMs(), [&](absl::string_view permit) {
        lapsed.emplace_back(permit);
        return lapsed.size() < most;
      }));
  v1::ListUnansweredResponse response;
  for (const std::string& permit : lapsed) {
    NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::PermitRecord> record,
                               parts_.store->FindPermit(permit));
    // Closed since the scan.
    if (!record ||
        (!record->provision_commitment().empty() && !record->receipt_commitment().empty())) {
      continue;
    }
    v1::UnansweredPermit* unanswered = response.add_permits();
    unanswered->set_permit_number(record->permit_number());
    unanswered->set_permit_commitment(record->permit_commitment());
    unanswered->set_requester(record->requester());
    unanswered->set_provider(record->provider());
    unanswered->set_valid_until_ms(record->valid_until_ms());
    unanswered->set_provision_missing(record->provision_commitment().empty());
    unanswered->set_receipt_missing(record->receipt_commitment().empty());
  }
  return response;
}

}  // namespace nakadachi::broker
