// Juki net, as a municipality's own systems use it.
#ifndef NAKADACHI_CLIENT_JUKI_CLIENT_H_
#define NAKADACHI_CLIENT_JUKI_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/juki.pb.h"

namespace nakadachi::client {

// Thread-safe.
class JukiConnection {
 public:
  virtual ~JukiConnection() = default;
  virtual absl::StatusOr<v1::RegisterResidentsResponse> RegisterResidents(
      const v1::RegisterResidentsRequest& request) = 0;
  virtual absl::StatusOr<v1::SubmitAcquisitionsResponse> SubmitAcquisitions(
      const v1::SubmitAcquisitionsRequest& request) = 0;
  // For portals.
  virtual absl::StatusOr<v1::FindOwnCodeResponse> FindOwnCode(
      const v1::FindOwnCodeRequest& request) = 0;
  virtual absl::StatusOr<v1::GetJukiStatusResponse> GetStatus() = 0;
};

std::unique_ptr<JukiConnection> ConnectJuki(const Endpoint& endpoint,
                                            const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_JUKI_CLIENT_H_
