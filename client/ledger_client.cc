#include "client/ledger_client.h"

#include "client/unary.h"
#include "nakadachi/v1/ledger.grpc.pb.h"

namespace nakadachi::client {
namespace {

class GrpcLedger final : public LedgerConnection {
  using Stub = v1::LedgerService::Stub;

 public:
  GrpcLedger(const Endpoint& endpoint, const RetryPolicy& policy)
      : stub_(rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls)), policy_(policy) {}

  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(
      const v1::GetCheckpointRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.LedgerService/GetCheckpoint", policy_, &Stub::GetCheckpoint,
                 request);
  }
  absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.LedgerService/GetConsistencyProof", policy_,
                 &Stub::GetConsistencyProof, request);
  }
  absl::StatusOr<v1::GetEntriesResponse> GetEntries(const v1::GetEntriesRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.LedgerService/GetEntries", policy_, &Stub::GetEntries,
                 request);
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

}  // namespace

std::unique_ptr<LedgerConnection> ConnectLedger(const Endpoint& endpoint,
                                                const RetryPolicy& policy) {
  return std::make_unique<GrpcLedger>(endpoint, policy);
}

}  // namespace nakadachi::client
