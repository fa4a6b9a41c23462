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

// What a listener says to a call over its peer's rate: gRPC passes on no details from where that is
// decided. FromGrpc knows it and attaches field "call", rule "rate".
inline constexpr char kTooManyCalls[] = "too many calls a second";

// A code keeps its number and a text its words (cut to 2 KiB; "(text is not UTF-8)" where it is
// not); the pair of FieldError arrives as it was. A code that absl does not know becomes UNKNOWN;
// other details are dropped. Bytes that are no google.rpc.Status, or one of OK, become INTERNAL,
// rule "encoding". Thread-safe.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// For errors inside a stream or a list: serialised google.rpc.Status, empty for OK.
std::string ToBytes(const absl::Status& status);
absl::Status FromBytes(const std::string& bytes);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STATUS_MAPPING_H_
