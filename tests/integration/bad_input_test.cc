// Bad input at every door of a running network: each gets its typed error, is counted, and where it
// was a query, is recorded as refused; nobody falls over. What one service decides by itself is
// tested beside it; here is what only the whole shows.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "nakadachi/v1/juki.grpc.pb.h"
#include "tests/integration/ledgers.h"
#include "tests/integration/town.h"
#include "tests/integration/wire_tap.h"
#include "tools/pki/pki.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;

std::string Verdict(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ", GetFieldRule(status).rule);
}

template <typename Stub, typename Request, typename Response>
absl::Status Call(Stub& stub,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  return rpc::FromGrpc((stub.*method)(&context, request, response));
}

class BadInputTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { StartTapping(); }

  BadInputTest() : town_(Mode::kInProcess) {
    for (const char* code : {kAizu, kSendai, kKoriyama}) town_.AddPlatform(Process(code), {code});
    person_ = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kSendai, kKoriyama}) town_.Enroll(person_, code);
    town_.Register(person_, kAizu, 2);
    StartTapping();
    EXPECT_TRUE(town_.Ask(town_.Question(person_, kSendai, kAizu)).ok());
    StopTapping();
    for (const Tapped& tapped : TakeTapped()) Keep(tapped);
  }

  static std::string Process(const std::string& code) { return "of-" + code; }

  // A genuine query and permit of Sendai's, as they went over the wire.
  void Keep(const Tapped& tapped) {
    const auto* asked = dynamic_cast<const v1::RequestPermitRequest*>(tapped.message.get());
    if (asked != nullptr) query_ = asked->query();
    const auto* provide = dynamic_cast<const v1::ProvideRequest*>(tapped.message.get());
    if (provide != nullptr) permit_ = provide->permit();
    const auto* answer = dynamic_cast<const v1::ProvideResponse*>(tapped.message.get());
    if (answer != nullptr) provision_ = answer->provision();
  }

  // A connection to a process's listener, with the certificate files <as>.pem and <as>.key of the
  // network's folder.
  std::shared_ptr<grpc::Channel> To(const std::string& process, const std::string& listener,
                                    const std::string& tls_name, const std::string& as,
                                    const std::string& trust = "network") const {
    return rpc::Connect(AddressOf(process, listener), tls_name, TlsOf(as, trust));
  }
  rpc::TlsMaterial TlsOf(const std::string& as, const std::string& trust) const {
    const std::string folder = absl::StrCat(town_.folder(), "/network/");
    v1::TlsFiles files;
    files.set_certificate(absl::StrCat(folder, as, ".pem"));
    files.set_private_key(absl::StrCat(folder, as, ".key"));
    files.set_trust_root(absl::StrCat(folder, "pki/", trust, "/root.pem"));
    return rpc::ReadTls(files, "").value();
  }
  std::string AddressOf(const std::string& process, const std::string& listener) const {
    const auto ports =
        rpc::ReadPortFile(absl::StrCat(town_.folder(), "/network/", process, "/ports.json"))
            .value();
    return absl::StrCat("127.0.0.1:", ports.at(listener));
  }
  std::shared_ptr<grpc::Channel> ToBroker(const std::string& as) const {
    return To("broker", "network", pki::BrokerDnsName(), as);
  }
  std::shared_ptr<grpc::Channel> ToExchange(const std::string& code, const std::string& as) const {
    return To(Process(code), "network", pki::IntermediateDnsName(City(code)), as);
  }
  static std::string PlatformOf(const std::string& code) { return Process(code) + "/tls"; }

  std::string AskBroker(const v1::Recorded& query, const std::string& as) {
    auto stub = v1::PermitService::NewStub(ToBroker(as));
    v1::RequestPermitRequest request;
    *request.mutable_query() = query;
    v1::RequestPermitResponse response;
    const absl::Status status =
        Call(*stub, &v1::PermitService::Stub::RequestPermit, request, &response);
    if (!status.ok()) return Verdict(status);
    v1::Statement decision;
    if (!decision.ParseFromString(response.decision().statement())) return "no statement";
    return decision.has_permit() ? "permit" : v1::RefusalReason_Name(decision.refusal().reason());
  }
  std::string Present(const v1::Recorded& permit, const std::string& to, const std::string& as) {
    auto stub = v1::ExchangeService::NewStub(ToExchange(to, as));
    v1::ProvideRequest request;
    *request.mutable_permit() = permit;
    v1::ProvideResponse response;
    const absl::Status status =
        Call(*stub, &v1::ExchangeService::Stub::Provide, request, &response);
    if (!status.ok()) return Verdict(status);
    v1::Statement statement;
    statement.ParseFromString(response.provision().statement());
    return v1::Outcome_Name(statement.provision().outcome());
  }

  uint64_t RejectedAt(const std::string& code) {
    return town_.network().Municipality(City(code))->connection().GetStatus()->rejected_calls();
  }
  v1::GetBrokerStatusResponse Broker() {
    return town_.network().BrokerOperator().GetStatus().value();
  }
  void ExpectEverybodyServes() {
    const auto answer = town_.Ask(town_.Question(person_, kSendai, kAizu));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(town_.IsWhatWasRegistered(*answer, person_, kAizu));
    const size_t newcomer = town_.AddPerson(kAizu);  // juki net
    town_.Enroll(newcomer, kKoriyama);
  }

  Town town_;
  size_t person_ = 0;
  v1::Recorded query_, permit_, provision_;
};

