#include "client/retention_client.h"

#include "client/unary.h"
#include "nakadachi/v1/retention.grpc.pb.h"

namespace nakadachi::client {
namespace {

constexpr absl::Duration kLongestErasure = absl::Hours(1);

RetryPolicy Patient(RetryPolicy policy) {
  policy.deadline = kLongestErasure;
  return policy;
}

class GrpcRetention final : public RetentionConnection {
  using Stub = v1::RetentionService::Stub;

 public:
  GrpcRetention(const std::shared_ptr<grpc::Channel>& channel, const RetryPolicy& policy)
      : stub_(channel), policy_(policy), patient_(Patient(policy)) {}

  absl::StatusOr<v1::GetRetentionResponse> Get(const v1::GetRetentionRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.RetentionService/GetRetention", policy_, &Stub::GetRetention,
                 request);
  }
  absl::StatusOr<v1::ErasePeriodResponse> Erase(const v1::ErasePeriodRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.RetentionService/ErasePeriod", patient_, &Stub::ErasePeriod,
                 request);
  }
  absl::StatusOr<v1::PlaceHoldResponse> PlaceHold(const v1::PlaceHoldRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.RetentionService/PlaceHold", policy_, &Stub::PlaceHold,
                 request);
  }
  absl::StatusOr<v1::ReleaseHoldResponse> ReleaseHold(
      const v1::ReleaseHoldRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.RetentionService/ReleaseHold", policy_, &Stub::ReleaseHold,
                 request);
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
  RetryPolicy patient_;
};

}  // namespace

std::unique_ptr<RetentionConnection> ConnectRetention(const Endpoint& endpoint,
                                                      const RetryPolicy& policy) {
  return std::make_unique<GrpcRetention>(
      rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls), policy);
}

}  // namespace nakadachi::client
