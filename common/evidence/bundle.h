// One statement as evidence that stands alone: with its proof, and with everything that the broker
// ever recorded about keys, so that the broker's founding key is all a judge must know beforehand.
// Source: proto/README.md section 11.
#ifndef NAKADACHI_COMMON_EVIDENCE_BUNDLE_H_
#define NAKADACHI_COMMON_EVIDENCE_BUNDLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/directory/directory.h"
#include "common/evidence/log_reader.h"
#include "common/ledger/verifier.h"
#include "nakadachi/v1/evidence.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::evidence {

// The bytes of a bundle file. `directory`: all Directory statements from the first on.
std::string EncodeBundle(const v1::Recorded& record, const std::vector<v1::Recorded>& directory);

// The bundle of an entry of an export. Errors of LogReader, and NOT_FOUND "key-chain" where no
// checkpoint of the export, newest or kept, proves a Directory statement by a key that was
// established before.
absl::StatusOr<std::string> MakeBundle(const std::string& root, const Author& author,
                                       uint64_t leaf_index, const Ed25519PublicKey& founding_key);

// What the broker's log proves of keys, for judging the checkpoints of an export's logs.
class ProvenDirectory {
 public:
  // Of the Directory statements among `leaves` of the broker's log, ascending. What is not among
  // them is not known of: whoever names them answers for it that these are all. OUT_OF_RANGE
  // "index"; errors of LogReader, "key-chain" as above, those of Verifier and Directory::Apply.
  static absl::StatusOr<std::unique_ptr<ProvenDirectory>> Create(
      const LogReader& broker, const Ed25519PublicKey& founding_key,
      const std::vector<uint64_t>& leaves);

  // OK where a key of the log's author that was valid at its time has signed the newest checkpoint.
  // PERMISSION_DENIED "key-not-valid".
  absl::Status CheckSigned(const LogReader& log) const;

 private:
  explicit ProvenDirectory(const Ed25519PublicKey& founding_key) : directory_(founding_key) {}
  Directory directory_;
};

struct VerifiedBundle {
  ledger::Verified record;
  Hash root{};                  // of the checkpoint that signs it
  std::string verifier_key;     // that signed it
  uint64_t directory_size = 0;  // how many Directory statements were taken into account
  int64_t directory_ms = 0;     // until when a revocation would have been seen
  int64_t revoked_from_ms = 0;  // the key was revoked from then, after it signed; 0: it was not
};

// INVALID_ARGUMENT "bundle-format"; errors of Verifier under "record" or "directory[i]"; those of
// Directory::Apply. A key that was revoked later does not spoil what it signed in its time.
absl::StatusOr<VerifiedBundle> VerifyBundle(absl::string_view bytes,
                                            const Ed25519PublicKey& founding_key);

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_BUNDLE_H_
