#include "server/intermediate/intermediate_server.h"

#include <cstdio>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/ledger/checkpoint.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/server.h"
#include "common/rpc/work_pool.h"
#include "common/witness/serve.h"
#include "grpcpp/impl/service_type.h"
#include "server/intermediate/exchange_store.h"
#include "server/intermediate/grpc_links.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/services.h"
#include "server/intermediate/witness.h"
#include "server/intermediate/witness_link.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kDefaultBudgetMb = 256;
constexpr int64_t kMsPerSecond = 1'000;
constexpr absl::Duration kSweepEvery = absl::Seconds(2);
constexpr absl::Duration kDirectoryEvery = absl::Seconds(2);
constexpr int kInspectionThreads = 1;
constexpr size_t kMaxInspectionsQueued = 64;
constexpr int kRetentionThreads = 2;
constexpr size_t kMaxRetentionQueued = 64;
// Acquisition numbers live for hours, and finding the old ones reads them all.
constexpr int kCodeSweepEvery = 30;
constexpr size_t kRememberedCheckpoints = 4'096;

absl::Status Require(bool present, absl::string_view field) {
  if (present) return absl::OkStatus();
  return InvalidField(field, "required", "is missing");
}

absl::Status CheckConfig(const v1::IntermediateConfig& config) {
  NAKADACHI_RETURN_IF_ERROR(Require(!config.runtime().data().empty(), "runtime.data"));
  NAKADACHI_RETURN_IF_ERROR(
      Require(!config.runtime().key_encryption_key().empty(), "runtime.key_encryption_key"));
  NAKADACHI_RETURN_IF_ERROR(Require(!config.network().address().empty(), "network.address"));
  NAKADACHI_RETURN_IF_ERROR(Require(!config.terminal().address().empty(), "terminal.address"));
  NAKADACHI_RETURN_IF_ERROR(retention::RetentionYears(config.runtime().retention_years()).status());
  NAKADACHI_RETURN_IF_ERROR(Require(!config.broker().address().empty(), "broker.address"));
  NAKADACHI_RETURN_IF_ERROR(Require(!config.broker().tls_name().empty(), "broker.tls_name"));
  NAKADACHI_RETURN_IF_ERROR(Require(!config.broker_vkey().empty(), "broker_vkey"));
  return Require(config.municipalities_size() > 0, "municipalities");
}

// The broker's first key, which the operator of this platform was given by hand.
absl::StatusOr<Ed25519PublicKey> TrustAnchor(const std::string& vkey) {
  absl::StatusOr<ledger::NamedKey> key = ledger::ParseVerifierKey(vkey);
  if (!key.ok()) return UnderField("broker_vkey", key.status());
  if (key->name != ledger::Origin(Author::Broker())) {
    return InvalidField("broker_vkey", "origin", "not a key of a broker");
  }
  return key->key;
}

class ServerImpl final : public IntermediateServer {
 public:
  explicit ServerImpl(const IntermediateOptions& options)
      : config_(options.config),
        base_folder_(options.base_folder),
        clock_(options.clock),
        random_(options.random == nullptr ? &SystemRandom() : options.random) {}
  ~ServerImpl() override { Shutdown(absl::ZeroDuration()); }

  absl::Status Open();
  const std::map<std::string, int>& ports() const override { return ports_; }
  void Shutdown(absl::Duration grace) override;

 private:
  std::string Resolve(const std::string& path) const {
    return rpc::ResolvePath(base_folder_, path);
  }
  absl::Status OpenPlatform();
  absl::Status OpenWitness();
  void StartWitness();
  absl::Status OpenLinks();
  absl::Status OpenInstitutions();
  absl::StatusOr<Hosted> OpenInstitution(const v1::IntermediateConfig::Municipality& municipality,
                                         const LocalGovernmentCode& code);
  absl::StatusOr<std::unique_ptr<retention::RetentionDesk>> OpenRetention(Institution& institution);
  absl::Status OpenListeners();
  absl::Status WritePorts();
  void Sweep();
  void StopSweeping();

