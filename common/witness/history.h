// Do the checkpoints seen of one ledger lie in one history? Their signatures were checked before.
#ifndef NAKADACHI_COMMON_WITNESS_HISTORY_H_
#define NAKADACHI_COMMON_WITNESS_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/ledger/checkpoint.h"
#include "common/witness/fork_proof.h"

namespace nakadachi::witness {

struct SeenCheckpoint {
  std::string note;
  ledger::Checkpoint checkpoint;
};

// What can be told of `seen` with the ledger's newest checkpoint and its proofs.
struct Judgement {
  std::optional<ForkProof> fork;  // without keys
  // Where there is no fork: not OK where something seen is not proved, and why. FAILED_PRECONDITION
  // with the rule "stale" (the newest is smaller than one seen), "proof" (one that leads nowhere,
  // or none), "empty-root" (of a tree without entries).
  absl::Status proved;
};

// Two of them that contradict each other without any proof (kSameSize, kOrder).
std::optional<ForkProof> FindContradiction(absl::Span<const SeenCheckpoint* const> seen);

// The sizes below the newest's for which proofs are needed, ascending, each once.
std::vector<uint64_t> SizesToProve(absl::Span<const SeenCheckpoint* const> seen,
                                   const SeenCheckpoint& newest);

// `proofs`: what the ledger answered for SizesToProve(seen, newest), in that order.
Judgement Judge(absl::Span<const SeenCheckpoint* const> seen, const SeenCheckpoint& newest,
                absl::Span<const std::string> proofs);

}  // namespace nakadachi::witness

#endif  // NAKADACHI_COMMON_WITNESS_HISTORY_H_
