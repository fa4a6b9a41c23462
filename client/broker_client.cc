#include "client/broker_client.h"

#include "client/unary.h"
#include "nakadachi/v1/broker.grpc.pb.h"

namespace nakadachi::client {
namespace {

class GrpcBrokerOperator final : public BrokerOperatorConnection {
  using Stub = v1::BrokerOperator::Stub;

 public:
  GrpcBrokerOperator(const Endpoint& endpoint, const RetryPolicy& policy)
      : stub_(rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls)), policy_(policy) {}

  absl::StatusOr<v1::DirectoryChanged> Admit(const v1::AdmitRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/Admit", policy_, &Stub::Admit, request);
  }
  absl::StatusOr<v1::DirectoryChanged> AddKey(const v1::AddKeyRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/AddKey", policy_, &Stub::AddKey, request);
  }
  absl::StatusOr<v1::DirectoryChanged> RevokeKey(const v1::RevokeKeyRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/RevokeKey", policy_, &Stub::RevokeKey,
                 request);
  }
  absl::StatusOr<v1::DirectoryChanged> ChangeRoute(const v1::ChangeRouteRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/ChangeRoute", policy_, &Stub::ChangeRoute,
                 request);
  }
  absl::StatusOr<v1::DirectoryChanged> PublishList(const v1::PublishListRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/PublishList", policy_, &Stub::PublishList,
                 request);
  }
  absl::StatusOr<v1::ListMembersResponse> ListMembers() override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/ListMembers", policy_, &Stub::ListMembers,
                 v1::ListMembersRequest());
  }
  absl::StatusOr<v1::GetBrokerStatusResponse> GetStatus() override {
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/GetBrokerStatus", policy_,
                 &Stub::GetBrokerStatus, v1::GetBrokerStatusRequest());
  }
  absl::StatusOr<v1::ListUnansweredResponse> ListUnanswered(uint32_t limit) override {
    v1::ListUnansweredRequest request;
    request.set_limit(limit);
    return Unary(stub_, "/nakadachi.v1.BrokerOperator/ListUnanswered", policy_,
                 &Stub::ListUnanswered, request);
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

}  // namespace

std::unique_ptr<BrokerOperatorConnection> ConnectBrokerOperator(const Endpoint& endpoint,
                                                                const RetryPolicy& policy) {
  return std::make_unique<GrpcBrokerOperator>(endpoint, policy);
}

}  // namespace nakadachi::client
