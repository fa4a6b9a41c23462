// An export of a network that never ran: honest exchanges between twenty municipalities, as many
// as a benchmark of inspectors' tools needs.
#ifndef NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_
#define NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace nakadachi::bench {

struct MadeEvidence {
  uint64_t exchanges = 0;  // four entries each
  uint64_t entries = 0;
  int64_t first_ms = 0;     // time of the first exchange
  std::string institution;  // one of twenty, for searches
  std::string staff;        // one of a thousand
};
// Into `folder`, which is empty. Not durable.
absl::StatusOr<MadeEvidence> MakeEvidence(const std::string& folder, uint64_t exchanges);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_EVIDENCE_MAKER_H_
