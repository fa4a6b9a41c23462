// Tells ThreadSanitizer how gRPC hands our objects from thread to thread: Debian's gRPC is a set of
// shared libraries built without it, whose queues and counters order nothing in the tool's eyes,
// while the part of gRPC that stands in headers runs in our code and is looked at. Linked into
// ThreadSanitizer builds only, where these definitions go before those of the libraries.
//
// What gRPC guarantees and is told here: what was done before an operation of a call was started is
// seen by its callback, and by all later callbacks of that call; what was done before a server was
// started, or a channel to it made, is seen by its handlers; what handlers did is seen once the
// server is gone. Of blocking calls, which only tests make: what was done before one is seen by
// handlers, and what handlers did before they answered by who waited.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>
#include <link.h>
#include <sanitizer/tsan_interface.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>
#include <vector>

namespace {

// What is set up before calls come; the operations that blocking calls may have waited for; the
// calls that have ended.
char setup, answered, ended;

template <typename Function>
Function* Next(const char* symbol) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol));
}

std::vector<std::pair<uintptr_t, uintptr_t>> CodeSegments() {
  std::vector<std::pair<uintptr_t, uintptr_t>> segments;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          static_cast<decltype(segments)*>(found)->emplace_back(begin, begin + header.p_memsz);
        }
        return 0;
      },
      &segments);
  return segments;
}

// A tag is a functor where its queue calls back. Other tags are objects whose first word is the
// address of a table of virtual functions, which is no code.
bool IsFunctor(const void* tag) {
  static const auto& segments = *new auto(CodeSegments());
  const uintptr_t first = *static_cast<const uintptr_t*>(tag);
  return std::any_of(segments.begin(), segments.end(), [first](const auto& segment) {
    return segment.first <= first && first < segment.second;
  });
}

// Runs in place of the functor of an operation.
struct Operation : grpc_completion_queue_functor {
  grpc_call* call;
  grpc_completion_queue_functor* tag;

  static void Run(grpc_completion_queue_functor* self, int ok) {
    __tsan_acquire(self);
    const Operation operation = *static_cast<Operation*>(self);
    delete static_cast<Operation*>(self);
    __tsan_acquire(operation.call);
    operation.tag->functor_run(operation.tag, ok);
  }
};

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static auto* const next = Next<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  __tsan_release(call);
  __tsan_release(&answered);
  if (!IsFunctor(tag)) {
    __tsan_release(&setup);
    return next(call, ops, count, tag, reserved);
  }
  auto* const operation = new Operation{};
  operation->functor_run = &Operation::Run;
  operation->tag = static_cast<grpc_completion_queue_functor*>(tag);
  operation->inlineable = operation->tag->inlineable;
  operation->call = call;
  __tsan_release(operation);
  const grpc_call_error error = next(call, ops, count, operation, reserved);
  if (error != GRPC_CALL_OK) delete operation;
  return error;
}

void grpc_call_ref(grpc_call* call) {
  static auto* const next = Next<decltype(grpc_call_ref)>("grpc_call_ref");
  __tsan_release(call);
  next(call);
}

void grpc_call_unref(grpc_call* call) {
  static auto* const next = Next<decltype(grpc_call_unref)>("grpc_call_unref");
  __tsan_release(call);
  __tsan_release(&ended);
  next(call);
}

// The first that a server does for a call, before its handler.
void* grpc_call_arena_alloc(grpc_call* call, size_t size) {
  static auto* const next = Next<decltype(grpc_call_arena_alloc)>("grpc_call_arena_alloc");
  __tsan_acquire(&setup);
  return next(call, size);
}

// The first that our processor of metadata does.
grpc_auth_property_iterator grpc_auth_context_find_properties_by_name(
    const grpc_auth_context* context, const char* name) {
  static auto* const next = Next<decltype(grpc_auth_context_find_properties_by_name)>(
      "grpc_auth_context_find_properties_by_name");
  __tsan_acquire(&setup);
  return next(context, name);
}

// How a blocking call waits.
grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static auto* const next =
      Next<decltype(grpc_completion_queue_pluck)>("grpc_completion_queue_pluck");
  const grpc_event event = next(queue, tag, deadline, reserved);
  __tsan_acquire(&answered);
  return event;
}

