#include "tools/simulator/network.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/rpc/config.h"
#include "common/rpc/peer.h"
#include "nakadachi/v1/config.pb.h"
#include "tools/pki/pki.h"
#include "tools/simulator/configs.h"
#include "tools/simulator/evidence.h"
#include "tools/simulator/kept_port.h"
#include "tools/simulator/ledger_check.h"
#include "tools/simulator/server_process.h"

namespace nakadachi::simulator {
namespace {

namespace fs = std::filesystem;

constexpr char kBroker[] = "broker";
constexpr char kJuki[] = "juki";
constexpr char kInspector[] = "inspector";
constexpr char kPortal[] = "portal";
constexpr char kStaffPseudonym[] = "staff-1";
constexpr char kDepartment[] = "health";
constexpr absl::Duration kStopLimit = absl::Seconds(5);

// A server with what belongs to it on the disk.
struct Hosted {
  std::string folder;
  std::unique_ptr<ServerProcess> process;
  std::vector<KeptPort> kept;  // through stops and crashes, so that members' routes stay right
  std::map<std::string, int> ports;
  absl::Duration skew;  // beside the network's own offset
  std::vector<LocalGovernmentCode> institutions;
  std::unique_ptr<google::protobuf::Message> config;
};

struct Institution {
  InstitutionSpec spec;
  std::string platform;
  std::string key_path;
  int keys_made = 0;
  std::unique_ptr<client::MunicipalClient> office;
  std::unique_ptr<client::MunicipalClient> staff;
  std::unique_ptr<client::JukiConnection> juki;
  std::string profile_path;
};

std::vector<v1::Listener*> Listeners(google::protobuf::Message* config) {
  if (auto* broker = dynamic_cast<v1::BrokerConfig*>(config)) {
    return {broker->mutable_network(), broker->mutable_operator_listener()};
  }
  if (auto* juki = dynamic_cast<v1::JukiConfig*>(config)) return {juki->mutable_network()};
  auto* platform = dynamic_cast<v1::IntermediateConfig*>(config);
  NAKADACHI_CHECK(platform != nullptr);
  return {platform->mutable_network(), platform->mutable_terminal()};
}

absl::Status KeepPorts(Hosted& hosted) {
  for (v1::Listener* listener : Listeners(hosted.config.get())) {
    NAKADACHI_ASSIGN_OR_RETURN(KeptPort kept, KeptPort::Take());
    listener->set_address(Loopback(kept.port()));
    hosted.kept.push_back(std::move(kept));
  }
  return absl::OkStatus();
}

class SimulatedNetwork final : public Network {
 public:
  explicit SimulatedNetwork(const NetworkOptions& options) : options_(options) {}

  absl::Status Begin();

  absl::Status AddPlatform(const std::string& platform,
                           const std::vector<InstitutionSpec>& institutions) override;
  client::MunicipalClient* Municipality(const LocalGovernmentCode& code) override;
  client::MunicipalClient* Staff(const LocalGovernmentCode& code) override;
  client::JukiConnection* Juki(const LocalGovernmentCode& code) override;
  client::BrokerOperatorConnection& BrokerOperator() override { return *operator_; }

  absl::Status Crash(const std::string& process) override;
  absl::Status StartAgain(const std::string& process) override;
  absl::Status StartStopped() override;
  absl::Status Stop(const std::string& process) override;
  std::string ProcessOf(const std::string& name) const override;
  std::vector<std::string> Processes() const override;
  int Pid(const std::string& process) const override;

  Clock& clock() override { return *clock_; }
  absl::Status Advance(absl::Duration by) override;
  absl::Status Skew(const std::string& process, absl::Duration by) override;

  absl::Status PublishList(const std::string& csv, absl::Time in_force_from) override;
  absl::Status RevokeKey(const LocalGovernmentCode& code) override;
  absl::Status AddKey(const LocalGovernmentCode& code) override;
  absl::Status WaitForDirectory(absl::Duration timeout) override;
  absl::StatusOr<std::map<std::string, uint64_t>> VerifyLedgers(bool leave_stopped) override;

