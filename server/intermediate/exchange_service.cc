#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/unary_server.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/intermediate/services.h"

namespace nakadachi::intermediate {
namespace {

using PeerPtr = std::shared_ptr<const rpc::Peer>;
constexpr int kMaxCodes = 1'000;

std::function<bool(const LocalGovernmentCode&)> MaySpeakFor(PeerPtr peer) {
  return
      [peer = std::move(peer)](const LocalGovernmentCode& code) { return peer->MaySpeakFor(code); };
}

class ExchangeServiceImpl final : public v1::ExchangeService::CallbackService {
 public:
  explicit ExchangeServiceImpl(const ServiceParts& parts)
      : hosting_(parts.hosting),
        pool_(parts.pool),
        streams_(parts.streams),
        witness_(parts.witness) {}

  grpc::ServerUnaryReactor* Provide(grpc::CallbackServerContext* context,
                                    const v1::ProvideRequest* request,
                                    v1::ProvideResponse* response) override {
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    return rpc::ServeUnary(
        *request, response,
        [&](const v1::ProvideRequest& asked, rpc::Answer<v1::ProvideResponse> answer) {
          DoProvide(asked.permit(), *std::move(peer), std::move(answer));
        });
  }

  grpc::ServerBidiReactor<v1::ProvideRequests, v1::ProvideResponses>* ProvideMany(
      grpc::CallbackServerContext* context) override {
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) {
      return rpc::RefuseStream<v1::ProvideRequests, v1::ProvideResponses>(
          hosting_->Counted(peer.status()));
    }
    return rpc::ServeStream<v1::ProvideRequests, v1::ProvideResponses>(
        streams_, [this, peer = *std::move(peer)](const v1::ProvideRequest& request,
                                                  rpc::Answer<v1::ProvideResponse> answer) {
          DoProvide(request.permit(), peer, std::move(answer));
        });
  }

  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext* context,
                                    const v1::DeliverRequest* request,
                                    v1::DeliverResponse* response) override {
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {rpc::Role::kIntermediate});
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    return rpc::ServeUnary(
        *request, response,
        [&](const v1::DeliverRequest& delivery, rpc::Answer<v1::DeliverResponse> answer) {
          Receive(delivery, *std::move(peer), std::move(answer));
        });
  }

  grpc::ServerUnaryReactor* ReceiveCodes(grpc::CallbackServerContext* context,
                                         const v1::ReceiveCodesRequest* request,
                                         v1::ReceiveCodesResponse* response) override {
    const absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {rpc::Role::kBroker});
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    return rpc::RunBlocking(pool_, context, [this, request, response] {
      return hosting_->Counted(StoreCodes(*request, response));
    });
  }

 private:
  void DoProvide(const v1::Recorded& permit, PeerPtr peer, Answer<v1::ProvideResponse> done);
  void Receive(const v1::DeliverRequest& delivery, PeerPtr peer, Answer<v1::DeliverResponse> done);
  absl::Status MayProvide(const v1::Statement& permit) const;
  absl::Status StoreCodes(const v1::ReceiveCodesRequest& request,
                          v1::ReceiveCodesResponse* response);

  Hosting* const hosting_;
  rpc::WorkPool* const pool_;
  rpc::OpenStreams* const streams_;
  Witness* const witness_;
};

// Nothing leaves on the word of a broker, or to a requester, that has shown two histories; both may
// be cleared, so that the requester is to come again.
absl::Status ExchangeServiceImpl::MayProvide(const v1::Statement& permit) const {
  absl::Status status = witness_->MayRely(Author::Broker(), "broker");
  const auto requester = Author::Parse(permit.permit().requester());
  if (status.ok() && requester.ok()) status = witness_->MayRely(*requester, "permit.requester");
  if (status.ok()) return status;
  const FieldRule why = GetFieldRule(status);
  return FieldError(absl::StatusCode::kUnavailable, why.field, why.rule,
                    "has not shown one history");
}

