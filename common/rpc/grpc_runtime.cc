#include "common/rpc/grpc_runtime.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "absl/base/call_once.h"
#include "common/base/check.h"

namespace nakadachi::rpc {
namespace {

void RequireTls13() {
  NAKADACHI_CHECK(setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", /*overwrite=*/1) == 0);
}

// A server without a listener, reachable from inside only, that answers every call with
// UNIMPLEMENTED, and a thread that calls it.
class Heartbeat {
 public:
  Heartbeat() {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    NAKADACHI_CHECK(server_ != nullptr);
    stub_ = std::make_unique<grpc::GenericStub>(server_->InProcessChannel({}));
  }

  void Run() {
    constexpr auto kPause = std::chrono::milliseconds(300);
    for (;; std::this_thread::sleep_for(kPause)) Beat();
  }

 private:
  struct Call {
    grpc::ClientContext context;
    const grpc::Slice nothing;
    const grpc::ByteBuffer request{&nothing, 1};
    grpc::ByteBuffer response;
  };

  void Beat() {
    auto call = std::make_shared<Call>();
    stub_->UnaryCall(&call->context, "/heartbeat", grpc::StubOptions(), &call->request,
                     &call->response, [call](const grpc::Status&) {});
  }

  grpc::CallbackGenericService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace

void PrepareGrpc() {
  static absl::once_flag once;
  absl::call_once(once, [] {
    RequireTls13();
    static Heartbeat* const heartbeat = new Heartbeat;
    std::thread([] { heartbeat->Run(); }).detach();
  });
}

}  // namespace nakadachi::rpc
