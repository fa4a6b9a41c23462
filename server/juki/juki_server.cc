#include "server/juki/juki_server.h"

#include <grpcpp/impl/codegen/service_type.h>

#include <optional>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/server.h"
#include "common/rpc/work_pool.h"
#include "common/storage/key_provider.h"
#include "server/juki/desk/acquisition_desk.h"
#include "server/juki/desk/resident_desk.h"
#include "server/juki/service/juki_service.h"
#include "server/juki/store/juki_store.h"

namespace nakadachi::juki {
namespace {

constexpr uint32_t kDefaultMemoryMb = 256;
constexpr uint32_t kDefaultLifetimeSeconds = 86'400;
constexpr absl::Duration kSweepPause = absl::Seconds(30);
constexpr absl::Duration kDestructionGrace = absl::Seconds(1);
constexpr int kCodeWeights = 10;
constexpr int kMaxModulus = 97;

uint32_t Or(uint32_t value, uint32_t fallback) { return value == 0 ? fallback : value; }

absl::Status CheckConfig(const v1::JukiConfig& config) {
  for (const auto& [field, value] :
       {std::pair{"runtime.data", config.runtime().data()},
        std::pair{"runtime.key_encryption_key", config.runtime().key_encryption_key()},
        std::pair{"network.address", config.network().address()},
        std::pair{"broker.address", config.broker().address()},
        std::pair{"broker.tls_name", config.broker().tls_name()}}) {
    if (value.empty()) return InvalidField(field, "required", "is missing");
  }
  return absl::OkStatus();
}

absl::StatusOr<ResidentCodeRule> CodeRuleOf(const v1::JukiConfig& config) {
  ResidentCodeRule rule;
  if (!config.has_resident_code_rule()) return rule;
  const v1::JukiConfig::CodeRule& configured = config.resident_code_rule();
  rule.checked = !configured.unchecked();
  if (!rule.checked) return rule;
  if (configured.weights_size() != kCodeWeights || configured.modulus() < 2 ||
      configured.modulus() > kMaxModulus) {
    return InvalidField("resident_code_rule", "code-rule",
                        "needs ten weights and a modulus from 2 to 97");
  }
  rule.weights.assign(configured.weights().begin(), configured.weights().end());
  rule.modulus = configured.modulus();
  return rule;
}

class JukiServerImpl final : public JukiServer {
 public:
  explicit JukiServerImpl(const JukiOptions& options)
      : config_(options.config),
        base_(options.base_folder),
        clock_(options.clock),
        random_(options.random != nullptr ? options.random : &SystemRandom()) {}

  ~JukiServerImpl() override { Shutdown(kDestructionGrace); }

  absl::Status Open() {
    NAKADACHI_RETURN_IF_ERROR(CheckConfig(config_));
    NAKADACHI_ASSIGN_OR_RETURN(clock_,
                               rpc::ChooseClock(clock_, config_.runtime(), base_, &own_clock_));
    NAKADACHI_RETURN_IF_ERROR(OpenStore());
    NAKADACHI_ASSIGN_OR_RETURN(ResidentCodeRule rule, CodeRuleOf(config_));
    residents_.emplace(store_.get(), random_, std::move(rule));
    acquisitions_.emplace(
        store_.get(), clock_,
        int64_t{Or(config_.acquisition_lifetime_s(), kDefaultLifetimeSeconds)} * 1000);
    NAKADACHI_RETURN_IF_ERROR(Listen());
    sweeper_ = std::thread([this] { SweepUntilStopped(); });
    if (config_.runtime().port_file().empty()) return absl::OkStatus();
    return rpc::WritePortFile(rpc::ResolvePath(base_, config_.runtime().port_file()), ports_);
  }

  const std::map<std::string, int>& ports() const override { return ports_; }

  void Shutdown(absl::Duration grace) override {
    {
      absl::MutexLock lock(&mutex_);
      if (stopped_) return;
      stopped_ = true;
    }
    if (server_ != nullptr) server_->Shutdown(grace);
    if (sweeper_.joinable()) sweeper_.join();
  }

 private:
  absl::Status OpenStore() {
    NAKADACHI_ASSIGN_OR_RETURN(key_provider_, storage::OpenFileKeyProvider(rpc::ResolvePath(
                                                  base_, config_.runtime().key_encryption_key())));
    storage::OpenOptions options;
    options.path = rpc::ResolvePath(base_, config_.runtime().data());
    options.environment = storage::Environment::Create(
        size_t{Or(config_.runtime().memory_budget_mb(), kDefaultMemoryMb)} << 20);
    options.key_provider = key_provider_.get();
    options.random = random_;
    NAKADACHI_ASSIGN_OR_RETURN(store_, JukiStore::Open(options));
    return absl::OkStatus();
  }

  absl::Status Listen() {
    ServiceParts parts;
    parts.residents = &*residents_;
    parts.acquisitions = &*acquisitions_;
    parts.store = store_.get();
    parts.pool = &pool_;
    parts.started_ms = clock_->NowMs();
    NAKADACHI_ASSIGN_OR_RETURN(rpc::TlsMaterial client_tls,
                               rpc::ReadTls(config_.client_tls(), base_));
    parts.broker =
        rpc::Connect(config_.broker().address(), config_.broker().tls_name(), client_tls);
    service_ = MakeJukiService(parts);
    rpc::ServerOptions options;
    options.address = config_.network().address();
    NAKADACHI_ASSIGN_OR_RETURN(options.tls, rpc::ReadTls(config_.network().tls(), base_));
    options.services = {service_.get()};
    NAKADACHI_ASSIGN_OR_RETURN(server_, rpc::Server::Start(options));
    ports_ = {{"network", server_->port()}};
    return absl::OkStatus();
  }

  // What cannot be swept now (a full disk) is swept later; a number over its life is refused
  // anyway.
  void SweepUntilStopped() {
    absl::MutexLock lock(&mutex_);
    while (!stopped_) {
      mutex_.Unlock();
      acquisitions_->Sweep().IgnoreError();
      mutex_.Lock();
      mutex_.AwaitWithTimeout(absl::Condition(&stopped_), kSweepPause);
    }
  }

  const v1::JukiConfig config_;
  const std::string base_;
  std::unique_ptr<Clock> own_clock_;
  Clock* clock_;
  Random* const random_;
  std::unique_ptr<storage::KeyProvider> key_provider_;
  std::unique_ptr<JukiStore> store_;
  std::optional<ResidentDesk> residents_;
  std::optional<AcquisitionDesk> acquisitions_;
  std::unique_ptr<grpc::Service> service_;
  rpc::WorkPool pool_;
  std::unique_ptr<rpc::Server> server_;
  std::map<std::string, int> ports_;
  std::thread sweeper_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JukiServer>> JukiServer::Start(const JukiOptions& options) {
  auto server = std::make_unique<JukiServerImpl>(options);
  NAKADACHI_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<JukiServer>(std::move(server));
}

}  // namespace nakadachi::juki
