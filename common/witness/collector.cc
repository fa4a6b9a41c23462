#include "common/witness/collector.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace nakadachi::witness {
namespace {

constexpr size_t kKeptCandidates = 4;

}  // namespace

absl::Status NoCandidate() {
  return FieldError(absl::StatusCode::kFailedPrecondition, "note", "candidate",
                    "the checkpoint is none that witnesses are asked for");
}

std::string Collector::TextOf(const Candidate& candidate) {
  std::vector<ledger::NoteSignature> signatures = candidate.note.signatures;
  for (const auto& [author, cosignature] : candidate.cosignatures) {
    signatures.push_back(cosignature);
  }
  return ledger::NoteText(candidate.note.body, signatures);
}

void Collector::Restore(absl::string_view cosigned, int64_t now_ms) {
  const absl::StatusOr<Cosigned> checked = CheckQuorum(cosigned, policy_, *keys_, now_ms);
  if (!checked.ok()) return;
  absl::MutexLock lock(&mutex_);
  cosigned_ = std::string(cosigned);
  cosigned_size_ = checked->checkpoint.size;
}

Collector::State Collector::Now(absl::string_view newest, int64_t now_ms) {
  absl::MutexLock lock(&mutex_);
  const bool replace = candidates_.empty() ||
                       candidates_.front().cosignatures.size() == policy_.witnesses.size() ||
                       now_ms - candidates_.front().since_ms >= candidate_ms_ ||
                       now_ms < candidates_.front().since_ms;
  if (replace) {
    absl::StatusOr<ledger::SignedCheckpoint> note = ledger::ParseCheckpoint(newest);
    const bool is_new =
        note.ok() && (candidates_.empty() || candidates_.front().note.body != note->body);
    if (is_new) candidates_.push_front({*std::move(note), now_ms});
    if (candidates_.size() > kKeptCandidates) candidates_.pop_back();
  }
  return {cosigned_, candidates_.empty() ? "" : TextOf(candidates_.front())};
}

absl::StatusOr<bool> Collector::Add(absl::string_view note, int64_t now_ms) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  std::vector<std::pair<Author, ledger::NoteSignature>> right;
  for (const ledger::NoteSignature& signature : parsed.signatures) {
    const auto witness = WitnessOf(parsed.body, signature, policy_, *keys_, now_ms);
    if (witness.ok()) right.emplace_back(*witness, signature);
  }
  absl::MutexLock lock(&mutex_);
  const auto candidate =
      std::find_if(candidates_.begin(), candidates_.end(),
                   [&](const Candidate& one) { return one.note.body == parsed.body; });
  if (candidate == candidates_.end()) return NoCandidate();
  if (right.empty()) {
    return FieldError(absl::StatusCode::kPermissionDenied, "note", "cosignature",
                      "none of its cosignatures is by a witness of the policy");
  }
  bool news = false;
  for (auto& [author, signature] : right) {
    news |= candidate->cosignatures.emplace(author, std::move(signature)).second;
  }
  const uint64_t size = candidate->note.checkpoint.size;
  const bool published = news && candidate->cosignatures.size() >= policy_.needed &&
                         (cosigned_.empty() || size >= cosigned_size_);
  if (!published) return false;
  cosigned_ = TextOf(*candidate);
  cosigned_size_ = size;
  return true;
}

}  // namespace nakadachi::witness
