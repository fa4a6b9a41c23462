// A certificate authority for tests of listeners.
#ifndef NAKADACHI_TESTS_SERVER_INTERMEDIATE_TEST_AUTHORITY_H_
#define NAKADACHI_TESTS_SERVER_INTERMEDIATE_TEST_AUTHORITY_H_

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/crypto/x509.h"
#include "common/rpc/channel.h"
#include "common/rpc/peer.h"

namespace nakadachi::intermediate {

class TestAuthority {
 public:
  static constexpr char kServerName[] = "platform.test";

  TestAuthority()
      : root_(MakeTrustRoot("test root", absl::Now() - absl::Hours(1), absl::Now() + absl::Hours(9))
                  .value()) {}
  rpc::TlsMaterial IssueServer() const {
    return Issue({"nakadachi:role:intermediate"}, kServerName);
  }
  rpc::TlsMaterial IssueClient(const rpc::Peer& peer) const {
    return Issue(rpc::PeerUris(peer), "client.test");
  }

 private:
  rpc::TlsMaterial Issue(const std::vector<std::string>& uris, const std::string& name) const {
    LeafRequest request;
    request.common_name = "test leaf";
    request.uris = uris;
    request.dns_names = {name};
    request.not_before = absl::Now() - absl::Hours(1);
    request.not_after = absl::Now() + absl::Hours(8);
    const CertificateAndKey leaf = IssueLeaf(root_, request).value();
    return {leaf.certificate_pem, leaf.private_key_pem, root_.certificate_pem};
  }

  const CertificateAndKey root_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_TESTS_SERVER_INTERMEDIATE_TEST_AUTHORITY_H_
