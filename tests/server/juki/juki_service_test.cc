// Juki net over real mTLS, with a code service in the broker's place.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/crypto/private_file.h"
#include "common/crypto/x509.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/peer.h"
#include "common/rpc/server.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/juki.grpc.pb.h"
#include "server/juki/juki_server.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::juki {
namespace {

constexpr char kCity[] = "072028";
constexpr char kOtherCity[] = "041009";

class FakeBroker final : public v1::CodeService::CallbackService {
 public:
  grpc::ServerUnaryReactor* DeriveCodes(grpc::CallbackServerContext* context,
                                        const v1::DeriveCodesRequest* request,
                                        v1::DeriveCodesResponse* response) override {
    auto* reactor = context->DefaultReactor();
    absl::MutexLock lock(&mutex_);
    entries_ += request->entries_size();
    for (int i = 0; i < request->entries_size(); ++i) response->add_errors();
    if (hold_) {
      held_.push_back(reactor);
    } else {
      reactor->Finish(failure_ ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "down")
                               : grpc::Status::OK);
    }
    return reactor;
  }
  void Fail(bool failure) {
    absl::MutexLock lock(&mutex_);
    failure_ = failure;
  }
  void Hold() {
    absl::MutexLock lock(&mutex_);
    hold_ = true;
  }
  bool AwaitHeld() {
    absl::MutexLock lock(&mutex_);
    const auto held = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !held_.empty(); };
    return mutex_.AwaitWithTimeout(absl::Condition(&held), absl::Seconds(20));
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    hold_ = false;
    for (grpc::ServerUnaryReactor* reactor : held_) reactor->Finish(grpc::Status::OK);
    held_.clear();
  }
  int entries() const {
    absl::MutexLock lock(&mutex_);
    return entries_;
  }

 private:
  mutable absl::Mutex mutex_;
  int entries_ ABSL_GUARDED_BY(mutex_) = 0;
  bool failure_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<grpc::ServerUnaryReactor*> held_ ABSL_GUARDED_BY(mutex_);
};

class JukiServiceTest : public ::testing::Test {
 protected:
  JukiServiceTest()
      : root_(*MakeTrustRoot("test root", absl::Now() - absl::Hours(1),
                             absl::Now() + absl::Hours(24))) {
    rpc::ServerOptions broker;
    broker.address = "127.0.0.1:0";
    broker.tls = Issue(rpc::Role::kBroker, {}, "broker.test");
    broker.services = {&broker_service_};
    broker_ = *rpc::Server::Start(broker);
    config_.mutable_runtime()->set_data("data");
    config_.mutable_runtime()->set_port_file("ports.json");
    config_.mutable_runtime()->set_key_encryption_key("wrap.hex");
    EXPECT_TRUE(MakeHexSecret(folder_ / "wrap.hex").ok());
    config_.mutable_network()->set_address("127.0.0.1:0");
    WriteTls("juki", Issue(rpc::Role::kJuki, {}, "juki.test"),
             config_.mutable_network()->mutable_tls());
    *config_.mutable_client_tls() = config_.network().tls();
    config_.mutable_broker()->set_address(absl::StrCat("127.0.0.1:", broker_->port()));
    config_.mutable_broker()->set_tls_name("broker.test");
    Start();
  }
  ~JukiServiceTest() override {
    juki_.reset();
    broker_.reset();
  }

  void Start() {
    juki_.reset();
    JukiOptions options;
    options.config = config_;
    options.base_folder = folder_.path();
    auto started = JukiServer::Start(options);
    ASSERT_TRUE(started.ok()) << started.status();
    juki_ = *std::move(started);
  }

