// The files of a search index; for what builds and what reads it.
#ifndef NAKADACHI_TOOLS_REPLAY_INDEX_FILES_H_
#define NAKADACHI_TOOLS_REPLAY_INDEX_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {

inline constexpr char kAboutName[] = "about";
inline constexpr char kRowsName[] = "rows";
inline constexpr char kPersonsName[] = "persons";  // in the index, and beside the broker's log

std::string IndexFolder(const std::string& export_folder);
std::string IndexFile(const std::string& export_folder, const std::string& name);
std::string PostingsName(Dimension dimension);
// What an index was made of: changes whenever a log does.
std::string AboutText(const EvidenceSet& evidence);
// FAILED_PRECONDITION, rule "stale-index".
absl::Status StaleIndex(absl::string_view why);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_INDEX_FILES_H_
