#include "server/intermediate/permit_judge.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/directory/directory.h"
#include "common/permission/permission_list.h"
#include "server/intermediate/layout.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kPermitNumberSize = 16;
constexpr size_t kBlindSize = 32;

PermitAnswer Only(v1::Outcome outcome) {
  PermitAnswer answer;
  answer.outcome = outcome;
  return answer;
}

PermitAnswer Refused(v1::RefusalReason reason) {
  PermitAnswer answer = Only(v1::REFUSED);
  answer.reason = reason;
  return answer;
}

absl::Status Malformed(absl::string_view field) {
  return InvalidField(field, "permit", "not what a permit holds there");
}

std::vector<std::string> ItemsOf(const v1::Permit& permit) {
  return {permit.items().begin(), permit.items().end()};
}

v1::Provision::Version VersionOf(const v1::ReplicaSet& set) {
  v1::Provision::Version version;
  version.set_item(set.item());
  version.set_source_version(set.source_version());
  version.set_source_time_ms(set.source_time_ms());
  version.set_records(static_cast<uint32_t>(set.records_size()));
  return version;
}

bool AnyWithheld(const v1::Permit& permit, const stored::v1::PersonCode& person) {
  return std::any_of(permit.items().begin(), permit.items().end(), [&](const std::string& item) {
    const auto& withheld = person.withheld_items();
    return std::find(withheld.begin(), withheld.end(), item) != withheld.end();
  });
}

}  // namespace

absl::StatusOr<GenuinePermit> ParsePermit(v1::Statement statement, const Hash& commitment) {
  if (statement.author() != Author::Broker().ToString()) {
    return InvalidField("author", "author", "only the broker permits");
  }
  if (!statement.has_permit()) return InvalidField("kind", "permit", "not a permit");
  const v1::Permit& permit = statement.permit();
  if (permit.permit_number().size() != kPermitNumberSize) return Malformed("permit_number");
  if (permit.query_commitment().size() != commitment.size()) return Malformed("query_commitment");
  const std::set<absl::string_view> items(permit.items().begin(), permit.items().end());
  if (items.empty() || items.size() != static_cast<size_t>(permit.items_size())) {
    return Malformed("items");
  }
  if (permit.list_version() == 0) return Malformed("list_version");
  if (permit.valid_from_ms() >= permit.valid_until_ms()) return Malformed("valid_until_ms");
  NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode requester,
                             LocalGovernmentCode::Parse(permit.requester(), "requester"));
  NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode provider,
                             LocalGovernmentCode::Parse(permit.provider(), "provider"));
  return GenuinePermit{std::move(statement), commitment, std::move(requester), std::move(provider)};
}

PermitJudge::PermitJudge(Institution* institution, CodeBook* codes, Replica* replica)
    : institution_(institution), codes_(codes), replica_(replica) {
  const InstitutionKeys& keys = institution->keys();
  openers_.push_back(std::make_unique<sealing::CodeOpener>(keys.sealing));
  for (const X25519PrivateKey& previous : keys.previous_sealing) {
    openers_.push_back(std::make_unique<sealing::CodeOpener>(previous));
  }
}

absl::StatusOr<LinkageCode> PermitJudge::OpenCode(const v1::SealedCode& sealed,
                                                  const X25519PublicKey& broker_key,
                                                  const sealing::Binding& binding) {
  for (const auto& opener : openers_) {
    if (opener->key_id() == sealed.provider_key_id()) {
      return opener->Open(sealed, broker_key, binding);
    }
  }
  return openers_.front()->Open(sealed, broker_key, binding);  // says whose key is missing
}

absl::StatusOr<PermitAnswer> PermitJudge::Decide(const GenuinePermit& genuine, int64_t now_ms,
                                                 Review review) {
  const v1::Permit& permit = genuine.permit();
  // A permit from the future: this clock or the broker's is wrong, and validity means nothing.
  if (genuine.statement.time_ms() > now_ms + institution_->platform().clock_tolerance_ms) {
    return Refused(v1::CLOCK_SKEW);
  }
  if (now_ms >= permit.valid_until_ms()) return Refused(v1::PERMIT_EXPIRED);

  NAKADACHI_ASSIGN_OR_RETURN(const v1::RefusalReason reason, ByTheLists(genuine, now_ms));
  if (reason != v1::REFUSAL_REASON_UNSPECIFIED) return Refused(reason);

  const v1::SealedCode& sealed = permit.sealed_code();
  const std::optional<X25519PublicKey> broker_key =
      institution_->platform().directory->SealingKeyById(Author::Broker(), sealed.broker_key_id());
  if (!broker_key.has_value()) return Refused(v1::KEY_NOT_VALID);
  sealing::Binding binding{genuine.requester, genuine.provider, {}};
  std::copy(permit.query_commitment().begin(), permit.query_commitment().end(),
            binding.query_commitment.begin());
  const absl::StatusOr<LinkageCode> code = OpenCode(sealed, *broker_key, binding);
  if (!code.ok()) {
    const bool other_key = GetFieldRule(code.status()).rule == "key-id";
    return Refused(other_key ? v1::KEY_NOT_VALID : v1::INVALID_CODE);
  }
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<stored::v1::PersonCode> person,
                             codes_->PersonOf(*code));
  if (!person.has_value()) return Only(v1::NOT_REGISTERED);
  return AboutPerson(genuine, *person, review);
}