  const v1::IntermediateConfig config_;
  const std::string base_folder_;
  std::unique_ptr<Clock> own_clock_;
  Clock* clock_;
  Random* const random_;

  // In the order of use: what stands below uses what stands above.
  std::unique_ptr<storage::KeyProvider> key_provider_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<LedgerLink> ledger_link_;
  std::unique_ptr<Witness> witness_;
  std::unique_ptr<ledger::Verifier> verifier_;
  Platform platform_;
  Hosting hosting_;
  std::unique_ptr<BrokerLink> broker_link_;
  std::unique_ptr<PeerLink> peer_link_;
  std::unique_ptr<DirectoryFollower> follower_;
  std::unique_ptr<rpc::WorkPool> pool_;
  std::unique_ptr<rpc::WorkPool> inspection_pool_;
  std::unique_ptr<rpc::WorkPool> retention_pool_;
  rpc::OpenStreams streams_;
  std::vector<std::unique_ptr<grpc::Service>> network_services_;
  std::vector<std::unique_ptr<grpc::Service>> terminal_services_;
  std::unique_ptr<rpc::Server> network_;
  std::unique_ptr<rpc::Server> terminal_;
  std::map<std::string, int> ports_;

  bool shut_down_ = false;
  absl::Mutex sweep_mutex_;
  bool stop_sweeping_ ABSL_GUARDED_BY(sweep_mutex_) = false;
  std::thread sweeper_;
};

absl::Status ServerImpl::Open() {
  NAKADACHI_RETURN_IF_ERROR(CheckConfig(config_));
  NAKADACHI_RETURN_IF_ERROR(OpenPlatform());
  NAKADACHI_RETURN_IF_ERROR(OpenLinks());
  NAKADACHI_RETURN_IF_ERROR(OpenInstitutions());
  NAKADACHI_RETURN_IF_ERROR(OpenListeners());
  hosting_.ForEachServed([](const LocalGovernmentCode& code, Hosted& hosted) {
    const absl::Status recorded =
        hosted.institution->RecordOperation("start", "", "intermediate server");
    if (!recorded.ok()) {
      std::fprintf(stderr, "%s: start not recorded: %s\n", code.ToString().c_str(),
                   recorded.ToString().c_str());
    }
  });
  StartWitness();
  sweeper_ = std::thread([this] { Sweep(); });
  return WritePorts();
}

absl::Status ServerImpl::OpenPlatform() {
  const v1::Runtime& runtime = config_.runtime();
  NAKADACHI_ASSIGN_OR_RETURN(clock_, rpc::ChooseClock(clock_, runtime, base_folder_, &own_clock_));
  NAKADACHI_ASSIGN_OR_RETURN(key_provider_,
                             storage::OpenFileKeyProvider(Resolve(runtime.key_encryption_key())));
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey anchor, TrustAnchor(config_.broker_vkey()));
  directory_ = std::make_unique<Directory>(anchor);

  const size_t budget_mb =
      runtime.memory_budget_mb() == 0 ? kDefaultBudgetMb : runtime.memory_budget_mb();
  platform_.clock = clock_;
  platform_.random = random_;
  platform_.directory = directory_.get();
  platform_.environment = storage::Environment::Create(budget_mb << 20);
  NAKADACHI_RETURN_IF_ERROR(OpenWitness());
  verifier_ = ledger::Verifier::Create(directory_.get(), kRememberedCheckpoints, witness_.get());
  platform_.verifier = verifier_.get();
  if (config_.clock_tolerance_s() != 0) {
    platform_.clock_tolerance_ms = int64_t{config_.clock_tolerance_s()} * kMsPerSecond;
  }
  if (config_.acquisition_lifetime_s() != 0) {
    platform_.acquisition_lifetime_ms = int64_t{config_.acquisition_lifetime_s()} * kMsPerSecond;
  }
  return absl::OkStatus();
}

