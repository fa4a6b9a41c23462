#include "common/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/rpc/config.h"
#include "common/rpc/grpc_runtime.h"

namespace nakadachi::rpc {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(std::string pem, ReadPublicFile(path));
  if (pem.find("-----BEGIN ") != std::string::npos) return pem;
  return FieldError(absl::StatusCode::kFailedPrecondition, path, "pem", "holds no PEM block");
}

grpc::ChannelArguments Arguments(const std::string& tls_name) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetSslTargetNameOverride(tls_name);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  // A dead peer behind a firewall that forgets connections is noticed within half a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A server that was restarted is found again quickly.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Connections go where the directory says: neither a proxy of the environment nor a TXT record
  // of the name service has a say. Calls are retried by their callers, who know what they ask.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return arguments;
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTls(const v1::TlsFiles& files, const std::string& base_folder) {
  TlsMaterial tls;
  NAKADACHI_ASSIGN_OR_RETURN(tls.certificate,
                             ReadPem(ResolvePath(base_folder, files.certificate())));
  NAKADACHI_ASSIGN_OR_RETURN(tls.trust_root, ReadPem(ResolvePath(base_folder, files.trust_root())));
  NAKADACHI_ASSIGN_OR_RETURN(const Secret key,
                             ReadPrivateFile(ResolvePath(base_folder, files.private_key())));
  tls.private_key = std::string(key.Expose());
  return tls;
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const std::string& tls_name,
                                       const TlsMaterial& tls) {
  // Without a root gRPC would trust the system's, without a name it would check none of ours.
  NAKADACHI_CHECK(!tls.trust_root.empty() && !tls_name.empty());
  PrepareGrpc();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls.trust_root;
  options.pem_private_key = tls.private_key;
  options.pem_cert_chain = tls.certificate;
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options), Arguments(tls_name));
}

}  // namespace nakadachi::rpc
