#include "server/broker/broker_server.h"

#include <grpcpp/impl/codegen/service_type.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/key_file.h"
#include "common/directory/directory.h"
#include "common/inspection/access_log.h"
#include "common/inspection/inspection_desk.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/ledger.h"
#include "common/ledger/verifier.h"
#include "common/rpc/config.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/server.h"
#include "common/rpc/work_pool.h"
#include "common/sealing/sealed_code.h"
#include "common/storage/key_provider.h"
#include "common/witness/serve.h"
#include "server/broker/desk/directory_desk.h"
#include "server/broker/desk/own_records_desk.h"
#include "server/broker/desk/permit_desk.h"
#include "server/broker/desk/report_desk.h"
#include "server/broker/service/services.h"
#include "server/broker/store/broker_store.h"

namespace nakadachi::broker {
namespace {

constexpr uint32_t kDefaultMemoryMb = 256;
constexpr uint32_t kDefaultPermitValiditySeconds = 86'400;
constexpr uint32_t kDefaultClockToleranceSeconds = 30;
constexpr int kInspectionThreads = 1;
constexpr size_t kMaxInspectionsQueued = 64;
constexpr int kRetentionThreads = 2;
constexpr size_t kMaxRetentionQueued = 64;
constexpr absl::Duration kDestructionGrace = absl::Seconds(1);

uint32_t Or(uint32_t value, uint32_t fallback) { return value == 0 ? fallback : value; }

absl::Status Require(bool present, absl::string_view field) {
  if (present) return absl::OkStatus();
  return InvalidField(field, "required", "is missing");
}

absl::Status CheckConfig(const v1::BrokerConfig& config) {
  NAKADACHI_RETURN_IF_ERROR(Require(!config.runtime().data().empty(), "runtime.data"));
  NAKADACHI_RETURN_IF_ERROR(
      Require(!config.runtime().key_encryption_key().empty(), "runtime.key_encryption_key"));
  NAKADACHI_RETURN_IF_ERROR(Require(!config.signing_key().empty(), "signing_key"));
  return Require(!config.code_key().empty(), "code_key");
}

struct Secrets {
  MemberKeys keys;
  Secret code_root;
  std::unique_ptr<storage::KeyProvider> key_provider;
};

absl::StatusOr<Secrets> LoadSecrets(const v1::BrokerConfig& config, const std::string& base) {
  NAKADACHI_ASSIGN_OR_RETURN(MemberKeys keys,
                             LoadMemberKeys(rpc::ResolvePath(base, config.signing_key()),
                                            ledger::Origin(Author::Broker())));
  NAKADACHI_ASSIGN_OR_RETURN(Secret code_root,
                             LoadHexSecret(rpc::ResolvePath(base, config.code_key())));
  NAKADACHI_ASSIGN_OR_RETURN(
      std::unique_ptr<storage::KeyProvider> key_provider,
      storage::OpenFileKeyProvider(rpc::ResolvePath(base, config.runtime().key_encryption_key())));
  return Secrets{std::move(keys), std::move(code_root), std::move(key_provider)};
}

class BrokerServerImpl final : public BrokerServer {
 public:
  BrokerServerImpl(const BrokerOptions& options, Secrets secrets)
      : config_(options.config),
        base_(options.base_folder),
        clock_(options.clock),
        random_(options.random != nullptr ? options.random : &SystemRandom()),
        key_provider_(std::move(secrets.key_provider)),
        signing_key_(std::move(secrets.keys.signing)),
        sealing_public_key_(secrets.keys.sealing.public_key()),
        codes_(secrets.code_root),
        sealer_(std::move(secrets.keys.sealing)) {}

  ~BrokerServerImpl() override { Shutdown(kDestructionGrace); }

  absl::Status Open() {
    NAKADACHI_ASSIGN_OR_RETURN(clock_,
                               rpc::ChooseClock(clock_, config_.runtime(), base_, &own_clock_));
    NAKADACHI_RETURN_IF_ERROR(OpenStore());
    NAKADACHI_RETURN_IF_ERROR(OpenLedger());
    NAKADACHI_RETURN_IF_ERROR(OpenDesks());
    NAKADACHI_RETURN_IF_ERROR(OpenWitnesses());
    // With the policy, so that it can be read years later by which checkpoints were published.
    NAKADACHI_RETURN_IF_ERROR(RecordOperation(
        "start", witnesses_ == nullptr ? "" : "witnesses " + witnesses_->policy().ToString()));
    NAKADACHI_RETURN_IF_ERROR(Listen());
    if (config_.runtime().port_file().empty()) return absl::OkStatus();
    return rpc::WritePortFile(rpc::ResolvePath(base_, config_.runtime().port_file()), ports_);
  }

  const std::map<std::string, int>& ports() const override { return ports_; }

