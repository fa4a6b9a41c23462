#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <map>
#include <set>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/intermediate/witness_link.h"

namespace nakadachi::intermediate {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);

class GrpcLedgerLink final : public LedgerLink {
  using Stub = v1::LedgerService::Stub;

 public:
  explicit GrpcLedgerLink(rpc::TlsMaterial tls) : tls_(std::move(tls)) {}

  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(const v1::Route& route,
                                                          const std::string& institution) override {
    v1::GetCheckpointRequest request;
    request.set_institution(institution);
    return Call<v1::GetCheckpointResponse>(route, &Stub::GetCheckpoint, request);
  }

  absl::StatusOr<std::vector<std::string>> GetPrefixProofs(const v1::Route& route,
                                                           const std::string& institution,
                                                           const std::vector<uint64_t>& old_sizes,
                                                           uint64_t new_size) override {
    v1::GetPrefixProofsRequest request;
    request.set_institution(institution);
    request.mutable_old_sizes()->Add(old_sizes.begin(), old_sizes.end());
    request.set_new_size(new_size);
    auto response = Call<v1::GetPrefixProofsResponse>(route, &Stub::GetPrefixProofs, request);
    if (!response.ok()) return response.status();
    auto& proofs = *response->mutable_proofs();
    return std::vector<std::string>(std::make_move_iterator(proofs.begin()),
                                    std::make_move_iterator(proofs.end()));
  }

  absl::Status AddCosignatures(const v1::Route& route, const std::string& institution,
                               const std::string& note) override {
    v1::AddCosignaturesRequest request;
    request.set_institution(institution);
    request.set_note(note);
    return Call<v1::AddCosignaturesResponse>(route, &Stub::AddCosignatures, request).status();
  }

  void Close() override {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (grpc::ClientContext* context : running_) context->TryCancel();
  }

 private:
  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Call(const v1::Route& route, Method method, const Request& request) {
    if (route.address().empty() || route.tls_name().empty()) {
      return FieldError(absl::StatusCode::kUnavailable, "route", "required",
                        "names no address or no TLS name");
    }
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kTimeout));
    Stub* const stub = Enter(route, &context);
    if (stub == nullptr) return absl::CancelledError("shutting down");
    Response response;
    const grpc::Status status = (stub->*method)(&context, request, &response);
    absl::MutexLock lock(&mutex_);
    running_.erase(&context);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }

  Stub* Enter(const v1::Route& route, grpc::ClientContext* context) {
    absl::MutexLock lock(&mutex_);
    if (closed_) return nullptr;
    running_.insert(context);
    std::unique_ptr<Stub>& stub = stubs_[{route.address(), route.tls_name()}];
    if (stub == nullptr) {
      stub = v1::LedgerService::NewStub(rpc::Connect(route.address(), route.tls_name(), tls_));
    }
    return stub.get();
  }

  const rpc::TlsMaterial tls_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Stub>> stubs_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<LedgerLink> MakeLedgerLink(const rpc::TlsMaterial& tls) {
  return std::make_unique<GrpcLedgerLink>(tls);
}

}  // namespace nakadachi::intermediate
