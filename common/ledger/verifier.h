// Checks that a statement from elsewhere was recorded by its author before it came.
#ifndef NAKADACHI_COMMON_LEDGER_VERIFIER_H_
#define NAKADACHI_COMMON_LEDGER_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::ledger {

// A statement whose proof held. Made only by Verifier.
struct Verified {
  v1::Statement statement;
  Author author = Author::Broker();
  Hash commitment{};
  int64_t checkpoint_time_ms = 0;
  uint64_t leaf_index = 0;
  uint64_t checkpoint_size = 0;
};

// The author's public keys valid at a time. Implemented by the directory.
class KeySource {
 public:
  virtual ~KeySource() = default;
  // Empty where the author is unknown or had no valid key at that time.
  virtual std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t time_ms) const = 0;
  virtual bool Knows(const Author& author) const = 0;
  // True where the author's key is revoked from `time_ms` or earlier. A key that only expired is
  // not: what it signed in its time stays good.
  virtual bool RevokedAt(const Author& author, const Ed25519PublicKey& key,
                         int64_t time_ms) const = 0;
};

// The hashes of a proof's path, lowest first; what is left behind the last whole one is left out.
std::vector<Hash> HashesOf(absl::string_view path);

// Whose key, valid at the checkpoint's time and not revoked at `now_ms`, has signed it. Errors:
// those of Verifier about a checkpoint.
struct Signer {
  Author author = Author::Broker();
  Ed25519PublicKey key{};
};
absl::StatusOr<Signer> FindSigner(const SignedCheckpoint& note, const KeySource& keys,
                                  int64_t now_ms);

// Is told of each checkpoint that a verifier comes to rely on: after its signature was found right,
// before the statement under it is answered for. Once a note while the verifier remembers it.
class CheckpointObserver {
 public:
  virtual ~CheckpointObserver() = default;
  // By any thread; must not block.
  virtual void Seen(const std::string& note, const Author& author,
                    const Checkpoint& checkpoint) = 0;
};

// Thread-safe. Keeps the checkpoints it has verified, by (key, digest of the note), so that a
// batch of statements under one checkpoint costs one signature check.
class Verifier {
 public:
  // `keys` and `observer` (may be null) outlive the verifier. `cache_size` checkpoints are kept.
  static std::unique_ptr<Verifier> Create(const KeySource* keys, size_t cache_size = 4096,
                                          CheckpointObserver* observer = nullptr);
  virtual ~Verifier() = default;

  // INVALID_ARGUMENT with the field and one of the rules "salt", "path-length", "index",
  // "inclusion", "checkpoint-format", "statement-format", "author" (the statement's author is not
  // the checkpoint's); NOT_FOUND "unknown-member"; PERMISSION_DENIED "key-not-valid" (no key of the
  // author that was valid at the checkpoint's time has signed, or the key that did is revoked
  // at `now_ms`).
  virtual absl::StatusOr<Verified> Verify(const v1::Recorded& recorded, int64_t now_ms) = 0;
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_VERIFIER_H_