  std::string ProfilePath(const LocalGovernmentCode& code) const override;
  std::string OperatorProfilePath() const override;
  std::string InspectorProfilePath() const override;
  std::string PortalProfilePath() const override;
  absl::StatusOr<std::string> WriteNetworkProfile(const std::string& name,
                                                  const rpc::Peer& peer) override;
  absl::StatusOr<client::Endpoint> BrokerAs(const rpc::Peer& peer) override;
  const std::string& BrokerVerifierKey() const override { return broker_vkey_; }
  std::string InstitutionOperatorProfilePath(const LocalGovernmentCode& code) const override;
  std::string DataFolder(const std::string& process) const override;

 private:
  std::string Path(const std::string& name) const {
    return absl::StrCat(options_.folder, "/", name);
  }
  std::string BrokerAddress() { return Loopback(hosted_[kBroker].ports["network"]); }
  std::string JukiAddress() { return Loopback(hosted_[kJuki].ports["network"]); }
  std::string PkiFolder() const { return Path("pki"); }
  absl::StatusOr<pki::IssuedFiles> IssueFor(const std::string& output, pki::Trust trust,
                                            const rpc::Peer& peer,
                                            std::vector<std::string> dns_names) const;
  absl::StatusOr<rpc::TlsMaterial> Material(const pki::IssuedFiles& files) const;
  absl::Status MakeHosted(const std::string& name, ServerKind kind);
  absl::Status WriteOffset(const Hosted& hosted) const;
  absl::Status StartHosted(Hosted& hosted);
  absl::Status BeginBroker();
  absl::Status BeginJuki();
  absl::Status BeginOperator();
  absl::Status BeginInspection();
  absl::Status ConfigurePlatform(const std::string& platform,
                                 const std::vector<InstitutionSpec>& institutions);
  absl::Status Admit(const Institution& institution);
  absl::Status ConnectInstitution(Institution& institution);
  absl::StatusOr<Hosted*> FindHosted(const std::string& process);
  absl::StatusOr<std::vector<Ed25519PublicKey>> KeysOf(const std::string& key_path,
                                                       int keys_made) const;

