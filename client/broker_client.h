// The broker's operator, at its operator listener.
#ifndef NAKADACHI_CLIENT_BROKER_CLIENT_H_
#define NAKADACHI_CLIENT_BROKER_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/broker.pb.h"

namespace nakadachi::client {

// Thread-safe.
class BrokerOperatorConnection {
 public:
  virtual ~BrokerOperatorConnection() = default;
  virtual absl::StatusOr<v1::DirectoryChanged> Admit(const v1::AdmitRequest& request) = 0;
  virtual absl::StatusOr<v1::DirectoryChanged> AddKey(const v1::AddKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::DirectoryChanged> RevokeKey(const v1::RevokeKeyRequest& request) = 0;
  virtual absl::StatusOr<v1::DirectoryChanged> ChangeRoute(
      const v1::ChangeRouteRequest& request) = 0;
  virtual absl::StatusOr<v1::DirectoryChanged> PublishList(
      const v1::PublishListRequest& request) = 0;
  virtual absl::StatusOr<v1::ListMembersResponse> ListMembers() = 0;
  virtual absl::StatusOr<v1::GetBrokerStatusResponse> GetStatus() = 0;
  virtual absl::StatusOr<v1::ListUnansweredResponse> ListUnanswered(uint32_t limit) = 0;
};

std::unique_ptr<BrokerOperatorConnection> ConnectBrokerOperator(const Endpoint& endpoint,
                                                                const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_BROKER_CLIENT_H_
