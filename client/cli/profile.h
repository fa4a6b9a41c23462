// Whom the command line speaks to and as whom: a v1::ProfileConfig file.
#ifndef NAKADACHI_CLIENT_CLI_PROFILE_H_
#define NAKADACHI_CLIENT_CLI_PROFILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/broker_client.h"
#include "client/call.h"
#include "client/juki_client.h"
#include "client/ledger_client.h"
#include "client/municipal_client.h"
#include "client/retention_client.h"
#include "client/witness_client.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "nakadachi/v1/config.pb.h"

namespace nakadachi::cli {

// The path given; else NAKADACHI_PROFILE; else ~/.config/nakadachi/profile.json.
std::string ProfilePath(const std::string& given);

// C2SP verifier keys of a broker, one at least. INVALID_ARGUMENT under "vkey", rules of
// ledger::ParseVerifierKey, "author" or "missing".
absl::StatusOr<std::vector<Ed25519PublicKey>> ParseBrokerKeys(
    const std::vector<std::string>& vkeys);

// Errors of all methods: those of rpc::LoadConfig and rpc::ReadTls, and INVALID_ARGUMENT, rule
// "missing", for what a command needs and the profile does not say.
class Profile {
 public:
  static absl::StatusOr<Profile> Load(const std::string& path, absl::Duration keep_trying);

  const v1::ProfileConfig& config() const { return config_; }
  bool has_intermediate() const { return config_.has_intermediate(); }
  bool has_juki() const { return config_.has_juki(); }
  bool has_broker() const { return config_.has_broker_operator(); }

  absl::StatusOr<LocalGovernmentCode> Municipality() const;
  // The institution whose ledger is meant where none is named: the municipality, else the broker.
  std::string OwnInstitution() const;

  absl::StatusOr<std::unique_ptr<client::MunicipalClient>> Municipal() const;
  absl::StatusOr<std::unique_ptr<client::MunicipalConnection>> Intermediate() const;
  absl::StatusOr<std::unique_ptr<client::JukiConnection>> Juki() const;
  absl::StatusOr<std::unique_ptr<client::BrokerOperatorConnection>> Broker() const;
  // The broker's network listener, for inspectors and portals.
  absl::StatusOr<client::Endpoint> BrokerNetwork() const;
  // The broker's founding key, which broker_vkey says. Errors of ParseBrokerKeys under
  // "profile.broker_vkey".
  absl::StatusOr<std::vector<Ed25519PublicKey>> BrokerKeys() const;
  const client::RetryPolicy& policy() const { return policy_; }
  // The same, with errors that name the server.
  client::RetryPolicy PolicyTo(absl::string_view who, const client::Endpoint& endpoint) const;
  // Of the broker's operator listener for "broker", else of the intermediate server's terminal one.
  absl::StatusOr<std::unique_ptr<client::LedgerConnection>> Ledger(
      const std::string& institution) const;
  absl::StatusOr<std::unique_ptr<client::RetentionConnection>> Retention(
      const std::string& institution) const;
  absl::StatusOr<std::unique_ptr<client::WitnessConnection>> Witness() const;

 private:
  absl::StatusOr<client::Endpoint> KeeperOf(const std::string& institution) const;
  absl::StatusOr<client::Endpoint> EndpointOf(const char* name, const v1::Endpoint& endpoint,
                                              const char* tls_name, const v1::TlsFiles& tls) const;

  v1::ProfileConfig config_;
  std::string folder_;
  client::RetryPolicy policy_;
};

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_PROFILE_H_