  NetworkOptions options_;
  std::unique_ptr<Clock> clock_;
  absl::Duration offset_;
  std::string broker_vkey_;
  int peers_issued_ = 0;
  std::map<std::string, Hosted> hosted_;
  std::map<LocalGovernmentCode, Institution> institutions_;
  std::unique_ptr<client::BrokerOperatorConnection> operator_;
};

absl::StatusOr<pki::IssuedFiles> SimulatedNetwork::IssueFor(
    const std::string& output, pki::Trust trust, const rpc::Peer& peer,
    std::vector<std::string> dns_names) const {
  pki::IssueRequest request;
  request.trust = trust;
  request.output = output;
  request.uris = rpc::PeerUris(peer);
  request.dns_names = std::move(dns_names);
  request.now = absl::Now();
  return pki::Issue(PkiFolder(), request);
}

absl::StatusOr<rpc::TlsMaterial> SimulatedNetwork::Material(const pki::IssuedFiles& files) const {
  v1::TlsFiles tls;
  SetTls(files, &tls);
  return rpc::ReadTls(tls, options_.folder);
}

absl::Status SimulatedNetwork::MakeHosted(const std::string& name, ServerKind kind) {
  Hosted& hosted = hosted_[name];
  hosted.folder = Path(name);
  fs::create_directories(hosted.folder);
  hosted.process = options_.mode == Mode::kProcesses
                       ? MakeProgram(kind, options_.bin_folder, hosted.folder)
                       : MakeObject(kind, hosted.folder);
  NAKADACHI_RETURN_IF_ERROR(pki::MakeSecret(absl::StrCat(hosted.folder, "/key-encryption-key")));
  return WriteOffset(hosted);
}

absl::Status SimulatedNetwork::WriteOffset(const Hosted& hosted) const {
  return WriteClockOffset(absl::StrCat(hosted.folder, "/clock-offset"), offset_ + hosted.skew);
}

absl::Status SimulatedNetwork::StartHosted(Hosted& hosted) {
  if (hosted.kept.empty()) NAKADACHI_RETURN_IF_ERROR(KeepPorts(hosted));
  NAKADACHI_RETURN_IF_ERROR(
      WriteConfig(absl::StrCat(hosted.folder, "/config.json"), *hosted.config));
  NAKADACHI_ASSIGN_OR_RETURN(hosted.ports, hosted.process->Start());
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::Begin() {
  if (fs::exists(options_.folder) && !fs::is_empty(options_.folder)) {
    return FieldError(absl::StatusCode::kAlreadyExists, "folder", "empty",
                      "the network's folder holds something already");
  }
  fs::create_directories(options_.folder);
  options_.folder = fs::canonical(options_.folder).string();
  if (options_.start != absl::InfinitePast()) offset_ = options_.start - absl::Now();
  NAKADACHI_RETURN_IF_ERROR(WriteClockOffset(Path("clock-offset"), offset_));
  NAKADACHI_ASSIGN_OR_RETURN(clock_, OpenOffsetClock(Path("clock-offset")));
  NAKADACHI_RETURN_IF_ERROR(pki::Init(PkiFolder(), absl::Now()));
  NAKADACHI_RETURN_IF_ERROR(BeginBroker());
  NAKADACHI_RETURN_IF_ERROR(BeginOperator());
  NAKADACHI_RETURN_IF_ERROR(BeginJuki());
  NAKADACHI_RETURN_IF_ERROR(BeginInspection());
  return PublishList(options_.permission_list_csv, absl::InfinitePast());
}

absl::Status SimulatedNetwork::BeginBroker() {
  NAKADACHI_RETURN_IF_ERROR(MakeHosted(kBroker, ServerKind::kBroker));
  Hosted& hosted = hosted_[kBroker];
  rpc::Peer peer;
  peer.role = rpc::Role::kBroker;
  NAKADACHI_ASSIGN_OR_RETURN(
      const auto tls, IssueFor(absl::StrCat(hosted.folder, "/tls"), pki::Trust::kNetwork, peer,
                               {pki::BrokerDnsName()}));
  const std::string keys = absl::StrCat(hosted.folder, "/broker.keys");
  NAKADACHI_ASSIGN_OR_RETURN(const auto made, pki::MakeKeys(keys, Author::Broker()));
  broker_vkey_ = made.vkey;
  NAKADACHI_RETURN_IF_ERROR(pki::MakeSecret(absl::StrCat(hosted.folder, "/code-key")));
  hosted.config = MakeBrokerConfig(hosted.folder, tls, options_);
  return StartHosted(hosted);
}

absl::Status SimulatedNetwork::BeginOperator() {
  fs::create_directories(Path("profiles"));
  rpc::Peer peer;
  peer.role = rpc::Role::kOperator;
  NAKADACHI_ASSIGN_OR_RETURN(const auto tls,
                             IssueFor(Path("profiles/operator"), pki::Trust::kNetwork, peer, {}));
  NAKADACHI_ASSIGN_OR_RETURN(auto material, Material(tls));
  const std::string address = Loopback(hosted_[kBroker].ports["operator"]);
  operator_ = client::ConnectBrokerOperator({address, pki::BrokerDnsName(), std::move(material)});
  v1::ProfileConfig profile;
  SetTls(tls, profile.mutable_network_tls());
  SetEndpoint(address, pki::BrokerDnsName(), profile.mutable_broker_operator());
  return WriteConfig(OperatorProfilePath(), profile);
}

absl::Status SimulatedNetwork::BeginInspection() {
  NAKADACHI_RETURN_IF_ERROR(WriteNetworkProfile(kInspector, InspectorOfEverything()).status());
  rpc::Peer portal;
  portal.role = rpc::Role::kPortal;
  portal.staff_pseudonym = "portal-1";
  return WriteNetworkProfile(kPortal, portal).status();
}

absl::StatusOr<std::string> SimulatedNetwork::WriteNetworkProfile(const std::string& name,
                                                                  const rpc::Peer& peer) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto tls, IssueFor(Path(absl::StrCat("profiles/", name)),
                                                      pki::Trust::kNetwork, peer, {}));
  v1::ProfileConfig profile;
  SetTls(tls, profile.mutable_network_tls());
  SetEndpoint(BrokerAddress(), pki::BrokerDnsName(), profile.mutable_broker());
  profile.set_broker_vkey(broker_vkey_);
  SetEndpoint(JukiAddress(), pki::JukiDnsName(), profile.mutable_juki());
  const std::string path = Path(absl::StrCat("profiles/", name, ".json"));
  NAKADACHI_RETURN_IF_ERROR(WriteConfig(path, profile));
  return path;
}

absl::StatusOr<client::Endpoint> SimulatedNetwork::BrokerAs(const rpc::Peer& peer) {
  const std::string name = absl::StrCat("profiles/peer-", ++peers_issued_);
  NAKADACHI_ASSIGN_OR_RETURN(const auto tls, IssueFor(Path(name), pki::Trust::kNetwork, peer, {}));
  NAKADACHI_ASSIGN_OR_RETURN(auto material, Material(tls));
  return client::Endpoint{BrokerAddress(), pki::BrokerDnsName(), std::move(material)};
}

absl::Status SimulatedNetwork::BeginJuki() {
  NAKADACHI_RETURN_IF_ERROR(MakeHosted(kJuki, ServerKind::kJuki));
  Hosted& hosted = hosted_[kJuki];
  rpc::Peer peer;
  peer.role = rpc::Role::kJuki;
  NAKADACHI_ASSIGN_OR_RETURN(
      const auto tls, IssueFor(absl::StrCat(hosted.folder, "/tls"), pki::Trust::kNetwork, peer,
                               {pki::JukiDnsName()}));
  hosted.config = MakeJukiConfig(hosted.folder, tls, BrokerAddress());
  return StartHosted(hosted);
}

absl::Status SimulatedNetwork::ConfigurePlatform(const std::string& platform,
                                                 const std::vector<InstitutionSpec>& institutions) {
  NAKADACHI_RETURN_IF_ERROR(MakeHosted(platform, ServerKind::kIntermediate));
  Hosted& hosted = hosted_[platform];
  rpc::Peer peer;
  peer.role = rpc::Role::kIntermediate;
  std::vector<std::string> dns_names;
  for (const InstitutionSpec& spec : institutions) {
    peer.institutions.insert(spec.code);
    dns_names.push_back(pki::IntermediateDnsName(spec.code));
    hosted.institutions.push_back(spec.code);
    Institution& institution =
        institutions_.emplace(spec.code, Institution{spec, platform, "", 1, {}, {}, {}, ""})
            .first->second;
    institution.key_path = absl::StrCat(hosted.folder, "/", spec.code.ToString(), "-1.keys");
    NAKADACHI_RETURN_IF_ERROR(pki::MakeKeys(institution.key_path, Author::Of(spec.code)).status());
  }
  NAKADACHI_ASSIGN_OR_RETURN(const auto tls, IssueFor(absl::StrCat(hosted.folder, "/tls"),
                                                      pki::Trust::kNetwork, peer, dns_names));
  NAKADACHI_ASSIGN_OR_RETURN(const auto terminal, IssueFor(absl::StrCat(hosted.folder, "/terminal"),
                                                           pki::Trust::kTerminal, peer, dns_names));
  auto config =
      MakePlatformConfig(hosted.folder, tls, terminal, BrokerAddress(), broker_vkey_, options_);
  for (const InstitutionSpec& spec : institutions) {
    auto* municipality = config->add_municipalities();
    municipality->set_code(spec.code.ToString());
    municipality->set_keys(institutions_.at(spec.code).key_path);
  }
  hosted.config = std::move(config);
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::AddPlatform(const std::string& platform,
                                           const std::vector<InstitutionSpec>& institutions) {
  if (hosted_.count(platform) > 0) {
    return FieldError(absl::StatusCode::kAlreadyExists, "platform", "exists",
                      "a process of this name is there already");
  }
  for (const InstitutionSpec& spec : institutions) {
    if (institutions_.count(spec.code) == 0) continue;
    return FieldError(absl::StatusCode::kAlreadyExists, "code", "known-member",
                      "the institution has joined already");
  }
  NAKADACHI_RETURN_IF_ERROR(ConfigurePlatform(platform, institutions));
  NAKADACHI_RETURN_IF_ERROR(StartHosted(hosted_[platform]));
  for (const InstitutionSpec& spec : institutions) {
    Institution& institution = institutions_.at(spec.code);
    NAKADACHI_RETURN_IF_ERROR(Admit(institution));
    NAKADACHI_RETURN_IF_ERROR(ConnectInstitution(institution));
  }
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::Admit(const Institution& institution) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto keys, LoadPublicMemberKeys(institution.key_path));
  v1::AdmitRequest request;
  request.set_request_id(SystemRandom().String(16));
  v1::MemberJoined& member = *request.mutable_member();
  member.set_code(institution.spec.code.ToString());
  member.set_name(institution.spec.name);
  member.set_category(institution.spec.category);
  member.mutable_keys()->set_signing_key(std::string(AsView(keys.signing)));
  member.mutable_keys()->set_sealing_key(std::string(AsView(keys.sealing)));
  member.mutable_keys()->set_valid_from_ms(clock_->NowMs());
  member.mutable_route()->set_address(Loopback(hosted_[institution.platform].ports["network"]));
  member.mutable_route()->set_tls_name(pki::IntermediateDnsName(institution.spec.code));
  return operator_->Admit(request).status();
}

absl::Status SimulatedNetwork::ConnectInstitution(Institution& institution) {
  const std::string code = institution.spec.code.ToString();
  const std::string tls_name = pki::IntermediateDnsName(institution.spec.code);
  const std::string terminal = Loopback(hosted_[institution.platform].ports["terminal"]);
  const std::string juki = JukiAddress();

  rpc::Peer office;
  office.role = rpc::Role::kOffice;
  office.institutions.insert(institution.spec.code);
  NAKADACHI_ASSIGN_OR_RETURN(const auto office_tls,
                             IssueFor(Path(absl::StrCat("profiles/", code, "-office")),
                                      pki::Trust::kTerminal, office, {}));
  NAKADACHI_ASSIGN_OR_RETURN(const auto juki_tls,
                             IssueFor(Path(absl::StrCat("profiles/", code, "-network")),
                                      pki::Trust::kNetwork, office, {}));
  rpc::Peer staff = office;
  staff.role = rpc::Role::kStaff;
  staff.department = kDepartment;
  staff.staff_pseudonym = kStaffPseudonym;
  NAKADACHI_ASSIGN_OR_RETURN(
      const auto staff_tls,
      IssueFor(Path(absl::StrCat("profiles/", code, "-staff")), pki::Trust::kTerminal, staff, {}));
  rpc::Peer operating = office;
  operating.role = rpc::Role::kOperator;
  NAKADACHI_ASSIGN_OR_RETURN(const auto operator_tls,
                             IssueFor(Path(absl::StrCat("profiles/", code, "-operator")),
                                      pki::Trust::kTerminal, operating, {}));

  NAKADACHI_ASSIGN_OR_RETURN(auto office_material, Material(office_tls));
  NAKADACHI_ASSIGN_OR_RETURN(auto staff_material, Material(staff_tls));
  NAKADACHI_ASSIGN_OR_RETURN(auto juki_material, Material(juki_tls));
  institution.office = std::make_unique<client::MunicipalClient>(
      institution.spec.code,
      client::ConnectMunicipal({terminal, tls_name, std::move(office_material)}), &SystemRandom());
  institution.staff = std::make_unique<client::MunicipalClient>(
      institution.spec.code,
      client::ConnectMunicipal({terminal, tls_name, std::move(staff_material)}), &SystemRandom());
  institution.juki = client::ConnectJuki({juki, pki::JukiDnsName(), std::move(juki_material)});

  const auto write_profile = [&](const std::string& path, const pki::IssuedFiles& tls) {
    v1::ProfileConfig profile;
    profile.set_municipality(code);
    SetTls(tls, profile.mutable_tls());
    SetEndpoint(terminal, tls_name, profile.mutable_intermediate());
    SetTls(juki_tls, profile.mutable_network_tls());
    SetEndpoint(juki, pki::JukiDnsName(), profile.mutable_juki());
    return WriteConfig(path, profile);
  };
  institution.profile_path = Path(absl::StrCat("profiles/", code, ".json"));
  NAKADACHI_RETURN_IF_ERROR(write_profile(institution.profile_path, office_tls));
  NAKADACHI_RETURN_IF_ERROR(
      write_profile(InstitutionOperatorProfilePath(institution.spec.code), operator_tls));
  return write_profile(Path(absl::StrCat("profiles/", code, "-staff.json")), staff_tls);
}

client::MunicipalClient* SimulatedNetwork::Municipality(const LocalGovernmentCode& code) {
  const auto found = institutions_.find(code);
  return found == institutions_.end() ? nullptr : found->second.office.get();
}

client::MunicipalClient* SimulatedNetwork::Staff(const LocalGovernmentCode& code) {
  const auto found = institutions_.find(code);
  return found == institutions_.end() ? nullptr : found->second.staff.get();
}

client::JukiConnection* SimulatedNetwork::Juki(const LocalGovernmentCode& code) {
  const auto found = institutions_.find(code);
  return found == institutions_.end() ? nullptr : found->second.juki.get();
}

absl::StatusOr<Hosted*> SimulatedNetwork::FindHosted(const std::string& process) {
  const auto found = hosted_.find(process);
  if (found != hosted_.end()) return &found->second;
  return FieldError(absl::StatusCode::kNotFound, "process", "unknown-process",
                    "no process of this name");
}

absl::Status SimulatedNetwork::Crash(const std::string& process) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted * hosted, FindHosted(process));
  hosted->process->Kill();
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::StartAgain(const std::string& process) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted * hosted, FindHosted(process));
  return StartHosted(*hosted);
}

