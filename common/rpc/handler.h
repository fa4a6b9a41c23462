// What keeps a gRPC service thin: who calls, an answer from a Status, and work that may block.
//
// gRPC runs handlers of the callback API on the two threads that also poll its sockets. A handler
// that waits (disk, locks held over disk, another server) therefore goes through RunBlocking, or
// answers from the callback that brings its result (unary_server.h, stream_server.h).
#ifndef NAKADACHI_COMMON_RPC_HANDLER_H_
#define NAKADACHI_COMMON_RPC_HANDLER_H_

#include <functional>
#include <initializer_list>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/peer.h"
#include "common/rpc/work_pool.h"

namespace grpc {
class CallbackServerContext;
class ServerUnaryReactor;
}  // namespace grpc

namespace nakadachi::rpc {

// The peer of this call. UNAUTHENTICATED where its certificate is not one of ours (peer.h),
// PERMISSION_DENIED, rule "role", where its role is none of `roles`. A certificate is parsed once
// and remembered. Thread-safe.
absl::StatusOr<std::shared_ptr<const Peer>> RequireRole(const grpc::CallbackServerContext* context,
                                                        std::initializer_list<Role> roles);

// Finishes a unary call at once. Fill the response before.
grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const absl::Status& status);

// Runs `work` on `pool` and answers what it returns; request and response live until then, so
// `work` may refer to both. RESOURCE_EXHAUSTED, rule "busy", where the pool's queue is full;
// CANCELLED without running where the caller has gone. `work` returns within a second or watches
// `context->IsCancelled()`: a shutdown waits for it.
grpc::ServerUnaryReactor* RunBlocking(WorkPool* pool, grpc::CallbackServerContext* context,
                                      std::function<absl::Status()> work);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_HANDLER_H_
