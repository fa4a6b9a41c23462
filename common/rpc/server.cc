#include "common/rpc/server.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/rpc/grpc_runtime.h"
#include "common/rpc/rate_limiter.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::rpc {
namespace {

// gRPC asks it before a call reaches any service. A peer is its certificate.
class CallLimiter final : public grpc::AuthMetadataProcessor {
 public:
  explicit CallLimiter(double calls_per_second) : limiter_(calls_per_second) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& /*auth_metadata*/, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto pem = context->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (pem.empty()) return {grpc::StatusCode::UNAUTHENTICATED, "no certificate"};
    const absl::string_view peer(pem.front().data(), pem.front().size());
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    if (limiter_.Admit(peer, absl::FromChrono(now))) return grpc::Status::OK;
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, kTooManyCalls};
  }

 private:
  RateLimiter limiter_;
};

// gRPC's reflection library adds itself to every server of a process that links it.
class Reflection final : public grpc::ServerBuilderOption {
 public:
  explicit Reflection(bool wanted) : wanted_(wanted) {}
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    auto reflection = std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>();
    const auto is_same = [&reflection](const auto& p) { return p->name() == reflection->name(); };
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(), is_same), plugins->end());
    if (wanted_) plugins->push_back(std::move(reflection));
  }

 private:
  const bool wanted_;
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const ServerOptions& options) {
  grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  ssl.pem_root_certs = options.tls.trust_root;
  ssl.pem_key_cert_pairs.push_back({options.tls.private_key, options.tls.certificate});
  auto credentials = grpc::SslServerCredentials(ssl);
  credentials->SetAuthMetadataProcessor(
      std::make_shared<CallLimiter>(options.max_calls_per_second));
  return credentials;
}

void SetLimits(const ServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->SetMaxSendMessageSize(kMaxMessageBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // A port that another process holds is an error, not shared with it.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Our clients ping every 20 s (channel.cc); peers that ping much more often are cut off.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  grpc::ResourceQuota quota("listener");
  quota.Resize(size_t{256} << 20);
  builder->SetResourceQuota(quota);
}

// gRPC itself takes a port modulo 65536, and 443 where there is none.
absl::Status CheckAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon != absl::string_view::npos && colon > 0 &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port <= 65535)
    return absl::OkStatus();
  return InvalidField("address", "address",
                      absl::StrCat("'", address, "' is not host:port with a port up to 65535"));
}

// gRPC has one switch for the health service of every server built while it is on.
std::unique_ptr<grpc::Server> Build(bool health, grpc::ServerBuilder* builder) {
  ABSL_CONST_INIT static absl::Mutex mutex(absl::kConstInit);
  absl::MutexLock lock(&mutex);
  grpc::EnableDefaultHealthCheckService(health);
  return builder->BuildAndStart();
}

class GrpcServer final : public Server {
 public:
  GrpcServer(std::unique_ptr<grpc::Server> server, int port)
      : server_(std::move(server)), port_(port) {}
  ~GrpcServer() override { Shutdown(absl::Seconds(1)); }

  int port() const override { return port_; }

  void Shutdown(absl::Duration grace) override {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(stopped_, true)) return;
    server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  }

 private:
  const std::unique_ptr<grpc::Server> server_;
  const int port_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  // Without a root gRPC would take any client's word.
  NAKADACHI_CHECK(!options.tls.trust_root.empty());
  NAKADACHI_RETURN_IF_ERROR(CheckAddress(options.address));
  PrepareGrpc();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address, Credentials(options), &port);
  SetLimits(options, &builder);
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  builder.SetOption(std::make_unique<Reflection>(options.health_and_reflection));
  std::unique_ptr<grpc::Server> server = Build(options.health_and_reflection, &builder);
  if (server == nullptr || port == 0) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "address", "listen",
                      absl::StrCat("cannot listen on ", options.address,
                                   ": the address is taken or unusable, or the certificate and "
                                   "its key are"));
  }
  return std::make_unique<GrpcServer>(std::move(server), port);
}

}  // namespace nakadachi::rpc