TEST_F(BadInputTest, AlteredQueriesAreRefusedAndRecorded) {
  ASSERT_FALSE(query_.statement().empty());
  const v1::Recorded good = query_;
  struct Case {
    const char* name;
    std::function<void(v1::Recorded&)> change;
    std::string as;
    std::string verdict;
  };
  const std::string sendai = PlatformOf(kSendai);
  const std::vector<Case> cases = {
      {"as it was", [](v1::Recorded&) {}, sendai, "permit"},
      {"altered statement",
       [](v1::Recorded& query) {
         v1::Statement statement;
         statement.ParseFromString(query.statement());
         statement.mutable_query()->set_provider(kKoriyama);
         query.set_statement(statement.SerializeAsString());
       },
       sendai, "PROOF_INVALID"},
      {"wrong salt", [](v1::Recorded& query) { (*query.mutable_salt())[3] ^= 1; }, sendai,
       "PROOF_INVALID"},
      {"proof for another leaf",
       [](v1::Recorded& query) { query.set_leaf_index(query.leaf_index() - 1); }, sendai,
       "PROOF_INVALID"},
      {"foreign checkpoint",
       [&](v1::Recorded& query) { query.set_checkpoint(provision_.checkpoint()); }, sendai,
       "PROOF_INVALID"},
      {"the broker's checkpoint",
       [&](v1::Recorded& query) { query.set_checkpoint(permit_.checkpoint()); }, sendai,
       "PROOF_INVALID"},
      {"by another platform", [](v1::Recorded&) {}, PlatformOf(kKoriyama), "REQUESTER_MISMATCH"},
      {"no statement", [](v1::Recorded& query) { query.set_statement("\xff\xff"); }, sendai,
       "INVALID_ARGUMENT statement-format"},
      {"another kind", [&](v1::Recorded& query) { query = provision_; }, PlatformOf(kAizu),
       "INVALID_ARGUMENT kind"},
      {"not by a platform", [](v1::Recorded&) {}, "profiles/072028-network",
       "PERMISSION_DENIED role"},
  };
  const v1::GetBrokerStatusResponse before = Broker();
  uint64_t refused = 0;
  uint64_t rejected = 0;
  for (const Case& c : cases) {
    v1::Recorded query = good;
    c.change(query);
    const std::string verdict = AskBroker(query, c.as);
    EXPECT_EQ(verdict, c.verdict) << c.name;
    rejected += verdict.find(' ') != std::string::npos ? 1 : 0;
    refused += verdict.find(' ') == std::string::npos && verdict != "permit" ? 1 : 0;
  }
  const v1::GetBrokerStatusResponse after = Broker();
  EXPECT_EQ(after.refusals() - before.refusals(), refused);
  EXPECT_EQ(after.rejected_calls() - before.rejected_calls(), rejected);
  EXPECT_EQ(after.permits(), before.permits());

  // A stale checkpoint: true, but of long ago.
  ASSERT_TRUE(town_.network().Advance(absl::Hours(25)).ok());
  EXPECT_EQ(AskBroker(good, sendai), "permit") << "the same query again, whenever";
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());

  ASSERT_TRUE(town_.network().VerifyLedgers(/*leave_stopped=*/true).ok());
  uint64_t in_ledger = 0;
  const std::vector<Entry> ledger = ReadLedger(town_, "broker", "broker").value();
  for (const Entry& entry : ledger) {
    in_ledger += entry.statement.has_refusal() ? 1 : 0;
  }
  EXPECT_EQ(in_ledger, refused);
}

