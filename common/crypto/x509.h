// Certificates for mTLS: ECDSA P-256, TLS 1.3. A certificate's URIs name its role and the
// institutions it may speak for (common/rpc/peer.h has their forms).
#ifndef NAKADACHI_COMMON_CRYPTO_X509_H_
#define NAKADACHI_COMMON_CRYPTO_X509_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace nakadachi {

struct CertificateAndKey {
  std::string certificate_pem;
  std::string private_key_pem;  // PKCS#8
};

// A self-signed root that may sign leaf certificates only (pathlen 0).
// INVALID_ARGUMENT, rules as for IssueLeaf.
absl::StatusOr<CertificateAndKey> MakeTrustRoot(absl::string_view common_name,
                                                absl::Time not_before, absl::Time not_after);

struct LeafRequest {
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  absl::Time not_before;
  absl::Time not_after;
};

// A leaf for client and server use, signed by `root`. INVALID_ARGUMENT with the field's name and
// the rule "length" (a common name of 1 to 64 bytes), "utf-8", "uri", "dns-name", "validity" (ends
// before it begins, or is no time of the years 1950 to 9999), "pem" or "key-mismatch" (of the
// root).
absl::StatusOr<CertificateAndKey> IssueLeaf(const CertificateAndKey& root,
                                            const LeafRequest& request);

struct CertificateInfo {
  std::string serial;  // hexadecimal
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  absl::Time not_before;
  absl::Time not_after;
};

// What a certificate of `root_pem` says, having checked its signature, its fitness for client and
// server use and its validity at `time`: UNAUTHENTICATED, rule "certificate", where one fails.
// INVALID_ARGUMENT, rule "pem". TLS does its own checks; this one is for tools.
absl::StatusOr<CertificateInfo> VerifyLeaf(absl::string_view root_pem, absl::string_view leaf_pem,
                                           absl::Time time);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_X509_H_
