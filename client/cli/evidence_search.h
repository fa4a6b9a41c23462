// Finding single records in an export.
#ifndef NAKADACHI_CLIENT_CLI_EVIDENCE_SEARCH_H_
#define NAKADACHI_CLIENT_CLI_EVIDENCE_SEARCH_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

namespace nakadachi::cli {

struct FoundRecord {
  Author author = Author::Broker();
  uint64_t leaf_index = 0;
};

// 32 hex digits. INVALID_ARGUMENT, rule "hex".
absl::StatusOr<std::string> ParsePermitNumber(absl::string_view hex);

// The statement of `kind` ("query", "permit", "provision", "receipt") of the exchange that the
// broker permitted under the number, in the export at `root`; of several the last, which is the
// final one. Reads the logs from end to end. NOT_FOUND, rule "unknown-permit" or "absent"; errors
// of LogReader.
absl::StatusOr<FoundRecord> FindOfExchange(const std::string& root,
                                           const std::string& permit_number,
                                           const std::string& kind);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_EVIDENCE_SEARCH_H_