absl::Status SimulatedNetwork::StartStopped() {
  // Members follow the broker, so it is there first.
  Hosted& broker = hosted_.at(kBroker);
  if (!broker.process->running()) NAKADACHI_RETURN_IF_ERROR(StartHosted(broker));
  for (auto& [name, hosted] : hosted_) {
    if (!hosted.process->running()) NAKADACHI_RETURN_IF_ERROR(StartHosted(hosted));
  }
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::Stop(const std::string& process) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted * hosted, FindHosted(process));
  return hosted->process->Stop(kStopLimit);
}

std::string SimulatedNetwork::ProcessOf(const std::string& name) const {
  if (hosted_.count(name) > 0) return name;
  const auto code = LocalGovernmentCode::Parse(name);
  if (!code.ok()) return "";
  const auto found = institutions_.find(*code);
  return found == institutions_.end() ? "" : found->second.platform;
}

std::vector<std::string> SimulatedNetwork::Processes() const {
  std::vector<std::string> names;
  for (const auto& [name, hosted] : hosted_) names.push_back(name);
  return names;
}

int SimulatedNetwork::Pid(const std::string& process) const {
  const auto found = hosted_.find(process);
  return found == hosted_.end() ? 0 : found->second.process->pid();
}

absl::Status SimulatedNetwork::Advance(absl::Duration by) {
  offset_ += by;
  NAKADACHI_RETURN_IF_ERROR(WriteClockOffset(Path("clock-offset"), offset_));
  for (const auto& [name, hosted] : hosted_) NAKADACHI_RETURN_IF_ERROR(WriteOffset(hosted));
  return absl::OkStatus();
}

