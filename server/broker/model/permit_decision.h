// What becomes of a query that reached the broker: pure rules over the directory, the permission
// list in force and the codes. Number Act art. 19(8), art. 21(2).
#ifndef NAKADACHI_SERVER_BROKER_MODEL_PERMIT_DECISION_H_
#define NAKADACHI_SERVER_BROKER_MODEL_PERMIT_DECISION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/directory/directory.h"
#include "common/ledger/verifier.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/broker/model/code_deriver.h"

namespace nakadachi::broker {

struct DecisionRules {
  int64_t permit_validity_ms = 86'400'000;
  int64_t clock_tolerance_ms = 30'000;
};

struct Refused {
  v1::RefusalReason reason = v1::REFUSAL_REASON_UNSPECIFIED;
  std::string detail;         // "<field>: <rule>"
  uint64_t list_version = 0;  // 0: no list was consulted
};

struct Permitted {
  v1::Permit permit;  // all but number and sealed code, which need randomness
  LocalGovernmentCode requester;
  LocalGovernmentCode provider;
  LinkageCode provider_code;
  X25519PublicKey provider_key{};
  RecordManagementCode person{};
};

using Decision = std::variant<Permitted, Refused>;

// The most that a text or list of a query may hold.
inline constexpr int kMaxItems = 32;
inline constexpr size_t kMaxNameBytes = 64;          // procedure, item
inline constexpr size_t kMaxDescriptionBytes = 256;  // department, staff pseudonym

// Why a proof that did not hold is refused: KEY_NOT_VALID where the author is unknown or its key
// is not valid, else PROOF_INVALID. `error` is what ledger::Verifier returned.
Refused RefusedForProof(const absl::Status& error);

// CLOCK_SKEW unless the checkpoint that proves the query was signed within the tolerance of
// `now_ms`, and the query itself is neither later than that nor older than a permit lives. A
// query that had to wait (while the broker was away, say) therefore stands, once it is proven
// under a checkpoint of now.
std::optional<Refused> CheckClock(const ledger::Verified& query, const DecisionRules& rules,
                                  int64_t now_ms);

// Decides a proven query of a member. In this order: MALFORMED, SELF_QUERY, UNKNOWN_PROVIDER,
// INVALID_CODE, then the permission list in force at `now_ms` (UNKNOWN_PROCEDURE, UNKNOWN_ITEM,
// NOT_PERMITTED).
Decision Decide(const ledger::Verified& query, const Directory& directory, const CodeDeriver& codes,
                const DecisionRules& rules, int64_t now_ms);

// The statement's content. Only what keeps its own rule is copied from the query: text that a
// stranger chose does not enter the broker's ledger.
v1::Refusal MakeRefusal(const v1::Statement& query, const Hash& query_commitment,
                        const Refused& refused);

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_MODEL_PERMIT_DECISION_H_
