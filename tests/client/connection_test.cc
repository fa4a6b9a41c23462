// The connections over real mTLS: every call reaches its method, streams bound what is unanswered.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/broker_client.h"
#include "client/juki_client.h"
#include "client/ledger_client.h"
#include "client/municipal_client.h"
#include "common/base/status.h"
#include "common/crypto/x509.h"
#include "common/rpc/handler.h"
#include "common/rpc/server.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "nakadachi/v1/juki.grpc.pb.h"
#include "nakadachi/v1/ledger.grpc.pb.h"

namespace nakadachi::client {
namespace {

constexpr char kServerName[] = "server.test";

// Answers each unary call with a mark of its own, after as many failures as a test asks for.
struct Behaviour {
  std::atomic<int> failures{0};
  std::atomic<int> calls{0};

  grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context) {
    ++calls;
    if (failures-- > 0) return rpc::Reply(context, absl::UnavailableError("not yet"));
    return rpc::Reply(context, absl::OkStatus());
  }
};

class FakeOperator final : public v1::BrokerOperator::CallbackService {
 public:
  explicit FakeOperator(Behaviour* behaviour) : behaviour_(behaviour) {}
  using Context = grpc::CallbackServerContext;
  grpc::ServerUnaryReactor* Admit(Context* c, const v1::AdmitRequest* request,
                                  v1::DirectoryChanged* response) override {
    response->mutable_statement()->set_statement("admit " + request->member().code());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* AddKey(Context* c, const v1::AddKeyRequest* request,
                                   v1::DirectoryChanged* response) override {
    response->mutable_statement()->set_statement("key " + request->key().code());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* RevokeKey(Context* c, const v1::RevokeKeyRequest* request,
                                      v1::DirectoryChanged* response) override {
    response->mutable_statement()->set_statement("revoke " + request->key().code());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* ChangeRoute(Context* c, const v1::ChangeRouteRequest* request,
                                        v1::DirectoryChanged* response) override {
    response->mutable_statement()->set_statement("route " + request->route().code());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* PublishList(Context* c, const v1::PublishListRequest* request,
                                        v1::DirectoryChanged* response) override {
    response->mutable_statement()->set_statement("list " + request->csv());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* ListMembers(Context* c, const v1::ListMembersRequest*,
                                        v1::ListMembersResponse* response) override {
    response->add_members()->set_code("072028");
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetBrokerStatus(Context* c, const v1::GetBrokerStatusRequest*,
                                            v1::GetBrokerStatusResponse* response) override {
    response->set_permits(7);
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* ListUnanswered(Context* c, const v1::ListUnansweredRequest* request,
                                           v1::ListUnansweredResponse* response) override {
    response->add_permits()->set_valid_until_ms(request->limit());
    return behaviour_->Reply(c);
  }

 private:
  Behaviour* const behaviour_;
};

class FakeJuki final : public v1::JukiService::CallbackService {
 public:
  explicit FakeJuki(Behaviour* behaviour) : behaviour_(behaviour) {}
  grpc::ServerUnaryReactor* RegisterResidents(grpc::CallbackServerContext* c,
                                              const v1::RegisterResidentsRequest*,
                                              v1::RegisterResidentsResponse* response) override {
    response->add_errors("registered");
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* SubmitAcquisitions(grpc::CallbackServerContext* c,
                                               const v1::SubmitAcquisitionsRequest*,
                                               v1::SubmitAcquisitionsResponse* response) override {
    response->add_errors("submitted");
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetJukiStatus(grpc::CallbackServerContext* c,
                                          const v1::GetJukiStatusRequest*,
                                          v1::GetJukiStatusResponse* response) override {
    response->set_residents(5);
    return behaviour_->Reply(c);
  }

 private:
  Behaviour* const behaviour_;
};

class FakeLedger final : public v1::LedgerService::CallbackService {
 public:
  explicit FakeLedger(Behaviour* behaviour) : behaviour_(behaviour) {}
  grpc::ServerUnaryReactor* GetCheckpoint(grpc::CallbackServerContext* c,
                                          const v1::GetCheckpointRequest* request,
                                          v1::GetCheckpointResponse* response) override {
    response->set_checkpoint("of " + request->institution());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetConsistencyProof(
      grpc::CallbackServerContext* c, const v1::GetConsistencyProofRequest* request,
      v1::GetConsistencyProofResponse* response) override {
    response->add_path(absl::StrCat(request->old_size()));
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetEntries(grpc::CallbackServerContext* c,
                                       const v1::GetEntriesRequest* request,
                                       v1::GetEntriesResponse* response) override {
    response->set_size(request->start());
    return behaviour_->Reply(c);
  }

 private:
  Behaviour* const behaviour_;
};

// Its streams hold answers back until `batch` of them have gathered.
class FakeMunicipal final : public v1::MunicipalService::CallbackService {
 public:
  explicit FakeMunicipal(Behaviour* behaviour) : behaviour_(behaviour) {}
  using Context = grpc::CallbackServerContext;
  grpc::ServerUnaryReactor* IssueAcquisitionNumbers(
      Context* c, const v1::IssueAcquisitionNumbersRequest*,
      v1::IssueAcquisitionNumbersResponse* response) override {
    response->add_entries()->set_acquisition_number("issued");
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* RegisterReplicas(Context* c, const v1::RegisterReplicasRequest*,
                                             v1::RegisterReplicasResponse* response) override {
    response->set_stored(3);
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* SetProtection(Context* c, const v1::SetProtectionRequest* request,
                                          v1::SetProtectionResponse* response) override {
    protection = request->automatic_reply_disabled();
    response->set_code_held(true);
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* Query(Context* c, const v1::QueryRequest* request,
                                  v1::QueryResponse* response) override {
    response->set_request_id(request->request_id());
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetExchange(Context* c, const v1::GetExchangeRequest*,
                                        v1::QueryResponse* response) override {
    response->set_state(v1::AWAITING);
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* ListReviews(Context* c, const v1::ListReviewsRequest*,
                                        v1::ListReviewsResponse* response) override {
    response->add_reviews()->set_requester("072028");
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* DecideReview(Context* c, const v1::DecideReviewRequest*,
                                         v1::DecideReviewResponse* response) override {
    response->set_outcome(v1::WITHHELD);
    return behaviour_->Reply(c);
  }
  grpc::ServerUnaryReactor* GetIntermediateStatus(
      Context* c, const v1::GetIntermediateStatusRequest*,
      v1::GetIntermediateStatusResponse* response) override {
    response->set_list_version(4);
    return behaviour_->Reply(c);
  }

  grpc::ServerBidiReactor<v1::QueryRequests, v1::QueryResponses>* QueryMany(Context*) override {
    if (!refuse_streams.ok()) {
      return rpc::RefuseStream<v1::QueryRequests, v1::QueryResponses>(refuse_streams);
    }
    return rpc::ServeStream<v1::QueryRequests, v1::QueryResponses>(
        nullptr, [this](const v1::QueryRequest& request, rpc::Answer<v1::QueryResponse> answer) {
          Gather(request, std::move(answer));
        });
  }
  grpc::ServerBidiReactor<v1::RegisterReplicasRequests, v1::RegisterReplicasResponses>*
  RegisterReplicaStream(Context*) override {
    return rpc::ServeStream<v1::RegisterReplicasRequests, v1::RegisterReplicasResponses>(
        nullptr, [](const v1::RegisterReplicasRequest& request,
                    rpc::Answer<v1::RegisterReplicasResponse> answer) {
          v1::RegisterReplicasResponse response;
          response.set_stored(static_cast<uint32_t>(request.entries_size()));
          answer(std::move(response));
        });
  }

  std::atomic<bool> protection{false};
  absl::Status refuse_streams;
  size_t batch = 1;
  std::atomic<size_t> most_unanswered{0};
  std::atomic<int> asked{0};

 private:
  void Gather(const v1::QueryRequest& request, rpc::Answer<v1::QueryResponse> answer) {
    ++asked;
    std::vector<std::pair<std::string, rpc::Answer<v1::QueryResponse>>> ready;
    {
      absl::MutexLock lock(&mutex_);
      waiting_.emplace_back(request.request_id(), std::move(answer));
      most_unanswered = std::max(most_unanswered.load(), waiting_.size());
      if (waiting_.size() < batch) return;
      ready.swap(waiting_);
    }
    for (auto& [id, waiting] : ready) {
      v1::QueryResponse response;
      response.set_request_id(id);
      waiting(std::move(response));
    }
  }

  Behaviour* const behaviour_;
  absl::Mutex mutex_;
  std::vector<std::pair<std::string, rpc::Answer<v1::QueryResponse>>> waiting_
      ABSL_GUARDED_BY(mutex_);
};

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest()
      : root_(MakeTrustRoot("test root", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(9))
                  .value()) {
    rpc::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = Issue("nakadachi:role:intermediate", kServerName);
    options.services = {&operator_, &juki_, &ledger_, &municipal_};
    auto started = rpc::Server::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    endpoint_.address = absl::StrCat("127.0.0.1:", server_->port());
    endpoint_.tls_name = kServerName;
    endpoint_.tls = Issue("nakadachi:role:office", "client.test");
    policy_.first_pause = absl::Milliseconds(1);
  }

  rpc::TlsMaterial Issue(const std::string& uri, const std::string& name) const {
    LeafRequest request;
    request.common_name = "test leaf";
    request.uris = {uri};
    request.dns_names = {name};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(8);
    const CertificateAndKey leaf = IssueLeaf(root_, request).value();
    return {leaf.certificate_pem, leaf.private_key_pem, root_.certificate_pem};
  }
  // Asks `count` questions over one stream; the ids that were answered, with how often.
  std::map<std::string, int> AskMany(MunicipalConnection& connection, int count, int in_flight,
                                     absl::Status* status) {
    int sent = 0;
    std::map<std::string, int> answered;
    *status = connection.QueryMany(
        [&](v1::QueryRequest* request) {
          if (sent == count) return false;
          request->set_request_id(absl::StrCat("id ", sent++));
          return true;
        },
        in_flight, [&](const v1::QueryResponse& response) { ++answered[response.request_id()]; });
    return answered;
  }

  const CertificateAndKey root_;
  Behaviour behaviour_;
  FakeOperator operator_{&behaviour_};
  FakeJuki juki_{&behaviour_};
  FakeLedger ledger_{&behaviour_};
  FakeMunicipal municipal_{&behaviour_};
  std::unique_ptr<rpc::Server> server_;
  Endpoint endpoint_;
  RetryPolicy policy_;
};

TEST_F(ConnectionTest, TheOperatorsCalls) {
  const auto connection = ConnectBrokerOperator(endpoint_, policy_);
  v1::AdmitRequest admit;
  admit.mutable_member()->set_code("a");
  EXPECT_EQ(connection->Admit(admit)->statement().statement(), "admit a");
  v1::AddKeyRequest key;
  key.mutable_key()->set_code("b");
  EXPECT_EQ(connection->AddKey(key)->statement().statement(), "key b");
  v1::RevokeKeyRequest revoke;
  revoke.mutable_key()->set_code("c");
  EXPECT_EQ(connection->RevokeKey(revoke)->statement().statement(), "revoke c");
  v1::ChangeRouteRequest route;
  route.mutable_route()->set_code("d");
  EXPECT_EQ(connection->ChangeRoute(route)->statement().statement(), "route d");
  v1::PublishListRequest list;
  list.set_csv("e");
  EXPECT_EQ(connection->PublishList(list)->statement().statement(), "list e");
  EXPECT_EQ(connection->ListMembers()->members(0).code(), "072028");
  EXPECT_EQ(connection->GetStatus()->permits(), 7u);
  EXPECT_EQ(connection->ListUnanswered(9)->permits(0).valid_until_ms(), 9);
}

TEST_F(ConnectionTest, JukiNetsAndTheLedgersCalls) {
  const auto juki = ConnectJuki(endpoint_, policy_);
  EXPECT_EQ(juki->RegisterResidents({})->errors(0), "registered");
  EXPECT_EQ(juki->SubmitAcquisitions({})->errors(0), "submitted");
  EXPECT_EQ(juki->GetStatus()->residents(), 5u);

  const auto ledger = ConnectLedger(endpoint_, policy_);
  v1::GetCheckpointRequest checkpoint;
  checkpoint.set_institution("broker");
  EXPECT_EQ(ledger->GetCheckpoint(checkpoint)->checkpoint(), "of broker");
  v1::GetConsistencyProofRequest proof;
  proof.set_old_size(3);
  EXPECT_EQ(ledger->GetConsistencyProof(proof)->path(0), "3");
  v1::GetEntriesRequest entries;
  entries.set_start(11);
  EXPECT_EQ(ledger->GetEntries(entries)->size(), 11u);
}

TEST_F(ConnectionTest, TheMunicipalitysCalls) {
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  EXPECT_EQ(connection->IssueAcquisitionNumbers({})->entries(0).acquisition_number(), "issued");
  EXPECT_EQ(connection->RegisterReplicas({})->stored(), 3u);
  v1::SetProtectionRequest protection;
  protection.set_automatic_reply_disabled(true);
  EXPECT_TRUE(connection->SetProtection(protection)->code_held());
  EXPECT_TRUE(municipal_.protection);
  v1::QueryRequest query;
  query.set_request_id("an id");
  EXPECT_EQ(connection->Query(query)->request_id(), "an id");
  EXPECT_EQ(connection->GetExchange({})->state(), v1::AWAITING);
  EXPECT_EQ(connection->ListReviews({})->reviews(0).requester(), "072028");
  EXPECT_EQ(connection->DecideReview({})->outcome(), v1::WITHHELD);
  EXPECT_EQ(connection->GetStatus()->list_version(), 4u);
}

TEST_F(ConnectionTest, ComesAgainWhileTheServerIsNotReady) {
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  behaviour_.failures = 3;
  EXPECT_EQ(connection->GetStatus()->list_version(), 4u);
  EXPECT_EQ(behaviour_.calls, 4);
}

TEST_F(ConnectionTest, SpeaksToNobodyElse) {
  policy_.keep_trying = absl::ZeroDuration();
  Endpoint another_name = endpoint_;
  another_name.tls_name = "another.test";
  EXPECT_TRUE(absl::IsUnavailable(ConnectMunicipal(another_name, policy_)->GetStatus().status()));
  Endpoint another_root = endpoint_;
  another_root.tls.trust_root =
      MakeTrustRoot("another", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(9))
          ->certificate_pem;
  EXPECT_TRUE(absl::IsUnavailable(ConnectMunicipal(another_root, policy_)->GetStatus().status()));
  EXPECT_EQ(behaviour_.calls, 0);
}

TEST_F(ConnectionTest, AStreamAnswersEachQuestionOnce) {
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  absl::Status status;
  const auto answered = AskMany(*connection, 500, 16, &status);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(answered.size(), 500u);
  for (const auto& [id, times] : answered) EXPECT_EQ(times, 1) << id;
  EXPECT_TRUE(AskMany(*connection, 0, 16, &status).empty());
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ConnectionTest, AStreamBoundsWhatIsUnanswered) {
  municipal_.batch = 8;
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  absl::Status status;
  EXPECT_EQ(AskMany(*connection, 80, 8, &status).size(), 80u);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(municipal_.most_unanswered, 8u);
}

TEST_F(ConnectionTest, ARefusedStreamSaysWhy) {
  municipal_.refuse_streams =
      FieldError(absl::StatusCode::kPermissionDenied, "peer", "role", "not for you");
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  absl::Status status;
  EXPECT_TRUE(AskMany(*connection, 100, 4, &status).empty());
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(GetFieldRule(status).rule, "role");
}

TEST_F(ConnectionTest, AStreamThatBreaksIsAnError) {
  municipal_.batch = 1'000;  // never answered
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  std::thread stopper([this] {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (municipal_.asked < 4 && absl::Now() < end) absl::SleepFor(absl::Milliseconds(1));
    server_->Shutdown(absl::ZeroDuration());
  });
  absl::Status status;
  EXPECT_TRUE(AskMany(*connection, 100, 4, &status).empty());
  stopper.join();
  EXPECT_FALSE(status.ok());
}

TEST_F(ConnectionTest, ReplicasGoOverAStream) {
  const auto connection = ConnectMunicipal(endpoint_, policy_);
  int sent = 0;
  uint32_t stored = 0;
  const absl::Status status = connection->RegisterReplicaStream(
      [&](v1::RegisterReplicasRequest* request) {
        if (sent == 20) return false;
        for (int i = 0; i <= sent; ++i) request->add_entries();
        ++sent;
        return true;
      },
      3, [&](const v1::RegisterReplicasResponse& response) { stored += response.stored(); });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(stored, 210u);
}

}  // namespace
}  // namespace nakadachi::client