absl::Status ServerImpl::OpenWitness() {
  WitnessOptions options;
  options.store = {absl::StrCat(Resolve(config_.runtime().data()), "/witness"), key_provider_.get(),
                   platform_.environment, random_};
  options.clock = clock_;
  options.directory = directory_.get();
  if (config_.witness_every_ms() != 0) {
    options.every = absl::Milliseconds(config_.witness_every_ms());
  }
  if (config_.unproven_limit_s() != 0) {
    options.unproven_limit = absl::Seconds(config_.unproven_limit_s());
  }
  NAKADACHI_ASSIGN_OR_RETURN(witness_, Witness::Open(options));
  return absl::OkStatus();
}

void ServerImpl::StartWitness() {
  Witness::Parts parts;
  parts.link = ledger_link_.get();
  parts.broker.set_address(config_.broker().address());
  parts.broker.set_tls_name(config_.broker().tls_name());
  hosting_.ForEachServed([&parts](const LocalGovernmentCode& code, Hosted& hosted) {
    parts.cosigners.push_back({Author::Of(code), &hosted.institution->keys().signing});
  });
  parts.alarm = [this](const v1::Fork& fork) {
    const std::string detail =
        absl::StrCat(fork.institution(), " ", fork.kind(), " ", HexEncode(fork.id()));
    hosting_.ForEachServed([&detail](const LocalGovernmentCode&, Hosted& hosted) {
      // The proof itself is on the disk; that it is also recorded is for who reads the ledger.
      hosted.institution->RecordOperation("fork-found", "", detail).IgnoreError();
    });
  };
  witness_->Start(std::move(parts));
}

absl::Status ServerImpl::OpenLinks() {
  absl::StatusOr<rpc::TlsMaterial> tls = rpc::ReadTls(config_.client_tls(), base_folder_);
  if (!tls.ok()) return UnderField("client_tls", tls.status());
  broker_link_ = MakeBrokerLink(config_.broker(), *tls);
  peer_link_ = MakePeerLink(*tls);
  ledger_link_ = MakeLedgerLink(*tls);
  const std::string folder = absl::StrCat(Resolve(config_.runtime().data()), "/directory");
  const absl::Duration every = config_.directory_every_ms() == 0
                                   ? kDirectoryEvery
                                   : absl::Milliseconds(config_.directory_every_ms());
  NAKADACHI_ASSIGN_OR_RETURN(
      follower_,
      DirectoryFollower::Open(folder, key_provider_.get(), platform_, broker_link_.get(), every));
  return absl::OkStatus();
}

// One that does not open is told of and not served; the others are.
absl::Status ServerImpl::OpenInstitutions() {
  for (int i = 0; i < config_.municipalities_size(); ++i) {
    const v1::IntermediateConfig::Municipality& municipality = config_.municipalities(i);
    const std::string field = absl::StrCat("municipalities[", i, "].code");
    NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                               LocalGovernmentCode::Parse(municipality.code(), field));
    if (hosting_.all().count(code) > 0) {
      return InvalidField(field, "duplicate", "the institution is named twice");
    }
    absl::StatusOr<Hosted> hosted = OpenInstitution(municipality, code);
    if (hosted.ok()) {
      hosting_.Add(code, *std::move(hosted));
      continue;
    }
    std::fprintf(stderr, "%s: not served: %s\n", code.ToString().c_str(),
                 std::string(hosted.status().message()).c_str());
    Hosted not_served;
    not_served.opened = hosted.status();
    hosting_.Add(code, std::move(not_served));
  }
  return absl::OkStatus();
}

