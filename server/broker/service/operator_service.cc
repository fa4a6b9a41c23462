#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/rpc/handler.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "server/broker/service/rejections.h"
#include "server/broker/service/services.h"

namespace nakadachi::broker {
namespace {

// A list travels inside a statement with its proof, in one message of common/rpc.
constexpr size_t kMaxListBytes = 3 << 20;

std::string AsBytes(const std::array<uint8_t, 32>& key) {
  return std::string(reinterpret_cast<const char*>(key.data()), key.size());
}

void FillMember(const Member& member, v1::MemberInfo* info) {
  info->set_code(member.code.ToString());
  info->set_name(member.name);
  info->set_category(member.category);
  *info->mutable_route() = member.route;
  const std::string origin = ledger::Origin(Author::Of(member.code));
  for (const MemberKey& key : member.keys) {
    v1::MemberInfo::Key* out = info->add_keys();
    out->mutable_keys()->set_signing_key(AsBytes(key.signing_key));
    out->mutable_keys()->set_sealing_key(AsBytes(key.sealing_key));
    out->mutable_keys()->set_valid_from_ms(key.valid_from_ms);
    out->mutable_keys()->set_valid_until_ms(key.valid_until_ms);
    out->set_revoked_from_ms(key.revoked_from_ms);
    out->set_vkey(ledger::VerifierKey(origin, key.signing_key));
  }
}

class OperatorServiceImpl final : public v1::BrokerOperator::CallbackService {
 public:
  explicit OperatorServiceImpl(const ServiceParts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* Admit(grpc::CallbackServerContext* context,
                                  const v1::AdmitRequest* request,
                                  v1::DirectoryChanged* response) override {
    return Change(context, request->request_id(), response, [request](v1::Directory& change) {
      *change.mutable_member_joined() = request->member();
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* AddKey(grpc::CallbackServerContext* context,
                                   const v1::AddKeyRequest* request,
                                   v1::DirectoryChanged* response) override {
    return Change(context, request->request_id(), response, [request](v1::Directory& change) {
      *change.mutable_key_added() = request->key();
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* RevokeKey(grpc::CallbackServerContext* context,
                                      const v1::RevokeKeyRequest* request,
                                      v1::DirectoryChanged* response) override {
    return Change(context, request->request_id(), response, [request](v1::Directory& change) {
      *change.mutable_key_revoked() = request->key();
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ChangeRoute(grpc::CallbackServerContext* context,
                                        const v1::ChangeRouteRequest* request,
                                        v1::DirectoryChanged* response) override {
    return Change(context, request->request_id(), response, [request](v1::Directory& change) {
      *change.mutable_route_changed() = request->route();
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* PublishList(grpc::CallbackServerContext* context,
                                        const v1::PublishListRequest* request,
                                        v1::DirectoryChanged* response) override {
    return Change(context, request->request_id(), response, [request](v1::Directory& change) {
      if (request->csv().size() > kMaxListBytes) {
        return InvalidField("csv", "too-large", "has more than 3 MiB");
      }
      change.mutable_list_published()->set_csv(request->csv());
      change.mutable_list_published()->set_in_force_from_ms(request->in_force_from_ms());
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const v1::ListMembersRequest*,
                                        v1::ListMembersResponse* response) override {
    if (auto status = RequireOperator(context); !status.ok()) {
      return rpc::Reply(context, status);
    }
    for (const Member& member : parts_.directory->Members()) {
      FillMember(member, response->add_members());
    }
    return rpc::Reply(context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* GetBrokerStatus(grpc::CallbackServerContext* context,
                                            const v1::GetBrokerStatusRequest*,
                                            v1::GetBrokerStatusResponse* response) override {
    if (auto status = RequireOperator(context); !status.ok()) {
      return rpc::Reply(context, status);
    }
    return rpc::RunBlocking(parts_.pool, context, [this, response] { return Fill(*response); });
  }

  grpc::ServerUnaryReactor* ListUnanswered(grpc::CallbackServerContext* context,
                                           const v1::ListUnansweredRequest* request,
                                           v1::ListUnansweredResponse* response) override {
    if (auto status = RequireOperator(context); !status.ok()) {
      return rpc::Reply(context, status);
    }
    return rpc::RunBlocking(parts_.pool, context, [this, request, response] {
      auto result = parts_.reports->ListUnanswered(request->limit());
      if (!result.ok()) return result.status();
      *response = *std::move(result);
      return absl::OkStatus();
    });
  }

 private:
  using MakeChange = std::function<absl::Status(v1::Directory&)>;

  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context,
                                   const std::string& request_id, v1::DirectoryChanged* response,
                                   MakeChange make) {
    if (auto status = RequireOperator(context); !status.ok()) {
      return rpc::Reply(context, status);
    }
    return rpc::RunBlocking(parts_.pool, context,
                            [this, &request_id, response, make = std::move(make)] {
                              v1::Directory change;
                              absl::Status made = make(change);
                              if (!made.ok()) return Counted(parts_.figures, std::move(made));
                              auto recorded = parts_.changes->Change(request_id, std::move(change));
                              if (!recorded.ok()) return Counted(parts_.figures, recorded.status());
                              *response->mutable_statement() = *std::move(recorded);
                              return absl::OkStatus();
                            });
  }

  absl::Status Fill(v1::GetBrokerStatusResponse& response) const {
    NAKADACHI_ASSIGN_OR_RETURN(const uint64_t open_permits, parts_.store->CountOpen());
    const int64_t now_ms = parts_.clock->NowMs();
    const auto list = parts_.directory->ListInForce(now_ms);
    response.set_ledger_size(parts_.ledger->Head().size);
    response.set_permits(parts_.figures->permits);
    response.set_refusals(parts_.figures->refusals);
    response.set_provisions_reported(parts_.figures->provisions_reported);
    response.set_receipts_reported(parts_.figures->receipts_reported);
    response.set_directory_sequence(parts_.directory->sequence());
    response.set_list_version(list == nullptr ? 0 : list->version);
    response.set_rejected_calls(parts_.figures->rejected_calls);
    response.set_vkey(parts_.vkey);
    response.set_started_ms(parts_.started_ms);
    response.set_now_ms(now_ms);
    response.set_open_permits(open_permits);
    response.set_contradictions(parts_.figures->contradictions);
    return absl::OkStatus();
  }

  absl::Status RequireOperator(grpc::CallbackServerContext* context) {
    return Counted(parts_.figures, rpc::RequireRole(context, {rpc::Role::kOperator}).status());
  }

  const ServiceParts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeOperatorService(const ServiceParts& parts) {
  return std::make_unique<OperatorServiceImpl>(parts);
}

}  // namespace nakadachi::broker