TEST_F(BadInputTest, PermitsAreForTheirPartiesAndTheirTime) {
  ASSERT_FALSE(permit_.statement().empty());
  const std::string sendai = PlatformOf(kSendai);
  v1::Recorded altered = permit_;
  v1::Statement statement;
  statement.ParseFromString(permit_.statement());
  statement.mutable_permit()->add_items("special-measures-immunization");
  altered.set_statement(statement.SerializeAsString());
  v1::Recorded salted = permit_;
  (*salted.mutable_salt())[0] ^= 1;
  v1::Recorded foreign = permit_;
  foreign.set_checkpoint(provision_.checkpoint());

  struct Case {
    const char* name;
    const v1::Recorded& permit;
    std::string to;
    std::string as;
    std::string verdict;
  };
  const std::vector<Case> cases = {
      {"used, by its requester: the same again", permit_, kAizu, sendai, "PROVIDED"},
      {"redirected to another provider", permit_, kKoriyama, sendai,
       "NOT_FOUND unknown-municipality"},
      {"presented by another", permit_, kAizu, PlatformOf(kKoriyama),
       "PERMISSION_DENIED requester"},
      {"an item more", altered, kAizu, sendai, "INVALID_ARGUMENT inclusion"},
      {"wrong salt", salted, kAizu, sendai, "INVALID_ARGUMENT inclusion"},
      {"foreign checkpoint", foreign, kAizu, sendai, "INVALID_ARGUMENT index"},
      {"a query instead", query_, kAizu, sendai, "INVALID_ARGUMENT statement-format"},
      {"a provision instead", provision_, kAizu, sendai, "INVALID_ARGUMENT statement-format"},
      {"by the broker", permit_, kAizu, "broker/tls", "PERMISSION_DENIED role"},
      {"by an office", permit_, kAizu, "profiles/041009-network", "PERMISSION_DENIED role"},
  };
  std::map<std::string, uint64_t> rejected = {{kAizu, RejectedAt(kAizu)},
                                              {kKoriyama, RejectedAt(kKoriyama)}};
  for (const Case& c : cases) {
    EXPECT_EQ(Present(c.permit, c.to, c.as), c.verdict) << c.name;
    if (c.verdict != "PROVIDED") ++rejected[c.to];
  }
  for (const auto& [code, count] : rejected) EXPECT_EQ(RejectedAt(code), count) << code;

  ASSERT_TRUE(town_.network().Advance(absl::Hours(25)).ok());
  EXPECT_EQ(Present(permit_, kAizu, sendai), "FAILED_PRECONDITION expired");
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

TEST_F(BadInputTest, QuestionsAtTheTerminal) {
  struct Case {
    const char* name;
    std::function<void(v1::QueryRequest&)> change;
    std::string verdict;
  };
  const std::vector<Case> cases = {
      {"provider's check digit", [](v1::QueryRequest& q) { q.set_provider("072029"); },
       "INVALID_ARGUMENT check-digit"},
      {"requester's check digit", [](v1::QueryRequest& q) { q.set_municipality("041001"); },
       "INVALID_ARGUMENT check-digit"},
      {"another's question", [](v1::QueryRequest& q) { q.set_municipality(kAizu); },
       "PERMISSION_DENIED municipality"},
      {"no person", [](v1::QueryRequest& q) { q.set_addressee_number("12a"); },
       "INVALID_ARGUMENT digits"},
      {"an unknown person", [](v1::QueryRequest& q) { q.set_addressee_number("424242"); },
       "NOT_FOUND no-linkage-code"},
      {"request id", [](v1::QueryRequest& q) { q.set_request_id("short"); },
       "INVALID_ARGUMENT length"},
      {"no items", [](v1::QueryRequest& q) { q.clear_items(); }, "INVALID_ARGUMENT required"},
      {"an item twice", [](v1::QueryRequest& q) { q.add_items("immunization"); },
       "INVALID_ARGUMENT duplicate"},
      {"no slug", [](v1::QueryRequest& q) { q.set_items(0, "Immunization!"); },
       "INVALID_ARGUMENT slug"},
      {"unknown member", [](v1::QueryRequest& q) { q.set_provider("131016"); },
       "refused UNKNOWN_PROVIDER"},
      {"oneself", [](v1::QueryRequest& q) { q.set_provider(kSendai); }, "refused SELF_QUERY"},
      {"unknown procedure", [](v1::QueryRequest& q) { q.set_procedure("dog-licence"); },
       "refused UNKNOWN_PROCEDURE"},
      {"unknown item", [](v1::QueryRequest& q) { q.set_items(0, "shoe-size"); },
       "refused UNKNOWN_ITEM"},
      {"an item beyond the law", [](v1::QueryRequest& q) { q.add_items("local-tax-or-residence"); },
       "refused NOT_PERMITTED"},
  };
  const uint64_t refusals = Broker().refusals();
  uint64_t refused = 0;
  uint64_t rejected = RejectedAt(kSendai);
  client::MunicipalConnection& office = town_.network().Municipality(City(kSendai))->connection();
  for (const Case& c : cases) {
    v1::QueryRequest question = town_.Question(person_, kSendai, kAizu);
    c.change(question);
    const auto answer = office.Query(question);
    const std::string verdict =
        answer.ok() ? absl::StrCat("refused ", v1::RefusalReason_Name(answer->refusal_reason()))
                    : Verdict(answer.status());
    EXPECT_EQ(verdict, c.verdict) << c.name;
    if (!answer.ok()) {
      ++rejected;
      EXPECT_FALSE(GetFieldRule(answer.status()).field.empty()) << c.name;
    } else {
      ++refused;
      EXPECT_EQ(answer->state(), v1::REFUSED_BY_BROKER) << c.name;
    }
  }
  EXPECT_EQ(Broker().refusals() - refusals, refused);
  EXPECT_EQ(RejectedAt(kSendai), rejected);
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

TEST_F(BadInputTest, NumbersAtJukiNet) {
  auto juki = [&](const std::string& as) {
    return v1::JukiService::NewStub(To("juki", "network", pki::JukiDnsName(), as));
  };
  const std::string aizu = "profiles/072028-network";
  v1::RegisterResidentsRequest request;
  request.set_municipality(kAizu);
  request.add_entries()->set_individual_number("983205673210");
  v1::RegisterResidentsResponse response;
  using Stub = v1::JukiService::Stub;
  ASSERT_TRUE(Call(*juki(aizu), &Stub::RegisterResidents, request, &response).ok());
  EXPECT_EQ(Verdict(rpc::FromBytes(response.errors(0))), "INVALID_ARGUMENT check-digit");
  request.set_municipality(kSendai);
  EXPECT_EQ(Verdict(Call(*juki(aizu), &Stub::RegisterResidents, request, &response)),
            "PERMISSION_DENIED peer");
  EXPECT_EQ(Verdict(Call(*juki(PlatformOf(kAizu)), &Stub::RegisterResidents, request, &response)),
            "PERMISSION_DENIED role");
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

// ---- every method of every service

// A call as it goes over the wire, of whatever kind: one message, then nothing more is sent.
class RawCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
          const std::string& bytes)
      : stub_(channel), slice_(bytes), request_(&slice_, 1) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    stub_.PrepareBidiStreamingCall(&context_, method, {}, this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&response_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++responses_;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.Notify();
  }
  const grpc::Status& Wait() {
    done_.WaitForNotification();
    return status_;
  }
  int responses() const { return responses_; }  // after Wait

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  const grpc::Slice slice_;
  const grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  int responses_ = 0;
  grpc::Status status_;
  absl::Notification done_;
};

struct Method {
  std::string path;  // "/nakadachi.v1.Service/Method"
  bool streaming = false;
};

// As the .proto files name them, so that none is forgotten.
std::vector<Method> AllMethods() {
  std::vector<Method> methods;
  const char* source = std::getenv("NAKADACHI_SOURCE_DIR");
  if (source == nullptr) return methods;
  const std::filesystem::path folder = std::filesystem::path(source) / "proto/nakadachi/v1";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream proto(entry.path());
    std::string line;
    while (std::getline(proto, line)) {
      if (!absl::StartsWith(line, "service ")) continue;
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          "nakadachi.v1." + words[1]);
      EXPECT_NE(service, nullptr) << words[1];
      for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
        const auto* method = service->method(i);
        methods.push_back({absl::StrCat("/", service->full_name(), "/", method->name()),
                           method->client_streaming() || method->server_streaming()});
      }
    }
  }
  return methods;
}

