// An inspector's export of a simulated network.
#ifndef NAKADACHI_TOOLS_SIMULATOR_EVIDENCE_H_
#define NAKADACHI_TOOLS_SIMULATOR_EVIDENCE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/simulator/network.h"

namespace nakadachi::simulator {

// The certificate that sees every ledger, with bodies and persons.
rpc::Peer InspectorOfEverything();

struct ExportedEvidence {
  int logs = 0;
  uint64_t entries = 0;
};

// Exports every log, whole, with bodies and persons, into `folder`. Processes that a scenario left
// stopped are started for it. The first log's error where one is not whole.
absl::StatusOr<ExportedEvidence> KeepEvidence(Network& network, const std::string& folder);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_EVIDENCE_H_
