#include "server/broker/model/permit_decision.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/permission/permission_list.h"

namespace nakadachi::broker {
namespace {

constexpr size_t kNonceBytes = 16;

Refused Refuse(v1::RefusalReason reason, absl::string_view field, absl::string_view rule,
               uint64_t list_version = 0) {
  return Refused{reason, absl::StrCat(field, ": ", rule), list_version};
}

Refused Malformed(absl::string_view field, absl::string_view rule) {
  return Refuse(v1::MALFORMED, field, rule);
}

// A name as permission lists spell them.
bool IsName(absl::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

bool IsDescription(absl::string_view text) {
  return text.size() <= kMaxDescriptionBytes &&
         std::none_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); });
}

std::string ItemField(int position) { return absl::StrCat("query.items[", position, "]"); }

std::optional<Refused> CheckItems(const v1::Query& query) {
  if (query.items().empty()) return Malformed("query.items", "empty");
  if (query.items_size() > kMaxItems) return Malformed("query.items", "too-many");
  std::set<absl::string_view> seen;
  for (int i = 0; i < query.items_size(); ++i) {
    if (!IsName(query.items(i))) return Malformed(ItemField(i), "name");
    if (!seen.insert(query.items(i)).second) return Malformed(ItemField(i), "duplicate");
  }
  return std::nullopt;
}

std::optional<Refused> CheckFields(const v1::Query& query) {
  if (!IsName(query.procedure())) return Malformed("query.procedure", "name");
  if (auto refused = CheckItems(query)) return refused;
  if (query.nonce().size() != kNonceBytes) return Malformed("query.nonce", "length");
  if (!IsDescription(query.department())) return Malformed("query.department", "characters");
  if (!IsDescription(query.staff_pseudonym())) {
    return Malformed("query.staff_pseudonym", "characters");
  }
  return std::nullopt;
}

v1::RefusalReason ReasonOf(permission::Verdict verdict) {
  switch (verdict) {
    case permission::Verdict::kUnknownProcedure:
      return v1::UNKNOWN_PROCEDURE;
    case permission::Verdict::kUnknownItem:
      return v1::UNKNOWN_ITEM;
    default:
      return v1::NOT_PERMITTED;
  }
}

Refused RefuseByList(const permission::Decision& decision, uint64_t version) {
  int position = 0;
  for (const permission::ItemDecision& item : decision.items) {
    if (item.verdict == decision.verdict) break;
    ++position;
  }
  return Refuse(ReasonOf(decision.verdict), ItemField(position),
                permission::VerdictName(decision.verdict), version);
}

permission::Decision AskList(const PublishedList& list, const v1::Query& query,
                             const Member& requester, const Member& provider, int64_t now_ms) {
  permission::Question question;
  question.requester_category = requester.category;
  question.provider_category = provider.category;
  question.procedure = query.procedure();
  question.items.assign(query.items().begin(), query.items().end());
  question.date = permission::JapanDay(now_ms);
  return permission::Decide(*list.list, question);
}

}  // namespace

Refused RefusedForProof(const absl::Status& error) {
  const FieldRule cause = GetFieldRule(error);
  const bool key = error.code() == absl::StatusCode::kNotFound ||
                   error.code() == absl::StatusCode::kPermissionDenied;
  return Refuse(key ? v1::KEY_NOT_VALID : v1::PROOF_INVALID,
                cause.field.empty() ? "query" : absl::StrCat("query.", cause.field),
                cause.rule.empty() ? "proof" : cause.rule);
}

std::optional<Refused> CheckClock(const ledger::Verified& query, const DecisionRules& rules,
                                  int64_t now_ms) {
  const int64_t tolerance = rules.clock_tolerance_ms;
  if (query.checkpoint_time_ms > now_ms + tolerance ||
      query.checkpoint_time_ms < now_ms - tolerance) {
    return Refuse(v1::CLOCK_SKEW, "query.checkpoint", "clock-skew");
  }
  const int64_t asked_ms = query.statement.time_ms();
  if (asked_ms > now_ms + tolerance) {
    return Refuse(v1::CLOCK_SKEW, "query.time_ms", "clock-skew");
  }
  if (asked_ms < now_ms - std::max(tolerance, rules.permit_validity_ms)) {
    return Refuse(v1::CLOCK_SKEW, "query.time_ms", "too-old");
  }
  return std::nullopt;
}

