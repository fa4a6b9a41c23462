// The platform as a whole: what it opens, what it refuses to start with, and that one institution's
// trouble stays its own. No broker is there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/rpc/config.h"
#include "common/rpc/status_mapping.h"
#include "google/protobuf/util/json_util.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "nakadachi/v1/ledger.grpc.pb.h"
#include "server/intermediate/intermediate_server.h"
#include "tests/server/intermediate/institution_fixture.h"
#include "tests/server/intermediate/test_authority.h"

namespace nakadachi::intermediate {
namespace {

using rpc::Role;
using testing::ElementsAre;

class PlatformTest : public testing::Test {
 protected:
  PlatformTest() {
    WriteTls("server", authority_.IssueServer());
    EXPECT_TRUE(MakeHexSecret(folder_ / "kek").ok());
    for (const char* code : {kSendai, kKoriyama}) {
      EXPECT_TRUE(MakeMemberKeys(folder_ / (std::string(code) + ".json"),
                                 "nakadachi/" + std::string(code) + "/statements")
                      .ok());
      v1::IntermediateConfig::Municipality& municipality = *config_.add_municipalities();
      municipality.set_code(code);
      municipality.set_keys(std::string(code) + ".json");
    }
    const auto broker = MakeMemberKeys(folder_ / "broker.json", "nakadachi/broker/statements");
    config_.set_broker_vkey(broker->vkey);
    config_.mutable_broker()->set_address("127.0.0.1:1");
    config_.mutable_broker()->set_tls_name("broker.test");
    config_.mutable_runtime()->set_data("data");
    config_.mutable_runtime()->set_port_file("ports");
    config_.mutable_runtime()->set_key_encryption_key("kek");
    config_.mutable_network()->set_address("127.0.0.1:0");
    config_.mutable_terminal()->set_address("127.0.0.1:0");
    for (v1::TlsFiles* tls :
         {config_.mutable_network()->mutable_tls(), config_.mutable_terminal()->mutable_tls(),
          config_.mutable_client_tls()}) {
      tls->set_certificate("server.crt");
      tls->set_private_key("server.key");
      tls->set_trust_root("server.root");
    }
  }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    ASSERT_EQ(chmod((folder_ / name).c_str(), 0600), 0);
  }
  void WriteTls(const std::string& name, const rpc::TlsMaterial& tls) {
    Write(name + ".crt", tls.certificate);
    Write(name + ".key", tls.private_key);
    Write(name + ".root", tls.trust_root);
  }

