// The requesting half of an exchange: a staff member's question in, a verified and receipted
// answer out.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_REQUESTER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_REQUESTER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/directory_follower.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/links.h"
#include "server/intermediate/outbox.h"

namespace nakadachi::intermediate {

struct RequesterParts {
  Institution* institution = nullptr;
  CodeBook* codes = nullptr;
  Outbox* outbox = nullptr;
  DirectoryFollower* follower = nullptr;
  BrokerLink* broker = nullptr;
  PeerLink* peers = nullptr;
  size_t max_in_flight = 4096;  // exchanges in memory; further ones are refused
};

// Thread-safe. Each exchange's state is durable; open ones are resumed when opened and go on
// after broken connections with a growing pause, asking nothing twice (same Query, same Permit).
// Of those that nobody waits for and whose provider is not reached a few stay in memory and try;
// the others follow from the store.
class Requester {
 public:
  static absl::StatusOr<std::unique_ptr<Requester>> Open(const RequesterParts& parts);
  virtual ~Requester() = default;

  // `done` once the exchange is final, awaits review, or is refused. Errors (nothing recorded):
  // INVALID_ARGUMENT with the field; NOT_FOUND "no-linkage-code"; FAILED_PRECONDITION
  // "request-id-reused"; RESOURCE_EXHAUSTED "too-many", or "disk-full" of the field "storage".
  // Errors after which the exchange goes on, to be asked for under the same id: UNAVAILABLE at a
  // shutdown; UNAVAILABLE "not-reached" of the field "broker" or "provider": who has given no
  // answer for as long as the request's patience; RESOURCE_EXHAUSTED "disk-full" of the field
  // "broker", "provider" or, here, "receipt": who has no space; DATA_LOSS where what is kept
  // here cannot be read.
  virtual void Query(const v1::QueryRequest& request, Answer<v1::QueryResponse> done) = 0;
  // NOT_FOUND "request-id".
  virtual absl::StatusOr<v1::QueryResponse> GetExchange(const std::string& request_id) = 0;
  // A provider's final answer after review. The Receipt is recorded before this answers; the same
  // Provision again gets the same Receipt. Errors: those of Verifier; INVALID_ARGUMENT "kind",
  // "outcome" (still awaiting); PERMISSION_DENIED "provider" (not the permit's, or the peer may
  // not speak for it); NOT_FOUND "permit"; FAILED_PRECONDITION "answered-otherwise", "lapsed";
  // UNAVAILABLE "busy" while the exchange is being worked on.
  virtual void Receive(const v1::DeliverRequest& delivery,
                       const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
                       Answer<v1::Recorded> receipt) = 0;
  virtual uint64_t open_exchanges() const = 0;
  // Who gives no answer to open exchanges, "broker" or a provider, and since when.
  virtual std::map<std::string, int64_t> unreached() const = 0;
  // Marks exchanges LAPSED whose permit's validity ended without a final answer.
  virtual absl::Status Sweep() = 0;
  // Answers who waits with UNAVAILABLE; nobody is called after it returns. What it was given
  // outlives it, the ledger open. Not from a callback.
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_REQUESTER_H_
