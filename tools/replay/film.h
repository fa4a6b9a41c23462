// Writes the page of a report: "replay as a film".
#ifndef NAKADACHI_TOOLS_REPLAY_FILM_H_
#define NAKADACHI_TOOLS_REPLAY_FILM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/replay/page/page.h"

namespace nakadachi::replay {

// Reads the statements of the report's exchanges again, each with its path, from the exports that
// the report is of. What cannot be read is told on the page. Errors of OpenEvidence.
absl::StatusOr<PageData> GatherPage(const std::vector<std::string>& folders, Report report);

// Replaces the file whole. UNAVAILABLE, rule "io".
absl::Status WritePage(const std::string& path, const std::string& page);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_FILM_H_
