// Links over real mTLS on loopback, against services that answer, refuse, wait or go away.
#include <grpcpp/server_context.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/rpc/server.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_server.h"
#include "common/rpc/unary_server.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/intermediate/grpc_links.h"
#include "tests/server/intermediate/exchange_fixture.h"
#include "tests/server/intermediate/test_authority.h"
#include "tools/simulator/kept_port.h"

namespace nakadachi::intermediate {
namespace {

v1::Recorded Named(const std::string& name) {
  v1::Recorded recorded;
  recorded.set_statement(name);
  return recorded;
}

absl::Status NoSuch() {
  return FieldError(absl::StatusCode::kNotFound, "permit.provider", "unknown-municipality",
                    "not here");
}

// "refuse…" is refused, "wait…" never answered, all else answered by "re: …".
template <typename Response>
void AnswerByName(const std::string& name, rpc::Answer<Response> answer,
                  const std::function<v1::Recorded*(Response&)>& field,
                  std::vector<rpc::Answer<Response>>* waiting, absl::Mutex* mutex) {
  if (name.rfind("refuse", 0) == 0) return answer(NoSuch());
  if (name.rfind("wait", 0) == 0) {
    absl::MutexLock lock(mutex);
    waiting->push_back(std::move(answer));
    return;
  }
  Response response;
  *field(response) = Named("re: " + name);
  answer(std::move(response));
}

class FakePermitService final : public v1::PermitService::CallbackService {
 public:
  grpc::ServerBidiReactor<v1::RequestPermitRequests, v1::RequestPermitResponses>* RequestPermits(
      grpc::CallbackServerContext*) override {
    ++streams;
    return rpc::ServeStream<v1::RequestPermitRequests, v1::RequestPermitResponses>(
        nullptr, [this](const v1::RequestPermitRequest& request,
                        rpc::Answer<v1::RequestPermitResponse> answer) {
          AnswerByName<v1::RequestPermitResponse>(
              request.query().statement(), std::move(answer),
              [](v1::RequestPermitResponse& r) { return r.mutable_decision(); }, &waiting, &mutex);
        });
  }
  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext*, const v1::ReportRequest* request,
                                   v1::ReportResponse* response) override {
    return rpc::ServeUnary(
        *request, response,
        [this](const v1::ReportRequest& asked, const rpc::Answer<v1::ReportResponse>& answer) {
          v1::ReportResponse result;
          for (const v1::Recorded& half : asked.halves()) {
            const bool refused = half.statement() == "refuse";
            result.add_errors(refused ? rpc::ToBytes(NoSuch()) : std::string());
          }
          if (forget_one) result.mutable_errors()->RemoveLast();
          answer(std::move(result));
        });
  }
  grpc::ServerUnaryReactor* FetchDirectory(grpc::CallbackServerContext*,
                                           const v1::FetchDirectoryRequest* request,
                                           v1::FetchDirectoryResponse* response) override {
    return rpc::ServeUnary(*request, response,
                           [](const v1::FetchDirectoryRequest& asked,
                              const rpc::Answer<v1::FetchDirectoryResponse>& answer) {
                             v1::FetchDirectoryResponse page;
                             *page.add_statements() = Named(absl::StrCat(asked.after_sequence()));
                             *page.add_statements() = Named("next");
                             answer(std::move(page));
                           });
  }

  std::atomic<int> streams{0};
  std::atomic<bool> forget_one{false};
  absl::Mutex mutex;
  std::vector<rpc::Answer<v1::RequestPermitResponse>> waiting;
};

class FakeExchangeService final : public v1::ExchangeService::CallbackService {
 public:
  grpc::ServerBidiReactor<v1::ProvideRequests, v1::ProvideResponses>* ProvideMany(
      grpc::CallbackServerContext*) override {
    return rpc::ServeStream<v1::ProvideRequests, v1::ProvideResponses>(
        nullptr,
        [this](const v1::ProvideRequest& request, rpc::Answer<v1::ProvideResponse> answer) {
          AnswerByName<v1::ProvideResponse>(
              request.permit().statement(), std::move(answer),
              [](v1::ProvideResponse& r) {
                r.set_payload("payload");
                return r.mutable_provision();
              },
              &waiting, &mutex);
        });
  }
  grpc::ServerUnaryReactor* Deliver(grpc::CallbackServerContext*, const v1::DeliverRequest* request,
                                    v1::DeliverResponse* response) override {
    return rpc::ServeUnary(
        *request, response,
        [this](const v1::DeliverRequest& asked, rpc::Answer<v1::DeliverResponse> answer) {
          AnswerByName<v1::DeliverResponse>(
              asked.provision().statement(), std::move(answer),
              [](v1::DeliverResponse& r) { return r.mutable_receipt(); }, &deliveries, &mutex);
        });
  }

