#include "tools/replay/rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace nakadachi::replay {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr size_t kHash = 32;
constexpr size_t kNumber = 16;
constexpr int kMaxItems = 32;
constexpr size_t kMaxName = 64;
constexpr size_t kMaxDescription = 256;

bool IsCode(const std::string& text) { return LocalGovernmentCode::Parse(text).ok(); }

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

bool IsDescription(absl::string_view text) {
  return text.size() <= kMaxDescription &&
         std::none_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); });
}

// Lists are short: comparing each with each is quickest.
bool AreDistinct(const Names& names) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    if (std::find(names.begin(), name, *name) != name) return false;
  }
  return true;
}

bool AreItems(const Names& items) {
  return !items.empty() && items.size() <= kMaxItems &&
         std::all_of(items.begin(), items.end(), [](const auto& i) { return IsName(i); }) &&
         AreDistinct(items);
}

bool VersionsAreDistinct(const v1::Provision& provision) {
  const auto& versions = provision.versions();
  for (int i = 0; i < versions.size(); ++i) {
    for (int j = 0; j < i; ++j) {
      if (versions[i].item() == versions[j].item()) return false;
    }
  }
  return true;
}

}  // namespace

std::string Broken(const v1::Query& query) {
  if (!IsCode(query.provider())) return "query.provider: no local-government code";
  if (query.linkage_code().size() != kNumber) return "query.linkage_code: not 16 bytes";
  if (!IsName(query.procedure())) return "query.procedure: no name";
  if (!AreItems(query.items())) return "query.items: none, too many, doubled or no names";
  if (query.nonce().size() != kNumber) return "query.nonce: not 16 bytes";
  if (!IsDescription(query.department())) return "query.department: too long or not text";
  if (!IsDescription(query.staff_pseudonym())) return "query.staff_pseudonym: too long or not text";
  return {};
}

std::string Broken(const v1::Permit& permit, int64_t time_ms) {
  if (permit.permit_number().size() != kNumber) return "permit.permit_number: not 16 bytes";
  if (permit.query_commitment().size() != kHash) return "permit.query_commitment: not 32 bytes";
  if (!IsCode(permit.requester())) return "permit.requester: no local-government code";
  if (!IsCode(permit.provider())) return "permit.provider: no local-government code";
  if (permit.requester() == permit.provider()) return "permit.provider: the requester itself";
  if (!IsName(permit.procedure())) return "permit.procedure: no name";
  if (!AreItems(permit.items())) return "permit.items: none, too many, doubled or no names";
  if (permit.list_version() == 0) return "permit.list_version: no list";
  if (permit.valid_from_ms() != time_ms) return "permit.valid_from_ms: not the permit's own time";
  if (permit.valid_until_ms() <= permit.valid_from_ms()) {
    return "permit.valid_until_ms: ends before it begins";
  }
  return {};
}

std::string Broken(const v1::Refusal& refusal) {
  if (refusal.query_commitment().size() != kHash) return "refusal.query_commitment: not 32 bytes";
  if (refusal.reason() == v1::REFUSAL_REASON_UNSPECIFIED ||
      !v1::RefusalReason_IsValid(refusal.reason())) {
    return "refusal.reason: none that is known";
  }
  return {};
}

std::string Broken(const v1::Provision& provision) {
  if (provision.permit_commitment().size() != kHash) {
    return "provision.permit_commitment: not 32 bytes";
  }
  if (provision.permit_number().size() != kNumber) return "provision.permit_number: not 16 bytes";
  const v1::Outcome outcome = provision.outcome();
  if (outcome == v1::OUTCOME_UNSPECIFIED || !v1::Outcome_IsValid(outcome)) {
    return "provision.outcome: none that is known";
  }
  const bool provided = outcome == v1::PROVIDED;
  if (provision.payload_digest().size() != (provided ? kHash : 0)) {
    return "provision.payload_digest: does not go with the outcome";
  }
  if (provided == provision.versions().empty()) {
    return "provision.versions: do not go with the outcome";
  }
  const bool has_reason = provision.reason() != v1::REFUSAL_REASON_UNSPECIFIED;
  if (has_reason != (outcome == v1::REFUSED) || !v1::RefusalReason_IsValid(provision.reason())) {
    return "provision.reason: does not go with the outcome";
  }
  if (outcome == v1::AWAITING_REVIEW && provision.after_review()) {
    return "provision.after_review: awaits a review that was";
  }
  if (provision.items().empty() || !AreDistinct(provision.items())) {
    return "provision.items: none or doubled";
  }
  if (!VersionsAreDistinct(provision)) return "provision.versions: an item twice";
  return {};
}

std::string Broken(const v1::Receipt& receipt) {
  if (receipt.permit_commitment().size() != kHash) return "receipt.permit_commitment: not 32 bytes";
  if (receipt.provision_commitment().size() != kHash) {
    return "receipt.provision_commitment: not 32 bytes";
  }
  if (receipt.permit_number().size() != kNumber) return "receipt.permit_number: not 16 bytes";
  if (receipt.verified() != receipt.reason().empty()) {
    return "receipt.reason: does not go with the result";
  }
  return {};
}

}  // namespace nakadachi::replay