grpc_channel* grpc_channel_create(const char* target, grpc_channel_credentials* credentials,
                                  const grpc_channel_args* arguments) {
  static auto* const next = Next<decltype(grpc_channel_create)>("grpc_channel_create");
  __tsan_release(&setup);
  return next(target, credentials, arguments);
}

void grpc_server_start(grpc_server* server) {
  static auto* const next = Next<decltype(grpc_server_start)>("grpc_server_start");
  __tsan_release(&setup);
  next(server);
}

void grpc_server_destroy(grpc_server* server) {
  static auto* const next = Next<decltype(grpc_server_destroy)>("grpc_server_destroy");
  next(server);
  __tsan_acquire(&ended);
}

}  // extern "C"

// Reactions that gRPC's executor runs, in a thread of its own.
namespace grpc::internal {
namespace {

// Both counters are the last members of a call. The library counts down too, unseen: whoever gets
// to zero goes after all others.
char* Outstanding(ServerCallbackCall* call) {
  return reinterpret_cast<char*>(call + 1) - sizeof(std::atomic_int);
}
char* CancelConditions(ServerCallbackCall* call) {
  return reinterpret_cast<char*>(call + 1) - 2 * sizeof(std::atomic_int);
}

class ClientEnd final : public ClientReactor {
 public:
  explicit ClientEnd(ClientReactor* reactor) : reactor_(reactor) {}
  void OnDone(const Status& status) override {
    __tsan_acquire(this);
    ClientReactor* const reactor = reactor_;
    delete this;
    reactor->OnDone(status);
  }

 private:
  ClientReactor* const reactor_;
};

class ServerCancellation final : public ServerReactor {
 public:
  ServerCancellation(ServerCallbackCall* call, ServerReactor* reactor)
      : call_(call), reactor_(reactor) {}
  void OnDone() override {}
  void OnCancel() override {
    __tsan_acquire(this);
    reactor_->OnCancel();
    __tsan_release(Outstanding(call_));
    delete this;
  }

 private:
  ServerCallbackCall* const call_;
  ServerReactor* const reactor_;
};

using ScheduleOnDoneFunction = void(ServerCallbackCall*, bool);
ScheduleOnDoneFunction* NextScheduleOnDone() {
  static auto* const next =
      Next<ScheduleOnDoneFunction>("_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
  return next;
}

class ServerEnd final : public ServerCallbackCall {
 public:
  explicit ServerEnd(ServerCallbackCall* call) : call_(call) {}

 private:
  ServerReactor* reactor() override { return nullptr; }
  void CallOnDone() override {
    __tsan_acquire(this);
    ServerCallbackCall* const call = call_;
    delete this;
    NextScheduleOnDone()(call, /*inline_ondone=*/true);
  }

  ServerCallbackCall* const call_;
};

}  // namespace

void ClientReactor::InternalScheduleOnDone(Status status) {
  using Function = void(ClientReactor*, Status);
  static auto* const next =
      Next<Function>("_ZN4grpc8internal13ClientReactor22InternalScheduleOnDoneENS_6StatusE");
  auto* const end = new ClientEnd(this);
  __tsan_release(end);
  next(end, std::move(status));
}

void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  __tsan_acquire(Outstanding(this));
  if (inline_ondone) return NextScheduleOnDone()(this, true);
  auto* const end = new ServerEnd(this);
  __tsan_release(end);
  NextScheduleOnDone()(end, false);
}

void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  using Function = void(ServerCallbackCall*, ServerReactor*);
  static auto* const next =
      Next<Function>("_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");
  __tsan_acquire(CancelConditions(this));
  if (reactor->InternalInlineable()) return next(this, reactor);
  auto* const cancellation = new ServerCancellation(this, reactor);
  __tsan_release(cancellation);
  next(this, cancellation);
}

}  // namespace grpc::internal

void grpc::Alarm::SetInternal(gpr_timespec deadline, std::function<void(bool)> callback) {
  using Function = void(Alarm*, gpr_timespec, std::function<void(bool)>);
  static auto* const next =
      Next<Function>("_ZN4grpc5Alarm11SetInternalE12gpr_timespecSt8functionIFvbEE");
  auto* const kept = new auto(std::move(callback));
  __tsan_release(kept);
  next(this, deadline, [kept](bool rang) {
    __tsan_acquire(kept);
    (*kept)(rang);
    delete kept;
  });
}
