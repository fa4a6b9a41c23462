// URIs of certificates, one a line: who is named is named by them alone.
#include "absl/strings/str_split.h"
#include "common/rpc/peer.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const std::vector<std::string> uris = absl::StrSplit(fuzz::AsView(data, size), '\n');
  const auto peer = rpc::ParsePeer(uris);
  fuzz::CheckError(peer.status());
  if (!peer.ok()) return 0;
  const auto again = rpc::ParsePeer(rpc::PeerUris(*peer));
  NAKADACHI_CHECK(
      again.ok() && again->role == peer->role && again->institutions == peer->institutions &&
      again->department == peer->department && again->staff_pseudonym == peer->staff_pseudonym);
  const rpc::InspectionScope& scope = peer->inspection;
  const rpc::InspectionScope& same = again->inspection;
  NAKADACHI_CHECK(same.all == scope.all && same.broker == scope.broker &&
                  same.statements == scope.statements && same.persons == scope.persons &&
                  same.from_ms == scope.from_ms && same.until_ms == scope.until_ms);
  return 0;
}
