// What a replay says in the end: one structure that text, JSON and HTML are written from.
#ifndef NAKADACHI_TOOLS_REPLAY_REPORT_H_
#define NAKADACHI_TOOLS_REPLAY_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/replay/finding.h"
#include "tools/replay/timeline.h"

namespace nakadachi::replay {

// An erasure that a log tells of; where it was completed, its end.
struct ErasureReport {
  int fiscal_year = 0;
  uint64_t first_index = 0;  // entries [first_index, end_index)
  uint64_t end_index = 0;
  uint64_t erased = 0;
  uint64_t held = 0;  // kept by legal holds
  uint64_t freed_bytes = 0;
  bool done = false;
  int64_t time_ms = 0;
  EntryRef entry;
};

// One log of the export.
struct LogReport {
  std::string log;     // "broker" or a local-government code
  std::string folder;  // as given, for the reader to find it again
  std::string origin;
  bool readable = false;  // its checkpoint, without which nothing is known of it
  bool sound = false;     // the tree, the tiles and the signature hold
  uint64_t size = 0;      // entries, by the checkpoint
  std::string root;       // hex, recomputed
  std::string note;       // the checkpoint as exported
  int64_t checkpoint_ms = 0;
  std::string verifier_key;    // C2SP, of the key that signed; empty where none that is known did
  uint64_t cosigned_size = 0;  // of the largest checkpoint that members cosigned; 0: none is here
  std::vector<std::string> cosigned_by;        // as witnesses: their codes
  std::map<std::string, uint64_t> statements;  // by kind: "query", "permit", …
  uint64_t unread = 0;                         // entries that are not there or unreadable
  uint64_t erased = 0;                         // bodies that retention has destroyed
  uint64_t out_of_scope = 0;                   // bodies this reader may not see
  uint64_t absent = 0;                         // bodies missing from the export
  uint64_t changed = 0;                        // bodies that do not fit their commitments
  uint64_t unreadable = 0;                     // bodies damaged or lost in the ledger itself
  uint64_t not_judged = 0;                     // exchanges, for what this log does not show
  std::vector<ErasureReport> erasures;

  // Entries whose statements nobody could judge.
  uint64_t unseen() const { return unread + erased + out_of_scope + absent + changed + unreadable; }
};

// A log that the evidence ought to hold and does not.
struct MissingLog {
  std::string log;
  uint64_t not_judged = 0;  // exchanges, for its absence
};

struct MemberReport {
  std::string code;
  std::string name;
  std::string category;
  int64_t joined_ms = 0;
  bool exported = false;  // its log is part of the evidence
};

struct ListReport {
  uint64_t version = 0;
  int64_t published_ms = 0;
  int64_t in_force_from_ms = 0;
  EntryRef entry;
};

// How long something took: counts in fixed classes, so that memory does not grow.
class Durations {
 public:
  void Add(int64_t ms);
  void Merge(const Durations& other);
  uint64_t count() const { return count_; }
  int64_t max_ms() const { return max_ms_; }
  // The upper bound of the class in which this part (0 to 1) of all is reached, within 10 %.
  int64_t Quantile(double part) const;

 private:
  static constexpr size_t kClasses = 400;
  std::vector<uint64_t> classes_;  // up to the last that was needed
  uint64_t count_ = 0;
  int64_t max_ms_ = 0;
};

// What became of the queries for a procedure, or of an institution.
struct Use {
  uint64_t queries = 0;
  uint64_t permits = 0;
  std::map<std::string, uint64_t> refusals;  // by reason, "not-permitted", …
  std::map<std::string, uint64_t> outcomes;  // of final provisions, "provided", …
  uint64_t awaited_review = 0;
  uint64_t receipts = 0;
  Durations decision;  // query to permit, by the statements' own clocks
  Durations answer;    // permit to final provision

  void Merge(const Use& other);
};

// The entries of one exchange, as far as they are there.
struct ExchangeRefs {
  std::string permit_number;  // hex; empty where there is no permit
  End end = End::kUnanswered;
  bool found = false;  // something about it is a finding, or is looked into
  std::optional<EntryRef> query;
  std::optional<EntryRef> decision;  // Permit or Refusal
  std::vector<EntryRef> provisions;  // interim first
  std::vector<EntryRef> receipts;
};

// Something that changed what holds, or what can be seen.
struct KeyEvent {
  std::string kind;  // "network-founded", "member-joined", "key-added", "key-revoked",
                     // "route-changed", "list-published", "list-in-force", or an Operation's
  int64_t time_ms = 0;
  EntryRef entry;
  std::string subject;  // the institution, or a list's version
};

// How exchanges ended.
struct Figures {
  uint64_t entries = 0;
  uint64_t exchanges = 0;        // queries that the evidence tells of
  uint64_t completed = 0;        // permit, final provision and receipt
  uint64_t refused = 0;          // by the broker
  uint64_t undecided = 0;        // a query without decision
  uint64_t open = 0;             // still valid at the export's edge, or beyond it
  uint64_t lapsed = 0;           // a permit's validity ended without provision
  uint64_t unreceipted = 0;      // a final provision without receipt
  uint64_t redecided = 0;        // permits and refusals decided again
  uint64_t not_redecidable = 0;  // refusals that rest on what no ledger holds
  // What rests on something erased, out of scope, absent, beyond an export's edge or not exported.
  // Counted by the permit; where that is unseen, the query and what answers it count apart.
  uint64_t not_judged = 0;
};

struct Report {
  std::string network;  // name, empty where it is not told
  int64_t tolerance_ms = 0;
  // The broker's first key, which everything rests on: as the inspector gave it, or only as the
  // export itself says.
  std::string trust_anchor;
  bool anchor_given = false;
  std::vector<LogReport> logs;  // the broker's first, then by code
  std::vector<MissingLog> missing_logs;
  std::vector<MemberReport> members;
  std::vector<ListReport> lists;

  std::vector<Finding> findings;           // sorted, the first of each kind; see Findings
  std::map<std::string, uint64_t> totals;  // of all, by kind
  uint64_t finding_count = 0;
  uint64_t note_count = 0;

  Figures figures;
  std::map<std::string, Use> procedures;    // all of the lists, also those never used
  std::map<std::string, Use> as_requester;  // by institution
  std::map<std::string, Use> as_provider;
  std::vector<std::string> procedures_never_used;  // empty unless all_use_seen()
  // A few exchanges to show, those with findings first, then evenly spread; see Sample.
  std::vector<ExchangeRefs> exchanges;
  Timeline timeline;             // of all exchanges, by the time of their decision
  std::vector<KeyEvent> events;  // by time; of the operations the first ones
  double elapsed_s = 0;

  // Nothing was found: the exit code. Whether everything could be looked at is another question.
  bool clean() const { return finding_count == 0; }
  uint64_t unseen() const;  // statements, of all logs
  // Those that are not there, and those of which nothing can be read.
  std::vector<std::string> UnreadLogs() const;
  // Every statement of every log was there, every exchange judged, every refusal decided again, and
  // no log is older than a checkpoint of it that was given.
  bool whole() const;
  // Every statement of the broker's log was there: what is not counted was not asked.
  bool all_use_seen() const;
  // "clean" only where both hold; "no-findings"; "findings".
  absl::string_view verdict() const;
};

std::string ToJson(const Report& report);
std::string ToText(const Report& report);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_REPORT_H_
