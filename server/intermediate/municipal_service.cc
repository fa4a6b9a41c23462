#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/rpc/handler.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/unary_server.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/services.h"

namespace nakadachi::intermediate {
namespace {

using rpc::Role;
using PeerPtr = std::shared_ptr<const rpc::Peer>;

constexpr int kMaxEntries = 1'000;
constexpr int kMaxWithheld = 100;

absl::Status CheckMunicipality(const rpc::Peer& peer, const LocalGovernmentCode& code) {
  if (peer.MaySpeakFor(code)) return absl::OkStatus();
  return FieldError(absl::StatusCode::kPermissionDenied, "municipality", "municipality",
                    "the certificate does not name the municipality");
}

absl::Status CheckCount(int entries, int limit, absl::string_view field) {
  if (entries <= limit) return absl::OkStatus();
  return InvalidField(field, "length", absl::StrCat("more than ", limit, " entries"));
}

class MunicipalServiceImpl final : public v1::MunicipalService::CallbackService {
 public:
  explicit MunicipalServiceImpl(const ServiceParts& parts)
      : parts_(parts), hosting_(parts.hosting), pool_(parts.pool) {}

  grpc::ServerUnaryReactor* IssueAcquisitionNumbers(
      grpc::CallbackServerContext* context, const v1::IssueAcquisitionNumbersRequest* request,
      v1::IssueAcquisitionNumbersResponse* response) override {
    return Blocking(context, {Role::kOffice}, [this, request, response](const PeerPtr& peer) {
      return Issue(*peer, *request, response);
    });
  }

  grpc::ServerUnaryReactor* RegisterReplicas(grpc::CallbackServerContext* context,
                                             const v1::RegisterReplicasRequest* request,
                                             v1::RegisterReplicasResponse* response) override {
    return Blocking(context, {Role::kOffice}, [this, request, response](const PeerPtr& peer) {
      return Register(*peer, *request, response);
    });
  }

  grpc::ServerBidiReactor<v1::RegisterReplicasRequests, v1::RegisterReplicasResponses>*
  RegisterReplicaStream(grpc::CallbackServerContext* context) override {
    using Request = v1::RegisterReplicasRequest;
    using Response = v1::RegisterReplicasResponse;
    using Requests = v1::RegisterReplicasRequests;
    using Responses = v1::RegisterReplicasResponses;
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {Role::kOffice});
    if (!peer.ok()) {
      return rpc::RefuseStream<Requests, Responses>(hosting_->Counted(peer.status()));
    }
    // A request has up to a thousand entries: few of them in flight keep the disk busy.
    constexpr int kMaxInFlight = 8;
    return rpc::ServeStream<Requests, Responses>(
        parts_.streams,
        [this, peer = *std::move(peer)](Request request, rpc::Answer<Response> answer) {
          auto shared = std::make_shared<Request>(std::move(request));
          const bool queued = pool_->Submit([this, peer, shared, answer] {
            Response response;
            const absl::Status status = hosting_->Counted(Register(*peer, *shared, &response));
            if (!status.ok()) return answer(status);
            answer(std::move(response));
          });
          if (!queued) {
            answer(FieldError(absl::StatusCode::kResourceExhausted, "entries", "busy",
                              "too much is queued"));
          }
        },
        kMaxInFlight);
  }

  grpc::ServerUnaryReactor* SetProtection(grpc::CallbackServerContext* context,
                                          const v1::SetProtectionRequest* request,
                                          v1::SetProtectionResponse* response) override {
    return Blocking(context, {Role::kOffice, Role::kStaff},
                    [this, request, response](const PeerPtr& peer) {
                      return Protect(*peer, *request, response);
                    });
  }

  grpc::ServerUnaryReactor* Query(grpc::CallbackServerContext* context,
                                  const v1::QueryRequest* request,
                                  v1::QueryResponse* response) override {
    const absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {Role::kOffice, Role::kStaff});
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    return rpc::ServeUnary(*request, response,
                           [&](v1::QueryRequest asked, rpc::Answer<v1::QueryResponse> answer) {
                             Ask(**peer, std::move(asked), std::move(answer));
                           });
  }