absl::StatusOr<Hosted> ServerImpl::OpenInstitution(
    const v1::IntermediateConfig::Municipality& municipality, const LocalGovernmentCode& code) {
  Hosted hosted;
  const std::string name = ledger::Origin(Author::Of(code));
  NAKADACHI_ASSIGN_OR_RETURN(MemberKeys keys, LoadMemberKeys(Resolve(municipality.keys()), name));
  std::vector<X25519PrivateKey> previous;
  for (const std::string& file : municipality.previous_keys()) {
    NAKADACHI_ASSIGN_OR_RETURN(MemberKeys earlier, LoadMemberKeys(Resolve(file), name));
    previous.push_back(std::move(earlier.sealing));
  }
  storage::KeyProvider* key_provider = key_provider_.get();
  if (!municipality.key_encryption_key().empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(
        hosted.key_provider,
        storage::OpenFileKeyProvider(Resolve(municipality.key_encryption_key())));
    key_provider = hosted.key_provider.get();
  }
  const std::string folder = absl::StrCat(Resolve(config_.runtime().data()), "/", code.ToString());
  NAKADACHI_ASSIGN_OR_RETURN(
      hosted.institution,
      Institution::Open(code, folder,
                        {std::move(keys.signing), std::move(keys.sealing), std::move(previous)},
                        key_provider, platform_));
  Institution* const institution = hosted.institution.get();
  hosted.codes = std::make_unique<CodeBook>(institution);
  hosted.replica = std::make_unique<Replica>(institution);
  NAKADACHI_ASSIGN_OR_RETURN(hosted.outbox,
                             Outbox::Open(institution, broker_link_.get(), peer_link_.get()));
  hosted.provider = Provider::Create({institution, hosted.codes.get(), hosted.replica.get(),
                                      hosted.outbox.get(), follower_.get()});
  NAKADACHI_ASSIGN_OR_RETURN(
      hosted.requester, Requester::Open({institution, hosted.codes.get(), hosted.outbox.get(),
                                         follower_.get(), broker_link_.get(), peer_link_.get()}));
  hosted.access_log = std::make_unique<inspection::AccessLog>(
      inspection::AccessLog::Parts{&institution->ledger(), &institution->database(), kAccesses,
                                   platform_.clock, platform_.random});
  hosted.inspections = std::make_unique<inspection::InspectionDesk>(
      inspection::InspectionDesk::Parts{hosted.access_log.get(), &institution->ledger(),
                                        &institution->ledger_store(), /*person_of=*/nullptr});
  NAKADACHI_ASSIGN_OR_RETURN(hosted.retention, OpenRetention(*institution));
  if (config_.has_witness_policy()) {
    auto witnesses = witness::MakeCollector(config_.witness_policy(), directory_.get());
    if (!witnesses.ok()) return UnderField("witness_policy", witnesses.status());
    hosted.witnesses = *std::move(witnesses);
  }
  return hosted;
}

absl::StatusOr<std::unique_ptr<retention::RetentionDesk>> ServerImpl::OpenRetention(
    Institution& institution) {
  retention::RetentionDesk::Parts parts;
  parts.ledger = &institution.ledger();
  parts.store = &institution.ledger_store();
  parts.database = &institution.database();
  parts.family = kMeta;
  parts.clock = platform_.clock;
  parts.random = platform_.random;
  NAKADACHI_ASSIGN_OR_RETURN(parts.years,
                             retention::RetentionYears(config_.runtime().retention_years()));
  parts.entries_of = [database = parts.database](const std::set<std::string>& permit_numbers) {
    return ExchangeStore(database).QueriesOf(permit_numbers);
  };
  auto desk = std::make_unique<retention::RetentionDesk>(std::move(parts));
  NAKADACHI_RETURN_IF_ERROR(desk->Resume());
  return desk;
}

