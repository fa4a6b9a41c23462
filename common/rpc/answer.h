// How a handler answers that cannot answer at once: one signature for unary calls (unary_server.h)
// and for streams (stream_server.h).
#ifndef NAKADACHI_COMMON_RPC_ANSWER_H_
#define NAKADACHI_COMMON_RPC_ANSWER_H_

#include <functional>

#include "absl/status/statusor.h"

namespace nakadachi::rpc {

// Called exactly once a request, from any thread, within the handler or later. It may come after
// the call or the server has ended, and is dropped then.
template <typename Response>
using Answer = std::function<void(absl::StatusOr<Response>)>;

// Called on a thread of gRPC: does not block. Not called any more once Server::Shutdown returned.
template <typename Request, typename Response>
using AnsweringHandler = std::function<void(Request, Answer<Response>)>;

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_ANSWER_H_
