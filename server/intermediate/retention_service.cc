#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "common/base/status.h"
#include "common/retention/retention_desk.h"
#include "common/rpc/handler.h"
#include "nakadachi/v1/retention.grpc.pb.h"
#include "server/intermediate/services.h"

namespace nakadachi::intermediate {
namespace {

using retention::RetentionDesk;

// The desk's method, with the pseudonym that the certificate names.
template <typename Request, typename Response>
auto Signed(absl::StatusOr<Response> (RetentionDesk::*method)(const Request&)) {
  return [method](RetentionDesk& desk, const rpc::Peer& peer,
                  Request request) -> absl::StatusOr<Response> {
    NAKADACHI_RETURN_IF_ERROR(rpc::FillFromCertificate("staff_pseudonym", peer.staff_pseudonym,
                                                       request.mutable_staff_pseudonym()));
    return (desk.*method)(request);
  };
}

class RetentionServiceImpl final : public v1::RetentionService::CallbackService {
 public:
  explicit RetentionServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* GetRetention(grpc::CallbackServerContext* context,
                                         const v1::GetRetentionRequest* request,
                                         v1::GetRetentionResponse* response) override {
    return Serve(context, *request, response,
                 [](RetentionDesk& desk, const rpc::Peer&, const v1::GetRetentionRequest&) {
                   return desk.Get();
                 });
  }
  grpc::ServerUnaryReactor* ErasePeriod(grpc::CallbackServerContext* context,
                                        const v1::ErasePeriodRequest* request,
                                        v1::ErasePeriodResponse* response) override {
    return Serve(context, *request, response, Signed(&RetentionDesk::Erase));
  }
  grpc::ServerUnaryReactor* PlaceHold(grpc::CallbackServerContext* context,
                                      const v1::PlaceHoldRequest* request,
                                      v1::PlaceHoldResponse* response) override {
    return Serve(context, *request, response, Signed(&RetentionDesk::PlaceHold));
  }
  grpc::ServerUnaryReactor* ReleaseHold(grpc::CallbackServerContext* context,
                                        const v1::ReleaseHoldRequest* request,
                                        v1::ReleaseHoldResponse* response) override {
    return Serve(context, *request, response, Signed(&RetentionDesk::ReleaseHold));
  }

 private:
  template <typename Request, typename Response, typename Work>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, const Request& request,
                                  Response* response, Work work) {
    auto peer = rpc::RequireRole(context, {rpc::Role::kStaff, rpc::Role::kOperator});
    if (!peer.ok()) return rpc::Reply(context, parts_.hosting->Counted(peer.status()));
    const auto hosted = FindFor(**peer, request.institution());
    if (!hosted.ok()) return rpc::Reply(context, parts_.hosting->Counted(hosted.status()));
    return rpc::RunBlocking(
        parts_.retention_pool, context,
        [this, work, peer = *peer, desk = (*hosted)->retention.get(), &request, response] {
          auto result = work(*desk, *peer, request);
          if (!result.ok()) return parts_.hosting->Counted(result.status());
          *response = *std::move(result);
          return absl::OkStatus();
        });
  }

  absl::StatusOr<Hosted*> FindFor(const rpc::Peer& peer, const std::string& institution) {
    NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted,
                               parts_.hosting->Find(institution, "institution"));
    if (peer.MaySpeakFor(hosted->institution->code())) return hosted;
    return FieldError(absl::StatusCode::kPermissionDenied, "institution", "municipality",
                      "the certificate does not name the institution");
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRetentionService(const ServiceParts& parts) {
  return std::make_unique<RetentionServiceImpl>(parts);
}

}  // namespace nakadachi::intermediate
