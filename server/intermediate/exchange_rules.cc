#include "server/intermediate/exchange_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/csv.h"
#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kRequestIdBytes = 16;
constexpr size_t kPermitNumberBytes = 16;
constexpr size_t kHashBytes = 32;

using Names = google::protobuf::RepeatedPtrField<std::string>;

bool SameNames(const Names& a, const Names& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsSlug(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

absl::Status CheckSlug(absl::string_view text, absl::string_view field) {
  if (text.empty()) return InvalidField(field, "required", "is missing");
  if (text.size() > kMaxSlugBytes) return InvalidField(field, "too-long", "is too long");
  if (!IsSlug(text)) return InvalidField(field, "slug", "has other characters than a-z 0-9 - _");
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view text, absl::string_view field) {
  if (text.size() > kMaxNameBytes) return InvalidField(field, "too-long", "is too long");
  if (!IsUtf8(text)) return InvalidField(field, "utf-8", "is not UTF-8");
  // The broker would refuse them, and the query would have been recorded.
  if (std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); }))
    return InvalidField(field, "characters", "holds control characters");
  return absl::OkStatus();
}

absl::Status CheckItems(const Names& items) {
  if (items.empty()) return InvalidField("items", "required", "at least one item is needed");
  if (static_cast<size_t>(items.size()) > kMaxItems) {
    return InvalidField("items", "too-many", absl::StrCat("at most ", kMaxItems, " items"));
  }
  std::set<absl::string_view> seen;
  for (int i = 0; i < items.size(); ++i) {
    const std::string field = absl::StrCat("items[", i, "]");
    NAKADACHI_RETURN_IF_ERROR(CheckSlug(items[i], field));
    if (!seen.insert(items[i]).second) return InvalidField(field, "duplicate", "is named twice");
  }
  return absl::OkStatus();
}

absl::Status Unless(bool holds, absl::string_view field, absl::string_view rule,
                    absl::string_view message) {
  if (holds) return absl::OkStatus();
  return InvalidField(field, rule, message);
}

absl::Status Unchanged(bool same, absl::string_view field) {
  return Unless(same, field, "changed", "is not what was asked");
}

