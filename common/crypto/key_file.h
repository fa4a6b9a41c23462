// Key files: a member's (or the broker's) signing and sealing keys, and secrets of 32 bytes.
//
// A member's key file is JSON, mode 0600; all bytes are lower-case hexadecimal:
//   {"name": "nakadachi/072028/statements",   the name its checkpoints are signed under
//    "vkey": "nakadachi/072028/statements+<key id>+<base64>",    C2SP signed-note verifier key
//    "signing_public_key": …, "sealing_public_key": …,           Ed25519, X25519
//    "signing_seed": …, "sealing_private_key": …}                32 bytes each, private
// Beside it stands "<file>.pub", mode 0644: the same without the private members, to be handed to
// the broker's operator. A secret file holds 64 hexadecimal digits and a newline, mode 0600.
//
// Errors are those of private_file.h, and INVALID_ARGUMENT with the file's path as field and one
// of the rules "json", "hex", "length", "key-mismatch" (private and public parts, or the name and
// the vkey, do not belong together). No error text holds anything from a private file.
#ifndef NAKADACHI_COMMON_CRYPTO_KEY_FILE_H_
#define NAKADACHI_COMMON_CRYPTO_KEY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/random.h"
#include "common/crypto/crypto.h"
#include "common/crypto/private_file.h"

namespace nakadachi {

struct MemberKeys {
  Ed25519PrivateKey signing;
  X25519PrivateKey sealing;
};

struct PublicMemberKeys {
  std::string name;
  std::string vkey;
  Ed25519PublicKey signing{};
  X25519PublicKey sealing{};
};

// With a `name`: INVALID_ARGUMENT, rule "name", where the file is another's.
absl::StatusOr<MemberKeys> LoadMemberKeys(const std::string& path, absl::string_view name = {});
// The public part of a key file or of its ".pub".
absl::StatusOr<PublicMemberKeys> LoadPublicMemberKeys(const std::string& path);
absl::StatusOr<Secret> LoadHexSecret(const std::string& path);

// New keys, durable on return. `name` is what the member signs under,
// "nakadachi/<author>/statements": INVALID_ARGUMENT, rule "name", where it is empty or not visible
// ASCII without '+'. The private file is written first: keys whose public part is known were never
// lost.
absl::StatusOr<PublicMemberKeys> MakeMemberKeys(const std::string& path, absl::string_view name,
                                                Random& random = SystemRandom(),
                                                Overwrite overwrite = Overwrite::kNever);
absl::Status MakeHexSecret(const std::string& path, Random& random = SystemRandom(),
                           Overwrite overwrite = Overwrite::kNever);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_KEY_FILE_H_
