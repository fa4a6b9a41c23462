#include "server/juki/service/juki_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/juki.grpc.pb.h"

namespace nakadachi::juki {
namespace {

constexpr std::chrono::seconds kRelayTimeout(15);

absl::Status Busy() {
  return FieldError(absl::StatusCode::kResourceExhausted, "server", "busy",
                    "too many calls are waiting");
}

// One call of an institution: begins on the pool, waits for the broker on no thread, completes on
// the pool. Deletes itself when gRPC is done with it, which a shutdown waits for.
class Relay final : public grpc::ServerUnaryReactor {
 public:
  Relay(const ServiceParts& parts, v1::CodeService::Stub* broker, LocalGovernmentCode institution,
        grpc::CallbackServerContext* server, const v1::SubmitAcquisitionsRequest* request,
        v1::SubmitAcquisitionsResponse* response)
      : parts_(parts),
        broker_(broker),
        institution_(std::move(institution)),
        request_(request),
        response_(response) {
    client_.set_deadline(
        std::min(server->deadline(), std::chrono::system_clock::now() + kRelayTimeout));
  }

  void Start() {
    OnPool([this] { Begin(); });
  }
  void OnCancel() override { client_.TryCancel(); }
  void OnDone() override { delete this; }

 private:
  void OnPool(std::function<void()> work) {
    if (!parts_.pool->Submit(std::move(work))) Finish(rpc::ToGrpc(Busy()));
  }

  void Begin() {
    auto submission = parts_.acquisitions->Begin(institution_, *request_);
    if (!submission.ok()) return Finish(rpc::ToGrpc(submission.status()));
    submission_ = *std::move(submission);
    if (submission_.origins.empty()) {
      *response_ = std::move(submission_.response);
      return Finish(grpc::Status::OK);
    }
    broker_->async()->DeriveCodes(&client_, &submission_.relayed, &answers_,
                                  [this](const grpc::Status& status) {
                                    // Whether the broker has carried it out may be unknown: the
                                    // numbers stay bound, and the call may be made again.
                                    if (!status.ok()) {
                                      return Finish(rpc::ToGrpc(rpc::FromGrpc(status)));
                                    }
                                    OnPool([this] { Complete(); });
                                  });
  }

  void Complete() {
    auto response = parts_.acquisitions->Complete(std::move(submission_), answers_);
    if (!response.ok()) return Finish(rpc::ToGrpc(response.status()));
    *response_ = *std::move(response);
    Finish(grpc::Status::OK);
  }

  const ServiceParts& parts_;
  v1::CodeService::Stub* const broker_;
  const LocalGovernmentCode institution_;
  const v1::SubmitAcquisitionsRequest* const request_;
  v1::SubmitAcquisitionsResponse* const response_;
  grpc::ClientContext client_;
  Submission submission_;
  v1::DeriveCodesResponse answers_;
};

// A portal's call for a person: looks up on the pool, waits for the broker on no thread. Deletes
// itself when gRPC is done with it.
class OwnCode final : public grpc::ServerUnaryReactor {
 public:
  OwnCode(const ServiceParts& parts, v1::CodeService::Stub* broker,
          grpc::CallbackServerContext* server, const v1::FindOwnCodeRequest* request,
          v1::FindOwnCodeResponse* response)
      : parts_(parts), broker_(broker), request_(request), response_(response) {
    client_.set_deadline(
        std::min(server->deadline(), std::chrono::system_clock::now() + kRelayTimeout));
  }

  void Start() {
    if (!parts_.pool->Submit([this] { Ask(); })) Finish(rpc::ToGrpc(Busy()));
  }
  void OnCancel() override { client_.TryCancel(); }
  void OnDone() override { delete this; }

 private:
  void Ask() {
    const auto number = IndividualNumber::Parse(request_->individual_number());
    if (!number.ok()) return Finish(rpc::ToGrpc(number.status()));
    const auto person = parts_.residents->Find(*number);
    if (!person.ok()) return Finish(rpc::ToGrpc(person.status()));
    relayed_.set_resident_code(person->Reveal());
    broker_->async()->DeriveOwnCode(&client_, &relayed_, &answer_,
                                    [this](const grpc::Status& status) { Answer(status); });
  }

