// The server's end of a unary call that is answered later, without a thread waiting for it.
//
//   grpc::ServerUnaryReactor* RequestPermit(grpc::CallbackServerContext* c, const Req* request,
//                                           Resp* response) override {
//     auto peer = rpc::RequireRole(c, {rpc::Role::kIntermediate});
//     if (!peer.ok()) return rpc::Reply(c, peer.status());
//     return rpc::ServeUnary<Req, Resp>(*request, response, [&](Req r, auto answer) {
//       model_->Decide(**peer, std::move(r), std::move(answer));
//     });
//   }
#ifndef NAKADACHI_COMMON_RPC_UNARY_SERVER_H_
#define NAKADACHI_COMMON_RPC_UNARY_SERVER_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/answer.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::rpc {

// Ends with the answer, or at once on cancellation, deadline or shutdown, whether or not the
// answer is still to come.
template <typename Request, typename Response>
class UnaryServer final : public grpc::ServerUnaryReactor {
 public:
  // `handler` is called before this returns.
  template <typename HandlerFunction>
  static grpc::ServerUnaryReactor* Start(const Request& request, Response* response,
                                         HandlerFunction&& handler) {
    auto call = std::shared_ptr<UnaryServer>(new UnaryServer(response));
    call->self_ = call;
    Answer<Response> answer = [call](absl::StatusOr<Response> result) {
      call->Take(std::move(result));
    };
    handler(request, std::move(answer));
    return call.get();
  }

  void OnCancel() override { Take(absl::CancelledError("the caller has gone")); }

  // An answer that is still to come holds the call; it finds it finished.
  void OnDone() override { self_.reset(); }

 private:
  explicit UnaryServer(Response* response) : response_(response) {}

  void Take(absl::StatusOr<Response> result) {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      finished_ = true;
    }
    const absl::Status status = result.status();
    if (status.ok()) *response_ = *std::move(result);
    Finish(ToGrpc(status));
  }

  std::shared_ptr<UnaryServer> self_;  // until OnDone
  Response* const response_;           // until Finish
  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

template <typename Request, typename Response, typename HandlerFunction>
grpc::ServerUnaryReactor* ServeUnary(const Request& request, Response* response,
                                     HandlerFunction&& handler) {
  return UnaryServer<Request, Response>::Start(request, response,
                                               std::forward<HandlerFunction>(handler));
}

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_UNARY_SERVER_H_
