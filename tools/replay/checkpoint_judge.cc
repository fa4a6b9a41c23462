#include "tools/replay/checkpoint_judge.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::replay {
namespace {

std::vector<MemberKey> AllKeys(const Directory& directory, const Author& author) {
  if (author.IsBroker()) return directory.BrokerKeys();
  const absl::StatusOr<LocalGovernmentCode> code = LocalGovernmentCode::Parse(author.ToString());
  const std::optional<Member> member = code.ok() ? directory.Find(*code) : std::nullopt;
  return member.has_value() ? member->keys : std::vector<MemberKey>();
}

}  // namespace

StructureFinding CheckpointJudge::Finding(StructureKind kind, const Note& note,
                                          std::string reason) const {
  StructureFinding finding;
  finding.kind = kind;
  finding.author = author_;
  if (!note.file.empty()) finding.file = absl::StrCat(author_.ToString(), "/", note.file);
  finding.reason = std::move(reason);
  return finding;
}

void CheckpointJudge::Collect(const std::vector<std::string>& seen,
                              std::vector<StructureFinding>* findings) {
  const auto add = [&](const std::string& file, ledger::SignedCheckpoint parsed) {
    Note note;
    note.file = file;
    note.parsed = std::move(parsed);
    if (note.checkpoint().origin == ledger::Origin(author_)) {
      notes_.push_back(std::move(note));
      return;
    }
    findings->push_back(
        Finding(StructureKind::kForeignOrigin, note, "The checkpoint is another log's."));
    if (notes_.empty()) notes_.push_back(std::move(note));  // the newest has its place
  };
  const auto unreadable = [&](const std::string& file, const absl::Status& status) {
    Note note;
    note.file = file;
    findings->push_back(Finding(StructureKind::kUnreadable, note, std::string(status.message())));
  };
  add(evidence::kCheckpointName, reader_.checkpoint().parsed);
  if (!reader_.keys_status().ok()) unreadable(evidence::kKeysName, reader_.keys_status());
  const absl::StatusOr<std::vector<std::string>> names = reader_.KeptNames();
  if (!names.ok()) unreadable(evidence::kKeptFolder, names.status());
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    absl::StatusOr<evidence::FoundCheckpoint> kept = reader_.ReadKept(name);
    if (kept.ok()) {
      add(name, std::move(kept->parsed));
    } else {
      unreadable(name, kept.status());
    }
  }
  for (const std::string& text : seen) {
    absl::StatusOr<ledger::SignedCheckpoint> parsed = ledger::ParseCheckpoint(text);
    if (parsed.ok()) {
      add("", *std::move(parsed));
    } else {
      unreadable("", parsed.status());
    }
  }
}