absl::Status SimulatedNetwork::Skew(const std::string& process, absl::Duration by) {
  NAKADACHI_ASSIGN_OR_RETURN(Hosted * hosted, FindHosted(process));
  hosted->skew += by;
  return WriteOffset(*hosted);
}

absl::Status SimulatedNetwork::PublishList(const std::string& csv, absl::Time in_force_from) {
  v1::PublishListRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.set_csv(csv);
  if (in_force_from != absl::InfinitePast()) {
    request.set_in_force_from_ms(absl::ToUnixMillis(in_force_from));
  }
  return operator_->PublishList(request).status();
}

absl::Status SimulatedNetwork::RevokeKey(const LocalGovernmentCode& code) {
  const auto found = institutions_.find(code);
  if (found == institutions_.end()) return absl::NotFoundError("no such institution");
  NAKADACHI_ASSIGN_OR_RETURN(const auto keys, LoadPublicMemberKeys(found->second.key_path));
  v1::RevokeKeyRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.mutable_key()->set_code(code.ToString());
  request.mutable_key()->set_signing_key(std::string(AsView(keys.signing)));
  request.mutable_key()->set_reason("simulated loss");
  NAKADACHI_RETURN_IF_ERROR(operator_->RevokeKey(request).status());
  return WaitForDirectory(absl::Seconds(20));
}

