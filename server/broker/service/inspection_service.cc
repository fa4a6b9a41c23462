#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "nakadachi/v1/inspection.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

class InspectionServiceImpl final : public v1::InspectionService::CallbackService {
 public:
  explicit InspectionServiceImpl(const ServiceParts& parts) : parts_(parts) {}

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
    absl::Status status = peer.status();
    if (status.ok() && request.institution() != Author::Broker().ToString()) {
      status = FieldError(absl::StatusCode::kNotFound, "institution", "unknown-ledger",
                          "only the broker's ledger is kept here");
    }
    if (!status.ok()) return rpc::Reply(context, Counted(parts_.figures, std::move(status)));
    return rpc::RunBlocking(parts_.inspection_pool, context,
                            [this, method, peer = *peer, &request, response] {
                              auto result = std::invoke(method, parts_.inspections, *peer, request);
                              if (!result.ok()) return Counted(parts_.figures, result.status());
                              *response = *std::move(result);
                              return absl::OkStatus();
                            });
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeInspectionService(const ServiceParts& parts) {
  return std::make_unique<InspectionServiceImpl>(parts);
}

}  // namespace nakadachi::broker
