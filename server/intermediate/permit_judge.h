// What a genuine permit gets, by what this institution holds now. Reads only; what becomes of the
// answer (record, payload, review) is the provider's.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_PERMIT_JUDGE_H_
#define NAKADACHI_SERVER_INTERMEDIATE_PERMIT_JUDGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/sealing/sealed_code.h"
#include "nakadachi/v1/statement.pb.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/replica.h"

namespace nakadachi::intermediate {

struct PermitAnswer {
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  v1::RefusalReason reason = v1::REFUSAL_REASON_UNSPECIFIED;
  std::string payload;                           // where PROVIDED: the bytes that leave
  std::vector<v1::Provision::Version> versions;  // where PROVIDED
  std::string addressee;                         // where AWAITING_REVIEW
};

// A statement of the broker that is a permit with every field in order, and its commitment.
struct GenuinePermit {
  v1::Statement statement;
  Hash commitment{};
  LocalGovernmentCode requester;
  LocalGovernmentCode provider;

  const v1::Permit& permit() const { return statement.permit(); }
};

// INVALID_ARGUMENT, rule "author" or "permit".
absl::StatusOr<GenuinePermit> ParsePermit(v1::Statement statement, const Hash& commitment);

// Thread-safe.
class PermitJudge {
 public:
  PermitJudge(Institution* institution, CodeBook* codes, Replica* replica);

  enum class Review { kNotYet, kReleased };  // kReleased: the flag no longer asks for a review

  // The institution's copy of the directory must hold the list that the permit names:
  // FAILED_PRECONDITION, rule "list-version". Other errors are the store's.
  absl::StatusOr<PermitAnswer> Decide(const GenuinePermit& permit, int64_t now_ms, Review review);

 private:
  // REFUSAL_REASON_UNSPECIFIED where both lists allow it.
  absl::StatusOr<v1::RefusalReason> ByTheLists(const GenuinePermit& permit, int64_t now_ms) const;
  absl::StatusOr<LinkageCode> OpenCode(const v1::SealedCode& sealed,
                                       const X25519PublicKey& broker_key,
                                       const sealing::Binding& binding);
  absl::StatusOr<PermitAnswer> AboutPerson(const GenuinePermit& permit,
                                           const stored::v1::PersonCode& person, Review review);
  std::string RecordIdFor(const LocalGovernmentCode& requester, const AddresseeNumber& person,
                          const std::string& item, const std::string& own_id) const;

  Institution* const institution_;
  CodeBook* const codes_;
  Replica* const replica_;
  // One a sealing key, the present one first.
  std::vector<std::unique_ptr<sealing::CodeOpener>> openers_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_PERMIT_JUDGE_H_
