// The one converter between absl::Status and what travels: gRPC status with google.rpc.Status
// details that carry nakadachi.v1.ErrorDetail.
#ifndef NAKADACHI_COMMON_RPC_STATUS_MAPPING_H_
#define NAKADACHI_COMMON_RPC_STATUS_MAPPING_H_

#include <string>

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace nakadachi::rpc {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// For errors inside a stream or a list: serialised google.rpc.Status, empty for OK.
std::string ToBytes(const absl::Status& status);
absl::Status FromBytes(const std::string& bytes);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STATUS_MAPPING_H_