absl::Status CheckPermit(const v1::Permit& permit, const v1::QueryRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(permit.requester() == request.municipality(), "permit.requester"));
  NAKADACHI_RETURN_IF_ERROR(Unchanged(permit.provider() == request.provider(), "permit.provider"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(permit.procedure() == request.procedure(), "permit.procedure"));
  NAKADACHI_RETURN_IF_ERROR(Unchanged(SameNames(permit.items(), request.items()), "permit.items"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(permit.department() == request.department(), "permit.department"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(permit.non_disclosure() == request.non_disclosure(), "permit.non_disclosure"));
  NAKADACHI_RETURN_IF_ERROR(Unless(permit.permit_number().size() == kPermitNumberBytes,
                                   "permit.permit_number", "length", "must have 16 bytes"));
  NAKADACHI_RETURN_IF_ERROR(Unless(permit.valid_from_ms() < permit.valid_until_ms(),
                                   "permit.valid_until_ms", "period", "ends before it begins"));
  return Unless(!permit.provider_route().address().empty(), "permit.provider_route", "route",
                "names no address");
}

absl::Status CheckRefusal(const v1::Refusal& refusal) {
  return Unless(refusal.reason() != v1::REFUSAL_REASON_UNSPECIFIED, "refusal.reason", "reason",
                "is missing");
}

// One version a set, saying what the set holds.
absl::Status CheckVersion(const v1::Provision::Version& version, const v1::ReplicaSet& set) {
  const bool agree = version.item() == set.item() &&
                     version.source_version() == set.source_version() &&
                     version.source_time_ms() == set.source_time_ms() &&
                     version.records() == static_cast<uint32_t>(set.records_size());
  return Unless(agree, "provision.versions", "version", "does not agree with the payload");
}

absl::Status CheckSets(const v1::Payload& payload, const v1::Provision& provision,
                       const v1::Permit& permit) {
  NAKADACHI_RETURN_IF_ERROR(
      Unless(!payload.sets().empty(), "payload.sets", "length", "provides nothing"));
  NAKADACHI_RETURN_IF_ERROR(Unless(payload.sets_size() == provision.versions_size(),
                                   "provision.versions", "version",
                                   "does not agree with the payload"));
  auto next = permit.items().begin();  // each item at most once, in the permit's order
  for (int i = 0; i < payload.sets_size(); ++i) {
    const v1::ReplicaSet& set = payload.sets(i);
    NAKADACHI_RETURN_IF_ERROR(Unless(Contains(permit.items(), set.item()), "payload.sets.item",
                                     "item", "is beyond the permit"));
    next = std::find(next, permit.items().end(), set.item());
    NAKADACHI_RETURN_IF_ERROR(Unless(next != permit.items().end(), "payload.sets.item", "order",
                                     "is named twice or out of the permit's order"));
    ++next;
    NAKADACHI_RETURN_IF_ERROR(CheckVersion(provision.versions(i), set));
    const bool of_item =
        std::all_of(set.records().begin(), set.records().end(),
                    [&](const v1::ReplicaRecord& record) { return record.item() == set.item(); });
    NAKADACHI_RETURN_IF_ERROR(
        Unless(of_item, "payload.sets.records.item", "item", "is another item's"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Payload> CheckPayload(const std::string& bytes, const v1::Provision& provision,
                                         const v1::Permit& permit,
                                         absl::string_view permit_commitment) {
  const Hash digest = ledger::PayloadDigest(bytes);
  NAKADACHI_RETURN_IF_ERROR(Unless(provision.payload_digest() == AsView(digest),
                                   "provision.payload_digest", "digest",
                                   "is not that of the payload"));
  v1::Payload payload;
  NAKADACHI_RETURN_IF_ERROR(
      Unless(payload.ParseFromString(bytes), "payload", "payload-format", "cannot be read"));
  NAKADACHI_RETURN_IF_ERROR(Unless(payload.blind().size() == kHashBytes, "payload.blind", "length",
                                   "must have 32 bytes"));
  NAKADACHI_RETURN_IF_ERROR(Unless(payload.permit_commitment() == permit_commitment,
                                   "payload.permit_commitment", "permit", "is another permit's"));
  NAKADACHI_RETURN_IF_ERROR(CheckSets(payload, provision, permit));
  return payload;
}

absl::Status CheckNothingProvided(const std::string& payload, const v1::Provision& provision) {
  NAKADACHI_RETURN_IF_ERROR(
      Unless(payload.empty(), "payload", "unexpected", "comes with an outcome that has none"));
  return Unless(provision.payload_digest().empty() && provision.versions().empty(), "provision",
                "unexpected", "vouches for a payload that its outcome does not have");
}

absl::Status CheckProvisionItems(const v1::Provision& provision, const v1::Permit& permit) {
  std::set<absl::string_view> seen;
  for (const std::string& item : provision.items()) {
    NAKADACHI_RETURN_IF_ERROR(
        Unless(Contains(permit.items(), item), "provision.items", "item", "is beyond the permit"));
    NAKADACHI_RETURN_IF_ERROR(
        Unless(seen.insert(item).second, "provision.items", "duplicate", "is named twice"));
  }
  return absl::OkStatus();
}

absl::Status CheckOutcome(const v1::Provision& provision) {
  const v1::Outcome outcome = provision.outcome();
  NAKADACHI_RETURN_IF_ERROR(
      Unless(v1::Outcome_IsValid(outcome) && outcome != v1::OUTCOME_UNSPECIFIED,
             "provision.outcome", "outcome", "is none that is known"));
  NAKADACHI_RETURN_IF_ERROR(Unless(outcome != v1::AWAITING_REVIEW || !provision.after_review(),
                                   "provision.outcome", "outcome", "awaits a review that was"));
  const bool has_reason = provision.reason() != v1::REFUSAL_REASON_UNSPECIFIED;
  return Unless(
      has_reason == (outcome == v1::REFUSED) && v1::RefusalReason_IsValid(provision.reason()),
      "provision.reason", "reason", "does not agree with the outcome");
}

absl::Status CheckAnswersPermit(const v1::Provision& provision, const v1::Permit& permit,
                                absl::string_view permit_commitment) {
  NAKADACHI_RETURN_IF_ERROR(Unless(provision.permit_commitment() == permit_commitment,
                                   "provision.permit_commitment", "permit", "is another permit's"));
  NAKADACHI_RETURN_IF_ERROR(Unless(provision.permit_number() == permit.permit_number(),
                                   "provision.permit_number", "permit", "is another permit's"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(provision.requester() == permit.requester(), "provision.requester"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(provision.provider() == permit.provider(), "provision.provider"));
  NAKADACHI_RETURN_IF_ERROR(
      Unchanged(provision.procedure() == permit.procedure(), "provision.procedure"));
  return CheckProvisionItems(provision, permit);
}

// Whether `time_ms` lies at or after `end_ms` by the tolerance. Others choose both: their distance
// need not fit a signed number.
bool IsPast(int64_t time_ms, int64_t end_ms, int64_t tolerance_ms) {
  if (time_ms < end_ms) return false;
  const uint64_t past_ms = static_cast<uint64_t>(time_ms) - static_cast<uint64_t>(end_ms);
  return past_ms >= static_cast<uint64_t>(tolerance_ms);
}

}  // namespace

absl::Status CheckQueryRequest(const v1::QueryRequest& request, absl::string_view municipality) {
  NAKADACHI_RETURN_IF_ERROR(Unless(request.request_id().size() == kRequestIdBytes, "request_id",
                                   "length", "must have 16 bytes"));
  NAKADACHI_RETURN_IF_ERROR(Unless(request.municipality() == municipality, "municipality",
                                   "municipality", "is another institution"));
  NAKADACHI_RETURN_IF_ERROR(
      AddresseeNumber::Parse(request.addressee_number(), "addressee_number").status());
  NAKADACHI_RETURN_IF_ERROR(LocalGovernmentCode::Parse(request.provider(), "provider").status());
  NAKADACHI_RETURN_IF_ERROR(CheckSlug(request.procedure(), "procedure"));
  NAKADACHI_RETURN_IF_ERROR(CheckItems(request.items()));
  NAKADACHI_RETURN_IF_ERROR(Unless(!request.department().empty(), "department", "required",
                                   "the asking department is part of the record"));
  NAKADACHI_RETURN_IF_ERROR(CheckName(request.department(), "department"));
  return CheckName(request.staff_pseudonym(), "staff_pseudonym");
}

bool SameQuestion(const v1::QueryRequest& a, const v1::QueryRequest& b) {
  return a.request_id() == b.request_id() && a.municipality() == b.municipality() &&
         a.addressee_number() == b.addressee_number() && a.provider() == b.provider() &&
         a.procedure() == b.procedure() && SameNames(a.items(), b.items()) &&
         a.department() == b.department() && a.non_disclosure() == b.non_disclosure() &&
         a.staff_pseudonym() == b.staff_pseudonym();
}

absl::Status CheckDecision(const ledger::Verified& decision, const v1::QueryRequest& request,
                           absl::string_view query_commitment) {
  const v1::Statement& statement = decision.statement;
  NAKADACHI_RETURN_IF_ERROR(
      Unless(decision.author.IsBroker(), "decision.author", "author", "is not the broker"));
  NAKADACHI_RETURN_IF_ERROR(Unless(statement.has_permit() || statement.has_refusal(), "decision",
                                   "kind", "is neither permit nor refusal"));
  const std::string& about = statement.has_permit() ? statement.permit().query_commitment()
                                                    : statement.refusal().query_commitment();
  NAKADACHI_RETURN_IF_ERROR(Unless(about == query_commitment, "decision.query_commitment", "query",
                                   "is about another query"));
  if (statement.has_refusal()) return CheckRefusal(statement.refusal());
  return CheckPermit(statement.permit(), request);
}

absl::StatusOr<v1::Payload> CheckProvision(const ledger::Verified& provision,
                                           const std::string& payload, const v1::Permit& permit,
                                           absl::string_view permit_commitment,
                                           int64_t clock_tolerance_ms) {
  const v1::Statement& statement = provision.statement;
  NAKADACHI_RETURN_IF_ERROR(Unless(provision.author.ToString() == permit.provider(),
                                   "provision.author", "author", "is not the permit's provider"));
  NAKADACHI_RETURN_IF_ERROR(
      Unless(statement.has_provision(), "provision", "kind", "is no provision"));
  const v1::Provision& answer = statement.provision();
  NAKADACHI_RETURN_IF_ERROR(CheckAnswersPermit(answer, permit, permit_commitment));
  NAKADACHI_RETURN_IF_ERROR(CheckOutcome(answer));
  if (answer.outcome() != v1::PROVIDED) {
    NAKADACHI_RETURN_IF_ERROR(CheckNothingProvided(payload, answer));
    return v1::Payload();
  }
  NAKADACHI_RETURN_IF_ERROR(
      Unless(!IsPast(statement.time_ms(), permit.valid_until_ms(), clock_tolerance_ms),
             "provision.time_ms", "expired", "is past the permit's end"));
  return CheckPayload(payload, answer, permit, permit_commitment);
}

std::string Reason(const absl::Status& status) {
  const FieldRule at = GetFieldRule(status);
  if (at.rule.empty()) return absl::StatusCodeToString(status.code());
  return absl::StrCat(at.field, " [", at.rule, "]");
}

bool IsDiskFull(const absl::Status& status) {
  return absl::IsResourceExhausted(status) && GetFieldRule(status).rule == "disk-full";
}

bool MayRetry(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace nakadachi::intermediate
