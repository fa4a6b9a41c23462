// How long a ledger's statements are kept: for operators and staff.
#ifndef NAKADACHI_CLIENT_RETENTION_CLIENT_H_
#define NAKADACHI_CLIENT_RETENTION_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/retention.pb.h"

namespace nakadachi::client {

// Thread-safe. At the broker's operator listener or an intermediate server's terminal listener.
class RetentionConnection {
 public:
  virtual ~RetentionConnection() = default;
  virtual absl::StatusOr<v1::GetRetentionResponse> Get(const v1::GetRetentionRequest& request) = 0;
  // Waits as long as an erasure may take.
  virtual absl::StatusOr<v1::ErasePeriodResponse> Erase(const v1::ErasePeriodRequest& request) = 0;
  virtual absl::StatusOr<v1::PlaceHoldResponse> PlaceHold(const v1::PlaceHoldRequest& request) = 0;
  virtual absl::StatusOr<v1::ReleaseHoldResponse> ReleaseHold(
      const v1::ReleaseHoldRequest& request) = 0;
};
std::unique_ptr<RetentionConnection> ConnectRetention(const Endpoint& endpoint,
                                                      const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_RETENTION_CLIENT_H_