  absl::Mutex mutex;
  std::vector<rpc::Answer<v1::ProvideResponse>> waiting;
  std::vector<rpc::Answer<v1::DeliverResponse>> deliveries;
};

class LinksTest : public testing::Test {
 protected:
  LinksTest() : tls_(authority_.IssueClient({rpc::Role::kIntermediate, {City(kAizu)}, "", ""})) {
    Serve(Address());
    route_.set_address(Address());
    route_.set_tls_name(TestAuthority::kServerName);
  }

  void Serve(const std::string& address) {
    rpc::ServerOptions options;
    options.address = address;
    options.tls = authority_.IssueServer();
    options.services = {&permits_, &exchanges_};
    auto started = rpc::Server::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }
  void Restart() {
    server_->Shutdown(absl::ZeroDuration());
    server_.reset();
    Serve(Address());
  }
  std::string Address() const { return absl::StrCat("127.0.0.1:", port_->port()); }
  std::unique_ptr<BrokerLink> Broker() const {
    v1::Endpoint endpoint;
    endpoint.set_address(Address());
    endpoint.set_tls_name(TestAuthority::kServerName);
    return MakeBrokerLink(endpoint, tls_);
  }
  static absl::StatusOr<v1::Recorded> AskPermit(BrokerLink& link, const std::string& name) {
    Call<v1::Recorded> call;
    link.RequestPermit(Named(name), call.Take());
    return call.Wait();
  }
  absl::StatusOr<v1::ProvideResponse> Provide(PeerLink& link, const std::string& name) const {
    Call<v1::ProvideResponse> call;
    link.Provide(route_, Named(name), call.Take());
    return call.Wait();
  }

  TestAuthority authority_;
  const rpc::TlsMaterial tls_;
  FakePermitService permits_;
  FakeExchangeService exchanges_;
  std::unique_ptr<rpc::Server> server_;
  const absl::StatusOr<simulator::KeptPort> port_ = simulator::KeptPort::Take();
  v1::Route route_;
};

TEST_F(LinksTest, PairsEachPermitWithItsQuery) {
  const auto link = Broker();
  std::vector<Call<v1::Recorded>> calls(300);
  for (size_t i = 0; i < calls.size(); ++i) {
    link->RequestPermit(Named(absl::StrCat("query ", i)), calls[i].Take());
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    const auto decision = calls[i].Wait();
    ASSERT_TRUE(decision.ok()) << decision.status();
    EXPECT_EQ(decision->statement(), absl::StrCat("re: query ", i));
  }
  EXPECT_EQ(permits_.streams, 1);
}

TEST_F(LinksTest, AnErrorKeepsItsFieldAndRule) {
  const auto link = Broker();
  const auto refused = AskPermit(*link, "refuse");
  EXPECT_TRUE(absl::IsNotFound(refused.status())) << refused.status();
  EXPECT_EQ(GetFieldRule(refused.status()).field, "permit.provider");
  EXPECT_EQ(GetFieldRule(refused.status()).rule, "unknown-municipality");
  EXPECT_TRUE(AskPermit(*link, "next").ok());  // the stream goes on

  const auto peers = MakePeerLink(tls_);
  EXPECT_EQ(GetFieldRule(Provide(*peers, "refuse").status()).rule, "unknown-municipality");
  EXPECT_EQ(Provide(*peers, "permit")->provision().statement(), "re: permit");
  EXPECT_EQ(Provide(*peers, "permit")->payload(), "payload");
}

TEST_F(LinksTest, AServerThatComesBackIsFoundAgain) {
  const auto link = Broker();
  const auto peers = MakePeerLink(tls_);
  ASSERT_TRUE(AskPermit(*link, "one").ok());
  ASSERT_TRUE(Provide(*peers, "one").ok());
  Call<v1::Recorded> waiting;
  link->RequestPermit(Named("wait"), waiting.Take());
  ASSERT_TRUE(Eventually([&] {
    absl::MutexLock lock(&permits_.mutex);
    return !permits_.waiting.empty();
  }));
  Restart();
  EXPECT_TRUE(absl::IsUnavailable(waiting.Wait().status())) << waiting.Wait().status();
  // What may fail now may be asked again, and soon succeeds.
  EXPECT_TRUE(Eventually([&] {
    const auto decision = AskPermit(*link, "two");
    EXPECT_TRUE(decision.ok() || absl::IsUnavailable(decision.status())) << decision.status();
    return decision.ok();
  }));
  EXPECT_TRUE(Eventually([&] { return Provide(*peers, "two").ok(); }));
}

TEST_F(LinksTest, WhoIsNotThereIsUnavailable) {
  server_->Shutdown(absl::ZeroDuration());
  const auto link = Broker();
  EXPECT_TRUE(absl::IsUnavailable(AskPermit(*link, "query").status()));
  Call<std::vector<v1::Recorded>> page;
  link->FetchDirectory(0, page.Take());
  EXPECT_TRUE(absl::IsUnavailable(page.Wait().status()));
  Call<std::vector<absl::Status>> report;
  link->Report({Named("half")}, report.Take());
  EXPECT_TRUE(absl::IsUnavailable(report.Wait().status()));
  const auto peers = MakePeerLink(tls_);
  EXPECT_TRUE(absl::IsUnavailable(Provide(*peers, "permit").status()));
}

TEST_F(LinksTest, ARouteThatNamesNobodyIsUnavailable) {
  const auto peers = MakePeerLink(tls_);
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"", TestAuthority::kServerName},
      {Address(), ""},
      {Address(), "another.test"},
      {"no such address", TestAuthority::kServerName},
      {"unix:///no/such/file", TestAuthority::kServerName},
  };
  for (const auto& [address, tls_name] : routes) {
    route_.set_address(address);
    route_.set_tls_name(tls_name);
    EXPECT_TRUE(absl::IsUnavailable(Provide(*peers, "permit").status())) << address << tls_name;
    Call<v1::Recorded> receipt;
    peers->Deliver(route_, v1::DeliverRequest(), receipt.Take());
    EXPECT_TRUE(absl::IsUnavailable(receipt.Wait().status())) << address << tls_name;
  }
}