  absl::StatusOr<std::unique_ptr<IntermediateServer>> Start() {
    IntermediateOptions options;
    options.config = config_;
    options.base_folder = folder_ / "";
    return IntermediateServer::Start(options);
  }
  std::shared_ptr<grpc::Channel> Terminal(int port, const rpc::Peer& peer) const {
    return rpc::Connect("127.0.0.1:" + std::to_string(port), TestAuthority::kServerName,
                        authority_.IssueClient(peer));
  }
  v1::GetIntermediateStatusResponse StatusAt(int port) const {
    auto stub = v1::MunicipalService::NewStub(Terminal(port, {Role::kOperator, {}, "", ""}));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::GetIntermediateStatusResponse response;
    const grpc::Status status = stub->GetIntermediateStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // The kinds of the Operation statements in an institution's ledger.
  std::vector<std::string> Operations(int port, const std::string& code) const {
    auto stub = v1::LedgerService::NewStub(Terminal(port, {Role::kOperator, {City(code)}, "", ""}));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::GetEntriesRequest request;
    request.set_institution(code);
    request.set_with_statements(true);
    v1::GetEntriesResponse response;
    EXPECT_TRUE(stub->GetEntries(&context, request, &response).ok());
    std::vector<std::string> kinds;
    for (const v1::LedgerEntry& entry : response.entries()) {
      v1::Statement statement;
      EXPECT_TRUE(statement.ParseFromString(entry.statement()));
      kinds.push_back(statement.operation().kind());
    }
    return kinds;
  }
  absl::Status ListReviews(int port, const std::string& code) const {
    auto stub = v1::MunicipalService::NewStub(
        Terminal(port, {Role::kStaff, {City(code)}, "welfare", "staff-7"}));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::ListReviewsRequest request;
    request.set_municipality(code);
    v1::ListReviewsResponse response;
    return rpc::FromGrpc(stub->ListReviews(&context, request, &response));
  }
  // Koriyama is not served, for `code`, and Sendai is.
  void ExpectOnlySendai(absl::StatusCode code) {
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    const int port = (*server)->terminal_port();
    EXPECT_TRUE(ListReviews(port, kSendai).ok());
    const absl::Status refused = ListReviews(port, kKoriyama);
    EXPECT_EQ(refused.code(), code) << refused;
    EXPECT_EQ(GetFieldRule(refused).rule, "not-served");
    const auto status = StatusAt(port);
    ASSERT_EQ(status.municipalities_size(), 2);
    EXPECT_EQ(status.municipalities(0).ledger_size(), Operations(port, kSendai).size());
    EXPECT_FALSE(status.municipalities(1).error().empty());
    (*server)->Shutdown(absl::Seconds(1));
  }
  void StartAndStop() {
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    (*server)->Shutdown(absl::Seconds(1));
  }

  const TestAuthority authority_;
  TemporaryFolder folder_;
  v1::IntermediateConfig config_;
};

TEST_F(PlatformTest, ServesAndRecordsStartAndStop) {
  for (int run = 1; run <= 2; ++run) {
    auto server = Start();
    ASSERT_TRUE(server.ok()) << server.status();
    const auto ports = rpc::ReadPortFile(folder_ / "ports");
    ASSERT_TRUE(ports.ok()) << ports.status();
    EXPECT_EQ(ports->at("network"), (*server)->network_port());
    EXPECT_EQ(ports->at("terminal"), (*server)->terminal_port());
    const int port = (*server)->terminal_port();
    EXPECT_EQ(StatusAt(port).municipalities_size(), 2);
    if (run == 1) {
      EXPECT_THAT(Operations(port, kSendai), ElementsAre("start"));
    } else {
      EXPECT_THAT(Operations(port, kSendai), ElementsAre("start", "stop", "start"));
    }
    (*server)->Shutdown(absl::Seconds(1));
    (*server)->Shutdown(absl::Seconds(1));  // once is enough
  }
}

TEST_F(PlatformTest, AnotherKeyEncryptionKeyOpensNothing) {
  StartAndStop();
  ASSERT_TRUE(MakeHexSecret(folder_ / "other-kek").ok());
  config_.mutable_municipalities(1)->set_key_encryption_key("other-kek");
  ExpectOnlySendai(absl::StatusCode::kDataLoss);
}

TEST_F(PlatformTest, AnotherSigningKeyContinuesNoLedger) {
  StartAndStop();
  ASSERT_TRUE(MakeMemberKeys(folder_ / "other.json", "nakadachi/072036/statements").ok());
  config_.mutable_municipalities(1)->set_keys("other.json");
  ExpectOnlySendai(absl::StatusCode::kDataLoss);
}

TEST_F(PlatformTest, MissingKeysStopOnlyTheirInstitution) {
  config_.mutable_municipalities(1)->set_keys("none.json");
  ExpectOnlySendai(absl::StatusCode::kUnavailable);
}

TEST_F(PlatformTest, AnAlteredDatabaseStopsOnlyItsInstitution) {
  StartAndStop();
  size_t altered = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "data/072036")) {
    if (entry.path().extension() != ".log" || entry.file_size() == 0) continue;
    std::fstream log(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    log.seekg(100);
    const int byte = log.get();
    log.seekp(100);
    log.put(static_cast<char>(byte ^ 1));
    ++altered;
  }
  ASSERT_GT(altered, 0u);
  ExpectOnlySendai(absl::StatusCode::kDataLoss);
}

TEST_F(PlatformTest, WrongConfigurationsDoNotStart) {
  struct Case {
    std::string name;
    std::function<void(v1::IntermediateConfig&)> change;
    std::string field;
    std::string rule;
  };
  const std::vector<Case> cases = {
      {"no data", [](auto& c) { c.mutable_runtime()->clear_data(); }, "runtime.data", "required"},
      {"no kek", [](auto& c) { c.mutable_runtime()->clear_key_encryption_key(); },
       "runtime.key_encryption_key", "required"},
      {"no broker", [](auto& c) { c.clear_broker(); }, "broker.address", "required"},
      {"no name of the broker", [](auto& c) { c.mutable_broker()->clear_tls_name(); },
       "broker.tls_name", "required"},
      {"no vkey", [](auto& c) { c.clear_broker_vkey(); }, "broker_vkey", "required"},
      {"vkey of a member",
       [this](auto& c) { c.set_broker_vkey(LoadPublicMemberKeys(folder_ / "041009.json")->vkey); },
       "broker_vkey", "origin"},
      {"no listener", [](auto& c) { c.clear_terminal(); }, "terminal.address", "required"},
      {"no municipality", [](auto& c) { c.clear_municipalities(); }, "municipalities", "required"},
      {"misspelt", [](auto& c) { c.mutable_municipalities(1)->set_code("072037"); },
       "municipalities[1].code", "check-digit"},
      {"twice", [](auto& c) { c.mutable_municipalities(1)->set_code(kSendai); },
       "municipalities[1].code", "duplicate"},
  };
  const v1::IntermediateConfig right = config_;
  for (const Case& c : cases) {
    config_ = right;
    c.change(config_);
    const absl::Status status = Start().status();
    EXPECT_EQ(GetFieldRule(status).field, c.field) << c.name << ": " << status;
    EXPECT_EQ(GetFieldRule(status).rule, c.rule) << c.name << ": " << status;
  }
  config_ = right;
  config_.mutable_network()->mutable_tls()->set_private_key("none.key");
  EXPECT_FALSE(Start().ok());
  config_ = right;
  StartAndStop();  // nothing of the failed starts is in the way
}

// The program itself.
class ProgramTest : public PlatformTest {
 protected:
  pid_t Spawn(std::vector<std::string> arguments) {
    const char* bin = std::getenv("NAKADACHI_BIN_DIR");
    const std::string program =
        std::string(bin == nullptr ? "bin" : bin) + "/nakadachi-intermediate";
    std::vector<char*> argv = {const_cast<char*>(program.c_str())};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t pid = -1;
    const int spawned = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(spawned, 0) << program;
    return spawned == 0 ? pid : -1;
  }
  static int ExitCode(pid_t pid) {
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
  }
};

TEST_F(ProgramTest, ExitCodes) {
  EXPECT_EQ(ExitCode(Spawn({"--help"})), 0);
  EXPECT_EQ(ExitCode(Spawn({"--version"})), 0);
  EXPECT_EQ(ExitCode(Spawn({})), 2);
  EXPECT_EQ(ExitCode(Spawn({"--no-such-option"})), 2);
  EXPECT_EQ(ExitCode(Spawn({"--config", folder_ / "none"})), 1);
  Write("wrong.json", "{\"noSuchField\": 1}");
  EXPECT_EQ(ExitCode(Spawn({"--config", folder_ / "wrong.json"})), 1);
}

TEST_F(ProgramTest, ATerminatedProcessEndsInTimeAndStartsAgain) {
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(config_, &json).ok());
  Write("config.json", json);
  for (int run = 1; run <= 2; ++run) {
    std::filesystem::remove(folder_ / "ports");
    const pid_t pid = Spawn({"--config", folder_ / "config.json"});
    ASSERT_GT(pid, 0);
    const absl::Time until = absl::Now() + absl::Seconds(30);
    auto ports = rpc::ReadPortFile(folder_ / "ports");
    while (!ports.ok() && absl::Now() < until) {
      absl::SleepFor(absl::Milliseconds(10));
      ports = rpc::ReadPortFile(folder_ / "ports");
    }
    ASSERT_TRUE(ports.ok());
    const size_t operations = Operations(ports->at("terminal"), kSendai).size();
    EXPECT_EQ(operations, run == 1 ? 1u : 3u);
    const absl::Time signalled = absl::Now();
    ASSERT_EQ(kill(pid, SIGTERM), 0);
    EXPECT_EQ(ExitCode(pid), 0);
    EXPECT_LT(absl::Now() - signalled, absl::Seconds(5));
  }
}

}  // namespace
}  // namespace nakadachi::intermediate