  void Answer(const grpc::Status& status) {
    response_->set_record_management_code(answer_.record_management_code());
    Finish(status.ok() ? status : rpc::ToGrpc(rpc::FromGrpc(status)));
  }

  const ServiceParts& parts_;
  v1::CodeService::Stub* const broker_;
  const v1::FindOwnCodeRequest* const request_;
  v1::FindOwnCodeResponse* const response_;
  grpc::ClientContext client_;
  v1::DeriveOwnCodeRequest relayed_;
  v1::DeriveOwnCodeResponse answer_;
};

class JukiServiceImpl final : public v1::JukiService::CallbackService {
 public:
  explicit JukiServiceImpl(const ServiceParts& parts)
      : parts_(parts), broker_(v1::CodeService::NewStub(parts.broker)) {}

  grpc::ServerUnaryReactor* RegisterResidents(grpc::CallbackServerContext* context,
                                              const v1::RegisterResidentsRequest* request,
                                              v1::RegisterResidentsResponse* response) override {
    auto municipality = Party(context, request->municipality(), "municipality");
    if (!municipality.ok()) return rpc::Reply(context, municipality.status());
    return rpc::RunBlocking(parts_.pool, context,
                            [this, municipality = *municipality, request, response] {
                              auto result = parts_.residents->Register(municipality, *request);
                              if (!result.ok()) return result.status();
                              *response = *std::move(result);
                              return absl::OkStatus();
                            });
  }

  grpc::ServerUnaryReactor* SubmitAcquisitions(grpc::CallbackServerContext* context,
                                               const v1::SubmitAcquisitionsRequest* request,
                                               v1::SubmitAcquisitionsResponse* response) override {
    auto institution = Party(context, request->institution(), "institution");
    if (!institution.ok()) return rpc::Reply(context, institution.status());
    auto* relay =
        new Relay(parts_, broker_.get(), *std::move(institution), context, request, response);
    relay->Start();
    return relay;
  }

  grpc::ServerUnaryReactor* FindOwnCode(grpc::CallbackServerContext* context,
                                        const v1::FindOwnCodeRequest* request,
                                        v1::FindOwnCodeResponse* response) override {
    auto peer = rpc::RequireRole(context, {rpc::Role::kPortal});
    if (!peer.ok()) return rpc::Reply(context, peer.status());
    auto* call = new OwnCode(parts_, broker_.get(), context, request, response);
    call->Start();
    return call;
  }

  grpc::ServerUnaryReactor* GetJukiStatus(grpc::CallbackServerContext* context,
                                          const v1::GetJukiStatusRequest*,
                                          v1::GetJukiStatusResponse* response) override {
    auto peer = rpc::RequireRole(context,
                                 {rpc::Role::kOffice, rpc::Role::kOperator, rpc::Role::kInspector});
    if (!peer.ok()) return rpc::Reply(context, peer.status());
    return rpc::RunBlocking(parts_.pool, context, [this, response] {
      NAKADACHI_ASSIGN_OR_RETURN(const uint64_t residents, parts_.store->Residents());
      NAKADACHI_ASSIGN_OR_RETURN(const uint64_t acquisitions, parts_.store->Acquisitions());
      response->set_residents(residents);
      response->set_acquisitions(acquisitions);
      response->set_started_ms(parts_.started_ms);
      return absl::OkStatus();
    });
  }

 private:
  // The institution that the call is about, where the peer is an office that speaks for it.
  static absl::StatusOr<LocalGovernmentCode> Party(grpc::CallbackServerContext* context,
                                                   const std::string& code,
                                                   absl::string_view field) {
    NAKADACHI_ASSIGN_OR_RETURN(std::shared_ptr<const rpc::Peer> peer,
                               rpc::RequireRole(context, {rpc::Role::kOffice}));
    NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode party, LocalGovernmentCode::Parse(code, field));
    if (peer->MaySpeakFor(party)) return party;
    return FieldError(absl::StatusCode::kPermissionDenied, field, "peer",
                      "is not one that this peer may speak for");
  }

  const ServiceParts parts_;
  const std::unique_ptr<v1::CodeService::Stub> broker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJukiService(const ServiceParts& parts) {
  return std::make_unique<JukiServiceImpl>(parts);
}

}  // namespace nakadachi::juki
