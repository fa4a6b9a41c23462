#include "tests/server/broker/broker_fixture.h"

#include <dirent.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/crypto/private_file.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::broker {
namespace {

constexpr int64_t kStart = 1'711'929'600'000;  // 2024-04-01 in Japan

LocalGovernmentCode Code(const std::string& text) { return *LocalGovernmentCode::Parse(text); }

std::string Text(const std::array<uint8_t, 32>& key) { return std::string(key.begin(), key.end()); }

void WriteAll(const std::string& path, const std::string& content) {
  const absl::Status status = WritePrivateFile(path, Secret(content), Overwrite::kAllowed);
  ASSERT_TRUE(status.ok()) << status;
}

}  // namespace

std::string NewId() { return SystemRandom().String(16); }

Authority::Authority()
    : root_(*MakeTrustRoot("test root", absl::Now() - absl::Hours(1),
                           absl::Now() + absl::Hours(24))) {}

rpc::TlsMaterial Authority::Issue(rpc::Role role, const std::vector<std::string>& institutions,
                                  const std::string& dns_name) const {
  rpc::Peer peer;
  peer.role = role;
  for (const std::string& institution : institutions) peer.institutions.insert(Code(institution));
  LeafRequest request;
  request.common_name = dns_name;
  request.uris = rpc::PeerUris(peer);
  request.dns_names = {dns_name};
  request.not_before = absl::Now() - absl::Hours(1);
  request.not_after = absl::Now() + absl::Hours(23);
  const auto leaf = IssueLeaf(root_, request);
  EXPECT_TRUE(leaf.ok()) << leaf.status();
  return {leaf->certificate_pem, leaf->private_key_pem, root_.certificate_pem};
}

v1::TlsFiles Authority::IssueFiles(const std::string& folder, const std::string& name,
                                   rpc::Role role, const std::vector<std::string>& institutions,
                                   const std::string& dns_name) const {
  const rpc::TlsMaterial tls = Issue(role, institutions, dns_name);
  v1::TlsFiles files;
  files.set_certificate(name + ".crt");
  files.set_private_key(name + ".key");
  files.set_trust_root(name + ".root");
  WriteAll(folder + "/" + files.certificate(), tls.certificate);
  WriteAll(folder + "/" + files.private_key(), tls.private_key);
  WriteAll(folder + "/" + files.trust_root(), tls.trust_root);
  return files;
}

FakeMember::FakeMember(const std::string& code, Clock* clock)
    : code_(code),
      clock_(clock),
      signing_key_(Ed25519PrivateKey::Generate(SystemRandom())),
      sealing_key_(X25519PrivateKey::Generate(SystemRandom())) {
  OpenLedger();
}

void FakeMember::OpenLedger() {
  ledger::Options options;
  options.author = Author::Of(Code(code_));
  options.key = &signing_key_;
  options.store = &store_;
  options.clock = clock_;
  options.previous_keys = previous_keys_;
  auto ledger = ledger::Ledger::Open(options);
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  ledger_ = *std::move(ledger);
}

void FakeMember::ChangeKeys() {
  ledger_.reset();
  previous_keys_.push_back(signing_key_.public_key());
  signing_key_ = Ed25519PrivateKey::Generate(SystemRandom());
  sealing_key_ = X25519PrivateKey::Generate(SystemRandom());
  OpenLedger();
}

v1::PublicKeys FakeMember::PublicKeys() const {
  v1::PublicKeys keys;
  keys.set_signing_key(Text(signing_key_.public_key()));
  keys.set_sealing_key(Text(sealing_key_.public_key()));
  return keys;
}

v1::Statement FakeMember::NewStatement() const {
  v1::Statement statement;
  statement.set_author(code_);
  statement.set_time_ms(clock_->NowMs());
  return statement;
}

v1::Recorded FakeMember::Record(const v1::Statement& statement) {
  return *ledger_->AppendAndWait(ledger::Prepare(statement, SystemRandom()));
}

