#include "client/cli/profile.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "client/cli/ledger_source.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/config.h"

namespace nakadachi::cli {
namespace {

constexpr char kIntermediate[] = "intermediate server";
constexpr char kBroker[] = "broker";

const char* KeeperName(const std::string& institution) {
  return institution == Author::Broker().ToString() ? kBroker : kIntermediate;
}

absl::Status Missing(absl::string_view field) {
  return InvalidField(absl::StrCat("profile.", field), "missing",
                      "the profile does not say it, and this command needs it");
}

}  // namespace

absl::StatusOr<std::vector<Ed25519PublicKey>> ParseBrokerKeys(
    const std::vector<std::string>& vkeys) {
  NAKADACHI_ASSIGN_OR_RETURN(TrustedKeys trusted, ParseTrustedKeys(vkeys));
  if (trusted.author.IsBroker()) return std::move(trusted.keys);
  return InvalidField("vkey", "author", "is not a key of a broker");
}

std::string ProfilePath(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* path = std::getenv("NAKADACHI_PROFILE"); path != nullptr && *path != '\0') {
    return path;
  }
  const char* home = std::getenv("HOME");
  return absl::StrCat(home == nullptr ? "" : home, "/.config/nakadachi/profile.json");
}

absl::StatusOr<Profile> Profile::Load(const std::string& path, absl::Duration keep_trying) {
  Profile profile;
  NAKADACHI_RETURN_IF_ERROR(rpc::LoadConfig(path, &profile.config_));
  profile.folder_ = rpc::FolderOf(path);
  profile.policy_.keep_trying = keep_trying;
  profile.policy_.deadline = std::max(profile.policy_.deadline, keep_trying);
  return profile;
}

client::RetryPolicy Profile::PolicyTo(absl::string_view who,
                                      const client::Endpoint& endpoint) const {
  client::RetryPolicy policy = policy_;
  policy.server = absl::StrCat(who, " at ", endpoint.address);
  return policy;
}

absl::StatusOr<LocalGovernmentCode> Profile::Municipality() const {
  if (config_.municipality().empty()) return Missing("municipality");
  return LocalGovernmentCode::Parse(config_.municipality(), "profile.municipality");
}

std::string Profile::OwnInstitution() const {
  return config_.municipality().empty() ? Author::Broker().ToString() : config_.municipality();
}

absl::StatusOr<client::Endpoint> Profile::EndpointOf(const char* name, const v1::Endpoint& endpoint,
                                                     const char* tls_name,
                                                     const v1::TlsFiles& tls) const {
  if (endpoint.address().empty()) return Missing(absl::StrCat(name, ".address"));
  if (endpoint.tls_name().empty()) return Missing(absl::StrCat(name, ".tls_name"));
  if (tls.certificate().empty()) return Missing(tls_name);
  client::Endpoint out;
  out.address = endpoint.address();
  out.tls_name = endpoint.tls_name();
  NAKADACHI_ASSIGN_OR_RETURN(out.tls, rpc::ReadTls(tls, folder_));
  return out;
}

absl::StatusOr<std::unique_ptr<client::MunicipalConnection>> Profile::Intermediate() const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint, EndpointOf("intermediate", config_.intermediate(),
                                                             "tls", config_.tls()));
  return client::ConnectMunicipal(endpoint, PolicyTo(kIntermediate, endpoint));
}

absl::StatusOr<std::unique_ptr<client::MunicipalClient>> Profile::Municipal() const {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, Municipality());
  NAKADACHI_ASSIGN_OR_RETURN(std::shared_ptr<client::MunicipalConnection> connection,
                             Intermediate());
  return std::make_unique<client::MunicipalClient>(code, std::move(connection), &SystemRandom());
}

absl::StatusOr<std::unique_ptr<client::JukiConnection>> Profile::Juki() const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint, EndpointOf("juki", config_.juki(), "network_tls",
                                                             config_.network_tls()));
  return client::ConnectJuki(endpoint, PolicyTo("juki net", endpoint));
}

absl::StatusOr<std::unique_ptr<client::BrokerOperatorConnection>> Profile::Broker() const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint,
                             EndpointOf("broker_operator", config_.broker_operator(), "network_tls",
                                        config_.network_tls()));
  return client::ConnectBrokerOperator(endpoint, PolicyTo(kBroker, endpoint));
}

absl::StatusOr<client::Endpoint> Profile::BrokerNetwork() const {
  return EndpointOf("broker", config_.broker(), "network_tls", config_.network_tls());
}

absl::StatusOr<std::vector<Ed25519PublicKey>> Profile::BrokerKeys() const {
  if (config_.broker_vkey().empty()) return Missing("broker_vkey");
  auto keys = ParseBrokerKeys({config_.broker_vkey()});
  if (!keys.ok()) return UnderField("profile.broker_vkey", keys.status());
  return keys;
}

absl::StatusOr<client::Endpoint> Profile::KeeperOf(const std::string& institution) const {
  if (institution == Author::Broker().ToString())
    return EndpointOf("broker_operator", config_.broker_operator(), "network_tls",
                      config_.network_tls());
  return EndpointOf("intermediate", config_.intermediate(), "tls", config_.tls());
}

absl::StatusOr<std::unique_ptr<client::LedgerConnection>> Profile::Ledger(
    const std::string& institution) const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint, KeeperOf(institution));
  return client::ConnectLedger(endpoint, PolicyTo(KeeperName(institution), endpoint));
}

absl::StatusOr<std::unique_ptr<client::RetentionConnection>> Profile::Retention(
    const std::string& institution) const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint, KeeperOf(institution));
  return client::ConnectRetention(endpoint, PolicyTo(KeeperName(institution), endpoint));
}

absl::StatusOr<std::unique_ptr<client::WitnessConnection>> Profile::Witness() const {
  NAKADACHI_ASSIGN_OR_RETURN(const auto endpoint, EndpointOf("intermediate", config_.intermediate(),
                                                             "tls", config_.tls()));
  return client::ConnectWitness(endpoint, PolicyTo(kIntermediate, endpoint));
}

}  // namespace nakadachi::cli
