// One unary call through a stub, with retry; for the connections' implementations only.
#ifndef NAKADACHI_CLIENT_UNARY_H_
#define NAKADACHI_CLIENT_UNARY_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/statusor.h"
#include "client/call.h"

namespace nakadachi::client {

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Unary(Stub& stub, absl::string_view method, const RetryPolicy& policy,
                               grpc::Status (Stub::*call)(grpc::ClientContext*, const Request&,
                                                          Response*),
                               const Request& request) {
  Response response;
  const absl::Status status = Call(method, policy, [&](grpc::ClientContext& context) {
    response.Clear();
    return (stub.*call)(&context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_UNARY_H_