v1::Recorded FakeMember::ProveAnew(const v1::Recorded& recorded) {
  return *ledger_->Prove(recorded.leaf_index());
}

BrokerFixture::BrokerFixture()
    : clock_(absl::FromUnixMillis(kStart)),
      city_(kCity, &clock_),
      other_city_(kOtherCity, &clock_) {
  const std::string& folder = folder_.path();
  config_.mutable_runtime()->set_data("data");
  config_.mutable_runtime()->set_port_file("ports.json");
  config_.mutable_runtime()->set_key_encryption_key("wrap.hex");
  config_.mutable_runtime()->set_memory_budget_mb(64);
  config_.mutable_network()->set_address("127.0.0.1:0");
  *config_.mutable_network()->mutable_tls() =
      network_authority_.IssueFiles(folder, "network", rpc::Role::kBroker, {}, kTlsName);
  config_.mutable_operator_listener()->set_address("127.0.0.1:0");
  *config_.mutable_operator_listener()->mutable_tls() =
      operator_authority_.IssueFiles(folder, "operator", rpc::Role::kBroker, {}, kTlsName);
  *config_.mutable_client_tls() = config_.network().tls();
  config_.set_network_name("test");
  config_.set_signing_key("broker.keys");
  config_.set_code_key("codes.hex");
  config_.set_permit_validity_s(3600);

  const auto keys = MakeMemberKeys(folder + "/broker.keys", ledger::Origin(Author::Broker()));
  EXPECT_TRUE(keys.ok()) << keys.status();
  broker_key_ = keys->signing;
  broker_sealing_key_ = keys->sealing;
  EXPECT_TRUE(MakeHexSecret(folder + "/codes.hex").ok());
  EXPECT_TRUE(MakeHexSecret(folder + "/wrap.hex").ok());
  codes_ = std::make_unique<CodeDeriver>(*LoadHexSecret(folder + "/codes.hex"));
  Start();
}

BrokerFixture::~BrokerFixture() {
  Stop();
  // Whatever a test did, the ledger it leaves holds together.
  BrokerOptions options{config_, folder_.path(), &clock_, nullptr};
  auto reopened = BrokerServer::Start(options);
  EXPECT_TRUE(reopened.ok()) << reopened.status();
}

void BrokerFixture::Start() {
  BrokerOptions options;
  options.config = config_;
  options.base_folder = folder_.path();
  options.clock = &clock_;
  auto started = BrokerServer::Start(options);
  ASSERT_TRUE(started.ok()) << started.status();
  broker_ = *std::move(started);
}

void BrokerFixture::Stop() { broker_.reset(); }

void BrokerFixture::Restart() {
  Stop();
  Start();
}

std::shared_ptr<grpc::Channel> BrokerFixture::NetworkChannel(
    rpc::Role role, const std::vector<std::string>& institutions) {
  return rpc::Connect(absl::StrCat("127.0.0.1:", broker_->network_port()), kTlsName,
                      network_authority_.Issue(role, institutions));
}

std::shared_ptr<grpc::Channel> BrokerFixture::OperatorChannel(rpc::Role role) {
  return rpc::Connect(absl::StrCat("127.0.0.1:", broker_->operator_port()), kTlsName,
                      operator_authority_.Issue(role, {}));
}

void BrokerFixture::Admit(FakeMember& member, const std::string& category, const v1::Route& route) {
  v1::AdmitRequest request;
  request.set_request_id(NewId());
  request.mutable_member()->set_code(member.code());
  request.mutable_member()->set_name("city " + member.code());
  request.mutable_member()->set_category(category);
  *request.mutable_member()->mutable_keys() = member.PublicKeys();
  *request.mutable_member()->mutable_route() = route;
  if (route.address().empty()) {
    request.mutable_member()->mutable_route()->set_address("127.0.0.1:1");
    request.mutable_member()->mutable_route()->set_tls_name(member.code() + ".test");
  }
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  const auto admitted = CallWithDeadline<v1::DirectoryChanged>(
      [&](auto* context, auto* response) { return stub->Admit(context, request, response); });
  ASSERT_TRUE(admitted.ok()) << admitted.status();
}

