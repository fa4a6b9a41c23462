#include "client/juki_client.h"

#include "client/unary.h"
#include "nakadachi/v1/juki.grpc.pb.h"

namespace nakadachi::client {
namespace {

class GrpcJuki final : public JukiConnection {
  using Stub = v1::JukiService::Stub;

 public:
  GrpcJuki(const Endpoint& endpoint, const RetryPolicy& policy)
      : stub_(rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls)), policy_(policy) {}

  absl::StatusOr<v1::RegisterResidentsResponse> RegisterResidents(
      const v1::RegisterResidentsRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.JukiService/RegisterResidents", policy_,
                 &Stub::RegisterResidents, request);
  }
  absl::StatusOr<v1::SubmitAcquisitionsResponse> SubmitAcquisitions(
      const v1::SubmitAcquisitionsRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.JukiService/SubmitAcquisitions", policy_,
                 &Stub::SubmitAcquisitions, request);
  }
  absl::StatusOr<v1::FindOwnCodeResponse> FindOwnCode(
      const v1::FindOwnCodeRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.JukiService/FindOwnCode", policy_, &Stub::FindOwnCode,
                 request);
  }
  absl::StatusOr<v1::GetJukiStatusResponse> GetStatus() override {
    return Unary(stub_, "/nakadachi.v1.JukiService/GetJukiStatus", policy_, &Stub::GetJukiStatus,
                 v1::GetJukiStatusRequest());
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

}  // namespace

std::unique_ptr<JukiConnection> ConnectJuki(const Endpoint& endpoint, const RetryPolicy& policy) {
  return std::make_unique<GrpcJuki>(endpoint, policy);
}

}  // namespace nakadachi::client
