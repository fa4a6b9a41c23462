#include "common/rpc/peer.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace nakadachi::rpc {
namespace {

constexpr absl::string_view kScheme = "nakadachi:";
constexpr absl::string_view kRole = "nakadachi:role:";
constexpr absl::string_view kInstitution = "nakadachi:institution:";
constexpr absl::string_view kDepartment = "nakadachi:department:";
constexpr absl::string_view kStaff = "nakadachi:staff:";

struct NamedRole {
  Role role;
  absl::string_view name;
};
constexpr NamedRole kRoles[] = {
    {Role::kBroker, "broker"},
    {Role::kJuki, "juki"},
    {Role::kIntermediate, "intermediate"},
    {Role::kOffice, "office"},
    {Role::kOperator, "operator"},
    {Role::kStaff, "staff"},
    {Role::kInspector, "inspector"},
};

absl::Status BadUri(absl::string_view message) {
  return FieldError(absl::StatusCode::kUnauthenticated, "peer", "peer-uri", message);
}

absl::Status SetOnce(absl::string_view value, absl::string_view what, std::string* field) {
  if (value.empty()) return BadUri(absl::StrCat("an empty ", what));
  if (!field->empty()) return BadUri(absl::StrCat("more than one ", what));
  *field = std::string(value);
  return absl::OkStatus();
}

// Staff is told apart by pseudonym, so that a certificate's URIs are no personal data; they are
// kept out of messages all the same.
absl::Status AddUri(absl::string_view uri, std::string* role, Peer* peer) {
  if (absl::ConsumePrefix(&uri, kRole)) return SetOnce(uri, "role", role);
  if (absl::ConsumePrefix(&uri, kDepartment)) return SetOnce(uri, "department", &peer->department);
  if (absl::ConsumePrefix(&uri, kStaff)) return SetOnce(uri, "pseudonym", &peer->staff_pseudonym);
  if (!absl::ConsumePrefix(&uri, kInstitution)) return BadUri("a URI of an unknown kind");
  const auto code = LocalGovernmentCode::Parse(uri);
  if (!code.ok()) return BadUri("an institution is no local-government code");
  peer->institutions.insert(*code);
  return absl::OkStatus();
}

}  // namespace

absl::string_view RoleName(Role role) {
  const auto* found = std::find_if(std::begin(kRoles), std::end(kRoles),
                                   [role](const NamedRole& entry) { return entry.role == role; });
  return found == std::end(kRoles) ? absl::string_view() : found->name;
}

absl::StatusOr<Role> ParseRole(absl::string_view name) {
  for (const NamedRole& entry : kRoles) {
    if (entry.name == name) return entry.role;
  }
  return InvalidField("role", "role", "not a role of this network");
}

absl::StatusOr<Peer> ParsePeer(const std::vector<std::string>& uris) {
  Peer peer;
  std::string role;
  for (const std::string& uri : uris) {
    if (!absl::StartsWith(uri, kScheme)) continue;
    NAKADACHI_RETURN_IF_ERROR(AddUri(uri, &role, &peer));
  }
  if (role.empty()) return BadUri("no role");
  const auto parsed = ParseRole(role);
  if (!parsed.ok()) return BadUri("an unknown role");
  peer.role = *parsed;
  const bool names_staff = !peer.department.empty() || !peer.staff_pseudonym.empty();
  if (names_staff && peer.role != Role::kStaff) {
    return BadUri("a department or pseudonym in another role than staff");
  }
  return peer;
}

absl::StatusOr<Peer> PeerOf(const grpc::AuthContext& auth) {
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri : auth.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    uris.emplace_back(uri.data(), uri.size());
  }
  return ParsePeer(uris);
}

std::vector<std::string> PeerUris(const Peer& peer) {
  std::vector<std::string> uris = {absl::StrCat(kRole, RoleName(peer.role))};
  for (const LocalGovernmentCode& code : peer.institutions) {
    uris.push_back(absl::StrCat(kInstitution, code.ToString()));
  }
  if (!peer.department.empty()) uris.push_back(absl::StrCat(kDepartment, peer.department));
  if (!peer.staff_pseudonym.empty()) uris.push_back(absl::StrCat(kStaff, peer.staff_pseudonym));
  return uris;
}

}  // namespace nakadachi::rpc
