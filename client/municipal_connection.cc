#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/municipal_client.h"
#include "client/unary.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"

namespace nakadachi::client {
namespace {

constexpr size_t kArenaBlock = size_t{64} << 10;
constexpr absl::Duration kShortestStream = absl::Seconds(5);

// Sends from a thread of its own while answers are read here; `in_flight` bounds what is
// unanswered.
template <typename Requests, typename Responses, typename Request, typename Response>
absl::Status Pump(grpc::ClientReaderWriter<Requests, Responses>& stream,
                  const std::function<bool(Request*)>& next, int in_flight,
                  const std::function<void(const Response&)>& on_answer) {
  absl::Mutex mutex;
  int unanswered = 0;
  bool broken = false;
  const auto has_room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return broken || unanswered < in_flight;
  };

  std::thread sender([&] {
    // A request may have thousands of parts, which go together when it is sent.
    google::protobuf::ArenaOptions blocks;
    blocks.start_block_size = blocks.max_block_size = kArenaBlock;
    google::protobuf::Arena arena(blocks);
    while (true) {
      {
        absl::MutexLock lock(&mutex);
        mutex.Await(absl::Condition(&has_room));
        if (broken) return;
      }
      arena.Reset();
      // One at a time: `next` may take as long as it likes.
      auto& requests = *google::protobuf::Arena::CreateMessage<Requests>(&arena);
      if (!next(requests.add_requests())) break;
      {
        absl::MutexLock lock(&mutex);
        ++unanswered;
      }
      if (!stream.Write(requests)) return;
    }
    stream.WritesDone();
  });

  Responses responses;
  while (stream.Read(&responses)) {
    {
      absl::MutexLock lock(&mutex);
      unanswered -= responses.responses_size();
    }
    for (const Response& response : responses.responses()) on_answer(response);
    responses.Clear();
  }
  {
    absl::MutexLock lock(&mutex);
    broken = true;
  }
  sender.join();
  const absl::Status status = rpc::FromGrpc(stream.Finish());
  // A server that shuts down may end its stream in order and leave requests unanswered.
  if (status.ok() && unanswered > 0) return absl::UnavailableError("the stream ended early");
  return status;
}

class GrpcMunicipal final : public MunicipalConnection {
  using Stub = v1::MunicipalService::Stub;

 public:
  GrpcMunicipal(const Endpoint& endpoint, const RetryPolicy& policy)
      : stub_(rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls)), policy_(policy) {}

  absl::StatusOr<v1::IssueAcquisitionNumbersResponse> IssueAcquisitionNumbers(
      const v1::IssueAcquisitionNumbersRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/IssueAcquisitionNumbers", policy_,
                 &Stub::IssueAcquisitionNumbers, request);
  }
  absl::StatusOr<v1::RegisterReplicasResponse> RegisterReplicas(
      const v1::RegisterReplicasRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/RegisterReplicas", policy_,
                 &Stub::RegisterReplicas, request);
  }
  absl::StatusOr<v1::SetProtectionResponse> SetProtection(
      const v1::SetProtectionRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/SetProtection", policy_,
                 &Stub::SetProtection, request);
  }
  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/Query", policy_, &Stub::Query, request);
  }
  absl::StatusOr<v1::QueryResponse> GetExchange(const v1::GetExchangeRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/GetExchange", policy_, &Stub::GetExchange,
                 request);
  }
  absl::StatusOr<v1::ListReviewsResponse> ListReviews(
      const v1::ListReviewsRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/ListReviews", policy_, &Stub::ListReviews,
                 request);
  }
  absl::StatusOr<v1::DecideReviewResponse> DecideReview(
      const v1::DecideReviewRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/DecideReview", policy_, &Stub::DecideReview,
                 request);
  }
  absl::StatusOr<v1::GetIntermediateStatusResponse> GetStatus() override {
    return Unary(stub_, "/nakadachi.v1.MunicipalService/GetIntermediateStatus", policy_,
                 &Stub::GetIntermediateStatus, v1::GetIntermediateStatusRequest());
  }

  absl::Status QueryMany(const std::function<bool(v1::QueryRequest*)>& next, int in_flight,
                         const std::function<void(const v1::QueryResponse&)>& on_answer) override {
    grpc::ClientContext context;
    const auto stream = stub_.QueryMany(&context);
    return NameServer(policy_, Pump(*stream, next, in_flight, on_answer));
  }
  absl::Status RegisterReplicaStream(
      const std::function<bool(v1::RegisterReplicasRequest*)>& next, int in_flight,
      const std::function<void(const v1::RegisterReplicasResponse&)>& on_answer) override {
    grpc::ClientContext context;
    // A server that hangs would hold the stream for as long as its connection stands.
    context.set_deadline(
        absl::ToChronoTime(absl::Now() + std::max(policy_.keep_trying, kShortestStream)));
    const auto stream = stub_.RegisterReplicaStream(&context);
    return NameServer(policy_, Pump(*stream, next, in_flight, on_answer));
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

}  // namespace

std::unique_ptr<MunicipalConnection> ConnectMunicipal(const Endpoint& endpoint,
                                                      const RetryPolicy& policy) {
  return std::make_unique<GrpcMunicipal>(endpoint, policy);
}

}  // namespace nakadachi::client
