// The services over real mTLS: who may call what, which error comes back, and that nothing but the
// parts decides.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/merkle/merkle.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer.h"
#include "common/rpc/server.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/intermediate/services.h"
#include "tests/server/intermediate/provider_fixture.h"
#include "tests/server/intermediate/test_authority.h"

namespace nakadachi::intermediate {
namespace {

using rpc::Role;
using testing::ElementsAre;

// Answers with what it was asked.
class TestRequester final : public Requester {
 public:
  void Query(const v1::QueryRequest& request, Answer<v1::QueryResponse> done) override {
    v1::QueryResponse response;
    response.set_request_id(request.request_id());
    response.set_refusal_detail(request.department() + "/" + request.staff_pseudonym());
    {
      absl::MutexLock lock(&mutex_);
      if (hold_) return held_.push_back(std::move(done));
    }
    done(std::move(response));
  }
  absl::StatusOr<v1::QueryResponse> GetExchange(const std::string& request_id) override {
    if (request_id != "known") {
      return FieldError(absl::StatusCode::kNotFound, "request_id", "request-id", "unknown");
    }
    v1::QueryResponse response;
    response.set_request_id(request_id);
    return response;
  }
  void Receive(const v1::DeliverRequest& delivery,
               const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
               Answer<v1::Recorded> receipt) override {
    v1::Recorded recorded;
    recorded.set_statement(may_speak_for(City(kAizu)) ? delivery.payload() : "not for you");
    receipt(std::move(recorded));
  }
  std::map<std::string, int64_t> unreached() const override { return {{"broker", 5}}; }
  uint64_t open_exchanges() const override { return 42; }
  absl::Status Sweep() override { return absl::OkStatus(); }
  void Shutdown() override {}

  // From now on queries are kept instead of answered.
  void Hold() {
    absl::MutexLock lock(&mutex_);
    hold_ = true;
  }
  // False where none is kept after twenty seconds.
  bool AwaitHeld() {
    absl::MutexLock lock(&mutex_);
    const auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !held_.empty(); };
    return mutex_.AwaitWithTimeout(absl::Condition(&some), absl::Seconds(20));
  }
  std::vector<Answer<v1::QueryResponse>> TakeHeld() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(held_, {});
  }

 private:
  absl::Mutex mutex_;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Answer<v1::QueryResponse>> held_ ABSL_GUARDED_BY(mutex_);
};

// Sendai is served, Koriyama did not open, nobody else is on the platform.
class ServiceTest : public ProviderFixture {
 protected:
  ServiceTest() {
    auto requester = std::make_unique<TestRequester>();
    requester_ = requester.get();
    parts_.requester = std::move(requester);
    parts_.institution = std::move(owned_);
    hosting_.Add(City(kSendai), std::move(parts_));
    Hosted lost;
    lost.opened = absl::DataLossError("altered");
    hosting_.Add(City(kKoriyama), std::move(lost));
    WitnessOptions witnessing;
    witnessing.store = {folder_ / "witness", key_provider_.get(), platform_.environment,
                        platform_.random};
    witnessing.clock = &clock_;
    witnessing.directory = &directory_;
    witness_ = Witness::Open(witnessing).value();
    ServiceParts parts{&hosting_, &pool_, &directory_, &clock_, Now()};
    parts.witness = witness_.get();
    exchange_ = MakeExchangeService(parts);
    network_ledger_ = MakeLedgerService(parts, LedgerReaders::kNetwork);
    municipal_ = MakeMunicipalService(parts);
    terminal_ledger_ = MakeLedgerService(parts, LedgerReaders::kTerminal);
    network_ = Serve({exchange_.get(), network_ledger_.get()});
    terminal_ = Serve({municipal_.get(), terminal_ledger_.get()});
  }
  ~ServiceTest() override {
    network_->Shutdown(absl::ZeroDuration());
    terminal_->Shutdown(absl::ZeroDuration());
    requester_->TakeHeld();
  }

