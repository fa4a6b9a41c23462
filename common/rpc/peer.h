// Who is at the other end of a TLS connection, from the URIs of its certificate:
//   nakadachi:role:<broker|juki|intermediate|office|operator|staff|inspector|portal>  exactly one
//   nakadachi:institution:<local-government code>     whom it may speak for, any number; for an
//                                                     inspector: whose ledgers it may inspect
//   nakadachi:department:<name>                       staff only
//   nakadachi:staff:<pseudonym>                       staff, inspectors and portals
//   nakadachi:inspect:<what>                          inspectors only: InspectionScope
// The forms are the project's own.
#ifndef NAKADACHI_COMMON_RPC_PEER_H_
#define NAKADACHI_COMMON_RPC_PEER_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"

namespace grpc {
class AuthContext;
}

namespace nakadachi::rpc {

enum class Role { kBroker, kJuki, kIntermediate, kOffice, kOperator, kStaff, kInspector, kPortal };
absl::string_view RoleName(Role role);
absl::StatusOr<Role> ParseRole(absl::string_view name);

// What an inspector may see beside the ledgers of Peer::institutions: checkpoints and commitments
// of the whole ledger, and more where it says so. Each is a URI:
//   nakadachi:inspect:all  nakadachi:inspect:broker
//   nakadachi:inspect:statements  nakadachi:inspect:persons
//   nakadachi:inspect:from:<Unix ms>  nakadachi:inspect:until:<Unix ms>
struct InspectionScope {
  bool all = false;         // every institution's ledger and the broker's
  bool broker = false;      // the broker's ledger
  bool statements = false;  // bodies of statements, of the period
  bool persons = false;     // record-management codes of permits whose body it may see
  int64_t from_ms = 0;      // the period, by the statements' own time
  int64_t until_ms = 0;     // exclusive; 0: no end
};

struct Peer {
  Role role = Role::kStaff;
  std::set<LocalGovernmentCode> institutions;
  std::string department;
  std::string staff_pseudonym;
  InspectionScope inspection = {};

  bool MaySpeakFor(const LocalGovernmentCode& code) const { return institutions.count(code) > 0; }
};

// What a certificate names stands; a request may leave it out or say the same, and says it then.
// PERMISSION_DENIED with the field as its rule where the request names another.
absl::Status FillFromCertificate(absl::string_view field, const std::string& certified,
                                 std::string* requested);

// UNAUTHENTICATED, rule "peer-uri", where a URI of ours is malformed or no role is named.
absl::StatusOr<Peer> ParsePeer(const std::vector<std::string>& uris);
absl::StatusOr<Peer> PeerOf(const grpc::AuthContext& auth);
std::vector<std::string> PeerUris(const Peer& peer);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_PEER_H_
