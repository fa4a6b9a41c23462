#include "tests/integration/wire_tap.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_interceptor.h>

#include <atomic>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"

namespace nakadachi::integration {
namespace {

using grpc::experimental::InterceptionHookPoints;

std::atomic<bool> tapping{false};

struct Tape {
  absl::Mutex mutex;
  std::vector<Tapped> heard ABSL_GUARDED_BY(mutex);
};

Tape& TheTape() {
  static auto* const tape = new Tape;
  return *tape;
}

class Listener final : public grpc::experimental::Interceptor {
 public:
  explicit Listener(grpc::experimental::ClientRpcInfo* info)
      : method_(info->method()), channel_(info->channel()) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (ours_) Hear(methods);
    methods->Proceed();
  }

 private:
  void Hear(grpc::experimental::InterceptorBatchMethods* methods) {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      Keep(true, methods->GetSendMessage());
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      Keep(false, methods->GetRecvMessage());
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      const grpc::Status& status = *methods->GetRecvStatus();
      if (!status.ok()) {
        Add({method_, channel_, false, nullptr,
             absl::StrCat(status.error_message(), " ", status.error_details())});
      }
    }
  }

  // Every message of ours is a protobuf message, whose base is its beginning.
  void Keep(bool request, const void* bytes) {
    if (bytes == nullptr) return;
    const auto& message = *static_cast<const google::protobuf::Message*>(bytes);
    const auto* descriptor = message.GetDescriptor();
    const auto* many = descriptor->FindFieldByName(request ? "requests" : "responses");
    if (many == nullptr) return KeepOne(request, message);
    // A stream's message is heard as what it carries, and it carries nothing else.
    NAKADACHI_CHECK(descriptor->field_count() == 1 && many->is_repeated());
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    for (int i = 0; i < reflection.FieldSize(message, many); ++i) {
      KeepOne(request, reflection.GetRepeatedMessage(message, many, i));
    }
  }
  void KeepOne(bool request, const google::protobuf::Message& message) const {
    std::unique_ptr<google::protobuf::Message> copy(message.New());
    copy->CopyFrom(message);
    Add({method_, channel_, request, std::move(copy), ""});
  }
  static void Add(Tapped tapped) {
    Tape& tape = TheTape();
    absl::MutexLock lock(&tape.mutex);
    tape.heard.push_back(std::move(tapped));
  }

  const std::string method_;
  const void* const channel_;
  // Other calls (the runtime makes one to itself) need not be of protobuf messages.
  const bool ours_ = tapping.load() && absl::StartsWith(method_, "/nakadachi.v1.");
};

class ListenerFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* info) override {
    return new Listener(info);
  }
};

}  // namespace

void StartTapping() {
  tapping = true;
  // gRPC takes one factory a process.
  static const bool registered = [] {
    grpc::experimental::RegisterGlobalClientInterceptorFactory(new ListenerFactory);
    return true;
  }();
  static_cast<void>(registered);
}

void StopTapping() { tapping = false; }

std::vector<Tapped> TakeTapped() {
  Tape& tape = TheTape();
  absl::MutexLock lock(&tape.mutex);
  return std::exchange(tape.heard, {});
}

}  // namespace nakadachi::integration