absl::Status ServerImpl::OpenListeners() {
  pool_ = std::make_unique<rpc::WorkPool>();
  inspection_pool_ = std::make_unique<rpc::WorkPool>(kInspectionThreads, kMaxInspectionsQueued);
  retention_pool_ = std::make_unique<rpc::WorkPool>(kRetentionThreads, kMaxRetentionQueued);
  const ServiceParts parts{&hosting_,      pool_.get(),     directory_.get(),
                           clock_,         clock_->NowMs(), inspection_pool_.get(),
                           witness_.get(), &streams_,       retention_pool_.get()};
  network_services_.push_back(MakeExchangeService(parts));
  network_services_.push_back(MakeInspectionService(parts));
  network_services_.push_back(MakeLedgerService(parts, LedgerReaders::kNetwork));
  terminal_services_.push_back(MakeMunicipalService(parts));
  terminal_services_.push_back(MakeWitnessService(parts));
  terminal_services_.push_back(MakeRetentionService(parts));
  terminal_services_.push_back(MakeLedgerService(parts, LedgerReaders::kTerminal));

  rpc::ServerOptions network;
  network.address = config_.network().address();
  absl::StatusOr<rpc::TlsMaterial> tls = rpc::ReadTls(config_.network().tls(), base_folder_);
  if (!tls.ok()) return UnderField("network.tls", tls.status());
  network.tls = *std::move(tls);
  for (const auto& service : network_services_) network.services.push_back(service.get());
  NAKADACHI_ASSIGN_OR_RETURN(network_, rpc::Server::Start(network));

  rpc::ServerOptions terminal;
  terminal.address = config_.terminal().address();
  tls = rpc::ReadTls(config_.terminal().tls(), base_folder_);
  if (!tls.ok()) return UnderField("terminal.tls", tls.status());
  terminal.tls = *std::move(tls);
  terminal.health_and_reflection = true;
  for (const auto& service : terminal_services_) terminal.services.push_back(service.get());
  NAKADACHI_ASSIGN_OR_RETURN(terminal_, rpc::Server::Start(terminal));
  return absl::OkStatus();
}

absl::Status ServerImpl::WritePorts() {
  ports_ = {{"network", network_->port()}, {"terminal", terminal_->port()}};
  if (config_.runtime().port_file().empty()) return absl::OkStatus();
  return rpc::WritePortFile(Resolve(config_.runtime().port_file()), ports_);
}

void ServerImpl::Sweep() {
  for (int round = 0;; ++round) {
    {
      absl::MutexLock lock(&sweep_mutex_);
      sweep_mutex_.AwaitWithTimeout(absl::Condition(&stop_sweeping_), kSweepEvery);
      if (stop_sweeping_) return;
    }
    hosting_.ForEachServed([round](const LocalGovernmentCode& code, Hosted& hosted) {
      absl::Status status = hosted.requester->Sweep();
      status.Update(hosted.provider->Sweep());
      if (round % kCodeSweepEvery == 0) status.Update(hosted.codes->Sweep());
      if (status.ok()) return;
      std::fprintf(stderr, "%s: sweep: %s\n", code.ToString().c_str(), status.ToString().c_str());
    });
  }
}

void ServerImpl::StopSweeping() {
  {
    absl::MutexLock lock(&sweep_mutex_);
    stop_sweeping_ = true;
  }
  if (sweeper_.joinable()) sweeper_.join();
}

// Calls first, then what calls waited for, then what that wrote to.
void ServerImpl::Shutdown(absl::Duration grace) {
  if (shut_down_) return;
  shut_down_ = true;
  const bool served = sweeper_.joinable();
  StopSweeping();
  streams_.Stop();
  std::thread terminal([this, grace] {
    if (terminal_ != nullptr) terminal_->Shutdown(grace);
  });
  if (network_ != nullptr) network_->Shutdown(grace);
  terminal.join();
  pool_.reset();
  inspection_pool_.reset();
  retention_pool_.reset();
  hosting_.ForEachServed(
      [](const LocalGovernmentCode&, Hosted& hosted) { hosted.requester->Shutdown(); });
  if (follower_ != nullptr) follower_->Shutdown();
  if (witness_ != nullptr) witness_->Shutdown();
  hosting_.ForEachServed([served](const LocalGovernmentCode& code, Hosted& hosted) {
    hosted.outbox->Shutdown();
    const absl::Status recorded =
        served ? hosted.institution->RecordOperation("stop", "", "intermediate server")
               : absl::OkStatus();
    if (!recorded.ok()) {
      std::fprintf(stderr, "%s: stop not recorded: %s\n", code.ToString().c_str(),
                   recorded.ToString().c_str());
    }
    hosted.institution->ledger().Shutdown();
  });
  peer_link_.reset();
  broker_link_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<IntermediateServer>> IntermediateServer::Start(
    const IntermediateOptions& options) {
  auto server = std::make_unique<ServerImpl>(options);
  NAKADACHI_RETURN_IF_ERROR(server->Open());
  return server;
}

}  // namespace nakadachi::intermediate
