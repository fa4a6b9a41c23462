// A member of the network that asks the broker for permits and does nothing else: its queries are
// recorded beforehand, so that what is measured is the broker.
#ifndef NAKADACHI_TOOLS_BENCH_ASKER_H_
#define NAKADACHI_TOOLS_BENCH_ASKER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/bare_caller.h"
#include "tools/bench/load.h"
#include "tools/simulator/network.h"
#include "tools/simulator/people.h"

namespace nakadachi::bench {

// Thread-safe where not said otherwise.
class Asker {
 public:
  // Joins the network (Mode::kProcesses, in `folder`) as a municipality of its own. `persons` are
  // asked about in turn at `provider`.
  static absl::StatusOr<std::unique_ptr<Asker>> Join(
      simulator::Network& network, const std::string& folder, const simulator::People& people,
      const std::vector<simulator::PersonIndex>& persons, const LocalGovernmentCode& provider);
  virtual ~Asker() = default;

  // Records fresh queries for Permits, several to a checkpoint; what is left of older ones goes.
  // Not while a load runs.
  virtual absl::Status Prepare(size_t queries) = 0;
  // The next prepared query over the stream that intermediate servers use. OUT_OF_RANGE, rule
  // "prepared", where none is left.
  virtual Ask Permits() = 0;

  // One permit, presented to the provider: the sizes of both calls.
  struct Sizes {
    CallSize permit;
    CallSize provision;
  };
  virtual absl::StatusOr<Sizes> MeasureSizes() = 0;
};

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_ASKER_H_
