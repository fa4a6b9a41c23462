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
absl::StatusOr<CertificateAndKey> MakeTrustRoot(absl::string_view common_name,
                                                absl::Time not_before, absl::Time not_after);

struct LeafRequest {
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  absl::Time not_before;
  absl::Time not_after;
};

// A leaf for client and server use, signed by `root`.
absl::StatusOr<CertificateAndKey> IssueLeaf(const CertificateAndKey& root,
                                            const LeafRequest& request);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_X509_H_
