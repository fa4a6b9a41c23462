#include "server/broker/model/member_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/csv.h"
#include "common/base/period.h"
#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

constexpr int kMaxNameCharacters = 100;
constexpr size_t kMaxDnsName = 253;
constexpr size_t kMaxLabel = 63;

// "dns:443" would be the name "443" to gRPC, "unix:443" a socket in a folder: doc/naming.md of
// gRPC.
constexpr std::array<absl::string_view, 9> kGrpcSchemes = {
    "dns", "unix",       "unix-abstract",          "ipv4", "ipv6", "vsock",
    "xds", "google-c2p", "google-c2p-experimental"};

bool IsFirstByte(char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }

// `text` is UTF-8. U+0080 to U+009F are C2 80 to C2 9F, U+2028 and U+2029 are E2 80 A8 and A9.
bool HasControlCharacter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(text[i]))) return true;
    const absl::string_view rest = text.substr(i);
    if (rest.size() > 1 && rest[0] == '\xc2' && static_cast<uint8_t>(rest[1]) < 0xa0) return true;
    if (absl::StartsWith(rest, "\xe2\x80\xa8") || absl::StartsWith(rest, "\xe2\x80\xa9")) {
      return true;
    }
  }
  return false;
}

// U+3000 is the blank of Japanese text.
bool IsBlank(absl::string_view text) {
  while (!text.empty()) {
    if (absl::ConsumePrefix(&text, " ") || absl::ConsumePrefix(&text, "\xe3\x80\x80")) continue;
    return false;
  }
  return true;
}

bool IsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-';
         });
}

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

bool IsDnsName(absl::string_view name) {
  if (name.size() > kMaxDnsName) return false;
  absl::string_view last;
  for (absl::string_view label : absl::StrSplit(name, '.')) {
    if (!IsLabel(label)) return false;
    last = label;
  }
  return !AllDigits(last);
}

// Of one machine: neither of 0.0.0.0/8 nor multicast nor reserved, broadcast among these.
bool IsIpv4Host(const std::string& host) {
  in_addr address;
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  const uint32_t number = ntohl(address.s_addr);
  return number >> 24 != 0 && number >> 28 < 0xe;
}

bool IsIpv6Host(const std::string& host) {
  in6_addr address;
  if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return false;
  return !IN6_IS_ADDR_UNSPECIFIED(&address) && !IN6_IS_ADDR_MULTICAST(&address);
}

bool IsGrpcScheme(absl::string_view host) {
  return std::any_of(kGrpcSchemes.begin(), kGrpcSchemes.end(), [host](absl::string_view scheme) {
    return absl::EqualsIgnoreCase(host, scheme);
  });
}

bool IsHost(absl::string_view host) {
  // A NUL would end the text early for inet_pton.
  if (absl::StrContains(host, '\0')) return false;
  if (absl::ConsumePrefix(&host, "[")) {
    return absl::ConsumeSuffix(&host, "]") && IsIpv6Host(std::string(host));
  }
  return IsIpv4Host(std::string(host)) || (IsDnsName(host) && !IsGrpcScheme(host));
}

bool IsPort(absl::string_view port) {
  int number = 0;
  return !port.empty() && port.size() <= 5 && AllDigits(port) && port.front() != '0' &&
         absl::SimpleAtoi(port, &number) && number <= 65535;
}

absl::Status CheckTime(int64_t time_ms, absl::string_view field) {
  if (time_ms >= 0 && time_ms < EndOfYearsMs()) return absl::OkStatus();
  return InvalidField(field, "range", "must be from 1970 to 9999");
}

absl::Status CheckValidity(const v1::PublicKeys& keys) {
  NAKADACHI_RETURN_IF_ERROR(CheckTime(keys.valid_from_ms(), "valid_from_ms"));
  return CheckTime(keys.valid_until_ms(), "valid_until_ms");
}

}  // namespace

absl::Status CheckMemberName(absl::string_view name) {
  if (!IsUtf8(name)) return InvalidField("name", "utf-8", "must be UTF-8");
  if (IsBlank(name)) return InvalidField("name", "required", "must not be empty");
  if (std::count_if(name.begin(), name.end(), IsFirstByte) > kMaxNameCharacters) {
    return InvalidField("name", "length",
                        absl::StrCat("has more than ", kMaxNameCharacters, " characters"));
  }
  if (HasControlCharacter(name)) {
    return InvalidField("name", "control-character", "must be one line of printable characters");
  }
  return absl::OkStatus();
}

absl::Status CheckAddress(absl::string_view address) {
  if (address.empty()) return InvalidField("address", "required", "must not be empty");
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || absl::EndsWith(address, "]")) {
    return InvalidField("address", "host-port", "must be host:port");
  }
  if (!IsHost(address.substr(0, colon))) {
    return InvalidField("address", "host",
                        "its host must be an IPv4 address, an IPv6 address in brackets, or a DNS "
                        "name (RFC 1123)");
  }
  if (!IsPort(address.substr(colon + 1))) {
    return InvalidField("address", "port", "its port must be from 1 to 65535");
  }
  return absl::OkStatus();
}

absl::Status CheckTlsName(absl::string_view name) {
  if (name.empty()) return InvalidField("tls_name", "required", "must not be empty");
  if (IsDnsName(name)) return absl::OkStatus();
  return InvalidField("tls_name", "dns-name", "must be a DNS name (RFC 1123)");
}

absl::Status CheckRoute(const v1::Route& route) {
  NAKADACHI_RETURN_IF_ERROR(CheckAddress(route.address()));
  return CheckTlsName(route.tls_name());
}

absl::Status CheckNamesAndRoutes(const v1::Directory& change) {
  if (change.has_member_joined()) {
    const v1::MemberJoined& joined = change.member_joined();
    NAKADACHI_RETURN_IF_ERROR(
        UnderField("directory.member_joined", CheckMemberName(joined.name())));
    return UnderField("directory.member_joined.route", CheckRoute(joined.route()));
  }
  if (change.has_route_changed()) {
    return UnderField("directory.route_changed.route", CheckRoute(change.route_changed().route()));
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const v1::Directory& change) {
  switch (change.change_case()) {
    case v1::Directory::kMemberJoined:
      return UnderField("directory.member_joined.keys",
                        CheckValidity(change.member_joined().keys()));
    case v1::Directory::kKeyAdded:
      return UnderField("directory.key_added.keys", CheckValidity(change.key_added().keys()));
    case v1::Directory::kKeyRevoked:
      return UnderField("directory.key_revoked",
                        CheckTime(change.key_revoked().revoked_from_ms(), "revoked_from_ms"));
    case v1::Directory::kListPublished:
      return UnderField("directory.list_published",
                        CheckTime(change.list_published().in_force_from_ms(), "in_force_from_ms"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace nakadachi::broker
