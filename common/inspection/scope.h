// What an inspector's certificate allows. Pure.
#ifndef NAKADACHI_COMMON_INSPECTION_SCOPE_H_
#define NAKADACHI_COMMON_INSPECTION_SCOPE_H_

#include <string>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/rpc/peer.h"
#include "nakadachi/v1/inspection.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::inspection {

constexpr size_t kIdBytes = 16;

// INVALID_ARGUMENT with field and rule: "length" of an id, "period" that ends before it begins,
// "persons" of another ledger than the broker's or without statements.
absl::Status CheckRequest(const v1::OpenInspectionRequest& request);

// PERMISSION_DENIED where the certificate does not reach as far as the request: rule "pseudonym"
// (it names nobody), "scope-institution", "scope-statements", "scope-period" or "scope-persons".
// The period counts for bodies only: commitments say nothing of their time. The broker's ledger
// without bodies is for every inspector, because keys and lists stand in it.
absl::Status CheckScope(const rpc::Peer& inspector, const v1::OpenInspectionRequest& request);

// Whether the body of a statement is given. Directory statements always are: the broker publishes
// them to all, and without them no key is known.
bool IsGiven(const v1::OpenInspectionRequest& request, const v1::Statement& statement);

// What the inspection's Operation says: the range, the period, the rights. No personal data.
std::string Describe(const v1::OpenInspectionRequest& request);

}  // namespace nakadachi::inspection

#endif  // NAKADACHI_COMMON_INSPECTION_SCOPE_H_
