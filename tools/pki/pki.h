// Keys and certificates of a network: what `nakadachi pki` and the simulator make.
//
//   pki::Init("pki", now);                                       three trust roots
//   pki::Issue("pki", request);                                  a certificate for mutual TLS
//   pki::MakeKeys("072028.keys", Author::Of(code));              a member's signing and sealing
//   keys pki::MakeSecret("072028.kek");                               32 random bytes
//
// A folder of trust roots holds network/, terminal/ and venue/, each with root.pem and root.key;
// it belongs on a machine of its own. Nothing private is ever overwritten unless asked for, and
// everything is durable on return. Errors: those of common/crypto/private_file.h and x509.h.
#ifndef NAKADACHI_TOOLS_PKI_PKI_H_
#define NAKADACHI_TOOLS_PKI_PKI_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/crypto/key_file.h"

namespace nakadachi::pki {

// Separate roots: a terminal's certificate opens nothing on the network, nor a venue's tablet's
// at a terminal listener.
enum class Trust {
  kNetwork,   // institutions' servers, juki net, the broker, its operators, offices
  kTerminal,  // staff at LG-WAN terminals
  kVenue,     // tablets of vaccination venues
};
absl::string_view TrustName(Trust trust);  // "network", "terminal", "venue"
// INVALID_ARGUMENT, rule "trust".
absl::StatusOr<Trust> ParseTrust(absl::string_view name, absl::string_view field = "trust");

// DNS names that certificates carry and callers ask for; the project's own convention. An
// intermediate server's certificate carries one for each institution that it hosts.
std::string BrokerDnsName();                                       // broker.nakadachi.internal
std::string JukiDnsName();                                         // juki.nakadachi.internal
std::string IntermediateDnsName(const LocalGovernmentCode& code);  // 072028.intermediate.…

// Creates the three trust roots, valid for ten years from an hour before `now`. ALREADY_EXISTS,
// rule "exists", where one is there already; then nothing is written.
absl::Status Init(const std::string& folder, absl::Time now,
                  Overwrite overwrite = Overwrite::kNever);

std::string RootCertificatePath(const std::string& folder, Trust trust);

struct IssueRequest {
  Trust trust = Trust::kNetwork;
  // The files are named <output>.pem and <output>.key; missing folders are made, mode 0700.
  std::string output;
  std::string common_name;        // empty: the last part of `output`
  std::vector<std::string> uris;  // role, institutions, …: rpc::PeerUris
  std::vector<std::string> dns_names;
  absl::Time now;  // valid from an hour before
  absl::Duration lifetime = absl::Hours(24 * 397);
  Overwrite overwrite = Overwrite::kNever;
};

// As v1::TlsFiles names them.
struct IssuedFiles {
  std::string certificate;  // mode 0644
  std::string private_key;  // PKCS#8, mode 0600
  std::string trust_root;
};

// Issues a certificate for client and server use. The root must be valid throughout:
// INVALID_ARGUMENT, field "lifetime", rule "validity".
absl::StatusOr<IssuedFiles> Issue(const std::string& folder, const IssueRequest& request);

// A member's or the broker's keys: `path` and `path`.pub (common/crypto/key_file.h), named after
// the author's ledger.
absl::StatusOr<PublicMemberKeys> MakeKeys(const std::string& path, const Author& author,
                                          Overwrite overwrite = Overwrite::kNever);

// 32 random bytes: a key-encryption key or the broker's code key.
absl::Status MakeSecret(const std::string& path, Overwrite overwrite = Overwrite::kNever);

}  // namespace nakadachi::pki

#endif  // NAKADACHI_TOOLS_PKI_PKI_H_
