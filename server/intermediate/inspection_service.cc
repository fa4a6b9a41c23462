#include <memory>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "nakadachi/v1/inspection.grpc.pb.h"
#include "server/intermediate/services.h"

namespace nakadachi::intermediate {
namespace {

class InspectionServiceImpl final : public v1::InspectionService::CallbackService {
 public:
  explicit InspectionServiceImpl(const ServiceParts& parts)
      : hosting_(parts.hosting), pool_(parts.inspection_pool) {}

  grpc::ServerUnaryReactor* OpenInspection(grpc::CallbackServerContext* context,
                                           const v1::OpenInspectionRequest* request,
                                           v1::OpenInspectionResponse* response) override {
    return Serve(context, *request, response, &inspection::InspectionDesk::Open);
  }
  grpc::ServerUnaryReactor* ReadInspection(grpc::CallbackServerContext* context,
                                           const v1::ReadInspectionRequest* request,
                                           v1::ReadInspectionResponse* response) override {
    return Serve(context, *request, response, &inspection::InspectionDesk::Read);
  }

 private:
  template <typename Request, typename Response, typename Method>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, const Request& request,
                                  Response* response, Method method) {
    auto peer = rpc::RequireRole(context, {rpc::Role::kInspector});
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    const auto hosted = hosting_->Find(request.institution(), "institution");
    if (!hosted.ok()) return rpc::Reply(context, hosting_->Counted(hosted.status()));
    return rpc::RunBlocking(
        pool_, context,
        [this, method, peer = *peer, desk = (*hosted)->inspections.get(), &request, response] {
          auto result = (desk->*method)(*peer, request);
          if (!result.ok()) return hosting_->Counted(result.status());
          *response = *std::move(result);
          return absl::OkStatus();
        });
  }

  Hosting* const hosting_;
  rpc::WorkPool* const pool_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeInspectionService(const ServiceParts& parts) {
  return std::make_unique<InspectionServiceImpl>(parts);
}

}  // namespace nakadachi::intermediate