// As rpc::Connect, but it also sends what no server takes.
std::shared_ptr<grpc::Channel> ConnectWithoutLimits(const std::string& address,
                                                    const std::string& tls_name,
                                                    const rpc::TlsMaterial& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetSslTargetNameOverride(tls_name);
  return grpc::CreateCustomChannel(
      address, grpc::SslCredentials({tls.trust_root, tls.private_key, tls.certificate}), arguments);
}

class EveryMethodTest : public BadInputTest {
 protected:
  struct Door {
    std::string name;
    std::map<std::string, std::shared_ptr<grpc::Channel>> peers;
  };

  // Every listener, with every certificate that it lets in.
  std::vector<Door> Doors() const {
    const std::vector<std::string> network = {
        "broker/tls",        "juki/tls",           PlatformOf(kSendai), "profiles/072028-network",
        "profiles/operator", "profiles/inspector", "profiles/portal"};
    const std::vector<std::string> terminal = {"profiles/072028-office", "profiles/072028-staff",
                                               "profiles/072028-operator"};
    const std::string aizu = pki::IntermediateDnsName(City(kAizu));
    const struct {
      std::string process, listener, tls_name, trust;
      std::vector<std::string> peers;
    } doors[] = {
        {"broker", "network", pki::BrokerDnsName(), "network", network},
        {"broker", "operator", pki::BrokerDnsName(), "network", network},
        {"juki", "network", pki::JukiDnsName(), "network", network},
        {Process(kAizu), "network", aizu, "network", network},
        {Process(kAizu), "terminal", aizu, "terminal", terminal},
    };
    std::vector<Door> made;
    for (const auto& door : doors) {
      made.push_back({absl::StrCat(door.process, " ", door.listener), {}});
      for (const std::string& peer : door.peers) {
        made.back().peers[peer] = ConnectWithoutLimits(AddressOf(door.process, door.listener),
                                                       door.tls_name, TlsOf(peer, door.trust));
      }
    }
    return made;
  }

