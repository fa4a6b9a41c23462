#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "common/rpc/handler.h"
#include "nakadachi/v1/inspection.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

class OwnRecordsServiceImpl final : public v1::OwnRecordsService::CallbackService {
 public:
  explicit OwnRecordsServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListOwnRecords(grpc::CallbackServerContext* context,
                                           const v1::ListOwnRecordsRequest* request,
                                           v1::ListOwnRecordsResponse* response) override {
    auto peer = rpc::RequireRole(context, {rpc::Role::kPortal});
    if (!peer.ok()) return rpc::Reply(context, Counted(parts_.figures, peer.status()));
    return rpc::RunBlocking(parts_.pool, context, [this, peer = *peer, request, response] {
      auto result = parts_.own_records->List(*peer, *request);
      if (!result.ok()) return Counted(parts_.figures, result.status());
      *response = *std::move(result);
      return absl::OkStatus();
    });
  }

 private:
  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeOwnRecordsService(const ServiceParts& parts) {
  return std::make_unique<OwnRecordsServiceImpl>(parts);
}

}  // namespace nakadachi::broker
