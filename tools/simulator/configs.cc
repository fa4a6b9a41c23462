#include "tools/simulator/configs.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/witness/quorum.h"

namespace nakadachi::simulator {
namespace {

constexpr uint32_t kCandidateSeconds = 3;

void SetRuntime(const std::string& folder, v1::Runtime* runtime) {
  runtime->set_data(absl::StrCat(folder, "/data"));
  runtime->set_port_file(absl::StrCat(folder, "/ports.json"));
  runtime->set_clock_offset_file(absl::StrCat(folder, "/clock-offset"));
  runtime->set_key_encryption_key(absl::StrCat(folder, "/key-encryption-key"));
}

uint32_t Seconds(absl::Duration duration) {
  return static_cast<uint32_t>(absl::ToInt64Seconds(duration));
}

}  // namespace

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

void SetTls(const pki::IssuedFiles& files, v1::TlsFiles* tls) {
  tls->set_certificate(files.certificate);
  tls->set_private_key(files.private_key);
  tls->set_trust_root(files.trust_root);
}

void SetEndpoint(const std::string& address, const std::string& tls_name, v1::Endpoint* endpoint) {
  endpoint->set_address(address);
  endpoint->set_tls_name(tls_name);
}

std::unique_ptr<v1::BrokerConfig> MakeBrokerConfig(const std::string& folder,
                                                   const pki::IssuedFiles& tls,
                                                   const NetworkOptions& options) {
  auto config = std::make_unique<v1::BrokerConfig>();
  SetRuntime(folder, config->mutable_runtime());
  SetTls(tls, config->mutable_network()->mutable_tls());
  SetTls(tls, config->mutable_operator_listener()->mutable_tls());
  SetTls(tls, config->mutable_client_tls());
  config->set_network_name("simulated network");
  config->set_signing_key(absl::StrCat(folder, "/broker.keys"));
  config->set_code_key(absl::StrCat(folder, "/code-key"));
  config->set_permit_validity_s(Seconds(options.permit_validity));
  config->set_clock_tolerance_s(Seconds(options.clock_tolerance));
  if (options.witnesses.empty()) return config;
  v1::WitnessPolicy& policy = *config->mutable_witness_policy();
  const size_t count = std::min(options.witnesses.size(), witness::kMaxWitnesses);
  for (size_t i = 0; i < count; ++i) policy.add_witnesses(options.witnesses[i]);
  policy.set_needed(static_cast<uint32_t>(std::min<size_t>(count, 2)));
  policy.set_candidate_s(kCandidateSeconds);
  return config;
}

std::unique_ptr<v1::JukiConfig> MakeJukiConfig(const std::string& folder,
                                               const pki::IssuedFiles& tls,
                                               const std::string& broker_address) {
  auto config = std::make_unique<v1::JukiConfig>();
  SetRuntime(folder, config->mutable_runtime());
  SetTls(tls, config->mutable_network()->mutable_tls());
  SetTls(tls, config->mutable_client_tls());
  SetEndpoint(broker_address, pki::BrokerDnsName(), config->mutable_broker());
  return config;
}

std::unique_ptr<v1::IntermediateConfig> MakePlatformConfig(const std::string& folder,
                                                           const pki::IssuedFiles& tls,
                                                           const pki::IssuedFiles& terminal_tls,
                                                           const std::string& broker_address,
                                                           const std::string& broker_vkey,
                                                           const NetworkOptions& options) {
  auto config = std::make_unique<v1::IntermediateConfig>();
  SetRuntime(folder, config->mutable_runtime());
  SetTls(tls, config->mutable_network()->mutable_tls());
  SetTls(tls, config->mutable_client_tls());
  SetTls(terminal_tls, config->mutable_terminal()->mutable_tls());
  SetEndpoint(broker_address, pki::BrokerDnsName(), config->mutable_broker());
  config->set_broker_vkey(broker_vkey);
  config->set_witness_every_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(options.witness_every)));
  config->set_directory_every_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(options.directory_every)));
  config->set_clock_tolerance_s(Seconds(options.clock_tolerance));
  return config;
}

absl::Status WriteConfig(const std::string& path, const google::protobuf::Message& config) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(config, &json, options).ok()) {
    return absl::InternalError("a configuration does not print");
  }
  std::ofstream file(path, std::ios::trunc);
  file << json;
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

}  // namespace nakadachi::simulator