  grpc::ServerBidiReactor<v1::QueryRequests, v1::QueryResponses>* QueryMany(
      grpc::CallbackServerContext* context) override {
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, {Role::kOffice, Role::kStaff});
    if (!peer.ok()) {
      return rpc::RefuseStream<v1::QueryRequests, v1::QueryResponses>(
          hosting_->Counted(peer.status()));
    }
    return rpc::ServeStream<v1::QueryRequests, v1::QueryResponses>(
        parts_.streams, [this, peer = *std::move(peer)](v1::QueryRequest request,
                                                        rpc::Answer<v1::QueryResponse> answer) {
          Ask(*peer, std::move(request), std::move(answer));
        });
  }

  grpc::ServerUnaryReactor* GetExchange(grpc::CallbackServerContext* context,
                                        const v1::GetExchangeRequest* request,
                                        v1::QueryResponse* response) override {
    return Blocking(context, {Role::kOffice, Role::kStaff},
                    [this, request, response](const PeerPtr& peer) -> absl::Status {
                      NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted,
                                                 Find(*peer, request->municipality()));
                      NAKADACHI_ASSIGN_OR_RETURN(
                          *response, hosted->requester->GetExchange(request->request_id()));
                      return absl::OkStatus();
                    });
  }

  grpc::ServerUnaryReactor* ListReviews(grpc::CallbackServerContext* context,
                                        const v1::ListReviewsRequest* request,
                                        v1::ListReviewsResponse* response) override {
    return Blocking(context, {Role::kOffice, Role::kStaff},
                    [this, request, response](const PeerPtr& peer) -> absl::Status {
                      NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted,
                                                 Find(*peer, request->municipality()));
                      NAKADACHI_ASSIGN_OR_RETURN(std::vector<v1::Review> reviews,
                                                 hosted->provider->ListReviews());
                      for (v1::Review& review : reviews) {
                        *response->add_reviews() = std::move(review);
                      }
                      return absl::OkStatus();
                    });
  }

  grpc::ServerUnaryReactor* DecideReview(grpc::CallbackServerContext* context,
                                         const v1::DecideReviewRequest* request,
                                         v1::DecideReviewResponse* response) override {
    return Blocking(context, {Role::kStaff}, [this, request, response](const PeerPtr& peer) {
      return Decide(*peer, *request, response);
    });
  }

  grpc::ServerUnaryReactor* GetIntermediateStatus(
      grpc::CallbackServerContext* context, const v1::GetIntermediateStatusRequest*,
      v1::GetIntermediateStatusResponse* response) override {
    return Blocking(context, {Role::kOffice, Role::kStaff, Role::kOperator, Role::kInspector},
                    [this, response](const PeerPtr& peer) { return Status(*peer, response); });
  }

 private:
  grpc::ServerUnaryReactor* Blocking(grpc::CallbackServerContext* context,
                                     std::initializer_list<Role> roles,
                                     std::function<absl::Status(const PeerPtr&)> work) {
    absl::StatusOr<PeerPtr> peer = rpc::RequireRole(context, roles);
    if (!peer.ok()) return rpc::Reply(context, hosting_->Counted(peer.status()));
    return rpc::RunBlocking(pool_, context,
                            [this, peer = *std::move(peer), work = std::move(work)] {
                              return hosting_->Counted(work(peer));
                            });
  }

  absl::StatusOr<Hosted*> Find(const rpc::Peer& peer, const std::string& municipality) {
    NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                               LocalGovernmentCode::Parse(municipality, "municipality"));
    NAKADACHI_RETURN_IF_ERROR(CheckMunicipality(peer, code));
    return hosting_->Find(municipality, "municipality");
  }

  absl::Status Issue(const rpc::Peer& peer, const v1::IssueAcquisitionNumbersRequest& request,
                     v1::IssueAcquisitionNumbersResponse* response);
  absl::Status Register(const rpc::Peer& peer, const v1::RegisterReplicasRequest& request,
                        v1::RegisterReplicasResponse* response);
  absl::Status Protect(const rpc::Peer& peer, const v1::SetProtectionRequest& request,
                       v1::SetProtectionResponse* response);
  void Ask(const rpc::Peer& peer, v1::QueryRequest request, Answer<v1::QueryResponse> done);
  absl::Status MayAsk(const Hosted& hosted, const v1::QueryRequest& request) const;
  absl::Status Decide(const rpc::Peer& peer, const v1::DecideReviewRequest& request,
                      v1::DecideReviewResponse* response);
  absl::Status Status(const rpc::Peer& peer, v1::GetIntermediateStatusResponse* response);

  const ServiceParts parts_;
  Hosting* const hosting_;
  rpc::WorkPool* const pool_;
};