  void Shutdown(absl::Duration grace) override {
    absl::MutexLock lock(&shutdown_mutex_);
    if (stopped_) return;
    stopped_ = true;
    streams_.Stop();
    const absl::Time until = absl::Now() + grace;
    for (auto* server : {&network_server_, &operator_server_}) {
      if (*server != nullptr) {
        (*server)->Shutdown(std::max(absl::ZeroDuration(), until - absl::Now()));
      }
    }
    if (ledger_ == nullptr) return;
    // A stop that cannot be recorded any more (a full disk) must still be possible.
    if (!ports_.empty()) RecordOperation("stop").IgnoreError();
    ledger_->Shutdown();
  }

 private:
  absl::Status OpenStore() {
    storage::OpenOptions options;
    options.path = rpc::ResolvePath(base_, config_.runtime().data());
    options.environment = storage::Environment::Create(
        size_t{Or(config_.runtime().memory_budget_mb(), kDefaultMemoryMb)} << 20);
    options.key_provider = key_provider_.get();
    options.random = random_;
    NAKADACHI_ASSIGN_OR_RETURN(store_, BrokerStore::Open(options));
    NAKADACHI_ASSIGN_OR_RETURN(directory_, ReplayDirectory(*store_, signing_key_.public_key()));
    verifier_ = ledger::Verifier::Create(directory_.get());
    return absl::OkStatus();
  }

  absl::Status OpenLedger() {
    ledger::Options options;
    options.author = Author::Broker();
    options.key = &signing_key_;
    options.store = &store_->ledger_store();
    options.clock = clock_;
    bool known = directory_->sequence() == 0;
    for (const MemberKey& key : directory_->BrokerKeys()) {
      options.previous_keys.push_back(key.signing_key);
      known |= key.signing_key == signing_key_.public_key() && key.ValidAt(clock_->NowMs());
    }
    if (!known) {
      return FieldError(absl::StatusCode::kFailedPrecondition, "signing_key", "unknown-key",
                        "is no key of this network's broker that is valid now");
    }
    NAKADACHI_ASSIGN_OR_RETURN(ledger_, ledger::Ledger::Open(options));
    return absl::OkStatus();
  }

  absl::Status OpenDesks() {
    PermitDesk::Parts permits;
    permits.ledger = ledger_.get();
    permits.verifier = verifier_.get();
    permits.directory = directory_.get();
    permits.codes = &codes_;
    permits.sealer = &sealer_;
    permits.store = store_.get();
    permits.figures = &figures_;
    permits.clock = clock_;
    permits.random = random_;
    permits.rules.permit_validity_ms =
        int64_t{Or(config_.permit_validity_s(), kDefaultPermitValiditySeconds)} * 1000;
    permits.rules.clock_tolerance_ms =
        int64_t{Or(config_.clock_tolerance_s(), kDefaultClockToleranceSeconds)} * 1000;
    permit_desk_.emplace(permits);
    report_desk_.emplace(ReportDesk::Parts{verifier_.get(), store_.get(), &figures_, clock_});
    directory_desk_.emplace(
        DirectoryDesk::Parts{ledger_.get(), store_.get(), directory_.get(), clock_, random_});
    access_log_.emplace(inspection::AccessLog::Parts{ledger_.get(), &store_->database(),
                                                     store_->access_family(), clock_, random_});
    inspection_desk_.emplace(inspection::InspectionDesk::Parts{
        &*access_log_, ledger_.get(), &store_->ledger_store(),
        [this](const std::string& permit_number) { return PersonOf(permit_number); }});
    own_records_desk_.emplace(OwnRecordsDesk::Parts{&*access_log_, ledger_.get(), store_.get()});
    NAKADACHI_RETURN_IF_ERROR(OpenRetention());
    NAKADACHI_RETURN_IF_ERROR(directory_desk_->KeepProofs());
    return directory_desk_->Found(config_.network_name(), signing_key_.public_key(),
                                  sealing_public_key_);
  }

  absl::Status OpenRetention() {
    retention::RetentionDesk::Parts parts;
    parts.ledger = ledger_.get();
    parts.store = &store_->ledger_store();
    parts.database = &store_->database();
    parts.family = store_->meta_family();
    parts.clock = clock_;
    parts.random = random_;
    NAKADACHI_ASSIGN_OR_RETURN(parts.years,
                               retention::RetentionYears(config_.runtime().retention_years()));
    retention_desk_.emplace(std::move(parts));
    return retention_desk_->Resume();
  }