absl::Status SimulatedNetwork::AddKey(const LocalGovernmentCode& code) {
  const auto found = institutions_.find(code);
  if (found == institutions_.end()) return absl::NotFoundError("no such institution");
  Institution& institution = found->second;
  Hosted& hosted = hosted_.at(institution.platform);
  auto& config = static_cast<v1::IntermediateConfig&>(*hosted.config);
  v1::IntermediateConfig::Municipality* municipality = nullptr;
  for (auto& each : *config.mutable_municipalities()) {
    if (each.code() == code.ToString()) municipality = &each;
  }
  ++institution.keys_made;
  institution.key_path =
      absl::StrCat(hosted.folder, "/", code.ToString(), "-", institution.keys_made, ".keys");
  NAKADACHI_ASSIGN_OR_RETURN(const auto keys,
                             pki::MakeKeys(institution.key_path, Author::Of(code)));
  // Codes may be sealed to the new keys from the moment of their announcement on.
  municipality->add_previous_keys(institution.key_path);
  NAKADACHI_RETURN_IF_ERROR(hosted.process->Stop(kStopLimit));
  NAKADACHI_RETURN_IF_ERROR(StartHosted(hosted));

  v1::AddKeyRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.mutable_key()->set_code(code.ToString());
  v1::PublicKeys& added = *request.mutable_key()->mutable_keys();
  added.set_signing_key(std::string(AsView(keys.signing)));
  added.set_sealing_key(std::string(AsView(keys.sealing)));
  added.set_valid_from_ms(clock_->NowMs());
  NAKADACHI_RETURN_IF_ERROR(operator_->AddKey(request).status());
  NAKADACHI_RETURN_IF_ERROR(hosted.process->Stop(kStopLimit));
  municipality->mutable_previous_keys()->RemoveLast();
  municipality->add_previous_keys(municipality->keys());
  municipality->set_keys(institution.key_path);
  NAKADACHI_RETURN_IF_ERROR(StartHosted(hosted));
  return WaitForDirectory(absl::Seconds(20));
}

