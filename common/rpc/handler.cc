#include "common/rpc/handler.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::rpc {
namespace {

// What a certificate says never changes, and a platform's may name hundreds of institutions.
class ParsedPeers {
 public:
  using Result = absl::StatusOr<std::shared_ptr<const Peer>>;

  Result Get(const grpc::AuthContext& auth) {
    const auto pem = auth.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const std::string key = pem.empty() ? "" : std::string(pem.front().data(), pem.front().size());
    {
      absl::ReaderMutexLock lock(&mutex_);
      const auto found = peers_.find(key);
      if (found != peers_.end()) return found->second;
    }
    NAKADACHI_ASSIGN_OR_RETURN(Peer parsed, PeerOf(auth));
    auto peer = std::make_shared<const Peer>(std::move(parsed));
    absl::MutexLock lock(&mutex_);
    if (peers_.size() >= kMaxPeers) peers_.clear();
    peers_[key] = peer;
    return peer;
  }

 private:
  static constexpr size_t kMaxPeers = 10'000;
  absl::Mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Peer>> peers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Peer>> RequireRole(const grpc::CallbackServerContext* context,
                                                        std::initializer_list<Role> roles) {
  static auto& parsed_peers = *new ParsedPeers;
  NAKADACHI_ASSIGN_OR_RETURN(std::shared_ptr<const Peer> peer,
                             parsed_peers.Get(*context->auth_context()));
  if (std::find(roles.begin(), roles.end(), peer->role) != roles.end()) return peer;
  return FieldError(absl::StatusCode::kPermissionDenied, "peer", "role",
                    absl::StrCat("not for the role ", RoleName(peer->role)));
}

grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

grpc::ServerUnaryReactor* RunBlocking(WorkPool* pool, grpc::CallbackServerContext* context,
                                      std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool accepted = pool->Submit([context, reactor, work = std::move(work)] {
    const bool gone = context->IsCancelled();
    reactor->Finish(ToGrpc(gone ? absl::CancelledError("the caller has gone") : work()));
  });
  if (accepted) return reactor;
  reactor->Finish(ToGrpc(FieldError(absl::StatusCode::kResourceExhausted, "server", "busy",
                                    "too many calls are waiting")));
  return reactor;
}

}  // namespace nakadachi::rpc
