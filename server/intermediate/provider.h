// The providing half of an exchange: permit in, recorded Provision and payload out.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_PROVIDER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_PROVIDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/directory_follower.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/links.h"
#include "server/intermediate/outbox.h"
#include "server/intermediate/replica.h"

namespace nakadachi::intermediate {

struct ProviderParts {
  Institution* institution = nullptr;
  CodeBook* codes = nullptr;
  Replica* replica = nullptr;
  Outbox* outbox = nullptr;
  DirectoryFollower* follower = nullptr;
};

// Thread-safe.
class Provider {
 public:
  static std::unique_ptr<Provider> Create(const ProviderParts& parts);
  virtual ~Provider() = default;

  // Answers a permit that `may_speak_for_requester` says the peer may present. A permit whose
  // Provision stands already gets that Provision (and payload) again within its validity.
  // Errors (nothing recorded): those of Verifier; PERMISSION_DENIED "provider" (another
  // provider's permit), "requester" (the peer may not present it); FAILED_PRECONDITION "expired"
  // (answered before and past its validity); INVALID_ARGUMENT "permit"; UNAVAILABLE "behind" while
  // the directory here cannot be brought up to the permit's, OUT_OF_RANGE "sequence" where the
  // broker has no such directory. What is decided about a genuine permit, an expired one included,
  // is a Provision.
  virtual void Provide(const v1::Recorded& permit,
                       const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
                       Answer<v1::ProvideResponse> done) = 0;

  // Reviews (automatic reply disabled).
  virtual absl::StatusOr<std::vector<v1::Review>> ListReviews() = 0;
  // Records the final Provision, queues its delivery. NOT_FOUND "permit-number";
  // FAILED_PRECONDITION "lapsed" or "decided-otherwise". The same decision again: the same answer.
  virtual absl::StatusOr<v1::Outcome> DecideReview(const std::string& permit_number, bool release,
                                                   const std::string& staff_pseudonym) = 0;
  // Forgets payloads past their validity.
  virtual absl::Status Sweep() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_PROVIDER_H_
