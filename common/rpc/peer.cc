#include "common/rpc/peer.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
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
constexpr absl::string_view kInspect = "nakadachi:inspect:";

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
    {Role::kPortal, "portal"},
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

struct NamedRight {
  absl::string_view name;
  bool InspectionScope::*right;
};
constexpr NamedRight kRights[] = {
    {"all", &InspectionScope::all},
    {"broker", &InspectionScope::broker},
    {"statements", &InspectionScope::statements},
    {"persons", &InspectionScope::persons},
};
struct NamedTime {
  absl::string_view prefix;
  int64_t InspectionScope::*time_ms;
};
constexpr NamedTime kTimes[] = {
    {"from:", &InspectionScope::from_ms},
    {"until:", &InspectionScope::until_ms},
};

absl::Status SetTime(absl::string_view digits, int64_t* time_ms) {
  if (*time_ms != 0) return BadUri("more than one end of the period on one side");
  const bool plain = !digits.empty() && digits.size() <= 15 && digits[0] != '0' &&
                     std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
  if (!plain || !absl::SimpleAtoi(digits, time_ms)) return BadUri("a time is no Unix time");
  return absl::OkStatus();
}

absl::Status AddToScope(absl::string_view what, InspectionScope* scope) {
  for (const NamedRight& known : kRights) {
    if (what != known.name) continue;
    scope->*known.right = true;
    return absl::OkStatus();
  }
  for (const NamedTime& known : kTimes) {
    if (absl::ConsumePrefix(&what, known.prefix)) return SetTime(what, &(scope->*known.time_ms));
  }
  return BadUri("an unknown part of an inspector's scope");
}

bool IsEmpty(const InspectionScope& scope) {
  return !scope.all && !scope.broker && !scope.statements && !scope.persons && scope.from_ms == 0 &&
         scope.until_ms == 0;
}

absl::Status CheckFitsRole(const Peer& peer) {
  const bool may_have_pseudonym =
      peer.role == Role::kStaff || peer.role == Role::kInspector || peer.role == Role::kPortal;
  if (!peer.staff_pseudonym.empty() && !may_have_pseudonym) {
    return BadUri("a pseudonym in a role that has none");
  }
  if (!peer.department.empty() && peer.role != Role::kStaff) {
    return BadUri("a department in another role than staff");
  }
  const InspectionScope& scope = peer.inspection;
  if (!IsEmpty(scope) && peer.role != Role::kInspector) {
    return BadUri("an inspector's scope in another role");
  }
  if (scope.until_ms != 0 && scope.until_ms <= scope.from_ms) {
    return BadUri("an inspector's period ends before it begins");
  }
  return absl::OkStatus();
}

// Staff is told apart by pseudonym, so that a certificate's URIs are no personal data; they are
// kept out of messages all the same.
absl::Status AddUri(absl::string_view uri, std::string* role, Peer* peer) {
  if (absl::ConsumePrefix(&uri, kRole)) return SetOnce(uri, "role", role);
  if (absl::ConsumePrefix(&uri, kDepartment)) return SetOnce(uri, "department", &peer->department);
  if (absl::ConsumePrefix(&uri, kStaff)) return SetOnce(uri, "pseudonym", &peer->staff_pseudonym);
  if (absl::ConsumePrefix(&uri, kInspect)) return AddToScope(uri, &peer->inspection);
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

absl::Status FillFromCertificate(absl::string_view field, const std::string& certified,
                                 std::string* requested) {
  if (certified.empty()) return absl::OkStatus();
  if (requested->empty()) *requested = certified;
  if (*requested == certified) return absl::OkStatus();
  return FieldError(absl::StatusCode::kPermissionDenied, field, field,
                    "the certificate names another");
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
  NAKADACHI_RETURN_IF_ERROR(CheckFitsRole(peer));
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
  for (const NamedRight& known : kRights) {
    if (peer.inspection.*known.right) uris.push_back(absl::StrCat(kInspect, known.name));
  }
  for (const NamedTime& known : kTimes) {
    const int64_t time_ms = peer.inspection.*known.time_ms;
    if (time_ms != 0) uris.push_back(absl::StrCat(kInspect, known.prefix, time_ms));
  }
  return uris;
}

}  // namespace nakadachi::rpc