v1::DirectoryChanged BrokerFixture::PublishList(const std::string& csv) {
  v1::PublishListRequest request;
  request.set_request_id(NewId());
  request.set_csv(csv);
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  auto published = CallWithDeadline<v1::DirectoryChanged>(
      [&](auto* context, auto* response) { return stub->PublishList(context, request, response); });
  EXPECT_TRUE(published.ok()) << published.status();
  return published.ok() ? *std::move(published) : v1::DirectoryChanged();
}

v1::GetBrokerStatusResponse BrokerFixture::Status() {
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  auto status = CallWithDeadline<v1::GetBrokerStatusResponse>([&](auto* context, auto* response) {
    return stub->GetBrokerStatus(context, v1::GetBrokerStatusRequest(), response);
  });
  EXPECT_TRUE(status.ok()) << status.status();
  return status.ok() ? *std::move(status) : v1::GetBrokerStatusResponse();
}

LinkageCode BrokerFixture::CodeAt(const std::string& institution, uint64_t person) const {
  return codes_->CodeFor(codes_->Identify(ResidentCode::FromSerial(person)), Code(institution));
}

v1::Statement BrokerFixture::MakeQuery(const FakeMember& member, const std::string& provider,
                                       uint64_t person) const {
  v1::Statement statement = member.NewStatement();
  v1::Query* query = statement.mutable_query();
  query->set_provider(provider);
  query->set_procedure("immunization");
  query->add_items("record");
  query->set_linkage_code(std::string(CodeAt(member.code(), person).RevealBytes()));
  query->set_department("health");
  query->set_staff_pseudonym("staff-1");
  query->set_nonce(SystemRandom().String(16));
  return statement;
}

absl::StatusOr<v1::Recorded> BrokerFixture::RequestPermit(const FakeMember& member,
                                                          const v1::Recorded& query) {
  return RequestPermitAs(NetworkChannel(rpc::Role::kIntermediate, {member.code()}).get(), query);
}

absl::StatusOr<v1::Recorded> BrokerFixture::RequestPermitAs(grpc::Channel* channel,
                                                            const v1::Recorded& query) {
  v1::PermitService::Stub stub(std::shared_ptr<grpc::Channel>(channel, [](grpc::Channel*) {}));
  v1::RequestPermitRequest request;
  *request.mutable_query() = query;
  auto response = CallWithDeadline<v1::RequestPermitResponse>(
      [&](auto* context, auto* out) { return stub.RequestPermit(context, request, out); });
  if (!response.ok()) return response.status();
  return response->decision();
}

v1::Statement BrokerFixture::Open(const v1::Recorded& decision) {
  Directory directory(broker_key_);
  const auto verified = ledger::Verifier::Create(&directory)->Verify(decision, clock_.NowMs());
  EXPECT_TRUE(verified.ok()) << verified.status();
  return verified.ok() ? verified->statement : v1::Statement();
}

v1::Permit BrokerFixture::ExpectPermit(const absl::StatusOr<v1::Recorded>& decision) {
  EXPECT_TRUE(decision.ok()) << decision.status();
  if (!decision.ok()) return v1::Permit();
  const v1::Statement statement = Open(*decision);
  EXPECT_TRUE(statement.has_permit()) << statement.refusal().detail();
  return statement.permit();
}

v1::Refusal BrokerFixture::ExpectRefusal(const absl::StatusOr<v1::Recorded>& decision) {
  EXPECT_TRUE(decision.ok()) << decision.status();
  if (!decision.ok()) return v1::Refusal();
  const v1::Statement statement = Open(*decision);
  EXPECT_TRUE(statement.has_refusal());
  return statement.refusal();
}

std::string BrokerFixture::AllFiles() const {
  std::string all;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder_.path() + "/data")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(file), {});
    all.push_back('\n');
  }
  return all;
}

}  // namespace nakadachi::broker
