// Checkpoints: C2SP tlog-checkpoint in a C2SP signed-note with Ed25519 signatures.
//
//   nakadachi/072028/statements        origin
//   1234                               size
//   <base64 of the 32-byte root>
//   time 1711929600000                 extension line: the author's clock, Unix ms
//
//   — nakadachi/072028/statements <base64 of key id (4 bytes) || signature>
#ifndef NAKADACHI_COMMON_LEDGER_CHECKPOINT_H_
#define NAKADACHI_COMMON_LEDGER_CHECKPOINT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"

namespace nakadachi::ledger {

// "nakadachi/<author>/statements".
std::string Origin(const Author& author);
// INVALID_ARGUMENT, rule "origin".
absl::StatusOr<Author> AuthorOfOrigin(absl::string_view origin);

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root{};
  int64_t time_ms = 0;
};

using KeyId = std::array<uint8_t, 4>;
// C2SP signed-note: the first four bytes of SHA-256(name || 0x0A || 0x01 || public key).
KeyId SignedNoteKeyId(absl::string_view name, const Ed25519PublicKey& key);
// "<name>+<hex key id>+<base64(0x01 || public key)>", as existing tools read it.
std::string VerifierKey(absl::string_view name, const Ed25519PublicKey& key);
struct NamedKey {
  std::string name;
  Ed25519PublicKey key;
};
absl::StatusOr<NamedKey> ParseVerifierKey(absl::string_view text);

// The text that is signed, ending in a newline.
std::string CheckpointBody(const Checkpoint& checkpoint);
std::string SignCheckpoint(const Checkpoint& checkpoint, const Ed25519PrivateKey& key);

struct NoteSignature {
  std::string name;
  KeyId key_id;
  std::string signature;  // 64 bytes for Ed25519; longer for cosignatures
};
struct SignedCheckpoint {
  Checkpoint checkpoint;
  std::string body;
  std::vector<NoteSignature> signatures;
};
// Syntax only. INVALID_ARGUMENT, rule "checkpoint-format". Accepts unknown extension lines and
// signatures of other keys, as C2SP asks.
absl::StatusOr<SignedCheckpoint> ParseCheckpoint(absl::string_view note);

// One line of a note, "\u2014 <name> <base64(key id || signature)>\n".
std::string SignatureLine(const NoteSignature& signature);
// The note of a body and signatures.
std::string NoteText(absl::string_view body, const std::vector<NoteSignature>& signatures);

// True where a signature by `key` under the checkpoint's origin is there and right.
bool VerifyCheckpointSignature(const SignedCheckpoint& signed_checkpoint,
                               const Ed25519PublicKey& key);

// ---- Cosignatures of witnesses: C2SP tlog-cosignature, cosignature/v1 with Ed25519.

// "nakadachi/<code>/witness": the key name under which an author cosigns others' checkpoints. The
// key is the author's signing key: no body of a checkpoint begins as the cosigned text does.
std::string WitnessName(const Author& author);
// INVALID_ARGUMENT, rule "witness".
absl::StatusOr<Author> AuthorOfWitnessName(absl::string_view name);
// The first four bytes of SHA-256(name || 0x0A || 0x04 || public key).
KeyId CosignatureKeyId(absl::string_view name, const Ed25519PublicKey& key);
// "cosignature/v1\ntime <Unix s>\n<body>".
std::string CosignedText(absl::string_view body, uint64_t time_s);

// A cosignature's 72 bytes are its time, big-endian, and the Ed25519 signature.
NoteSignature Cosign(absl::string_view body, absl::string_view name, uint64_t time_s,
                     const Ed25519PrivateKey& key);
// Unix seconds. INVALID_ARGUMENT, rule "cosignature", where it is none in form (length; a time
// beyond 2^63 - 1).
absl::StatusOr<uint64_t> CosignatureTime(const NoteSignature& signature);
// True where the signature has this name and key, and is right for the body.
bool VerifyCosignature(absl::string_view body, const NoteSignature& signature,
                       const Ed25519PublicKey& key);

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_CHECKPOINT_H_
