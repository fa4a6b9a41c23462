// Search over exports, each hit with its proof.
#ifndef NAKADACHI_TOOLS_REPLAY_SEARCH_H_
#define NAKADACHI_TOOLS_REPLAY_SEARCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {

// All that are given must hold. At least one of the texts or times is.
struct SearchOptions {
  std::vector<std::string> folders;  // of the exports, each with its index
  std::string verifier_key;          // the broker's first key, C2SP; empty: as the export says
  std::string person;                // record-management code, 32 hexadecimal digits
  std::string institution;           // as requester or provider, or as the author of anything else
  std::string procedure;
  std::string staff;    // pseudonym
  std::string outcome;  // one of OutcomeWords()
  int64_t from_ms = INT64_MIN;
  int64_t until_ms = INT64_MAX;  // exclusive
  uint64_t limit = 100;
};

struct Hit {
  EntryRef entry;
  std::string folder;  // of the export that it was read from
  v1::Statement statement;
  std::string person;  // whom a permit is about, 32 hexadecimal digits; empty: the export is silent
  v1::Recorded recorded;           // with the inclusion path, by the tiles
  std::string commitment;          // hex
  std::string leaf_hash;           // hex
  bool proven = false;             // the path leads to a root that a key of the author's signed
  std::string problem;             // where it is not proven
  std::vector<EntryRef> exchange;  // the other entries of its exchange
};

struct SearchResult {
  uint64_t matches = 0;   // by the index; hits are the first of them
  std::vector<Hit> hits;  // in order of time; what several exports hold counts once
  // What was asked for and stands nowhere in the evidence, not in the directory or any list either:
  // of "institution", "procedure", "staff", "person". Looked for where there are no matches.
  std::vector<std::string> unknown;
  // Whom a permit is about is told: the broker's word only, for no statement says it.
  bool person_by_assertion = false;
  double elapsed_s = 0;
  bool all_proven() const;
};

// What a statement can say came out: "permitted", "provided", …, "refused-not-permitted", …
const std::vector<std::string>& OutcomeWords();

// INVALID_ARGUMENT, field of an option and rule "required", "hex" (a person), "outcome", "period"
// (ends before it begins), or one of Author::Parse; NOT_FOUND, rule "no-persons", where no export
// says whom permits are about; DATA_LOSS, rule "persons", where one says it in two ways;
// FAILED_PRECONDITION, rule "stale-index", also where an entry is not what its index says; errors
// of OpenEvidence, TrustAnchor and SearchIndex::Open.
absl::StatusOr<SearchResult> Search(const SearchOptions& options);

std::string ToJson(const SearchResult& result);
std::string ToText(const SearchResult& result);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SEARCH_H_
