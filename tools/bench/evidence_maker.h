// An export of a network that never ran: honest exchanges between twenty municipalities, as many
// as a benchmark of inspectors' tools needs.
#ifndef NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_
#define NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace nakadachi::bench {

struct MadeEvidence {
  uint64_t exchanges = 0;  // four entries each
  uint64_t entries = 0;
  int64_t first_ms = 0;  // time of the first exchange
  // For searches: an institution, one of a thousand staff, who asked for it, and the procedure of
  // all exchanges.
  std::string institution;
  std::string staff;
  std::string procedure;
};
constexpr size_t kMostMembers = 2'350;
// Into `folder`, which is empty. Not durable. Requires 8 to kMostMembers members.
absl::StatusOr<MadeEvidence> MakeEvidence(const std::string& folder, uint64_t exchanges,
                                          size_t members);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_
