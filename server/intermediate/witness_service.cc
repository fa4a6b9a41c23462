#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "nakadachi/v1/witness.grpc.pb.h"
#include "server/intermediate/services.h"
#include "server/intermediate/witness.h"

namespace nakadachi::intermediate {
namespace {

using rpc::Role;
using PeerPtr = std::shared_ptr<const rpc::Peer>;

class WitnessServiceImpl final : public v1::WitnessService::CallbackService {
 public:
  explicit WitnessServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListForks(grpc::CallbackServerContext* context,
                                      const v1::ListForksRequest* request,
                                      v1::ListForksResponse* response) override {
    const absl::StatusOr<Caller> caller = CallerOf(
        context, {Role::kStaff, Role::kOperator, Role::kInspector}, request->municipality());
    if (caller.ok()) *response = parts_.witness->List();
    return rpc::Reply(context, parts_.hosting->Counted(caller.status()));
  }

  grpc::ServerUnaryReactor* ClearFork(grpc::CallbackServerContext* context,
                                      const v1::ClearForkRequest* request,
                                      v1::ClearForkResponse*) override {
    absl::StatusOr<Caller> caller = CallerOf(context, {Role::kOperator}, request->municipality());
    if (!caller.ok()) return rpc::Reply(context, parts_.hosting->Counted(caller.status()));
    return rpc::RunBlocking(parts_.pool, context, [this, caller = *std::move(caller), request] {
      return parts_.hosting->Counted(Clear(caller, request->id()));
    });
  }

 private:
  struct Caller {
    PeerPtr peer;
    Hosted* hosted;
  };

  absl::StatusOr<Caller> CallerOf(const grpc::CallbackServerContext* context,
                                  std::initializer_list<Role> roles,
                                  const std::string& municipality) {
    NAKADACHI_ASSIGN_OR_RETURN(const PeerPtr peer, rpc::RequireRole(context, roles));
    NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted,
                               parts_.hosting->Find(municipality, "municipality"));
    if (peer->MaySpeakFor(hosted->institution->code())) return Caller{peer, hosted};
    return FieldError(absl::StatusCode::kPermissionDenied, "municipality", "municipality",
                      "the certificate does not name the municipality");
  }

  // Recorded before it has an effect.
  absl::Status Clear(const Caller& caller, const std::string& id) {
    NAKADACHI_ASSIGN_OR_RETURN(const v1::Fork fork, parts_.witness->FindFork(id));
    if (fork.cleared_ms() != 0) return absl::OkStatus();
    NAKADACHI_RETURN_IF_ERROR(caller.hosted->institution->RecordOperation(
        "fork-cleared", caller.peer->staff_pseudonym,
        absl::StrCat(fork.institution(), " ", fork.kind(), " ", HexEncode(id))));
    return parts_.witness->Clear(id);
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeWitnessService(const ServiceParts& parts) {
  return std::make_unique<WitnessServiceImpl>(parts);
}

}  // namespace nakadachi::intermediate