// The provider's name is read before the proof is checked: it only chooses who checks it.
void ExchangeServiceImpl::DoProvide(const v1::Recorded& permit, PeerPtr peer,
                                    Answer<v1::ProvideResponse> done) {
  v1::Statement statement;
  if (!statement.ParseFromString(permit.statement()) || !statement.has_permit()) {
    return done(
        hosting_->Counted(InvalidField("permit.statement", "statement-format", "not a permit")));
  }
  absl::StatusOr<Hosted*> hosted = hosting_->Find(statement.permit().provider(), "permit.provider");
  if (!hosted.ok()) return done(hosting_->Counted(hosted.status()));
  const absl::Status held_back = MayProvide(statement);
  if (!held_back.ok()) return done(held_back);
  (*hosted)->provider->Provide(
      permit, MaySpeakFor(std::move(peer)),
      [this, done = std::move(done)](absl::StatusOr<v1::ProvideResponse> answer) mutable {
        if (!answer.ok()) return done(hosting_->Counted(answer.status()));
        done(std::move(answer));
      });
}

// As with the provider's name above.
void ExchangeServiceImpl::Receive(const v1::DeliverRequest& delivery, PeerPtr peer,
                                  Answer<v1::DeliverResponse> done) {
  v1::Statement statement;
  if (!statement.ParseFromString(delivery.provision().statement()) || !statement.has_provision()) {
    return done(hosting_->Counted(
        InvalidField("provision.statement", "statement-format", "not a provision")));
  }
  const absl::StatusOr<Hosted*> hosted =
      hosting_->Find(statement.provision().requester(), "provision.requester");
  if (!hosted.ok()) return done(hosting_->Counted(hosted.status()));
  (*hosted)->requester->Receive(
      delivery, MaySpeakFor(std::move(peer)),
      [this, done = std::move(done)](absl::StatusOr<v1::Recorded> receipt) mutable {
        if (!receipt.ok()) return done(hosting_->Counted(receipt.status()));
        v1::DeliverResponse answer;
        *answer.mutable_receipt() = *std::move(receipt);
        done(std::move(answer));
      });
}

absl::Status ExchangeServiceImpl::StoreCodes(const v1::ReceiveCodesRequest& request,
                                             v1::ReceiveCodesResponse* response) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted,
                             hosting_->Find(request.institution(), "institution"));
  if (request.entries_size() > kMaxCodes) {
    return InvalidField("entries", "length", "more than 1,000 entries");
  }
  std::vector<absl::Status> results(static_cast<size_t>(request.entries_size()));
  std::vector<CodeBook::Arrival> arrivals;
  std::vector<size_t> positions;
  for (int i = 0; i < request.entries_size(); ++i) {
    const v1::ReceiveCodesRequest::Entry& entry = request.entries(i);
    absl::StatusOr<AcquisitionNumber> number = AcquisitionNumber::Parse(entry.acquisition_number());
    absl::StatusOr<LinkageCode> code = LinkageCode::FromBytes(entry.linkage_code());
    const size_t position = static_cast<size_t>(i);
    results[position] = number.ok() ? code.status() : number.status();
    if (!results[position].ok()) continue;
    arrivals.push_back({*std::move(number), *code});
    positions.push_back(position);
  }
  const std::vector<absl::Status> stored = hosted->codes->ReceiveCodes(arrivals);
  for (size_t i = 0; i < stored.size(); ++i) results[positions[i]] = stored[i];
  for (size_t i = 0; i < results.size(); ++i) {
    response->add_errors(
        rpc::ToBytes(hosting_->Counted(UnderField(absl::StrCat("entries[", i, "]"), results[i]))));
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<grpc::Service> MakeExchangeService(const ServiceParts& parts) {
  return std::make_unique<ExchangeServiceImpl>(parts);
}

}  // namespace nakadachi::intermediate
