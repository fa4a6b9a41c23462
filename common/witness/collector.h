// A ledger's own side of witnessing: one checkpoint at a time is put to the witnesses, as the
// candidate; what they send is checked and collected; the newest that satisfies the policy is
// published. Nothing else of the ledger waits for it.
#ifndef NAKADACHI_COMMON_WITNESS_COLLECTOR_H_
#define NAKADACHI_COMMON_WITNESS_COLLECTOR_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/witness/quorum.h"

namespace nakadachi::witness {

// FAILED_PRECONDITION, rule "candidate": the checkpoint is none that witnesses are asked for.
absl::Status NoCandidate();

// Thread-safe.
class Collector {
 public:
  // `keys` outlives the collector. A candidate is replaced by the newest checkpoint once all
  // witnesses have cosigned it, or after `candidate_ms`; what comes for the last few still counts.
  Collector(QuorumPolicy policy, const ledger::KeySource* keys, int64_t candidate_ms)
      : policy_(std::move(policy)), keys_(keys), candidate_ms_(candidate_ms) {}

  const QuorumPolicy& policy() const { return policy_; }

  // What was published before a restart. Ignored where it does not satisfy the policy.
  void Restore(absl::string_view cosigned, int64_t now_ms);

  struct State {
    std::string cosigned;   // the newest that satisfies the policy; empty: none yet
    std::string candidate;  // with the cosignatures there are
  };
  // `newest` is the ledger's own newest note.
  State Now(absl::string_view newest, int64_t now_ms);

  // A candidate with cosignatures. Errors: those of ledger::ParseCheckpoint; FAILED_PRECONDITION
  // "candidate" (none of the last few); PERMISSION_DENIED "cosignature" (no line of it is a right
  // one by a witness of the policy). True where the published checkpoint is another one now: to be
  // kept by the caller.
  absl::StatusOr<bool> Add(absl::string_view note, int64_t now_ms);

 private:
  struct Candidate {
    ledger::SignedCheckpoint note;  // as the ledger signed it
    int64_t since_ms = 0;
    std::map<Author, ledger::NoteSignature> cosignatures = {};
  };
  static std::string TextOf(const Candidate& candidate);

  const QuorumPolicy policy_;
  const ledger::KeySource* const keys_;
  const int64_t candidate_ms_;
  absl::Mutex mutex_;
  std::deque<Candidate> candidates_ ABSL_GUARDED_BY(mutex_);  // newest first
  std::string cosigned_ ABSL_GUARDED_BY(mutex_);
  uint64_t cosigned_size_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nakadachi::witness

#endif  // NAKADACHI_COMMON_WITNESS_COLLECTOR_H_
