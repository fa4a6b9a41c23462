// The network's directory, as an inspector or a portal learns it from the broker: every statement
// with its proof.
#ifndef NAKADACHI_CLIENT_NETWORK_DIRECTORY_H_
#define NAKADACHI_CLIENT_NETWORK_DIRECTORY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/inspection_client.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/directory/directory.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::client {

struct NetworkDirectory {
  std::unique_ptr<Directory> directory;
  std::string network_name;
  // All Directory statements with their proofs, from the first on.
  std::vector<v1::Recorded> statements;

  // C2SP verifier keys of an author, oldest first; revoked and expired ones too.
  std::vector<std::string> VerifierKeys(const Author& author) const;
  std::vector<Ed25519PublicKey> Keys(const Author& author) const;
};

// `broker_keys`: the founding key, and behind it others that are trusted to have signed what the
// broker says now. Errors of the call, of Verifier and of Directory::Apply.
absl::StatusOr<NetworkDirectory> LearnDirectory(InspectionConnection& broker,
                                                const std::vector<Ed25519PublicKey>& broker_keys);

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_NETWORK_DIRECTORY_H_
