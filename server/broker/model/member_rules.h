// What the broker demands of a member's name and route, and of the times in a change, before it
// records them: Directory statements are never taken back. Pure. Readers of the directory do not
// ask this: what was once recorded, they go on accepting (common/directory).
#ifndef NAKADACHI_SERVER_BROKER_MODEL_MEMBER_RULES_H_
#define NAKADACHI_SERVER_BROKER_MODEL_MEMBER_RULES_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::broker {

// All errors are INVALID_ARGUMENT.

// The name and route that a change brings, under the field names of Directory::Check; OK for a
// change that brings neither.
absl::Status CheckNamesAndRoutes(const v1::Directory& change);

// From when, and until when, keys are valid or revoked and a list is in force: within the years
// from 1970 to 9999 (common/base/period.h), or 0 where that is left open. Rule "range", under the
// field names of Directory::Check; OK for a change without such times.
absl::Status CheckTimes(const v1::Directory& change);

// 1 to 100 characters of UTF-8. Field "name", rules "required" (empty or blanks only), "length",
// "utf-8", "control-character" (Unicode's Cc, and the line and paragraph separators).
absl::Status CheckMemberName(absl::string_view name);

// Fields "address" and "tls_name".
absl::Status CheckRoute(const v1::Route& route);

// host:port, the host an IPv4 address (RFC 6943 3.1.1 "strict"), an IPv6 address in brackets
// without a zone, or a DNS name. Field "address", rules "required", "host-port" (no host and port),
// "host", "port" (1 to 65535 in decimal, no leading zero). An address that names no machine
// (0.0.0.0, [::], multicast, broadcast) is no host, nor is a name that a gRPC target reads as a
// scheme ("dns").
absl::Status CheckAddress(absl::string_view address);

// A DNS name: RFC 1123 2.1 and RFC 1035 2.3.4. At most 253 characters without a final dot, labels
// of 1 to 63 letters, digits and inner hyphens, the last not of digits only (which also rules out
// addresses: certificates of members carry names). Field "tls_name", rules "required", "dns-name".
absl::Status CheckTlsName(absl::string_view name);

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_MODEL_MEMBER_RULES_H_