absl::StatusOr<v1::RefusalReason> PermitJudge::ByTheLists(const GenuinePermit& genuine,
                                                          int64_t now_ms) const {
  const Directory& directory = *institution_->platform().directory;
  const v1::Permit& permit = genuine.permit();
  const std::shared_ptr<const PublishedList> named = directory.ListByVersion(permit.list_version());
  if (named == nullptr) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "permit.list_version", "list-version",
                      "the broker has not published this list");
  }
  const std::optional<Member> requester = directory.Find(genuine.requester);
  const std::optional<Member> provider = directory.Find(genuine.provider);
  if (!requester.has_value() || !provider.has_value()) return v1::NOT_PERMITTED;

  permission::Question question;
  question.requester_category = requester->category;
  question.provider_category = provider->category;
  question.procedure = permit.procedure();
  question.items = ItemsOf(permit);
  question.date = permission::JapanDay(genuine.statement.time_ms());
  if (!permission::Decide(*named->list, question).permitted) return v1::NOT_PERMITTED;

  const std::shared_ptr<const PublishedList> newest = directory.ListInForce(now_ms);
  if (newest == nullptr || newest->version <= named->version) {
    return v1::REFUSAL_REASON_UNSPECIFIED;
  }
  question.date = permission::JapanDay(now_ms);
  return permission::Decide(*newest->list, question).permitted ? v1::REFUSAL_REASON_UNSPECIFIED
                                                               : v1::LIST_NEWER_FORBIDS;
}

// The source's own id would be common to all who ask about the person.
std::string PermitJudge::RecordIdFor(const LocalGovernmentCode& requester,
                                     const AddresseeNumber& person, const std::string& item,
                                     const std::string& own_id) const {
  const std::string value =
      absl::StrJoin({requester.ToString(), std::string(person.Reveal()), item, own_id},
                    absl::string_view("\0", 1));
  return HexEncode(institution_->database().BlindKey(kBlindRecord, value));
}

absl::StatusOr<PermitAnswer> PermitJudge::AboutPerson(const GenuinePermit& genuine,
                                                      const stored::v1::PersonCode& person,
                                                      Review review) {
  const v1::Permit& permit = genuine.permit();
  if (AnyWithheld(permit, person)) return Only(v1::WITHHELD);
  if (person.automatic_reply_disabled() && review == Review::kNotYet) {
    PermitAnswer answer = Only(v1::AWAITING_REVIEW);
    answer.addressee = person.addressee_number();
    return answer;
  }
  NAKADACHI_ASSIGN_OR_RETURN(const AddresseeNumber addressee,
                             AddresseeNumber::Parse(person.addressee_number()));
  NAKADACHI_ASSIGN_OR_RETURN(std::vector<v1::ReplicaSet> sets,
                             replica_->Read(addressee, ItemsOf(permit)));
  // A set without records says that there is nothing, as none at all does.
  sets.erase(std::remove_if(sets.begin(), sets.end(),
                            [](const v1::ReplicaSet& set) { return set.records().empty(); }),
             sets.end());
  if (sets.empty()) return Only(v1::NOT_HELD);

  PermitAnswer answer = Only(v1::PROVIDED);
  v1::Payload payload;
  payload.set_blind(institution_->platform().random->String(kBlindSize));
  payload.set_permit_commitment(std::string(AsView(genuine.commitment)));
  for (v1::ReplicaSet& set : sets) {
    answer.versions.push_back(VersionOf(set));
    for (v1::ReplicaRecord& record : *set.mutable_records()) {
      record.set_record_id(
          RecordIdFor(genuine.requester, addressee, set.item(), record.record_id()));
    }
    *payload.add_sets() = std::move(set);
  }
  answer.payload = payload.SerializeAsString();
  return answer;
}

}  // namespace nakadachi::intermediate