  std::unique_ptr<rpc::Server> Serve(std::vector<grpc::Service*> services) {
    rpc::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = authority_.IssueServer();
    options.services = std::move(services);
    return rpc::Server::Start(options).value();
  }
  std::shared_ptr<grpc::Channel> To(const rpc::Server& server, const rpc::Peer& peer) const {
    return rpc::Connect("127.0.0.1:" + std::to_string(server.port()), TestAuthority::kServerName,
                        authority_.IssueClient(peer));
  }
  std::unique_ptr<v1::ExchangeService::Stub> Exchange(Role role, const std::string& code) const {
    return v1::ExchangeService::NewStub(To(*network_, {role, {City(code)}, "", ""}));
  }
  std::unique_ptr<v1::MunicipalService::Stub> Municipal(const rpc::Peer& peer) const {
    return v1::MunicipalService::NewStub(To(*terminal_, peer));
  }
  static rpc::Peer Office() { return {Role::kOffice, {City(kSendai)}, "", ""}; }
  static rpc::Peer Staff() { return {Role::kStaff, {City(kSendai)}, "welfare", "staff-7"}; }

  template <typename Stub, typename Request, typename Response>
  static absl::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return rpc::FromGrpc((stub.*method)(&context, request, response));
  }

  const TestAuthority authority_;
  Hosting hosting_;
  rpc::WorkPool pool_;
  TestRequester* requester_ = nullptr;
  std::unique_ptr<Witness> witness_;
  std::unique_ptr<grpc::Service> exchange_, network_ledger_, municipal_, terminal_ledger_;
  std::unique_ptr<rpc::Server> network_, terminal_;
};

using ExchangeStub = v1::ExchangeService::Stub;
using MunicipalStub = v1::MunicipalService::Stub;
using LedgerStub = v1::LedgerService::Stub;

std::string Verdict(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ", GetFieldRule(status).rule);
}

// --- Network listener.

TEST_F(ServiceTest, ProvidesToThePermitsRequester) {
  AcquireAndHold(1);
  v1::ProvideRequest request;
  *request.mutable_permit() = Permit(1);
  v1::ProvideResponse response;
  auto aizu = Exchange(Role::kIntermediate, kAizu);
  ASSERT_TRUE(Call(*aizu, &ExchangeStub::Provide, request, &response).ok());
  EXPECT_EQ(Checked(response).outcome(), v1::PROVIDED);
}

TEST_F(ServiceTest, ProvideRefusesTheWrong) {
  AcquireAndHold(1);
  struct Case {
    std::string name;
    Role role;
    std::string code;
    std::function<void(v1::Statement&)> change;
    std::string verdict;
  };
  const auto as_is = [](v1::Statement&) {};
  const std::vector<Case> cases = {
      {"another institution", Role::kIntermediate, kKoriyama, as_is, "PERMISSION_DENIED requester"},
      {"the broker", Role::kBroker, kAizu, as_is, "PERMISSION_DENIED role"},
      {"an office", Role::kOffice, kAizu, as_is, "PERMISSION_DENIED role"},
      {"for another platform", Role::kIntermediate, kAizu,
       [](v1::Statement& s) { s.mutable_permit()->set_provider(kFukushima); },
       "NOT_FOUND unknown-municipality"},
      {"for one that is not served", Role::kIntermediate, kAizu,
       [](v1::Statement& s) { s.mutable_permit()->set_provider(kKoriyama); },
       "DATA_LOSS not-served"},
      {"for nobody", Role::kIntermediate, kAizu,
       [](v1::Statement& s) { s.mutable_permit()->clear_provider(); }, "INVALID_ARGUMENT length"},
      {"no permit", Role::kIntermediate, kAizu,
       [](v1::Statement& s) { s.mutable_refusal()->set_provider(kSendai); },
       "INVALID_ARGUMENT statement-format"},
  };
  uint64_t rejected = 0;
  for (const Case& c : cases) {
    v1::Statement statement = PermitFor(1);
    c.change(statement);
    v1::ProvideRequest request;
    *request.mutable_permit() = broker_.Record(statement);
    v1::ProvideResponse response;
    auto stub = Exchange(c.role, c.code);
    EXPECT_EQ(Verdict(Call(*stub, &ExchangeStub::Provide, request, &response)), c.verdict)
        << c.name;
    rejected += c.verdict.rfind("DATA_LOSS", 0) == 0 ? 0 : 1;
    EXPECT_EQ(hosting_.rejected_calls(), rejected) << c.name;
  }
  EXPECT_EQ(LedgerSize(), 0u);
}

