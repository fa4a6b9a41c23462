// What a reported half does to the record of its permit. Pure.
#ifndef NAKADACHI_SERVER_BROKER_MODEL_HALVES_H_
#define NAKADACHI_SERVER_BROKER_MODEL_HALVES_H_

#include "absl/status/status.h"
#include "common/crypto/crypto.h"
#include "nakadachi/stored/v1/broker.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::broker {

enum class HalfEffect {
  kKnown,        // reported before; nothing changes
  kInterim,      // worth keeping, but not final: awaiting review
  kAccepted,     // the record names it now
  kContradicts,  // the record names another; kept as evidence, refused
};

struct HalfResult {
  HalfEffect effect = HalfEffect::kKnown;
  bool closes = false;           // the record has both halves now, and had not before
  bool receipt_dropped = false;  // the Receipt on record named another Provision: it contradicts
};

// INVALID_ARGUMENT or PERMISSION_DENIED with rule "kind", "author" or "permit-commitment" unless
// `half` is a Provision by the permit's provider or a Receipt by its requester.
absl::Status CheckHalf(const v1::Statement& half, const stored::v1::PermitRecord& permit);
// The number of the permit that a Provision or Receipt names; empty for other kinds.
const std::string& PermitNumberOf(const v1::Statement& half);

// A provider speaks for itself: its first final Provision stands, whatever a Receipt names.
HalfResult ApplyProvision(const v1::Provision& provision, const Hash& commitment,
                          stored::v1::PermitRecord& permit);
// A Receipt that did not verify may be followed by one that did.
HalfResult ApplyReceipt(const v1::Receipt& receipt, const Hash& commitment,
                        stored::v1::PermitRecord& permit);

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_MODEL_HALVES_H_
