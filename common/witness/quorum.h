// Whether a checkpoint carries the cosignatures that a policy asks for. C2SP tlog-cosignature;
// normative text: proto/README.md, section 12. For ledgers that publish, for clients and for
// whoever checks an export years later.
#ifndef NAKADACHI_COMMON_WITNESS_QUORUM_H_
#define NAKADACHI_COMMON_WITNESS_QUORUM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/verifier.h"

namespace nakadachi::witness {

// A note has room for sixteen signatures, one of them the author's.
inline constexpr size_t kMaxWitnesses = 15;

struct QuorumPolicy {
  std::vector<Author> witnesses;
  size_t needed = 0;

  // INVALID_ARGUMENT with the field "witnesses[i]" or "needed" and the rule "duplicate", "length"
  // (more than 15) or "range" (not 1 to all).
  static absl::StatusOr<QuorumPolicy> Create(std::vector<Author> witnesses, size_t needed);
  bool Names(const Author& author) const;
  std::string ToString() const;  // "2 of 041009, 072028"
};

struct Cosigned {
  ledger::Checkpoint checkpoint;
  std::vector<Author> witnesses;  // whose cosignatures count, each once
};

// The witness of the policy that made this signature over `body`, by a key of its own that was
// valid at the cosignature's time and is not revoked at `now_ms`. NOT_FOUND where the line is
// nothing that the policy's keys know; INVALID_ARGUMENT, rule "cosignature", where a known key's
// line is wrong.
absl::StatusOr<Author> WitnessOf(absl::string_view body, const ledger::NoteSignature& signature,
                                 const QuorumPolicy& policy, const ledger::KeySource& keys,
                                 int64_t now_ms);

// The author's signature must hold by a key valid at the checkpoint's time and not revoked at
// `now_ms`; then the policy's witnesses that have cosigned are counted. As C2SP advises, one wrong
// signature of a known key spoils the note. INVALID_ARGUMENT with the rules of
// ledger::ParseCheckpoint and "cosignature"; NOT_FOUND "unknown-member"; PERMISSION_DENIED
// "key-not-valid" (the author's), "quorum" (too few witnesses).
absl::StatusOr<Cosigned> CheckQuorum(absl::string_view note, const QuorumPolicy& policy,
                                     const ledger::KeySource& keys, int64_t now_ms);

}  // namespace nakadachi::witness

#endif  // NAKADACHI_COMMON_WITNESS_QUORUM_H_
