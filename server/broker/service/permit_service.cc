#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/unary_server.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

using Request = v1::RequestPermitRequest;
using Response = v1::RequestPermitResponse;
using Requests = v1::RequestPermitRequests;
using Responses = v1::RequestPermitResponses;

class PermitServiceImpl final : public v1::PermitService::CallbackService {
 public:
  explicit PermitServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* RequestPermit(grpc::CallbackServerContext* context,
                                          const Request* request, Response* response) override {
    auto peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) return Reject(context, peer.status());
    return rpc::ServeUnary<Request, Response>(
        *request, response, [this, &peer](const Request& query, rpc::Answer<Response> answer) {
          Decide(**peer, query, std::move(answer));
        });
  }

  grpc::ServerBidiReactor<Requests, Responses>* RequestPermits(
      grpc::CallbackServerContext* context) override {
    auto peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) {
      return rpc::RefuseStream<Requests, Responses>(Counted(parts_.figures, peer.status()));
    }
    return rpc::ServeStream<Requests, Responses>(
        parts_.streams, [this, peer = *peer](const Request& query, rpc::Answer<Response> answer) {
          Decide(*peer, query, std::move(answer));
        });
  }

  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext* context,
                                   const v1::ReportRequest* request,
                                   v1::ReportResponse* response) override {
    auto peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) return Reject(context, peer.status());
    return rpc::RunBlocking(parts_.pool, context, [this, peer = *peer, request, response] {
      auto result = parts_.reports->Report(*peer, *request);
      if (!result.ok()) return Counted(parts_.figures, result.status());
      parts_.figures->rejected_calls += result->errors_size() - result->accepted();
      *response = *std::move(result);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* FetchDirectory(grpc::CallbackServerContext* context,
                                           const v1::FetchDirectoryRequest* request,
                                           v1::FetchDirectoryResponse* response) override {
    auto peer = rpc::RequireRole(
        context, {rpc::Role::kIntermediate, rpc::Role::kInspector, rpc::Role::kPortal});
    if (!peer.ok()) return Reject(context, peer.status());
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      auto result = parts_.changes->Fetch(request->after_sequence());
      if (!result.ok()) return result.status();
      *response = *std::move(result);
      return absl::OkStatus();
    });
  }

 private:
  void Decide(const rpc::Peer& peer, const Request& request, rpc::Answer<Response> answer) {
    parts_.permits->Handle(peer, request.query(),
                           [answer = std::move(answer)](absl::StatusOr<v1::Recorded> decision) {
                             if (!decision.ok()) return answer(decision.status());
                             Response response;
                             *response.mutable_decision() = *std::move(decision);
                             answer(std::move(response));
                           });
  }

  grpc::ServerUnaryReactor* Reject(grpc::CallbackServerContext* context, absl::Status status) {
    return rpc::Reply(context, Counted(parts_.figures, std::move(status)));
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePermitService(const ServiceParts& parts) {
  return std::make_unique<PermitServiceImpl>(parts);
}

}  // namespace nakadachi::broker