  absl::Status OpenWitnesses() {
    if (!config_.has_witness_policy()) return absl::OkStatus();
    auto witnesses = witness::MakeCollector(config_.witness_policy(), directory_.get());
    if (!witnesses.ok()) return UnderField("witness_policy", witnesses.status());
    witnesses_ = *std::move(witnesses);
    NAKADACHI_ASSIGN_OR_RETURN(const std::string cosigned, store_->ReadCosigned());
    witnesses_->Restore(cosigned, clock_->NowMs());
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> PersonOf(const std::string& permit_number) const {
    NAKADACHI_ASSIGN_OR_RETURN(const std::optional<stored::v1::PermitRecord> record,
                               store_->FindPermit(permit_number));
    return record ? record->person() : "";
  }

  absl::Status RecordOperation(const std::string& kind, const std::string& detail = "") {
    v1::Statement statement;
    statement.set_author(Author::Broker().ToString());
    statement.set_time_ms(clock_->NowMs());
    statement.mutable_operation()->set_kind(kind);
    statement.mutable_operation()->set_detail(detail);
    return ledger_->AppendAndWait(ledger::Prepare(statement, *random_)).status();
  }

  absl::Status Listen() {
    ServiceParts parts;
    parts.permits = &*permit_desk_;
    parts.reports = &*report_desk_;
    parts.changes = &*directory_desk_;
    parts.inspections = &*inspection_desk_;
    parts.own_records = &*own_records_desk_;
    parts.witnesses = witnesses_.get();
    parts.directory = directory_.get();
    parts.codes = &codes_;
    parts.ledger = ledger_.get();
    parts.store = store_.get();
    parts.figures = &figures_;
    parts.clock = clock_;
    parts.pool = &pool_;
    parts.inspection_pool = &inspection_pool_;
    parts.streams = &streams_;
    parts.retention = &*retention_desk_;
    parts.retention_pool = &retention_pool_;
    NAKADACHI_ASSIGN_OR_RETURN(parts.client_tls, rpc::ReadTls(config_.client_tls(), base_));
    parts.vkey = ledger::VerifierKey(ledger::Origin(Author::Broker()), signing_key_.public_key());
    parts.started_ms = clock_->NowMs();

    services_.push_back(MakePermitService(parts));
    services_.push_back(MakeCodeService(parts));
    services_.push_back(MakeInspectionService(parts));
    services_.push_back(MakeOwnRecordsService(parts));
    services_.push_back(MakeLedgerService(parts, /*with_statements=*/false));
    NAKADACHI_ASSIGN_OR_RETURN(network_server_, StartListener(config_.network(), 0, false));
    const size_t first_operator_service = services_.size();
    services_.push_back(MakeOperatorService(parts));
    services_.push_back(MakeRetentionService(parts));
    services_.push_back(MakeLedgerService(parts, /*with_statements=*/true));
    NAKADACHI_ASSIGN_OR_RETURN(
        operator_server_, StartListener(config_.operator_listener(), first_operator_service, true));
    ports_ = {{"network", network_server_->port()}, {"operator", operator_server_->port()}};
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<rpc::Server>> StartListener(const v1::Listener& listener,
                                                             size_t first_service,
                                                             bool for_operator) {
    rpc::ServerOptions options;
    options.address = listener.address();
    NAKADACHI_ASSIGN_OR_RETURN(options.tls, rpc::ReadTls(listener.tls(), base_));
    for (size_t i = first_service; i < services_.size(); ++i) {
      options.services.push_back(services_[i].get());
    }
    options.health_and_reflection = for_operator;
    return rpc::Server::Start(options);
  }

  const v1::BrokerConfig config_;
  const std::string base_;
  std::unique_ptr<Clock> own_clock_;
  Clock* clock_;
  Random* const random_;
  const std::unique_ptr<storage::KeyProvider> key_provider_;
  const Ed25519PrivateKey signing_key_;
  const X25519PublicKey sealing_public_key_;
  const CodeDeriver codes_;
  sealing::CodeSealer sealer_;
  Figures figures_;
  std::unique_ptr<BrokerStore> store_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<ledger::Verifier> verifier_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<witness::Collector> witnesses_;  // null: none are asked
  std::optional<PermitDesk> permit_desk_;
  std::optional<ReportDesk> report_desk_;
  std::optional<DirectoryDesk> directory_desk_;
  std::optional<inspection::AccessLog> access_log_;
  std::optional<inspection::InspectionDesk> inspection_desk_;
  std::optional<OwnRecordsDesk> own_records_desk_;
  std::optional<retention::RetentionDesk> retention_desk_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  rpc::WorkPool pool_;
  rpc::WorkPool inspection_pool_{kInspectionThreads, kMaxInspectionsQueued};
  rpc::WorkPool retention_pool_{kRetentionThreads, kMaxRetentionQueued};
  rpc::OpenStreams streams_;
  std::unique_ptr<rpc::Server> network_server_;
  std::unique_ptr<rpc::Server> operator_server_;
  std::map<std::string, int> ports_;
  absl::Mutex shutdown_mutex_;
  bool stopped_ ABSL_GUARDED_BY(shutdown_mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BrokerServer>> BrokerServer::Start(const BrokerOptions& options) {
  NAKADACHI_RETURN_IF_ERROR(CheckConfig(options.config));
  NAKADACHI_ASSIGN_OR_RETURN(Secrets secrets, LoadSecrets(options.config, options.base_folder));
  auto server = std::make_unique<BrokerServerImpl>(options, std::move(secrets));
  NAKADACHI_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<BrokerServer>(std::move(server));
}

}  // namespace nakadachi::broker
