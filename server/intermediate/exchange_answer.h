// What a requester makes of a provider's answer, and what it tells the one who asked.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_ANSWER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_ANSWER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/ledger/verifier.h"
#include "nakadachi/stored/v1/intermediate.pb.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::intermediate {

// A permit as its holder needs it.
struct HeldPermit {
  v1::Permit permit;
  std::string commitment;
};

// What a Provision came to.
struct Judgement {
  std::string provision_commitment;
  v1::Provision provision;  // empty unless verified
  v1::Payload payload;      // likewise
  std::string problem;      // field and rule; empty where verified
};

// `verified` is what the Verifier said of `provision`. Nothing of an answer that is not in order
// gets into the judgement but its commitment.
Judgement Judge(const v1::Recorded& provision, const std::string& payload, const HeldPermit& permit,
                absl::StatusOr<ledger::Verified> verified, int64_t clock_tolerance_ms);

v1::Receipt ReceiptOf(const Judgement& judgement, const HeldPermit& permit);

// Says which permit an answer belongs to.
void AddPermit(const HeldPermit& permit, v1::QueryResponse* answer);
// Says what the provider answered; takes the sets.
void AddJudgement(Judgement&& judgement, v1::QueryResponse* answer);

// The permit that an open exchange holds; empty where it holds none.
HeldPermit PermitOf(const stored::v1::StoredExchange& stored);
// What is known of an exchange so far.
v1::QueryResponse ResponseOf(stored::v1::StoredExchange stored);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_EXCHANGE_ANSWER_H_