absl::Status MunicipalServiceImpl::Issue(const rpc::Peer& peer,
                                         const v1::IssueAcquisitionNumbersRequest& request,
                                         v1::IssueAcquisitionNumbersResponse* response) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted, Find(peer, request.municipality()));
  NAKADACHI_RETURN_IF_ERROR(
      CheckCount(request.addressee_numbers_size(), kMaxEntries, "addressee_numbers"));
  std::vector<AddresseeNumber> persons;
  std::vector<int> positions;
  for (int i = 0; i < request.addressee_numbers_size(); ++i) {
    v1::IssueAcquisitionNumbersResponse::Entry& entry = *response->add_entries();
    absl::StatusOr<AddresseeNumber> person = AddresseeNumber::Parse(
        request.addressee_numbers(i), absl::StrCat("addressee_numbers[", i, "]"));
    if (!person.ok()) {
      entry.set_error(rpc::ToBytes(hosting_->Counted(person.status())));
      continue;
    }
    persons.push_back(*std::move(person));
    positions.push_back(i);
  }
  const std::vector<absl::StatusOr<AcquisitionNumber>> numbers =
      hosted->codes->IssueAcquisitionNumbers(persons);
  for (size_t i = 0; i < numbers.size(); ++i) {
    v1::IssueAcquisitionNumbersResponse::Entry& entry = *response->mutable_entries(positions[i]);
    if (numbers[i].ok()) {
      entry.set_acquisition_number(numbers[i]->Reveal());
    } else {
      entry.set_error(rpc::ToBytes(numbers[i].status()));
    }
  }
  return absl::OkStatus();
}

absl::Status MunicipalServiceImpl::Register(const rpc::Peer& peer,
                                            const v1::RegisterReplicasRequest& request,
                                            v1::RegisterReplicasResponse* response) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted, Find(peer, request.municipality()));
  NAKADACHI_RETURN_IF_ERROR(CheckCount(request.entries_size(), kMaxEntries, "entries"));
  const auto report = [&](int position, const absl::Status& status) {
    v1::RegisterReplicasResponse::Problem& problem = *response->add_problems();
    problem.set_position(static_cast<uint32_t>(position));
    problem.set_error(rpc::ToBytes(
        hosting_->Counted(UnderField(absl::StrCat("entries[", position, "]"), status))));
  };
  std::vector<Replica::Entry> entries;
  std::vector<int> positions;
  entries.reserve(static_cast<size_t>(request.entries_size()));
  positions.reserve(static_cast<size_t>(request.entries_size()));
  for (int i = 0; i < request.entries_size(); ++i) {
    const v1::ReplicaEntry& entry = request.entries(i);
    absl::StatusOr<AddresseeNumber> person = AddresseeNumber::Parse(entry.addressee_number());
    if (!person.ok()) {
      report(i, person.status());
      continue;
    }
    entries.push_back({*std::move(person), &entry.set()});
    positions.push_back(i);
  }
  const std::vector<absl::Status> results = hosted->replica->Register(entries);
  uint32_t stored = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].ok()) {
      ++stored;
    } else {
      report(positions[i], results[i]);
    }
  }
  response->set_stored(stored);
  return absl::OkStatus();
}

absl::Status MunicipalServiceImpl::Protect(const rpc::Peer& peer,
                                           const v1::SetProtectionRequest& request,
                                           v1::SetProtectionResponse* response) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted, Find(peer, request.municipality()));
  NAKADACHI_ASSIGN_OR_RETURN(const AddresseeNumber person,
                             AddresseeNumber::Parse(request.addressee_number()));
  NAKADACHI_RETURN_IF_ERROR(
      CheckCount(request.withheld_items_size(), kMaxWithheld, "withheld_items"));
  for (int i = 0; i < request.withheld_items_size(); ++i) {
    NAKADACHI_RETURN_IF_ERROR(
        CheckItem(request.withheld_items(i), absl::StrCat("withheld_items[", i, "]")));
  }
  NAKADACHI_RETURN_IF_ERROR(hosted->codes->SetProtection(
      person, request.automatic_reply_disabled(),
      {request.withheld_items().begin(), request.withheld_items().end()}));
  const absl::Status code = hosted->codes->CodeOf(person).status();
  response->set_code_held(code.ok());
  return absl::IsNotFound(code) ? absl::OkStatus() : code;
}

void MunicipalServiceImpl::Ask(const rpc::Peer& peer, v1::QueryRequest request,
                               Answer<v1::QueryResponse> done) {
  const absl::StatusOr<Hosted*> hosted = Find(peer, request.municipality());
  absl::Status status = hosted.status();
  if (status.ok()) {
    status = rpc::FillFromCertificate("department", peer.department, request.mutable_department());
  }
  if (status.ok()) {
    status = rpc::FillFromCertificate("staff_pseudonym", peer.staff_pseudonym,
                                      request.mutable_staff_pseudonym());
  }
  if (status.ok()) status = MayAsk(**hosted, request);
  if (!status.ok()) return done(hosting_->Counted(status));
  (*hosted)->requester->Query(
      request, [this, done = std::move(done)](absl::StatusOr<v1::QueryResponse> answer) mutable {
        if (!answer.ok()) return done(hosting_->Counted(answer.status()));
        done(std::move(answer));
      });
}