  rpc::TlsMaterial Issue(rpc::Role role, const std::vector<std::string>& institutions,
                         const std::string& dns_name) {
    rpc::Peer peer;
    peer.role = role;
    for (const auto& code : institutions) {
      peer.institutions.insert(*LocalGovernmentCode::Parse(code));
    }
    LeafRequest request;
    request.common_name = dns_name;
    request.uris = rpc::PeerUris(peer);
    request.dns_names = {dns_name};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(23);
    const auto leaf = *IssueLeaf(root_, request);
    return {leaf.certificate_pem, leaf.private_key_pem, root_.certificate_pem};
  }
  void WriteTls(const std::string& name, const rpc::TlsMaterial& tls, v1::TlsFiles* files) {
    files->set_certificate(name + ".crt");
    files->set_private_key(name + ".key");
    files->set_trust_root(name + ".root");
    for (const auto& [file, content] :
         std::vector<std::pair<std::string, std::string>>{{files->certificate(), tls.certificate},
                                                          {files->private_key(), tls.private_key},
                                                          {files->trust_root(), tls.trust_root}}) {
      EXPECT_TRUE(WritePrivateFile(folder_ / file, Secret(content), Overwrite::kAllowed).ok());
    }
  }

  std::unique_ptr<v1::JukiService::Stub> Stub(rpc::Role role = rpc::Role::kOffice,
                                              const std::string& institution = kCity) {
    return v1::JukiService::NewStub(rpc::Connect(absl::StrCat("127.0.0.1:", juki_->network_port()),
                                                 "juki.test",
                                                 Issue(role, {institution}, "client.test")));
  }
  static void Prepare(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    context.set_wait_for_ready(true);
  }
  absl::StatusOr<v1::RegisterResidentsResponse> Register(v1::JukiService::Stub& stub, int persons,
                                                         const std::string& city = kCity) {
    v1::RegisterResidentsRequest request;
    request.set_municipality(city);
    for (int i = 0; i < persons; ++i) {
      request.add_entries()->set_individual_number(
          IndividualNumber::FromSerial(static_cast<uint64_t>(i)).Reveal());
    }
    grpc::ClientContext context;
    Prepare(context);
    v1::RegisterResidentsResponse response;
    const grpc::Status status = stub.RegisterResidents(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }
  v1::SubmitAcquisitionsRequest MakeSubmission(int persons, const std::string& city = kCity) {
    v1::SubmitAcquisitionsRequest request;
    request.set_institution(city);
    for (int i = 0; i < persons; ++i) {
      auto* entry = request.add_entries();
      entry->set_acquisition_number(
          AcquisitionNumber::FromBytes(SystemRandom().Bytes<16>()).Reveal());
      entry->set_individual_number(IndividualNumber::FromSerial(static_cast<uint64_t>(i)).Reveal());
    }
    return request;
  }
  absl::StatusOr<v1::SubmitAcquisitionsResponse> Submit(
      v1::JukiService::Stub& stub, const v1::SubmitAcquisitionsRequest& request) {
    grpc::ClientContext context;
    Prepare(context);
    v1::SubmitAcquisitionsResponse response;
    const grpc::Status status = stub.SubmitAcquisitions(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }

  CertificateAndKey root_;
  TemporaryFolder folder_;
  FakeBroker broker_service_;
  std::unique_ptr<rpc::Server> broker_;
  v1::JukiConfig config_;
  std::unique_ptr<JukiServer> juki_;
};

TEST_F(JukiServiceTest, AcquisitionsAreRelayedInOneCallAndCounted) {
  auto stub = Stub();
  ASSERT_TRUE(Register(*stub, 50).ok());
  const v1::SubmitAcquisitionsRequest request = MakeSubmission(51);
  const auto response = Submit(*stub, request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->errors_size(), 51);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(response->errors(i).empty());
  EXPECT_EQ(GetFieldRule(rpc::FromBytes(response->errors(50))).rule, "unknown-individual-number");
  EXPECT_EQ(broker_service_.entries(), 50);
  Start();
  stub = Stub();
  ASSERT_TRUE(Submit(*stub, request).ok());
  EXPECT_EQ(broker_service_.entries(), 50) << "what is done is not relayed again";
  grpc::ClientContext context;
  Prepare(context);
  v1::GetJukiStatusResponse status;
  ASSERT_TRUE(stub->GetJukiStatus(&context, v1::GetJukiStatusRequest(), &status).ok());
  EXPECT_EQ(status.residents(), 50u);
  EXPECT_EQ(status.acquisitions(), 50u);
  EXPECT_GT(status.started_ms(), 0);
  EXPECT_EQ(rpc::ReadPortFile(folder_ / "ports.json")->at("network"), juki_->network_port());
}

TEST_F(JukiServiceTest, ABrokerThatIsAwayIsToldAndTheCallMayBeMadeAgain) {
  auto stub = Stub();
  ASSERT_TRUE(Register(*stub, 1).ok());
  const v1::SubmitAcquisitionsRequest request = MakeSubmission(1);
  broker_service_.Fail(true);
  EXPECT_EQ(Submit(*stub, request).status().code(), absl::StatusCode::kUnavailable);
  broker_service_.Fail(false);
  const auto again = Submit(*stub, request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->errors(0).empty());
}

TEST_F(JukiServiceTest, OnlyOfficesSpeakAndForTheirOwn) {
  auto other = Stub(rpc::Role::kOffice, kOtherCity);
  EXPECT_EQ(GetFieldRule(Register(*other, 1).status()).rule, "peer");
  EXPECT_EQ(GetFieldRule(Submit(*other, MakeSubmission(1)).status()).rule, "peer");
  auto platform = Stub(rpc::Role::kIntermediate);
  EXPECT_EQ(GetFieldRule(Register(*platform, 1).status()).rule, "role");
  EXPECT_EQ(GetFieldRule(Submit(*platform, MakeSubmission(1)).status()).rule, "role");
  auto office = Stub();
  EXPECT_EQ(GetFieldRule(Register(*office, 1, "0720").status()).rule, "length");
  EXPECT_EQ(broker_service_.entries(), 0);
}

TEST_F(JukiServiceTest, AShutdownEndsWithACallInFlight) {
  auto stub = Stub();
  ASSERT_TRUE(Register(*stub, 1).ok());
  broker_service_.Hold();
  absl::StatusOr<v1::SubmitAcquisitionsResponse> answer;
  std::thread caller([&] { answer = Submit(*stub, MakeSubmission(1)); });
  ASSERT_TRUE(broker_service_.AwaitHeld());
  const absl::Time begin = absl::Now();
  juki_->Shutdown(absl::Milliseconds(100));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  caller.join();
  EXPECT_FALSE(answer.ok());
  broker_service_.Release();
}

TEST_F(JukiServiceTest, ARuleThatCannotBeIsRefusedAtTheStart) {
  juki_.reset();
  config_.mutable_resident_code_rule()->set_modulus(11);
  JukiOptions options;
  options.config = config_;
  options.base_folder = folder_.path();
  EXPECT_EQ(GetFieldRule(JukiServer::Start(options).status()).rule, "code-rule");
  config_.mutable_resident_code_rule()->set_unchecked(true);
  Start();
}

TEST(JukiConfigTest, WhatIsMissingIsNamed) {
  JukiOptions options;
  const auto missing = [&] { return GetFieldRule(JukiServer::Start(options).status()).field; };
  EXPECT_EQ(missing(), "runtime.data");
  options.config.mutable_runtime()->set_data("none");
  EXPECT_EQ(missing(), "runtime.key_encryption_key");
  options.config.mutable_runtime()->set_key_encryption_key("none");
  EXPECT_EQ(missing(), "network.address");
  options.config.mutable_network()->set_address("127.0.0.1:0");
  EXPECT_EQ(missing(), "broker.address");
  options.config.mutable_broker()->set_address("127.0.0.1:1");
  EXPECT_EQ(missing(), "broker.tls_name");
}

}  // namespace
}  // namespace nakadachi::juki
