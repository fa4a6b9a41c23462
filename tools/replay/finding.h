// What an inspection finds, and the kinds of it.
#ifndef NAKADACHI_TOOLS_REPLAY_FINDING_H_
#define NAKADACHI_TOOLS_REPLAY_FINDING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::replay {

// A note is worth knowing and may come about without anybody's fault; only findings make a replay
// unclean.
enum class Severity { kNote, kFinding };
absl::string_view SeverityName(Severity severity);  // "note", "finding"

// What part of the evidence a kind is about. Structure comes first in a report: where a log does
// not hold together, what the rest of it says is worth less.
enum class Area { kStructure, kDirectory, kDecision, kExchange };
absl::string_view AreaName(Area area);  // "structure", …

// A kind of finding. Everything lives as long as the process.
struct Kind {
  absl::string_view id;  // stable, kebab-case; also the message id of translations
  Severity severity;
  Area area;
  absl::string_view title;          // a few words
  absl::string_view meaning;        // what was seen
  absl::string_view not_concluded;  // what it does not prove
  absl::string_view title_ja;
  absl::string_view meaning_ja;
  absl::string_view not_concluded_ja;
};
// In the order of their areas.
const std::vector<Kind>& Kinds();
// Null where there is none of that id.
const Kind* FindKind(absl::string_view id);

// An entry of a log: "broker" or a local-government code, and the leaf's index.
struct EntryRef {
  std::string log;
  uint64_t index = 0;
};

struct Finding {
  const Kind* kind = nullptr;
  std::string log;                // empty: about no single log
  std::optional<uint64_t> index;  // of the first bad entry; none: about the log as a whole
  int64_t time_ms = 0;            // the statement's own; 0: not known
  std::string reason;             // one sentence in English, without personal data
  std::vector<EntryRef> related;  // the other entries that it rests on
};

// The order of a report: findings before notes, structure before the rest, then by time, log
// (the broker's first) and index.
bool ComesBefore(const Finding& a, const Finding& b);

// Collects findings in bounded memory: of each kind the first ones are kept, all are counted.
// Thread-safe.
class Findings {
 public:
  explicit Findings(size_t kept_of_a_kind = 1000) : kept_(kept_of_a_kind) {}

  // The kind's id must be one of Kinds().
  void Add(absl::string_view kind, Finding finding);

  // Sorted by ComesBefore.
  std::vector<Finding> Sorted() const;
  // How many there were, by the kind's id; kinds without any are absent.
  std::map<std::string, uint64_t> Totals() const;
  uint64_t Count(Severity severity) const;

 private:
  struct OfKind {
    uint64_t total = 0;
    std::vector<Finding> first;  // a heap, the last in report order on top
  };
  const size_t kept_;
  mutable absl::Mutex mutex_;
  std::map<const Kind*, OfKind> by_kind_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_FINDING_H_
