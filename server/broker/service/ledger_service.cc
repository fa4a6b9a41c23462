#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/ledger/entry_page.h"
#include "common/rpc/handler.h"
#include "common/witness/serve.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

absl::Status CheckInstitution(const std::string& institution) {
  if (institution == Author::Broker().ToString()) return absl::OkStatus();
  return FieldError(absl::StatusCode::kNotFound, "institution", "unknown-ledger",
                    "only the broker's ledger is kept here");
}

class LedgerServiceImpl final : public v1::LedgerService::CallbackService {
 public:
  LedgerServiceImpl(const ServiceParts& parts, bool with_statements)
      : parts_(parts), with_statements_(with_statements) {}

  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* context,
                                          const v1::GetCheckpointRequest* request,
                                          v1::GetCheckpointResponse* response) override {
    if (auto status = Check(context, request->institution()); !status.ok()) {
      return Reject(context, std::move(status));
    }
    response->set_checkpoint(parts_.ledger->Head().note);
    if (parts_.witnesses != nullptr) {
      witness::FillWitnessing(*parts_.witnesses, response->checkpoint(), parts_.clock->NowMs(),
                              response->mutable_witnessing());
    }
    return rpc::Reply(context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* GetPrefixProofs(grpc::CallbackServerContext* context,
                                            const v1::GetPrefixProofsRequest* request,
                                            v1::GetPrefixProofsResponse* response) override {
    if (auto status = Check(context, request->institution()); !status.ok()) {
      return Reject(context, std::move(status));
    }
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      return Counted(parts_.figures,
                     witness::AnswerPrefixProofs(*parts_.ledger, *request, response));
    });
  }

  grpc::ServerUnaryReactor* AddCosignatures(grpc::CallbackServerContext* context,
                                            const v1::AddCosignaturesRequest* request,
                                            v1::AddCosignaturesResponse* response) override {
    if (auto status = Check(context, request->institution()); !status.ok()) {
      return Reject(context, std::move(status));
    }
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      return Counted(parts_.figures, Cosign(*request, response));
    });
  }

  grpc::ServerUnaryReactor* GetConsistencyProof(
      grpc::CallbackServerContext* context, const v1::GetConsistencyProofRequest* request,
      v1::GetConsistencyProofResponse* response) override {
    if (auto status = Check(context, request->institution()); !status.ok()) {
      return Reject(context, std::move(status));
    }
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      auto path = parts_.ledger->ProveConsistency(request->old_size(), request->new_size());
      if (!path.ok()) return Counted(parts_.figures, path.status());
      for (const Hash& hash : *path) response->add_path(std::string(AsView(hash)));
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetEntries(grpc::CallbackServerContext* context,
                                       const v1::GetEntriesRequest* request,
                                       v1::GetEntriesResponse* response) override {
    if (auto status = Check(context, request->institution()); !status.ok()) {
      return Reject(context, std::move(status));
    }
    // An inspector's way to entries is an inspection, which is recorded.
    const auto reader = rpc::RequireRole(context, {rpc::Role::kIntermediate, rpc::Role::kOperator});
    if (!reader.ok()) return Reject(context, reader.status());
    if (request->with_statements()) {
      if (auto status = MayReadStatements(context); !status.ok()) {
        return Reject(context, std::move(status));
      }
    }
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      return Counted(parts_.figures,
                     ledger::ReadEntryPage(parts_.store->ledger_store(), parts_.ledger->Head().size,
                                           *request, response));
    });
  }

 private:
  absl::Status Cosign(const v1::AddCosignaturesRequest& request,
                      v1::AddCosignaturesResponse* response) const {
    if (parts_.witnesses == nullptr) return witness::NoCandidate();
    const int64_t now_ms = parts_.clock->NowMs();
    NAKADACHI_ASSIGN_OR_RETURN(const bool published, parts_.witnesses->Add(request.note(), now_ms));
    response->set_satisfied(published);
    if (!published) return absl::OkStatus();
    return parts_.store->KeepCosigned(
        parts_.witnesses->Now(parts_.ledger->Head().note, now_ms).cosigned);
  }

  absl::Status MayReadStatements(grpc::CallbackServerContext* context) const {
    if (with_statements_) return rpc::RequireRole(context, {rpc::Role::kOperator}).status();
    return FieldError(absl::StatusCode::kPermissionDenied, "with_statements", "listener",
                      "statements go to the operator only");
  }

  absl::Status Check(grpc::CallbackServerContext* context, const std::string& institution) const {
    NAKADACHI_RETURN_IF_ERROR(
        rpc::RequireRole(context,
                         {rpc::Role::kIntermediate, rpc::Role::kInspector, rpc::Role::kOperator})
            .status());
    return CheckInstitution(institution);
  }

  grpc::ServerUnaryReactor* Reject(grpc::CallbackServerContext* context, absl::Status status) {
    return rpc::Reply(context, Counted(parts_.figures, std::move(status)));
  }

  const ServiceParts parts_;
  const bool with_statements_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeLedgerService(const ServiceParts& parts, bool with_statements) {
  return std::make_unique<LedgerServiceImpl>(parts, with_statements);
}

}  // namespace nakadachi::broker
