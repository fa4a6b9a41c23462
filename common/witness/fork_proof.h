// Two checkpoints of one ledger that no honest author signs both, as a file that anyone can check
// offline with nothing but the author's public keys. Normative text: proto/README.md, section 13.
//
// What is transferable: the author's own signatures, and hashes that only the second checkpoint's
// tree can have. What is not: that a ledger gave no proof, a proof that leads nowhere, or an old
// checkpoint as its newest. Whoever saw that can only tell of it.
#ifndef NAKADACHI_COMMON_WITNESS_FORK_PROOF_H_
#define NAKADACHI_COMMON_WITNESS_FORK_PROOF_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::witness {

enum class ForkKind {
  kSameSize,  // one size, two roots
  kOrder,     // the later one is smaller: something was taken back
  kPrefix,    // the second's tree had another root at the first's size
};
// "same-size", "order", "prefix".
absl::string_view ForkKindName(ForkKind kind);

struct ForkProof {
  ForkKind kind = ForkKind::kSameSize;
  std::vector<ledger::NamedKey> keys;  // by which the notes are signed; of use, not of weight
  std::vector<Hash> path;              // kPrefix: the prefix proof
  std::string first;                   // notes; kOrder: the earlier, kPrefix: the smaller
  std::string second;
};

std::string ForkProofText(const ForkProof& proof);
// Syntax only, and no other spelling of the same: ForkProofText gives the text again.
// INVALID_ARGUMENT, rule "fork-format" or those of ledger::ParseCheckpoint.
absl::StatusOr<ForkProof> ParseForkProof(absl::string_view text);

struct Fork {
  ForkKind kind = ForkKind::kSameSize;
  Author author = Author::Broker();
  ledger::Checkpoint first;
  ledger::Checkpoint second;
};
// What the proof proves against whoever holds `keys`; those named in the file are not looked at. As
// ParseForkProof, and INVALID_ARGUMENT with the rules "origin" (not one ledger's), "signature" (a
// note is signed by none of the keys), or the kind's own name where the notes and hashes do not
// show it.
absl::StatusOr<Fork> VerifyForkProof(absl::string_view text,
                                     absl::Span<const Ed25519PublicKey> keys);

}  // namespace nakadachi::witness

#endif  // NAKADACHI_COMMON_WITNESS_FORK_PROOF_H_