TEST_F(LinksTest, ReportsGetAStatusAHalf) {
  const auto link = Broker();
  Call<std::vector<absl::Status>> call;
  link->Report({Named("a"), Named("refuse"), Named("b")}, call.Take());
  const auto results = call.Wait();
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 3u);
  EXPECT_TRUE((*results)[0].ok());
  EXPECT_EQ(GetFieldRule((*results)[1]).rule, "unknown-municipality");
  EXPECT_TRUE((*results)[2].ok());

  permits_.forget_one = true;  // nothing is taken for accepted that was not named
  Call<std::vector<absl::Status>> short_answer;
  link->Report({Named("a")}, short_answer.Take());
  EXPECT_TRUE(absl::IsInternal(short_answer.Wait().status()));
}

TEST_F(LinksTest, FetchesAndDelivers) {
  const auto link = Broker();
  Call<std::vector<v1::Recorded>> call;
  link->FetchDirectory(41, call.Take());
  const auto page = call.Wait();
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ((*page)[0].statement(), "41");

  const auto peers = MakePeerLink(tls_);
  v1::DeliverRequest delivery;
  *delivery.mutable_provision() = Named("provision");
  Call<v1::Recorded> receipt;
  peers->Deliver(route_, delivery, receipt.Take());
  EXPECT_EQ(receipt.Wait()->statement(), "re: provision");
  *delivery.mutable_provision() = Named("refuse");
  Call<v1::Recorded> refused;
  peers->Deliver(route_, delivery, refused.Take());
  EXPECT_EQ(GetFieldRule(refused.Wait().status()).rule, "unknown-municipality");
}

TEST_F(LinksTest, DestructionAnswersWhoWaits) {
  Call<v1::Recorded> permit;
  Call<v1::ProvideResponse> provision;
  Call<v1::Recorded> receipt;
  {
    const auto link = Broker();
    const auto peers = MakePeerLink(tls_);
    link->RequestPermit(Named("wait"), permit.Take());
    peers->Provide(route_, Named("wait"), provision.Take());
    v1::DeliverRequest delivery;
    *delivery.mutable_provision() = Named("wait");
    peers->Deliver(route_, delivery, receipt.Take());
    ASSERT_TRUE(Eventually([&] {
      absl::MutexLock lock(&permits_.mutex);
      absl::MutexLock exchange_lock(&exchanges_.mutex);
      return permits_.waiting.size() == 1 && exchanges_.waiting.size() == 1 &&
             exchanges_.deliveries.size() == 1;
    }));
  }
  EXPECT_TRUE(permit.done());
  EXPECT_TRUE(provision.done());
  EXPECT_TRUE(receipt.done());
  EXPECT_TRUE(absl::IsUnavailable(permit.Wait().status()));
  EXPECT_TRUE(absl::IsUnavailable(provision.Wait().status()));
  EXPECT_FALSE(receipt.Wait().ok());
}

}  // namespace
}  // namespace nakadachi::intermediate