Decision Decide(const ledger::Verified& verified, const Directory& directory,
                const CodeDeriver& codes, const DecisionRules& rules, int64_t now_ms) {
  const v1::Query& query = verified.statement.query();
  auto requester_code = LocalGovernmentCode::Parse(verified.author.ToString());
  if (!requester_code.ok()) return Malformed("query.author", "not-an-institution");
  auto provider_code = LocalGovernmentCode::Parse(query.provider());
  if (!provider_code.ok()) {
    return Malformed("query.provider", GetFieldRule(provider_code.status()).rule);
  }
  auto linkage_code = LinkageCode::FromBytes(query.linkage_code());
  if (!linkage_code.ok()) return Malformed("query.linkage_code", "length");
  if (auto refused = CheckFields(query)) return *std::move(refused);

  if (*requester_code == *provider_code) {
    return Refuse(v1::SELF_QUERY, "query.provider", "self-query");
  }
  // Read before the members, so that the size in the permit never claims more than was used.
  const uint64_t directory_size = directory.sequence();
  std::optional<Member> requester = directory.Find(*requester_code);
  if (!requester) return Refuse(v1::KEY_NOT_VALID, "query.author", "unknown-member");
  std::optional<Member> provider = directory.Find(*provider_code);
  if (!provider) return Refuse(v1::UNKNOWN_PROVIDER, "query.provider", "unknown-member");
  std::optional<X25519PublicKey> provider_key =
      directory.SealingKeyAt(Author::Of(*provider_code), now_ms);
  if (!provider_key) return Refuse(v1::UNKNOWN_PROVIDER, "query.provider", "no-valid-key");

  auto person = codes.Identify(*linkage_code, *requester_code);
  if (!person.ok()) {
    return Refuse(v1::INVALID_CODE, "query.linkage_code", GetFieldRule(person.status()).rule);
  }

  std::shared_ptr<const PublishedList> list = directory.ListInForce(now_ms);
  if (list == nullptr) return Refuse(v1::NOT_PERMITTED, "query.procedure", "no-list-in-force");
  permission::Decision decision = AskList(*list, query, *requester, *provider, now_ms);
  if (!decision.permitted) return RefuseByList(decision, list->version);

  Permitted permitted{v1::Permit(),   *requester_code,
                      *provider_code, codes.CodeFor(*person, *provider_code),
                      *provider_key,  codes.RecordManagementCodeOf(*person)};
  v1::Permit& permit = permitted.permit;
  permit.set_query_commitment(std::string(AsView(verified.commitment)));
  permit.set_requester(requester_code->ToString());
  permit.set_provider(provider_code->ToString());
  permit.set_procedure(query.procedure());
  *permit.mutable_items() = query.items();
  permit.set_department(query.department());
  permit.set_list_version(list->version);
  for (std::string& basis : decision.legal_basis) permit.add_legal_basis(std::move(basis));
  permit.set_valid_from_ms(now_ms);
  permit.set_valid_until_ms(now_ms + rules.permit_validity_ms);
  *permit.mutable_provider_route() = std::move(provider->route);
  *permit.mutable_requester_route() = std::move(requester->route);
  permit.set_directory_size(directory_size);
  permit.set_non_disclosure(query.non_disclosure());
  return permitted;
}

v1::Refusal MakeRefusal(const v1::Statement& statement, const Hash& query_commitment,
                        const Refused& refused) {
  const v1::Query& query = statement.query();
  v1::Refusal refusal;
  refusal.set_query_commitment(std::string(AsView(query_commitment)));
  if (LocalGovernmentCode::Parse(statement.author()).ok()) {
    refusal.set_requester(statement.author());
  }
  if (LocalGovernmentCode::Parse(query.provider()).ok()) refusal.set_provider(query.provider());
  if (IsName(query.procedure())) refusal.set_procedure(query.procedure());
  for (const std::string& item : query.items()) {
    if (refusal.items_size() == kMaxItems) break;
    if (IsName(item)) refusal.add_items(item);
  }
  if (IsDescription(query.department())) refusal.set_department(query.department());
  refusal.set_reason(refused.reason);
  refusal.set_detail(refused.detail);
  refusal.set_list_version(refused.list_version);
  return refusal;
}

}  // namespace nakadachi::broker
