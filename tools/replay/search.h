// Search over an export, each hit with its proof.
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
  std::string folder;        // of the export, with its index
  std::string verifier_key;  // the broker's first key, C2SP; empty: as the export says
  std::string person;        // record-management code, 32 hexadecimal digits
  std::string institution;   // as requester or provider, or as the author of anything else
  std::string procedure;
  std::string staff;    // pseudonym
  std::string outcome;  // "permitted", "provided", "refused-not-permitted", …
  int64_t from_ms = INT64_MIN;
  int64_t until_ms = INT64_MAX;  // exclusive
  uint64_t limit = 100;
};

struct Hit {
  EntryRef entry;
  v1::Statement statement;
  v1::Recorded recorded;           // with the inclusion path, by the tiles
  std::string commitment;          // hex
  std::string leaf_hash;           // hex
  bool proven = false;             // the path leads to a root that a key of the author's signed
  std::string problem;             // where it is not proven
  std::vector<EntryRef> exchange;  // the other entries of its exchange
};

struct SearchResult {
  uint64_t matches = 0;   // by the index; hits are the first of them
  std::vector<Hit> hits;  // in order of time; for a person, of the broker's log
  // That a permit is about the person is the broker's word only: no statement says it.
  bool person_by_assertion = false;
  double elapsed_s = 0;
  bool all_proven() const;
};

// INVALID_ARGUMENT, field of an option and rule "required", "hex"; NOT_FOUND, rule "no-persons",
// where the export does not say who permits are about; errors of SearchIndex::Open.
absl::StatusOr<SearchResult> Search(const SearchOptions& options);

std::string ToJson(const SearchResult& result);
std::string ToText(const SearchResult& result);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SEARCH_H_
