// A municipality's own systems and staff at their intermediate server's terminal listener.
#ifndef NAKADACHI_CLIENT_MUNICIPAL_CLIENT_H_
#define NAKADACHI_CLIENT_MUNICIPAL_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/call.h"
#include "client/juki_client.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::client {

// Of the error of a question: whether it is recorded nevertheless and goes on by itself, because
// another one is not reached or has no space. To be asked for again under the same request id.
bool IsUnderWay(const absl::Status& error);
// Whom it waits for: "broker", the provider's code, or "" (the own server); only of such an error.
std::string WaitsFor(const v1::QueryRequest& question, const absl::Status& error);
// As a question carries it, where 0 stands for the server's own.
uint32_t PatienceMs(absl::Duration patience);

// The calls themselves: the point where tests put a fake. Thread-safe.
class MunicipalConnection {
 public:
  virtual ~MunicipalConnection() = default;
  virtual absl::StatusOr<v1::IssueAcquisitionNumbersResponse> IssueAcquisitionNumbers(
      const v1::IssueAcquisitionNumbersRequest& request) = 0;
  virtual absl::StatusOr<v1::RegisterReplicasResponse> RegisterReplicas(
      const v1::RegisterReplicasRequest& request) = 0;
  virtual absl::StatusOr<v1::SetProtectionResponse> SetProtection(
      const v1::SetProtectionRequest& request) = 0;
  virtual absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) = 0;
  virtual absl::StatusOr<v1::QueryResponse> GetExchange(const v1::GetExchangeRequest& request) = 0;
  virtual absl::StatusOr<v1::ListReviewsResponse> ListReviews(
      const v1::ListReviewsRequest& request) = 0;
  virtual absl::StatusOr<v1::DecideReviewResponse> DecideReview(
      const v1::DecideReviewRequest& request) = 0;
  virtual absl::StatusOr<v1::GetIntermediateStatusResponse> GetStatus() = 0;

  // Sends what `next` yields until it returns false, at most `in_flight` unanswered, and gives
  // each answer to `on_answer` (one at a time, in any order, paired by tag). A broken stream is
  // the error; what was unanswered may be asked again.
  virtual absl::Status QueryMany(
      const std::function<bool(v1::QueryRequest*)>& next, int in_flight,
      const std::function<void(const v1::QueryResponse&)>& on_answer) = 0;
  // Likewise; a stream may also end with DEADLINE_EXCEEDED after the policy's keep_trying.
  virtual absl::Status RegisterReplicaStream(
      const std::function<bool(v1::RegisterReplicasRequest*)>& next, int in_flight,
      const std::function<void(const v1::RegisterReplicasResponse&)>& on_answer) = 0;
};

std::unique_ptr<MunicipalConnection> ConnectMunicipal(const Endpoint& endpoint,
                                                      const RetryPolicy& policy = {});

// One municipality's use of the connection. Thread-safe.
class MunicipalClient {
 public:
  // `random` outlives the client.
  MunicipalClient(LocalGovernmentCode municipality, std::shared_ptr<MunicipalConnection> connection,
                  Random* random);

  const LocalGovernmentCode& municipality() const { return municipality_; }
  MunicipalConnection& connection() { return *connection_; }

  struct Person {
    AddresseeNumber addressee_number;
    IndividualNumber individual_number;
  };
  // The addressee system's part in acquiring codes: acquisition numbers from the intermediate
  // server, handed with the individual numbers to juki net. Any number of persons, in batches.
  // A status a person; ALREADY_EXISTS "already-acquired" where the code is held.
  // An error of the whole where a server was not reached.
  absl::StatusOr<std::vector<absl::Status>> AcquireCodes(JukiConnection& juki,
                                                         const std::vector<Person>& persons);

  // Registers all sets, streaming in batches; returns a status an entry. Goes on over a new stream
  // where one breaks; an error of the whole where the server refuses the stream or, as a stream
  // breaks, has given no answer for `patience` (what was answered until then is registered).
  absl::StatusOr<std::vector<absl::Status>> RegisterReplicas(
      const std::vector<v1::ReplicaEntry>& entries,
      const std::function<void(size_t done)>& progress = nullptr,
      absl::Duration patience = absl::Seconds(30));

  // Fills in municipality and, where empty, a random request id.
  v1::QueryRequest NewQuery(const AddresseeNumber& person, const LocalGovernmentCode& provider,
                            const std::string& procedure, const std::vector<std::string>& items);

 private:
  LocalGovernmentCode municipality_;
  std::shared_ptr<MunicipalConnection> connection_;
  Random* random_;
};

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_MUNICIPAL_CLIENT_H_