TEST_F(ServiceTest, AStreamAnswersEachPermitByItsTag) {
  AcquireAndHold(1);
  auto stub = Exchange(Role::kIntermediate, kAizu);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  auto stream = stub->ProvideMany(&context);
  constexpr uint64_t kPermits = 100;
  std::map<uint64_t, std::string> numbers;
  std::vector<v1::ProvideRequests> messages;
  for (uint64_t tag = 1; tag <= kPermits; ++tag) {
    v1::Statement statement = PermitFor(1);
    if (tag % 10 == 0) statement.mutable_permit()->set_provider(kFukushima);
    numbers[tag] = statement.permit().permit_number();
    if (tag % 7 == 1) messages.emplace_back();
    v1::ProvideRequest& request = *messages.back().add_requests();
    request.set_tag(tag);
    *request.mutable_permit() = broker_.Record(statement);
  }
  std::thread writer([&] {
    for (const v1::ProvideRequests& message : messages) stream->Write(message);
    stream->WritesDone();
  });
  v1::ProvideResponses responses;
  std::set<uint64_t> tags;
  while (stream->Read(&responses)) {
    for (const v1::ProvideResponse& response : responses.responses()) {
      tags.insert(response.tag());
      if (response.tag() % 10 == 0) {
        EXPECT_EQ(Verdict(rpc::FromBytes(response.error())), "NOT_FOUND unknown-municipality");
      } else {
        EXPECT_TRUE(response.error().empty());
        EXPECT_EQ(Checked(response).permit_number(), numbers[response.tag()]);
      }
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(tags.size(), kPermits);
}

TEST_F(ServiceTest, DeliveriesGoToTheRequester) {
  v1::Statement statement;
  statement.mutable_provision()->set_requester(kSendai);
  v1::DeliverRequest request;
  request.mutable_provision()->set_statement(statement.SerializeAsString());
  request.set_payload("payload");
  v1::DeliverResponse response;
  auto aizu = Exchange(Role::kIntermediate, kAizu);
  ASSERT_TRUE(Call(*aizu, &ExchangeStub::Deliver, request, &response).ok());
  EXPECT_EQ(response.receipt().statement(), "payload");
  auto koriyama = Exchange(Role::kIntermediate, kKoriyama);
  ASSERT_TRUE(Call(*koriyama, &ExchangeStub::Deliver, request, &response).ok());
  EXPECT_EQ(response.receipt().statement(), "not for you");

  auto broker = Exchange(Role::kBroker, kAizu);
  EXPECT_EQ(Verdict(Call(*broker, &ExchangeStub::Deliver, request, &response)),
            "PERMISSION_DENIED role");
  request.mutable_provision()->set_statement("\xFF");
  EXPECT_EQ(Verdict(Call(*aizu, &ExchangeStub::Deliver, request, &response)),
            "INVALID_ARGUMENT statement-format");
}

TEST_F(ServiceTest, CodesComeFromTheBrokerOnly) {
  const AcquisitionNumber number = codes_->IssueAcquisitionNumbers({Person(1)})[0].value();
  v1::ReceiveCodesRequest request;
  request.set_institution(kSendai);
  const auto add = [&request](const std::string& acquisition, const std::string& code) {
    v1::ReceiveCodesRequest::Entry& entry = *request.add_entries();
    entry.set_acquisition_number(acquisition);
    entry.set_linkage_code(code);
  };
  const std::string code(Code(1).RevealBytes());
  add("no number", code);
  add(number.Reveal(), "short");
  add(std::string(32, '0'), code);
  add(number.Reveal(), code);
  v1::ReceiveCodesResponse response;
  auto city = Exchange(Role::kIntermediate, kSendai);
  EXPECT_EQ(Verdict(Call(*city, &ExchangeStub::ReceiveCodes, request, &response)),
            "PERMISSION_DENIED role");
  auto broker = Exchange(Role::kBroker, kSendai);
  ASSERT_TRUE(Call(*broker, &ExchangeStub::ReceiveCodes, request, &response).ok());
  ASSERT_EQ(response.errors_size(), 4);
  const auto error = [&response](int i) { return rpc::FromBytes(response.errors(i)); };
  EXPECT_EQ(GetFieldRule(error(0)).field, "entries[0].acquisition_number");
  EXPECT_EQ(GetFieldRule(error(1)).field, "entries[1].linkage_code");
  EXPECT_EQ(Verdict(error(2)), "NOT_FOUND acquisition-number");
  EXPECT_TRUE(response.errors(3).empty());
  EXPECT_EQ(codes_->CodeOf(Person(1)).value(), Code(1));

  request.set_institution(kFukushima);
  EXPECT_EQ(Verdict(Call(*broker, &ExchangeStub::ReceiveCodes, request, &response)),
            "NOT_FOUND unknown-municipality");
  request.set_institution(kSendai);
  for (int i = 0; i < 1'000; ++i) add(std::string(32, '0'), code);
  EXPECT_EQ(Verdict(Call(*broker, &ExchangeStub::ReceiveCodes, request, &response)),
            "INVALID_ARGUMENT length");
}

// --- Terminal listener.

TEST_F(ServiceTest, WhoMayCallWhat) {
  v1::IssueAcquisitionNumbersRequest issue;
  issue.set_municipality(kSendai);
  v1::RegisterReplicasRequest load;
  load.set_municipality(kSendai);
  v1::SetProtectionRequest protect;
  protect.set_municipality(kSendai);
  protect.set_addressee_number("1");
  v1::QueryRequest query;
  query.set_municipality(kSendai);
  v1::ListReviewsRequest list;
  list.set_municipality(kSendai);
  v1::DecideReviewRequest decide;
  decide.set_municipality(kSendai);
  v1::GetExchangeRequest get;
  get.set_municipality(kSendai);
  get.set_request_id("known");

  // What each call answers to an office, to staff, to another city's staff and to an intermediate.
  struct Case {
    std::string name;
    std::function<absl::Status(MunicipalStub&)> call;
    std::vector<std::string> verdicts;
  };
  const std::string ok = "OK ";
  const std::string role = "PERMISSION_DENIED role";
  const std::string other = "PERMISSION_DENIED municipality";
  const std::vector<Case> cases = {
      {"IssueAcquisitionNumbers",
       [&](MunicipalStub& stub) {
         v1::IssueAcquisitionNumbersResponse response;
         return Call(stub, &MunicipalStub::IssueAcquisitionNumbers, issue, &response);
       },
       {ok, role, role, role}},
      {"RegisterReplicas",
       [&](MunicipalStub& stub) {
         v1::RegisterReplicasResponse response;
         return Call(stub, &MunicipalStub::RegisterReplicas, load, &response);
       },
       {ok, role, role, role}},
      {"SetProtection",
       [&](MunicipalStub& stub) {
         v1::SetProtectionResponse response;
         return Call(stub, &MunicipalStub::SetProtection, protect, &response);
       },
       {ok, ok, other, role}},
      {"Query",
       [&](MunicipalStub& stub) {
         v1::QueryResponse response;
         return Call(stub, &MunicipalStub::Query, query, &response);
       },
       {ok, ok, other, role}},
      {"GetExchange",
       [&](MunicipalStub& stub) {
         v1::QueryResponse response;
         return Call(stub, &MunicipalStub::GetExchange, get, &response);
       },
       {ok, ok, other, role}},
      {"ListReviews",
       [&](MunicipalStub& stub) {
         v1::ListReviewsResponse response;
         return Call(stub, &MunicipalStub::ListReviews, list, &response);
       },
       {ok, ok, other, role}},
      {"DecideReview",
       [&](MunicipalStub& stub) {
         v1::DecideReviewResponse response;
         return Call(stub, &MunicipalStub::DecideReview, decide, &response);
       },
       {role, "NOT_FOUND permit-number", other, role}},
  };
  const std::vector<rpc::Peer> peers = {Office(),
                                        Staff(),
                                        {Role::kStaff, {City(kAizu)}, "welfare", "staff-7"},
                                        {Role::kIntermediate, {City(kSendai)}, "", ""}};
  for (size_t i = 0; i < peers.size(); ++i) {
    auto stub = Municipal(peers[i]);
    for (const Case& c : cases) EXPECT_EQ(Verdict(c.call(*stub)), c.verdicts[i]) << c.name << i;
  }
}

TEST_F(ServiceTest, UnknownAndUnservedMunicipalities) {
  auto stub =
      Municipal({Role::kOffice, {City(kSendai), City(kKoriyama), City(kFukushima)}, "", ""});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {kKoriyama, "DATA_LOSS not-served"},
      {kFukushima, "NOT_FOUND unknown-municipality"},
      {"", "INVALID_ARGUMENT length"},
      {"041008", "INVALID_ARGUMENT check-digit"},
  };
  for (const auto& [municipality, verdict] : cases) {
    v1::ListReviewsRequest request;
    request.set_municipality(municipality);
    v1::ListReviewsResponse response;
    EXPECT_EQ(Verdict(Call(*stub, &MunicipalStub::ListReviews, request, &response)), verdict)
        << municipality;
  }
}

TEST_F(ServiceTest, ACertificateSpeaksForItsStaff) {
  struct Case {
    rpc::Peer peer;
    std::string department;
    std::string pseudonym;
    std::string verdict;
    std::string seen;
  };
  const std::vector<Case> cases = {
      {Office(), "tax", "staff-9", "OK ", "tax/staff-9"},
      {Staff(), "", "", "OK ", "welfare/staff-7"},
      {Staff(), "welfare", "staff-7", "OK ", "welfare/staff-7"},
      {Staff(), "tax", "staff-7", "PERMISSION_DENIED department", ""},
      {Staff(), "welfare", "staff-9", "PERMISSION_DENIED staff_pseudonym", ""},
  };
  for (const Case& c : cases) {
    auto stub = Municipal(c.peer);
    v1::QueryRequest request;
    request.set_municipality(kSendai);
    request.set_department(c.department);
    request.set_staff_pseudonym(c.pseudonym);
    v1::QueryResponse response;
    EXPECT_EQ(Verdict(Call(*stub, &MunicipalStub::Query, request, &response)), c.verdict);
    EXPECT_EQ(response.refusal_detail(), c.seen);
  }
}

TEST_F(ServiceTest, NumbersAreIssuedOneByOne) {
  Acquire(2);
  v1::IssueAcquisitionNumbersRequest request;
  request.set_municipality(kSendai);
  for (const char* number : {"1", "x", "2", "1"}) request.add_addressee_numbers(number);
  v1::IssueAcquisitionNumbersResponse response;
  auto stub = Municipal(Office());
  ASSERT_TRUE(Call(*stub, &MunicipalStub::IssueAcquisitionNumbers, request, &response).ok());
  ASSERT_EQ(response.entries_size(), 4);
  EXPECT_TRUE(AcquisitionNumber::Parse(response.entries(0).acquisition_number()).ok());
  const absl::Status wrong = rpc::FromBytes(response.entries(1).error());
  EXPECT_EQ(GetFieldRule(wrong).field, "addressee_numbers[1]");
  EXPECT_EQ(Verdict(rpc::FromBytes(response.entries(2).error())),
            "ALREADY_EXISTS already-acquired");
  EXPECT_EQ(response.entries(3).acquisition_number(), response.entries(0).acquisition_number());
  for (int i = 0; i < 1'000; ++i) request.add_addressee_numbers("1");
  EXPECT_EQ(Verdict(Call(*stub, &MunicipalStub::IssueAcquisitionNumbers, request, &response)),
            "INVALID_ARGUMENT length");
}

TEST_F(ServiceTest, ReplicasAreRegisteredOneByOne) {
  v1::RegisterReplicasRequest request;
  request.set_municipality(kSendai);
  const auto add = [&request](const std::string& person, const v1::ReplicaSet& set) {
    request.add_entries()->set_addressee_number(person);
    *request.mutable_entries(request.entries_size() - 1)->mutable_set() = set;
  };
  add("1", ImmunizationSet(1, 1));
  add("no number", ImmunizationSet(1, 1));
  add("2", v1::ReplicaSet());
  add("1", ImmunizationSet(1, 2));
  add("3", ImmunizationSet(1, 3));
  v1::RegisterReplicasResponse response;
  auto stub = Municipal(Office());
  ASSERT_TRUE(Call(*stub, &MunicipalStub::RegisterReplicas, request, &response).ok());
  EXPECT_EQ(response.stored(), 2u);
  std::map<uint32_t, std::string> problems;
  for (const auto& problem : response.problems()) {
    problems[problem.position()] = GetFieldRule(rpc::FromBytes(problem.error())).field;
  }
  EXPECT_THAT(problems, ElementsAre(testing::Pair(1u, "entries[1].addressee_number"),
                                    testing::Pair(2u, "entries[2].item"),
                                    testing::Pair(3u, "entries[3].source_version")));
  EXPECT_EQ(replica_->Read(Person(3), {"immunization"})->size(), 1u);
}

TEST_F(ServiceTest, AStreamOfReplicasIsAnsweredByTag) {
  auto stub = Municipal(Office());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  auto stream = stub->RegisterReplicaStream(&context);
  constexpr int kRequests = 40;
  constexpr int kEach = 50;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      v1::RegisterReplicasRequests requests;
      v1::RegisterReplicasRequest& request = *requests.add_requests();
      request.set_tag(static_cast<uint64_t>(i) + 1);
      request.set_municipality(i % 10 == 9 ? kAizu : kSendai);
      for (int j = 0; j < kEach; ++j) {
        v1::ReplicaEntry& entry = *request.add_entries();
        entry.set_addressee_number(std::to_string(i * kEach + j + 1));
        *entry.mutable_set() = ImmunizationSet(1, j);
      }
      stream->Write(requests);
    }
    stream->WritesDone();
  });
  v1::RegisterReplicasResponses responses;
  std::set<uint64_t> tags;
  uint32_t stored = 0;
  while (stream->Read(&responses)) {
    for (const v1::RegisterReplicasResponse& response : responses.responses()) {
      tags.insert(response.tag());
      stored += response.stored();
      EXPECT_EQ(Verdict(rpc::FromBytes(response.error())),
                response.tag() % 10 == 0 ? "PERMISSION_DENIED municipality" : "OK ");
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(tags.size(), static_cast<size_t>(kRequests));
  EXPECT_EQ(stored, 36u * kEach);
  EXPECT_EQ(ReadCount(institution_->database(), kCountReplicaSets).value(), stored);
}

TEST_F(ServiceTest, WithheldItemsAreChecked) {
  auto stub = Municipal(Staff());
  v1::SetProtectionRequest request;
  request.set_municipality(kSendai);
  request.set_addressee_number("1");
  request.add_withheld_items("immunization");
  request.add_withheld_items("Not an item");
  v1::SetProtectionResponse response;
  const absl::Status status = Call(*stub, &MunicipalStub::SetProtection, request, &response);
  EXPECT_EQ(GetFieldRule(status).field, "withheld_items[1]");
  EXPECT_EQ(GetFieldRule(status).rule, "slug");
}

TEST_F(ServiceTest, ProtectionSaysWhetherACodeIsHeld) {
  Acquire(1);
  ASSERT_TRUE(codes_->IssueAcquisitionNumbers({Person(2)})[0].ok());
  auto stub = Municipal(Staff());
  for (const auto& [person, held] : {std::pair("1", true), {"2", false}, {"3", false}}) {
    v1::SetProtectionRequest request;
    request.set_municipality(kSendai);
    request.set_addressee_number(person);
    request.set_automatic_reply_disabled(true);
    v1::SetProtectionResponse response;
    ASSERT_TRUE(Call(*stub, &MunicipalStub::SetProtection, request, &response).ok());
    EXPECT_EQ(response.code_held(), held) << person;
  }
}

TEST_F(ServiceTest, ADecisionIsRecordedWithTheCertificatesPseudonym) {
  AcquireAndHold(1);
  ASSERT_TRUE(codes_->SetProtection(Person(1), true, {}).ok());
  ASSERT_TRUE(Provide(Permit(1)).ok());
  auto stub = Municipal(Staff());
  v1::ListReviewsRequest list;
  list.set_municipality(kSendai);
  v1::ListReviewsResponse listed;
  ASSERT_TRUE(Call(*stub, &MunicipalStub::ListReviews, list, &listed).ok());
  ASSERT_EQ(listed.reviews_size(), 1);

  v1::DecideReviewRequest request;
  request.set_municipality(kSendai);
  request.set_permit_number(listed.reviews(0).permit_number());
  request.set_release(true);
  request.set_staff_pseudonym("staff-9");
  v1::DecideReviewResponse response;
  EXPECT_EQ(Verdict(Call(*stub, &MunicipalStub::DecideReview, request, &response)),
            "PERMISSION_DENIED staff_pseudonym");
  auto nameless = Municipal({Role::kStaff, {City(kSendai)}, "welfare", ""});
  request.clear_staff_pseudonym();
  EXPECT_EQ(Verdict(Call(*nameless, &MunicipalStub::DecideReview, request, &response)),
            "PERMISSION_DENIED staff_pseudonym");
  ASSERT_TRUE(Call(*stub, &MunicipalStub::DecideReview, request, &response).ok());
  EXPECT_EQ(response.outcome(), v1::PROVIDED);

  // Before the Provision, which names nobody.
  const auto recorded = [this](uint64_t from_the_end) {
    v1::Statement statement;
    statement.ParseFromString(
        institution_->ledger_store().ReadEntry(LedgerSize() - from_the_end).value().statement);
    return statement;
  };
  EXPECT_TRUE(recorded(1).provision().after_review());
  const v1::Statement decision = recorded(2);
  EXPECT_EQ(decision.operation().kind(), "review");
  EXPECT_EQ(decision.operation().staff_pseudonym(), "staff-7");
  EXPECT_EQ(decision.operation().detail(),
            "released permit " + HexEncode(listed.reviews(0).permit_number()));
}

TEST_F(ServiceTest, StatusCountsWhatIsThere) {
  AcquireAndHold(1);
  Acquire(2);
  ASSERT_TRUE(codes_->IssueAcquisitionNumbers({Person(3)})[0].ok());
  ASSERT_TRUE(codes_->SetProtection(Person(1), true, {}).ok());
  ASSERT_TRUE(Provide(Permit(1)).ok());
  auto stub = Municipal({Role::kOperator, {}, "", ""});
  v1::GetIntermediateStatusResponse status;
  ASSERT_TRUE(Call(*stub, &MunicipalStub::GetIntermediateStatus, v1::GetIntermediateStatusRequest(),
                   &status)
                  .ok());
  ASSERT_EQ(status.municipalities_size(), 2);
  const auto& sendai = status.municipalities(0);
  EXPECT_EQ(sendai.code(), kSendai);
  EXPECT_EQ(sendai.ledger_size(), 1u);
  EXPECT_EQ(sendai.codes(), 2u);
  EXPECT_EQ(sendai.pending_acquisitions(), 1u);
  EXPECT_EQ(sendai.replica_sets(), 1u);
  EXPECT_EQ(sendai.open_reviews(), 1u);
  EXPECT_EQ(sendai.open_exchanges(), 42u);
  ASSERT_EQ(status.unreached_size(), 1);
  EXPECT_EQ(status.unreached(0).municipality(), kSendai);
  EXPECT_EQ(status.unreached(0).institution(), "broker");
  EXPECT_EQ(status.unreached(0).since_ms(), 5);
  EXPECT_EQ(ledger::ParseVerifierKey(sendai.vkey())->key, keys_.signing.public_key());
  EXPECT_EQ(status.municipalities(1).code(), kKoriyama);
  EXPECT_TRUE(absl::IsDataLoss(rpc::FromBytes(status.municipalities(1).error())));
  EXPECT_EQ(status.directory_sequence(), directory_.sequence());
  EXPECT_EQ(status.list_version(), 1u);
  EXPECT_EQ(status.now_ms(), Now());

  auto office = Municipal(Office());
  ASSERT_TRUE(Call(*office, &MunicipalStub::GetIntermediateStatus,
                   v1::GetIntermediateStatusRequest(), &status)
                  .ok());
  EXPECT_EQ(status.municipalities_size(), 1);
}

TEST_F(ServiceTest, AShutdownDoesNotWaitForAnAnswer) {
  requester_->Hold();
  std::thread caller([&] {
    auto stub = Municipal(Staff());
    v1::QueryRequest request;
    request.set_municipality(kSendai);
    v1::QueryResponse response;
    EXPECT_FALSE(Call(*stub, &MunicipalStub::Query, request, &response).ok());
  });
  EXPECT_TRUE(requester_->AwaitHeld());
  terminal_->Shutdown(absl::Milliseconds(50));
  caller.join();
  for (auto& done : requester_->TakeHeld()) done(v1::QueryResponse());  // too late, and harmless
}

// --- Ledgers.

TEST_F(ServiceTest, AnyPeerOfTheNetworkMayDemandConsistency) {
  AcquireAndHold(1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Provide(Permit(1)).ok());
  auto stub =
      v1::LedgerService::NewStub(To(*network_, {Role::kIntermediate, {City(kAizu)}, "", ""}));
  v1::GetCheckpointRequest request;
  request.set_institution(kSendai);
  v1::GetCheckpointResponse first;
  ASSERT_TRUE(Call(*stub, &LedgerStub::GetCheckpoint, request, &first).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Provide(Permit(1)).ok());
  v1::GetCheckpointResponse second;
  ASSERT_TRUE(Call(*stub, &LedgerStub::GetCheckpoint, request, &second).ok());
  const auto older = ledger::ParseCheckpoint(first.checkpoint());
  const auto newer = ledger::ParseCheckpoint(second.checkpoint());
  ASSERT_TRUE(older.ok() && newer.ok());
  EXPECT_TRUE(ledger::VerifyCheckpointSignature(*newer, keys_.signing.public_key()));

  v1::GetConsistencyProofRequest ask;
  ask.set_institution(kSendai);
  ask.set_old_size(older->checkpoint.size);
  ask.set_new_size(newer->checkpoint.size);
  v1::GetConsistencyProofResponse proof;
  ASSERT_TRUE(Call(*stub, &LedgerStub::GetConsistencyProof, ask, &proof).ok());
  std::vector<Hash> path;
  for (const std::string& hash : proof.path()) {
    path.push_back(HashFromBytes(hash, "path").value());
  }
  EXPECT_TRUE(merkle::VerifyConsistency(ask.old_size(), ask.new_size(), older->checkpoint.root,
                                        newer->checkpoint.root, path)
                  .ok());
  ask.set_new_size(1'000);
  EXPECT_TRUE(absl::IsOutOfRange(Call(*stub, &LedgerStub::GetConsistencyProof, ask, &proof)));
}

TEST_F(ServiceTest, WhoMayReadStatements) {
  AcquireAndHold(1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Provide(Permit(1)).ok());
  struct Case {
    std::string name;
    bool terminal;
    rpc::Peer peer;
    bool with_statements;
    std::string verdict;
  };
  const std::set<LocalGovernmentCode> sendai = {City(kSendai)};
  const std::vector<Case> cases = {
      {"commitments, network", false, {Role::kBroker, {}, "", ""}, false, "OK "},
      {"statements, network",
       false,
       {Role::kOperator, sendai, "", ""},
       true,
       "PERMISSION_DENIED listener"},
      {"inspector, network",
       false,
       {Role::kInspector, sendai, "", ""},
       false,
       "PERMISSION_DENIED role"},
      {"inspector", true, {Role::kInspector, sendai, "", ""}, true, "PERMISSION_DENIED role"},
      {"inspector, commitments",
       true,
       {Role::kInspector, sendai, "", ""},
       false,
       "PERMISSION_DENIED role"},
      {"operator", true, {Role::kOperator, sendai, "", ""}, true, "OK "},
      {"staff", true, Staff(), true, "OK "},
      {"office", true, Office(), true, "PERMISSION_DENIED role"},
      {"office, commitments", true, Office(), false, "OK "},
      {"another's inspector",
       true,
       {Role::kInspector, {City(kAizu)}, "", ""},
       true,
       "PERMISSION_DENIED municipality"},
  };
  for (const Case& c : cases) {
    auto stub = v1::LedgerService::NewStub(To(c.terminal ? *terminal_ : *network_, c.peer));
    v1::GetEntriesRequest request;
    request.set_institution(kSendai);
    request.set_start(1);
    request.set_with_statements(c.with_statements);
    v1::GetEntriesResponse response;
    EXPECT_EQ(Verdict(Call(*stub, &LedgerStub::GetEntries, request, &response)), c.verdict)
        << c.name;
    if (c.verdict != "OK ") continue;
    EXPECT_EQ(response.size(), 3u);
    ASSERT_EQ(response.entries_size(), 2) << c.name;
    for (const v1::LedgerEntry& entry : response.entries()) {
      EXPECT_EQ(entry.statement().empty(), !c.with_statements);
      if (!c.with_statements) continue;
      EXPECT_EQ(entry.commitment(), AsView(ledger::Commit(entry.salt(), entry.statement())));
    }
  }
}

TEST_F(ServiceTest, EntriesOutOfRange) {
  auto stub = v1::LedgerService::NewStub(To(*terminal_, Staff()));
  v1::GetEntriesRequest request;
  request.set_institution(kSendai);
  v1::GetEntriesResponse response;
  EXPECT_TRUE(Call(*stub, &LedgerStub::GetEntries, request, &response).ok());
  EXPECT_EQ(response.entries_size(), 0);
  request.set_start(1);
  EXPECT_EQ(Verdict(Call(*stub, &LedgerStub::GetEntries, request, &response)),
            "OUT_OF_RANGE range");
  request.set_start(0);
  request.set_limit(1'025);
  EXPECT_EQ(Verdict(Call(*stub, &LedgerStub::GetEntries, request, &response)),
            "INVALID_ARGUMENT range");
  request.set_institution("");
  EXPECT_EQ(Verdict(Call(*stub, &LedgerStub::GetEntries, request, &response)),
            "INVALID_ARGUMENT length");
}

}  // namespace
}  // namespace nakadachi::intermediate
