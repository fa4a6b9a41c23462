// What the checkpoints of one log are worth: who signed them, and whether they are states of one
// history.
#ifndef NAKADACHI_TOOLS_REPLAY_CHECKPOINT_JUDGE_H_
#define NAKADACHI_TOOLS_REPLAY_CHECKPOINT_JUDGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/directory/directory.h"
#include "common/evidence/log_reader.h"
#include "tools/replay/structure.h"

namespace nakadachi::replay {

// Not thread-safe.
class CheckpointJudge {
 public:
  CheckpointJudge(const evidence::LogReader& reader, const Author& author)
      : reader_(reader), author_(author) {}

  // Reads the kept ones and takes those seen elsewhere. The newest is the first of all.
  void Collect(const std::vector<std::string>& seen, std::vector<StructureFinding>* findings);
  // At which sizes roots are needed, sorted.
  std::vector<uint64_t> Sizes() const;
  size_t count() const { return notes_.size(); }

  // Decides who signed, by the directory; the broker's along the chain of keys: `changes` are its
  // Directory statements by index, and `roots` the recomputed ones by size.
  using Changes = std::vector<std::pair<uint64_t, v1::Statement>>;
  using Roots = std::map<uint64_t, Hash>;
  void JudgeMember(const Directory& directory);
  void JudgeBroker(const Directory& directory, const Ed25519PublicKey& trust_anchor,
                   const Changes& changes, const Roots& roots);

  // A statement that names a key may be missing from the evidence.
  void MayLackKeys() { may_lack_keys_ = true; }

  // The largest signed checkpoint that members have cosigned as witnesses, by their keys of any
  // time, and which members; size 0: none.
  struct Cosigned {
    uint64_t size = 0;
    std::vector<std::string> by;
  };
  Cosigned FindCosigned(const Directory& directory) const;

  bool newest_signed() const { return notes_[0].is_signed; }
  std::string verifier_key() const;  // of the newest
  // The largest size at which a signed checkpoint has the recomputed root.
  uint64_t ProvenSize(const Roots& roots) const;
  // `newest_holds`: the entries lead to the newest one's root.
  void Report(const Roots& roots, bool newest_holds, std::vector<StructureFinding>* findings) const;

 private:
  struct Note {
    std::string file;  // empty: seen elsewhere
    ledger::SignedCheckpoint parsed;
    bool is_signed = false;
    bool by_invalid_key = false;  // of the author, but not at that time
    Ed25519PublicKey key{};
    const ledger::Checkpoint& checkpoint() const { return parsed.checkpoint; }
  };
  StructureFinding Finding(StructureKind kind, const Note& note, std::string reason) const;
  StructureFinding Unsigned(const Note& note) const;
  void Judge(Note& note, const Directory& directory, bool known_keys_too) const;
  void ReportPairs(bool newest_holds, std::vector<StructureFinding>* findings) const;

  const evidence::LogReader& reader_;
  const Author author_;
  std::vector<Note> notes_;
  bool may_lack_keys_ = false;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_CHECKPOINT_JUDGE_H_
