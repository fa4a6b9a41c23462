// What an inspector asks of a server's network listener, and a portal for a person.
#ifndef NAKADACHI_CLIENT_INSPECTION_CLIENT_H_
#define NAKADACHI_CLIENT_INSPECTION_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/broker.pb.h"
#include "nakadachi/v1/inspection.pb.h"

namespace nakadachi::client {

// Thread-safe. At the broker or an intermediate server.
class InspectionConnection {
 public:
  virtual ~InspectionConnection() = default;
  virtual absl::StatusOr<v1::OpenInspectionResponse> Open(
      const v1::OpenInspectionRequest& request) = 0;
  virtual absl::StatusOr<v1::ReadInspectionResponse> Read(
      const v1::ReadInspectionRequest& request) = 0;
  // At the broker only.
  virtual absl::StatusOr<v1::FetchDirectoryResponse> FetchDirectory(
      const v1::FetchDirectoryRequest& request) = 0;
};
std::unique_ptr<InspectionConnection> ConnectInspection(const Endpoint& endpoint,
                                                        const RetryPolicy& policy = {});

// Thread-safe. At the broker.
class OwnRecordsConnection {
 public:
  virtual ~OwnRecordsConnection() = default;
  virtual absl::StatusOr<v1::ListOwnRecordsResponse> List(
      const v1::ListOwnRecordsRequest& request) = 0;
};
std::unique_ptr<OwnRecordsConnection> ConnectOwnRecords(const Endpoint& endpoint,
                                                        const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_INSPECTION_CLIENT_H_
