#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/ledger/entry_page.h"
#include "common/rpc/handler.h"
#include "common/witness/serve.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/intermediate/services.h"

namespace nakadachi::intermediate {
namespace {

using rpc::Role;
using PeerPtr = std::shared_ptr<const rpc::Peer>;

class LedgerServiceImpl final : public v1::LedgerService::CallbackService {
 public:
  LedgerServiceImpl(const ServiceParts& parts, LedgerReaders readers)
      : hosting_(parts.hosting), pool_(parts.pool), clock_(parts.clock), readers_(readers) {}

  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* context,
                                          const v1::GetCheckpointRequest* request,
                                          v1::GetCheckpointResponse* response) override {
    const absl::StatusOr<Hosted*> hosted = Readable(context, request->institution());
    if (hosted.ok()) {
      response->set_checkpoint((*hosted)->institution->ledger().Head().note);
    }
    if (hosted.ok() && (*hosted)->witnesses != nullptr) {
      witness::FillWitnessing(*(*hosted)->witnesses, response->checkpoint(), clock_->NowMs(),
                              response->mutable_witnessing());
    }
    return rpc::Reply(context, hosting_->Counted(hosted.status()));
  }

  grpc::ServerUnaryReactor* GetPrefixProofs(grpc::CallbackServerContext* context,
                                            const v1::GetPrefixProofsRequest* request,
                                            v1::GetPrefixProofsResponse* response) override {
    const absl::StatusOr<Hosted*> hosted = Readable(context, request->institution());
    if (!hosted.ok()) return rpc::Reply(context, hosting_->Counted(hosted.status()));
    return rpc::RunBlocking(pool_, context, [this, hosted = *hosted, request, response] {
      return hosting_->Counted(
          witness::AnswerPrefixProofs(hosted->institution->ledger(), *request, response));
    });
  }

  grpc::ServerUnaryReactor* AddCosignatures(grpc::CallbackServerContext* context,
                                            const v1::AddCosignaturesRequest* request,
                                            v1::AddCosignaturesResponse* response) override {
    const absl::StatusOr<Hosted*> hosted = Readable(context, request->institution());
    if (!hosted.ok()) return rpc::Reply(context, hosting_->Counted(hosted.status()));
    return rpc::RunBlocking(pool_, context, [this, hosted = *hosted, request, response] {
      if (hosted->witnesses == nullptr) return hosting_->Counted(witness::NoCandidate());
      const auto published = hosted->witnesses->Add(request->note(), clock_->NowMs());
      response->set_satisfied(published.ok() && *published);
      return hosting_->Counted(published.status());
    });
  }

  grpc::ServerUnaryReactor* GetConsistencyProof(
      grpc::CallbackServerContext* context, const v1::GetConsistencyProofRequest* request,
      v1::GetConsistencyProofResponse* response) override {
    const absl::StatusOr<Hosted*> hosted = Readable(context, request->institution());
    if (!hosted.ok()) return rpc::Reply(context, hosting_->Counted(hosted.status()));
    return rpc::RunBlocking(pool_, context, [this, hosted = *hosted, request, response] {
      const auto path =
          hosted->institution->ledger().ProveConsistency(request->old_size(), request->new_size());
      if (!path.ok()) return hosting_->Counted(path.status());
      for (const Hash& hash : *path) response->add_path(std::string(AsView(hash)));
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetEntries(grpc::CallbackServerContext* context,
                                       const v1::GetEntriesRequest* request,
                                       v1::GetEntriesResponse* response) override {
    const absl::StatusOr<Hosted*> hosted = Readable(context, request->institution());
    if (!hosted.ok()) return rpc::Reply(context, hosting_->Counted(hosted.status()));
    // An inspector's way to entries is an inspection, which is recorded.
    const auto reader = rpc::RequireRole(context, {Role::kBroker, Role::kJuki, Role::kIntermediate,
                                                   Role::kOffice, Role::kOperator, Role::kStaff});
    if (!reader.ok()) return rpc::Reply(context, hosting_->Counted(reader.status()));
    if (request->with_statements()) {
      const absl::Status allowed = MayReadStatements(context);
      if (!allowed.ok()) return rpc::Reply(context, hosting_->Counted(allowed));
    }
    return rpc::RunBlocking(pool_, context, [this, hosted = *hosted, request, response] {
      Institution& institution = *hosted->institution;
      return hosting_->Counted(ledger::ReadEntryPage(
          institution.ledger_store(), institution.ledger().Head().size, *request, response));
    });
  }

 private:
  // The institution, where this peer may see its ledger.
  absl::StatusOr<Hosted*> Readable(const grpc::CallbackServerContext* context,
                                   const std::string& institution) {
    NAKADACHI_ASSIGN_OR_RETURN(
        const PeerPtr peer,
        rpc::RequireRole(context, {Role::kBroker, Role::kJuki, Role::kIntermediate, Role::kOffice,
                                   Role::kOperator, Role::kStaff, Role::kInspector}));
    NAKADACHI_ASSIGN_OR_RETURN(Hosted* const hosted, hosting_->Find(institution, "institution"));
    if (readers_ == LedgerReaders::kNetwork || peer->MaySpeakFor(hosted->institution->code())) {
      return hosted;
    }
    return FieldError(absl::StatusCode::kPermissionDenied, "institution", "municipality",
                      "the certificate does not name the institution");
  }

  absl::Status MayReadStatements(const grpc::CallbackServerContext* context) const {
    if (readers_ == LedgerReaders::kNetwork) {
      return FieldError(absl::StatusCode::kPermissionDenied, "with_statements", "listener",
                        "statements are read on the terminal listener");
    }
    return rpc::RequireRole(context, {Role::kStaff, Role::kOperator}).status();
  }

  Hosting* const hosting_;
  rpc::WorkPool* const pool_;
  Clock* const clock_;
  const LedgerReaders readers_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLedgerService(const ServiceParts& parts, LedgerReaders readers) {
  return std::make_unique<LedgerServiceImpl>(parts, readers);
}

}  // namespace nakadachi::intermediate
