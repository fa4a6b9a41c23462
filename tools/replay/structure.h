// Whether an export of one ledger is what its author signed: the whole tree is computed again from
// the entries and compared with every file, every checkpoint and every body.
//
// Streaming: memory does not depend on a log's length. Files are read and hashed by several
// threads; a consumer gets the entries in order.
#ifndef NAKADACHI_TOOLS_REPLAY_STRUCTURE_H_
#define NAKADACHI_TOOLS_REPLAY_STRUCTURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "common/directory/directory.h"
#include "common/evidence/layout.h"
#include "common/ledger/verifier.h"

namespace nakadachi::replay {

enum class StructureKind {
  kUnreadable,        // a file cannot be read, or its bytes are none of the format
  kMissingFile,       // a file that the checkpoint's tree has is not there
  kTruncated,         // entries from `index` on are gone, or a signed checkpoint is longer
  kChangedEntry,      // the commitment of `index` is not the one that was signed
  kRemovedEntry,      // the entry of `index` was taken out, later ones moved up
  kInsertedEntry,     // an entry was put in at `index`, later ones moved down
  kSwappedEntries,    // the entries of `index` and `other` changed places
  kReorderedEntries,  // the entries of [index, other) are those signed, in another order
  kRewritten,         // entries of [index, other) are not those signed; the files do not tell more
  kChangedTile,       // a tile file differs, though the entries are those signed
  kChangedBody,       // salt and statement of `index` do not fit its commitment
  kForeignStatement,  // the statement of `index` cannot be read, or names another author
  kTwoHistories,      // two signed checkpoints that are no states of one history
  kForeignKey,        // no key of the author has signed a checkpoint
  kRevokedKey,        // the key that signed it was revoked then, or out of its validity
  kUnprovenKey,       // as kForeignKey, but the statement that names the key may be absent
  kForeignOrigin,     // a checkpoint of another log
  kClockMovedBack,    // a longer checkpoint bears an earlier time
  kNewerCheckpoint,   // seen elsewhere, of a later time than the export: no fault
};
// "changed-entry": a stable word for reports.
absl::string_view ToWord(StructureKind kind);

struct StructureFinding {
  StructureKind kind = StructureKind::kUnreadable;
  Author author = Author::Broker();
  std::string file;    // below the export's root; empty where it is none
  uint64_t index = 0;  // the first bad entry, where has_index
  uint64_t other = 0;
  bool has_index = false;
  std::string reason;  // one English sentence; no personal data
};

// One entry as handed on. Where the files of entries were tampered with and the tiles prove what
// was signed, that is handed on, and not what stands there now.
struct Entry {
  uint64_t index = 0;
  absl::string_view commitment;  // 32 bytes; empty where it cannot be read or is not the signed one
  absl::string_view leaf;        // its hash by the lowest tile, where the commitment is empty
  // kPresent only where salt and statement fit the commitment. What does not is kAbsent and a
  // finding.
  evidence::Body body;
};

// Takes the entries of a log. The views live until the call returns.
class EntryConsumer {
 public:
  virtual ~EntryConsumer() = default;
  // What can be made of a run of entries by itself (parsing, say). Called by several threads at
  // once and in no order; must not touch what Take touches.
  class Prepared {
   public:
    virtual ~Prepared() = default;
  };
  virtual std::unique_ptr<Prepared> Prepare(const Author& log, absl::Span<const Entry> run) {
    (void)log;
    (void)run;
    return nullptr;
  }
  // All entries, in order and one call at a time, though not always on the same thread, with what
  // Prepare made of the run.
  virtual void Take(const Author& log, absl::Span<const Entry> run,
                    std::unique_ptr<Prepared> prepared) = 0;
};

struct StructureOptions {
  std::string folder;                // of the log
  Author author = Author::Broker();  // whose log it must be
  // The directory that keys come from. The broker's own log grows it: its Directory statements
  // are applied as they come, and its checkpoints are trusted only along a chain of keys that
  // begins with the directory's trust anchor. Members' logs only read it. Not null.
  Directory* directory = nullptr;
  // Of a member's log: whether the directory lacks statements that are not in the evidence. Asked
  // when the log has been read; empty: it does not.
  std::function<bool()> directory_may_lack;
  // Checkpoints of this log that were seen elsewhere; they must be states of this history.
  std::vector<std::string> seen_checkpoints;
  EntryConsumer* consumer = nullptr;  // may be null
  size_t max_findings = 100;          // the first of them are kept, the rest only counted
};

struct StructureReport {
  Author author = Author::Broker();
  std::vector<StructureFinding> findings;  // the first, by index
  uint64_t more_findings = 0;              // that were not kept
  bool readable = false;  // false: not even the checkpoint could be read; all below is empty
  bool proven = false;    // the entries are those that a valid key signed
  // What was handed on leads to the checkpoint's root: the entries, or where one cannot be read or
  // is not the signed one, its leaf by the tile.
  bool rooted = false;
  uint64_t size = 0;     // as the checkpoint says
  uint64_t entries = 0;  // that were read
  uint64_t present = 0;
  uint64_t erased = 0;
  uint64_t withheld = 0;
  uint64_t absent = 0;
  uint64_t changed = 0;  // bodies that do not fit their commitments
  uint64_t unreadable = 0;
  uint64_t directory_statements = 0;  // applied, in the broker's log
  uint64_t checkpoints = 0;           // that were checked, the newest among them
  std::string root;                   // recomputed from the entries, 32 bytes
  std::string verifier_key;           // C2SP, that signed the newest; empty where none did
  // The largest checkpoint of the log that members have cosigned as witnesses, and which of them;
  // 0: none is among the evidence.
  uint64_t cosigned_size = 0;
  std::vector<std::string> cosigned_by;
  std::string checkpoint;  // the newest note
  int64_t checkpoint_ms = 0;
};

struct ChecksOptions {
  int threads = 2;  // that read and hash; at least 1
  // The rest are called one at a time, in the order of the logs, and may be empty but for `end`:
  // before the first entry of a log is taken, after its last, and now and then with the number of
  // entries taken so far.
  std::function<void(size_t log)> begin;
  std::function<void(size_t log, StructureReport report)> end;
  std::function<void(uint64_t entries)> progress;
};
// Checks logs. To consumers one comes after the other, though files of the next are already read
// meanwhile: many short logs keep the threads as busy as a long one. Never fails: what is wrong is
// in the reports.
void CheckLogs(const std::vector<StructureOptions>& logs, const ChecksOptions& options);
StructureReport CheckLog(const StructureOptions& options, int threads = 2);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_STRUCTURE_H_