  using Look = std::function<void(const Method&, const absl::Status&, int responses)>;

  // `bytes` at every door, by every peer, for every method.
  void Send(const std::string& bytes, const Look& look) {
    ASSERT_GT(methods_.size(), 40u);
    for (const Door& door : Doors()) {
      for (const Method& method : methods_) {
        for (const auto& [peer, channel] : door.peers) {
          SCOPED_TRACE(absl::StrCat(method.path, " at ", door.name, " by ", peer));
          RawCall call(channel, method.path, bytes);
          const absl::Status status = rpc::FromGrpc(call.Wait());
          for (const absl::StatusCode never :
               {absl::StatusCode::kInternal, absl::StatusCode::kUnknown,
                absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kUnavailable}) {
            EXPECT_NE(status.code(), never) << status;
          }
          look(method, status, call.responses());
        }
      }
    }
  }

  static bool ForItsRole(const absl::Status& status) {
    return absl::IsPermissionDenied(status) && GetFieldRule(status).rule == "role";
  }

  const std::vector<Method> methods_ = AllMethods();
};

TEST_F(EveryMethodTest, AMessageThatSaysNothing) {
  std::map<std::string, int> served, refused;  // by peers; some listener serves it
  Send("", [&](const Method& method, const absl::Status& status, int responses) {
    if (absl::IsUnimplemented(status)) return;  // is another listener's
    EXPECT_EQ(responses, status.ok() ? 1 : 0) << status;
    ++(ForItsRole(status) ? refused : served)[method.path];
    EXPECT_TRUE(status.ok() || !GetFieldRule(status).rule.empty()) << status;
    if (!method.streaming || ForItsRole(status)) return;
    EXPECT_EQ(GetFieldRule(status).field, "requests") << status;
    EXPECT_EQ(GetFieldRule(status).rule, "required") << status;
  });
  for (const Method& method : methods_) {
    EXPECT_GT(served[method.path], 0) << method.path;
    // Whoever is let in at the terminal may ask how the platform is.
    const bool for_all = absl::EndsWith(method.path, "/GetIntermediateStatus");
    EXPECT_EQ(refused[method.path] == 0, for_all) << method.path;
  }
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

// gRPC 1.51 parses what is no stream before it asks a service, and answers UNIMPLEMENTED by itself.
TEST_F(EveryMethodTest, BytesThatAreNoMessage) {
  for (const std::string& bytes : {
           std::string("\x0a\xff\xff\xff\xff\x0f"),  // longer than all of it
           std::string(200, '\x0a'),                 // cut off
           std::string("\xff"),                      // a number that does not end
           std::string(1, '\0'),                     // no field has the number 0
           std::string(1000, '\x0b'),                // groups that are never closed
       }) {
    Send(bytes, [](const Method& method, const absl::Status& status, int responses) {
      EXPECT_EQ(responses, 0);
      if (method.streaming && GetFieldRule(status).rule == "message") return;
      EXPECT_TRUE(absl::IsUnimplemented(status) || ForItsRole(status)) << status;
    });
  }
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

TEST_F(EveryMethodTest, AMessageBeyondTheLimit) {
  Send(std::string(rpc::kMaxMessageBytes + 1, 'x'),
       [](const Method& method, const absl::Status& status, int responses) {
         EXPECT_EQ(responses, 0);
         EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnimplemented(status) ||
                     (method.streaming && ForItsRole(status)))
             << status;
       });
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

// A certificate of one trust root opens no listener of another.
TEST_F(BadInputTest, RootsAreApart) {
  const auto channel = To(Process(kAizu), "network", pki::IntermediateDnsName(City(kAizu)),
                          "profiles/072028-office");
  auto stub = v1::ExchangeService::NewStub(channel);
  v1::ProvideRequest request;
  v1::ProvideResponse response;
  const absl::Status status = Call(*stub, &v1::ExchangeService::Stub::Provide, request, &response);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  ASSERT_NO_FATAL_FAILURE(ExpectEverybodyServes());
}

}  // namespace
}  // namespace nakadachi::integration
