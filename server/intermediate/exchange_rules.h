// The rules of an exchange as its requester sees them. Pure: no store, no network, no clock.
//
// What is checked here is what a proof does not say: a statement may be genuinely recorded by its
// author and yet not answer what was asked. Errors name the field and the rule; their texts hold
// no personal data.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_RULES_H_
#define NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_RULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"
#include "common/ledger/verifier.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "nakadachi/v1/statement.pb.h"
#include "nakadachi/v1/vaccination.pb.h"

namespace nakadachi::intermediate {

// Longest texts and lists that a question may hold. The project's own.
inline constexpr size_t kMaxItems = 32;
inline constexpr size_t kMaxSlugBytes = 64;
inline constexpr size_t kMaxNameBytes = 256;

// The form of a question; who may be asked for what is the broker's to decide. INVALID_ARGUMENT,
// rules "length", "required", "slug", "duplicate", "too-many", "utf-8", "too-long", "municipality"
// (another institution's question), and those of the identifiers.
absl::Status CheckQueryRequest(const v1::QueryRequest& request, absl::string_view municipality);

// True where both ask the same under the same id; the tag does not count.
bool SameQuestion(const v1::QueryRequest& a, const v1::QueryRequest& b);

// Whether a verified statement is the broker's decision, a Permit or a Refusal, on this very
// query. INVALID_ARGUMENT, rules "author", "kind", "query", "changed", "length", "period",
// "route", "reason".
absl::Status CheckDecision(const ledger::Verified& decision, const v1::QueryRequest& request,
                           absl::string_view query_commitment);

// Whether a verified statement is the Provision that answers this permit, and the payload the one
// that it vouches for. Returns the parsed payload (empty unless PROVIDED). INVALID_ARGUMENT,
// rules "author", "kind", "permit", "changed", "outcome", "reason", "digest", "unexpected",
// "payload-format", "length", "item", "duplicate", "order", "version", "expired" (provided at or
// after the permit's end by more than the tolerance).
absl::StatusOr<v1::Payload> CheckProvision(const ledger::Verified& provision,
                                           const std::string& payload, const v1::Permit& permit,
                                           absl::string_view permit_commitment,
                                           int64_t clock_tolerance_ms);

// "field [rule]" of an error: what a Receipt or an answer says of it. Falls back to the name of
// the status code, never to a peer's own words.
std::string Reason(const absl::Status& status);

// True where asking again later may help: the other end was not reached, is busy or has failed.
bool MayRetry(const absl::Status& status);
// Likewise, but perhaps not for a long time.
bool IsDiskFull(const absl::Status& status);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_RULES_H_