absl::Status SimulatedNetwork::WaitForDirectory(absl::Duration timeout) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto broker, operator_->GetStatus());
  const absl::Time give_up = absl::Now() + timeout;
  std::set<std::string> waited;
  for (auto& [code, institution] : institutions_) {
    Hosted& hosted = hosted_.at(institution.platform);
    if (!hosted.process->running() || !waited.insert(institution.platform).second) continue;
    if (institution.office == nullptr) continue;
    while (true) {
      NAKADACHI_ASSIGN_OR_RETURN(const auto status, institution.office->connection().GetStatus());
      if (status.directory_sequence() >= broker.directory_sequence()) break;
      if (absl::Now() > give_up) {
        return absl::DeadlineExceededError(
            absl::StrCat(institution.platform, " does not follow the broker's directory"));
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Ed25519PublicKey>> SimulatedNetwork::KeysOf(const std::string& key_path,
                                                                       int keys_made) const {
  std::vector<Ed25519PublicKey> keys;
  const std::string stem = key_path.substr(0, key_path.rfind('-'));
  for (int i = 1; i <= keys_made; ++i) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto key,
                               LoadPublicMemberKeys(absl::StrCat(stem, "-", i, ".keys")));
    keys.push_back(key.signing);
  }
  return keys;
}

absl::StatusOr<std::map<std::string, uint64_t>> SimulatedNetwork::VerifyLedgers(
    bool leave_stopped) {
  std::vector<std::string> stopped;
  for (auto& [name, hosted] : hosted_) {
    if (!hosted.process->running()) continue;
    NAKADACHI_RETURN_IF_ERROR(hosted.process->Stop(kStopLimit));
    stopped.push_back(name);
  }
  std::map<std::string, uint64_t> entries;
  const Hosted& broker = hosted_.at(kBroker);
  NAKADACHI_ASSIGN_OR_RETURN(const auto broker_keys,
                             LoadPublicMemberKeys(absl::StrCat(broker.folder, "/broker.keys")));
  NAKADACHI_ASSIGN_OR_RETURN(entries[kBroker],
                             VerifyLedgerOnDisk(absl::StrCat(broker.folder, "/data"),
                                                absl::StrCat(broker.folder, "/key-encryption-key"),
                                                Author::Broker(), {broker_keys.signing}));
  for (const auto& [code, institution] : institutions_) {
    const Hosted& hosted = hosted_.at(institution.platform);
    NAKADACHI_ASSIGN_OR_RETURN(const auto keys,
                               KeysOf(institution.key_path, institution.keys_made));
    NAKADACHI_ASSIGN_OR_RETURN(
        entries[code.ToString()],
        VerifyLedgerOnDisk(absl::StrCat(hosted.folder, "/data/", code.ToString()),
                           absl::StrCat(hosted.folder, "/key-encryption-key"), Author::Of(code),
                           keys));
  }
  if (!leave_stopped) {
    for (const std::string& name : stopped) {
      NAKADACHI_RETURN_IF_ERROR(StartHosted(hosted_.at(name)));
    }
  }
  return entries;
}

std::string SimulatedNetwork::ProfilePath(const LocalGovernmentCode& code) const {
  const auto found = institutions_.find(code);
  return found == institutions_.end() ? "" : found->second.profile_path;
}

std::string SimulatedNetwork::InstitutionOperatorProfilePath(
    const LocalGovernmentCode& code) const {
  return Path(absl::StrCat("profiles/", code.ToString(), "-operator.json"));
}
std::string SimulatedNetwork::OperatorProfilePath() const { return Path("profiles/operator.json"); }

std::string SimulatedNetwork::InspectorProfilePath() const {
  return Path(absl::StrCat("profiles/", kInspector, ".json"));
}
std::string SimulatedNetwork::PortalProfilePath() const {
  return Path(absl::StrCat("profiles/", kPortal, ".json"));
}

std::string SimulatedNetwork::DataFolder(const std::string& process) const {
  const auto found = hosted_.find(process);
  return found == hosted_.end() ? "" : absl::StrCat(found->second.folder, "/data");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> Network::Start(const NetworkOptions& options) {
  auto network = std::make_unique<SimulatedNetwork>(options);
  NAKADACHI_RETURN_IF_ERROR(network->Begin());
  return network;
}

}  // namespace nakadachi::simulator