std::vector<uint64_t> CheckpointJudge::Sizes() const {
  std::vector<uint64_t> sizes;
  for (const Note& note : notes_) sizes.push_back(note.checkpoint().size);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

void CheckpointJudge::Judge(Note& note, const Directory& directory, bool known_keys_too) const {
  if (note.is_signed || note.checkpoint().origin != ledger::Origin(author_)) return;
  for (const Ed25519PublicKey& key : directory.KeysAt(author_, note.checkpoint().time_ms)) {
    if (!ledger::VerifyCheckpointSignature(note.parsed, key)) continue;
    note.is_signed = true;
    note.key = key;
    return;
  }
  if (!known_keys_too) return;
  for (const MemberKey& key : AllKeys(directory, author_))
    note.by_invalid_key |= !key.ValidAt(note.checkpoint().time_ms) &&
                           ledger::VerifyCheckpointSignature(note.parsed, key.signing_key);
}

void CheckpointJudge::JudgeMember(const Directory& directory) {
  for (Note& note : notes_) Judge(note, directory, true);
}

void CheckpointJudge::JudgeBroker(const Directory& directory, const Ed25519PublicKey& trust_anchor,
                                  const Changes& changes, const Roots& roots) {
  std::vector<Note*> by_size;
  for (Note& note : notes_) by_size.push_back(&note);
  std::stable_sort(by_size.begin(), by_size.end(), [](const Note* a, const Note* b) {
    return a->checkpoint().size < b->checkpoint().size;
  });
  // Each believed tree may hold keys that make another checkpoint believed.
  Directory believed(trust_anchor);
  uint64_t believed_size = 0;
  size_t applied = 0;
  for (bool grown = true; grown;) {
    grown = false;
    for (Note* note : by_size) {
      Judge(*note, believed, false);
      const auto root = roots.find(note->checkpoint().size);
      if (note->is_signed && root != roots.end() && root->second == note->checkpoint().root)
        believed_size = std::max(believed_size, root->first);
    }
    for (; applied < changes.size() && changes[applied].first < believed_size; ++applied)
      grown |= believed.Apply(changes[applied].second).ok();
  }
  // What no chain reaches: is it at least a key that the log names, out of its time?
  for (Note& note : notes_) {
    if (note.is_signed) continue;
    for (const MemberKey& key : AllKeys(directory, author_))
      note.by_invalid_key |= !key.ValidAt(note.checkpoint().time_ms) &&
                             ledger::VerifyCheckpointSignature(note.parsed, key.signing_key);
  }
}

CheckpointJudge::Cosigned CheckpointJudge::FindCosigned(const Directory& directory) const {
  Cosigned most;
  for (const Note& note : notes_) {
    if (!note.is_signed || note.checkpoint().size < most.size) continue;
    Cosigned cosigned{note.checkpoint().size, {}};
    for (const ledger::NoteSignature& signature : note.parsed.signatures) {
      const absl::StatusOr<Author> witness = ledger::AuthorOfWitnessName(signature.name);
      if (!witness.ok()) continue;
      const std::vector<MemberKey> keys = AllKeys(directory, *witness);
      const bool holds = std::any_of(keys.begin(), keys.end(), [&](const MemberKey& key) {
        return ledger::VerifyCosignature(note.parsed.body, signature, key.signing_key);
      });
      if (holds) cosigned.by.push_back(witness->ToString());
    }
    std::sort(cosigned.by.begin(), cosigned.by.end());
    cosigned.by.erase(std::unique(cosigned.by.begin(), cosigned.by.end()), cosigned.by.end());
    const bool more = cosigned.size > most.size || cosigned.by.size() > most.by.size();
    if (!cosigned.by.empty() && more) most = std::move(cosigned);
  }
  return most;
}

std::string CheckpointJudge::verifier_key() const {
  return newest_signed() ? ledger::VerifierKey(notes_[0].checkpoint().origin, notes_[0].key) : "";
}

uint64_t CheckpointJudge::ProvenSize(const Roots& roots) const {
  uint64_t proven = 0;
  for (const Note& note : notes_) {
    const auto root = roots.find(note.checkpoint().size);
    if (note.is_signed && root != roots.end() && root->second == note.checkpoint().root)
      proven = std::max(proven, root->first);
  }
  return proven;
}

StructureFinding CheckpointJudge::Unsigned(const Note& note) const {
  if (note.by_invalid_key) {
    return Finding(StructureKind::kRevokedKey, note,
                   "The key that signed the checkpoint was not valid at its time.");
  }
  if (may_lack_keys_) {
    return Finding(StructureKind::kUnprovenKey, note,
                   "No known key has signed the checkpoint; a statement that is not there may name "
                   "the key.");
  }
  return Finding(StructureKind::kForeignKey, note,
                 "No key that is proven to be the author's has signed the checkpoint.");
}

void CheckpointJudge::Report(const Roots& roots, bool newest_holds,
                             std::vector<StructureFinding>* findings) const {
  for (const Note& note : notes_) {
    if (note.checkpoint().origin != ledger::Origin(author_)) continue;
    if (!note.is_signed) {
      findings->push_back(Unsigned(note));
      continue;
    }
    const uint64_t size = note.checkpoint().size;
    const bool seen_elsewhere = note.file.empty();
    if (size > reader_.size() && seen_elsewhere &&
        note.checkpoint().time_ms > reader_.checkpoint().parsed.checkpoint.time_ms) {
      findings->push_back(Finding(
          StructureKind::kNewerCheckpoint, note,
          absl::StrCat("A checkpoint over ", size, " entries was signed after this export of ",
                       reader_.size(), ": only a later export can be compared with it.")));
      continue;
    }
    if (size > reader_.size()) {
      StructureFinding finding =
          Finding(StructureKind::kTruncated, note,
                  absl::StrCat("A checkpoint was signed over ", size, " entries; the log here has ",
                               reader_.size(), "."));
      finding.has_index = true;
      finding.index = reader_.size();
      finding.other = size;
      findings->push_back(std::move(finding));
      continue;
    }
    const auto root = roots.find(size);
    if (!newest_holds || root == roots.end() || root->second == note.checkpoint().root) continue;
    findings->push_back(Finding(
        StructureKind::kTwoHistories, note,
        absl::StrCat("A checkpoint signed over ", size,
                     " entries is no earlier state of the log that the newest one signs.")));
  }
  ReportPairs(newest_holds, findings);
}

void CheckpointJudge::ReportPairs(bool newest_holds,
                                  std::vector<StructureFinding>* findings) const {
  std::vector<const Note*> by_size;
  for (const Note& note : notes_) {
    if (note.is_signed) by_size.push_back(&note);
  }
  std::stable_sort(by_size.begin(), by_size.end(), [](const Note* a, const Note* b) {
    return std::make_pair(a->checkpoint().size, a->checkpoint().time_ms) <
           std::make_pair(b->checkpoint().size, b->checkpoint().time_ms);
  });
  for (size_t i = 1; i < by_size.size(); ++i) {
    const ledger::Checkpoint& before = by_size[i - 1]->checkpoint();
    const ledger::Checkpoint& after = by_size[i]->checkpoint();
    // Where the newest one holds, each that does not fit has been reported.
    if (!newest_holds && before.size == after.size && before.root != after.root)
      findings->push_back(Finding(StructureKind::kTwoHistories, *by_size[i],
                                  absl::StrCat("Two checkpoints signed over ", after.size,
                                               " entries have different roots.")));
    if (after.time_ms < before.time_ms)
      findings->push_back(
          Finding(StructureKind::kClockMovedBack, *by_size[i],
                  absl::StrCat("The checkpoint of ", after.size,
                               " entries bears an earlier time than that of ", before.size, ".")));
  }
}

}  // namespace nakadachi::replay