// What was asked before goes on; only new questions wait for a history that can be relied on.
absl::Status MunicipalServiceImpl::MayAsk(const Hosted& hosted,
                                          const v1::QueryRequest& request) const {
  absl::Status status = parts_.witness->MayRely(Author::Broker(), "broker");
  const auto provider = Author::Parse(request.provider());
  if (status.ok() && provider.ok()) status = parts_.witness->MayRely(*provider, "provider");
  if (status.ok() || hosted.requester->GetExchange(request.request_id()).ok()) {
    return absl::OkStatus();
  }
  return status;
}

absl::Status MunicipalServiceImpl::Decide(const rpc::Peer& peer,
                                          const v1::DecideReviewRequest& request,
                                          v1::DecideReviewResponse* response) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted, Find(peer, request.municipality()));
  if (peer.staff_pseudonym.empty()) {
    return FieldError(absl::StatusCode::kPermissionDenied, "staff_pseudonym", "staff_pseudonym",
                      "the certificate names no member of staff");
  }
  std::string pseudonym = request.staff_pseudonym();
  NAKADACHI_RETURN_IF_ERROR(
      rpc::FillFromCertificate("staff_pseudonym", peer.staff_pseudonym, &pseudonym));
  NAKADACHI_ASSIGN_OR_RETURN(
      const v1::Outcome outcome,
      hosted->provider->DecideReview(request.permit_number(), request.release(), pseudonym));
  response->set_outcome(outcome);
  return absl::OkStatus();
}

absl::Status MunicipalServiceImpl::Status(const rpc::Peer& peer,
                                          v1::GetIntermediateStatusResponse* response) {
  const v1::ListForksResponse witnessed = parts_.witness->List();
  for (const v1::FollowedLedger& followed : witnessed.ledgers()) {
    if (followed.problem().empty()) continue;
    v1::GetIntermediateStatusResponse::Alarm& alarm = *response->add_alarms();
    alarm.set_institution(followed.institution());
    alarm.set_error(followed.problem());
  }
  for (const auto& [code, hosted] : hosting_->all()) {
    if (peer.role != Role::kOperator && !peer.MaySpeakFor(code)) continue;
    v1::GetIntermediateStatusResponse::Municipality& out = *response->add_municipalities();
    out.set_code(code.ToString());
    if (!hosted.opened.ok()) {
      out.set_error(rpc::ToBytes(hosted.opened));
      continue;
    }
    Institution& institution = *hosted.institution;
    out.set_ledger_size(institution.ledger().Head().size);
    NAKADACHI_ASSIGN_OR_RETURN(const uint64_t codes,
                               ReadCount(institution.database(), kCountCodes));
    NAKADACHI_ASSIGN_OR_RETURN(const uint64_t pending,
                               ReadCount(institution.database(), kCountPending));
    NAKADACHI_ASSIGN_OR_RETURN(const uint64_t sets,
                               ReadCount(institution.database(), kCountReplicaSets));
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<v1::Review> reviews,
                               hosted.provider->ListReviews());
    uint64_t open_reviews = 0;
    for (const v1::Review& review : reviews) {
      open_reviews += review.decided() == v1::OUTCOME_UNSPECIFIED && !review.lapsed() ? 1 : 0;
    }
    out.set_codes(codes);
    out.set_pending_acquisitions(pending);
    out.set_replica_sets(sets);
    out.set_outbox(hosted.outbox->size());
    out.set_open_reviews(open_reviews);
    out.set_open_exchanges(hosted.requester->open_exchanges());
    for (const auto& [institution_code, since_ms] : hosted.requester->unreached()) {
      v1::GetIntermediateStatusResponse::Unreached& unreached = *response->add_unreached();
      unreached.set_municipality(code.ToString());
      unreached.set_institution(institution_code);
      unreached.set_since_ms(since_ms);
    }
    out.set_vkey(ledger::VerifierKey(ledger::Origin(Author::Of(code)),
                                     institution.keys().signing.public_key()));
  }
  const int64_t now_ms = parts_.clock->NowMs();
  const std::shared_ptr<const PublishedList> list = parts_.directory->ListInForce(now_ms);
  response->set_directory_sequence(parts_.directory->sequence());
  response->set_list_version(list == nullptr ? 0 : list->version);
  response->set_rejected_calls(hosting_->rejected_calls());
  response->set_started_ms(parts_.started_ms);
  response->set_now_ms(now_ms);
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<grpc::Service> MakeMunicipalService(const ServiceParts& parts) {
  return std::make_unique<MunicipalServiceImpl>(parts);
}

}  // namespace nakadachi::intermediate
