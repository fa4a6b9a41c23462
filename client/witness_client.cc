#include "client/witness_client.h"

#include "client/unary.h"
#include "nakadachi/v1/witness.grpc.pb.h"

namespace nakadachi::client {
namespace {

class GrpcWitness final : public WitnessConnection {
  using Stub = v1::WitnessService::Stub;

 public:
  GrpcWitness(const Endpoint& endpoint, const RetryPolicy& policy)
      : stub_(rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls)), policy_(policy) {}

  absl::StatusOr<v1::ListForksResponse> ListForks(const v1::ListForksRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.WitnessService/ListForks", policy_, &Stub::ListForks,
                 request);
  }
  absl::StatusOr<v1::ClearForkResponse> ClearFork(const v1::ClearForkRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.WitnessService/ClearFork", policy_, &Stub::ClearFork,
                 request);
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

}  // namespace

std::unique_ptr<WitnessConnection> ConnectWitness(const Endpoint& endpoint,
                                                  const RetryPolicy& policy) {
  return std::make_unique<GrpcWitness>(endpoint, policy);
}

}  // namespace nakadachi::client
