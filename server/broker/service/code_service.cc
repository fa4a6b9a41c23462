#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

constexpr int kMaxEntries = 1000;
constexpr std::chrono::seconds kRelayTimeout(10);

// Juki net has checked the code by its own rule; here only its form matters.
absl::StatusOr<ResidentCode> ParseRelayed(const std::string& resident_code) {
  ResidentCodeRule any;
  any.checked = false;
  return ResidentCode::Parse(resident_code, "resident_code", any);
}

// The members' intermediate servers, each reached over one channel. Thread-safe.
class ExchangeStubs {
 public:
  explicit ExchangeStubs(rpc::TlsMaterial tls) : tls_(std::move(tls)) {}

  // Routes come from others; one that names nobody is no reason to fall.
  absl::StatusOr<std::shared_ptr<v1::ExchangeService::Stub>> At(const v1::Route& route) {
    if (route.address().empty() || route.tls_name().empty()) {
      return FieldError(absl::StatusCode::kUnavailable, "route", "required",
                        "names no address or no TLS name");
    }
    absl::MutexLock lock(&mutex_);
    auto& stub = stubs_[{route.address(), route.tls_name()}];
    if (stub == nullptr) {
      stub = v1::ExchangeService::NewStub(rpc::Connect(route.address(), route.tls_name(), tls_));
    }
    return stub;
  }

 private:
  const rpc::TlsMaterial tls_;
  absl::Mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<v1::ExchangeService::Stub>> stubs_
      ABSL_GUARDED_BY(mutex_);
};

// One call of juki net: derives, hands on, answers what the intermediate server answered. Keeps
// nothing. Deletes itself when gRPC is done with it.
class Derivation final : public grpc::ServerUnaryReactor {
 public:
  Derivation(const CodeDeriver* codes, const LocalGovernmentCode& institution,
             std::shared_ptr<v1::ExchangeService::Stub> stub, grpc::CallbackServerContext* server,
             const v1::DeriveCodesRequest* request, v1::DeriveCodesResponse* response)
      : codes_(codes),
        institution_(institution),
        stub_(std::move(stub)),
        request_(request),
        response_(response) {
    client_.set_deadline(
        std::min(server->deadline(), std::chrono::system_clock::now() + kRelayTimeout));
  }

  void Run() {
    relayed_.set_institution(institution_.ToString());
    for (int i = 0; i < request_->entries_size(); ++i) {
      response_->add_errors(rpc::ToBytes(Derive(i)));
    }
    if (positions_.empty()) return Finish(grpc::Status::OK);
    stub_->async()->ReceiveCodes(&client_, &relayed_, &received_,
                                 [this](grpc::Status status) { Answer(std::move(status)); });
  }

  void OnCancel() override { client_.TryCancel(); }
  void OnDone() override { delete this; }

 private:
  absl::Status Derive(int position) {
    const v1::DeriveCodesRequest::Entry& entry = request_->entries(position);
    auto number = AcquisitionNumber::Parse(entry.acquisition_number());
    if (!number.ok()) return number.status();
    auto person = ParseRelayed(entry.resident_code());
    if (!person.ok()) return person.status();
    v1::ReceiveCodesRequest::Entry* out = relayed_.add_entries();
    out->set_acquisition_number(number->Reveal());
    const LinkageCode code = codes_->CodeFor(codes_->Identify(*person), institution_);
    out->set_linkage_code(std::string(code.RevealBytes()));
    positions_.push_back(position);
    return absl::OkStatus();
  }

  void Answer(const grpc::Status& status) {
    if (!status.ok()) return Finish(rpc::ToGrpc(rpc::FromGrpc(status)));
    if (static_cast<size_t>(received_.errors_size()) != positions_.size()) {
      return Finish(rpc::ToGrpc(FieldError(absl::StatusCode::kInternal, "errors", "count",
                                           "the intermediate server answered fewer entries")));
    }
    for (size_t i = 0; i < positions_.size(); ++i) {
      response_->set_errors(positions_[i], received_.errors(static_cast<int>(i)));
    }
    Finish(grpc::Status::OK);
  }

  const CodeDeriver* const codes_;
  const LocalGovernmentCode institution_;
  const std::shared_ptr<v1::ExchangeService::Stub> stub_;
  const v1::DeriveCodesRequest* const request_;
  v1::DeriveCodesResponse* const response_;
  grpc::ClientContext client_;
  v1::ReceiveCodesRequest relayed_;
  v1::ReceiveCodesResponse received_;
  std::vector<int> positions_;  // of the relayed entries
};

class CodeServiceImpl final : public v1::CodeService::CallbackService {
 public:
  explicit CodeServiceImpl(const ServiceParts& parts) : parts_(parts), stubs_(parts.client_tls) {}

  grpc::ServerUnaryReactor* DeriveCodes(grpc::CallbackServerContext* context,
                                        const v1::DeriveCodesRequest* request,
                                        v1::DeriveCodesResponse* response) override {
    auto member = CheckCall(context, *request);
    if (!member.ok()) return rpc::Reply(context, Counted(parts_.figures, member.status()));
    auto stub = stubs_.At(member->route);
    if (!stub.ok()) return rpc::Reply(context, stub.status());
    auto* derivation =
        new Derivation(parts_.codes, member->code, *std::move(stub), context, request, response);
    if (!parts_.pool->Submit([derivation] { derivation->Run(); })) {
      derivation->Finish(rpc::ToGrpc(
          FieldError(absl::StatusCode::kResourceExhausted, "call", "busy", "too many calls wait")));
    }
    return derivation;
  }

  grpc::ServerUnaryReactor* DeriveOwnCode(grpc::CallbackServerContext* context,
                                          const v1::DeriveOwnCodeRequest* request,
                                          v1::DeriveOwnCodeResponse* response) override {
    return rpc::Reply(context, Counted(parts_.figures, OwnCode(context, *request, response)));
  }

 private:
  absl::Status OwnCode(grpc::CallbackServerContext* context,
                       const v1::DeriveOwnCodeRequest& request,
                       v1::DeriveOwnCodeResponse* response) const {
    NAKADACHI_RETURN_IF_ERROR(rpc::RequireRole(context, {rpc::Role::kJuki}).status());
    NAKADACHI_ASSIGN_OR_RETURN(ResidentCode person, ParseRelayed(request.resident_code()));
    const RecordManagementCode code =
        parts_.codes->RecordManagementCodeOf(parts_.codes->Identify(person));
    response->set_record_management_code(code.data(), code.size());
    return absl::OkStatus();
  }

  absl::StatusOr<Member> CheckCall(grpc::CallbackServerContext* context,
                                   const v1::DeriveCodesRequest& request) const {
    NAKADACHI_RETURN_IF_ERROR(rpc::RequireRole(context, {rpc::Role::kJuki}).status());
    NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode code,
                               LocalGovernmentCode::Parse(request.institution(), "institution"));
    if (request.entries_size() > kMaxEntries) {
      return InvalidField("entries", "too-many", "holds more than 1000");
    }
    std::optional<Member> member = parts_.directory->Find(code);
    if (!member) {
      return FieldError(absl::StatusCode::kNotFound, "institution", "unknown-member",
                        "is no member of the network");
    }
    return *std::move(member);
  }

  const ServiceParts parts_;
  ExchangeStubs stubs_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCodeService(const ServiceParts& parts) {
  return std::make_unique<CodeServiceImpl>(parts);
}

}  // namespace nakadachi::broker
