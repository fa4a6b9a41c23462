// Who is at the other end of a TLS connection, from the URIs of its certificate:
//   nakadachi:role:<broker|juki|intermediate|office|operator|staff|inspector>   exactly one
//   nakadachi:institution:<local-government code>     whom it may speak for, any number
//   nakadachi:department:<name>  nakadachi:staff:<pseudonym>                    staff only
// The forms are the project's own.
#ifndef NAKADACHI_COMMON_RPC_PEER_H_
#define NAKADACHI_COMMON_RPC_PEER_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"

namespace grpc {
class AuthContext;
}

namespace nakadachi::rpc {

enum class Role { kBroker, kJuki, kIntermediate, kOffice, kOperator, kStaff, kInspector };
absl::string_view RoleName(Role role);
absl::StatusOr<Role> ParseRole(absl::string_view name);

struct Peer {
  Role role = Role::kStaff;
  std::set<LocalGovernmentCode> institutions;
  std::string department;
  std::string staff_pseudonym;

  bool MaySpeakFor(const LocalGovernmentCode& code) const { return institutions.count(code) > 0; }
};

// UNAUTHENTICATED, rule "peer-uri", where a URI of ours is malformed or no role is named.
absl::StatusOr<Peer> ParsePeer(const std::vector<std::string>& uris);
absl::StatusOr<Peer> PeerOf(const grpc::AuthContext& auth);
std::vector<std::string> PeerUris(const Peer& peer);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_PEER_H_
