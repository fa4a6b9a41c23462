#include "server/broker/model/halves.h"

#include <string>

#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

bool BothHalves(const stored::v1::PermitRecord& permit) {
  return !permit.provision_commitment().empty() && !permit.receipt_commitment().empty();
}

template <typename Half>
absl::Status CheckParties(const Half& half, const std::string& author, const std::string& entitled,
                          const stored::v1::PermitRecord& permit) {
  if (author != entitled || half.requester() != permit.requester() ||
      half.provider() != permit.provider()) {
    return FieldError(absl::StatusCode::kPermissionDenied, "author", "author",
                      "is not the permit's party");
  }
  if (half.permit_commitment() != permit.permit_commitment()) {
    return InvalidField("permit_commitment", "permit-commitment", "is another permit's");
  }
  return absl::OkStatus();
}

}  // namespace

const std::string& PermitNumberOf(const v1::Statement& half) {
  static const std::string* const kNone = new std::string();
  if (half.has_provision()) return half.provision().permit_number();
  if (half.has_receipt()) return half.receipt().permit_number();
  return *kNone;
}

absl::Status CheckHalf(const v1::Statement& half, const stored::v1::PermitRecord& permit) {
  if (half.has_provision()) {
    return CheckParties(half.provision(), half.author(), permit.provider(), permit);
  }
  if (half.has_receipt()) {
    return CheckParties(half.receipt(), half.author(), permit.requester(), permit);
  }
  return InvalidField("statement", "kind", "is neither a provision nor a receipt");
}

HalfResult ApplyProvision(const v1::Provision& provision, const Hash& commitment,
                          stored::v1::PermitRecord& permit) {
  HalfResult result;
  if (permit.provision_commitment() == AsView(commitment)) return result;
  if (provision.outcome() == v1::AWAITING_REVIEW) {
    result.effect = HalfEffect::kInterim;
    return result;
  }
  if (!permit.provision_commitment().empty()) {
    result.effect = HalfEffect::kContradicts;
    return result;
  }
  result.effect = HalfEffect::kAccepted;
  permit.set_provision_commitment(std::string(AsView(commitment)));
  if (!permit.receipt_names().empty() && permit.receipt_names() != permit.provision_commitment()) {
    permit.clear_receipt_commitment();
    permit.clear_receipt_names();
    permit.clear_receipt_verified();
    result.receipt_dropped = true;
  }
  result.closes = BothHalves(permit);
  return result;
}

HalfResult ApplyReceipt(const v1::Receipt& receipt, const Hash& commitment,
                        stored::v1::PermitRecord& permit) {
  HalfResult result;
  if (permit.receipt_commitment() == AsView(commitment)) return result;
  const bool names_another = !permit.provision_commitment().empty() &&
                             permit.provision_commitment() != receipt.provision_commitment();
  const bool replaces_none = permit.receipt_commitment().empty();
  const bool mends = !permit.receipt_verified() && receipt.verified();
  if (names_another || !(replaces_none || mends)) {
    result.effect = HalfEffect::kContradicts;
    return result;
  }
  result.effect = HalfEffect::kAccepted;
  permit.set_receipt_commitment(std::string(AsView(commitment)));
  permit.set_receipt_names(receipt.provision_commitment());
  permit.set_receipt_verified(receipt.verified());
  result.closes = replaces_none && BothHalves(permit);
  return result;
}

}  // namespace nakadachi::broker
