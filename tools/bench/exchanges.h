// An office that asks its intermediate server: whole exchanges, one by one and in bulk.
#ifndef NAKADACHI_TOOLS_BENCH_EXCHANGES_H_
#define NAKADACHI_TOOLS_BENCH_EXCHANGES_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/bench/bare_caller.h"
#include "tools/bench/load.h"
#include "tools/simulator/network.h"
#include "tools/simulator/people.h"

namespace nakadachi::bench {

inline constexpr char kProcedure[] = "immunization";
inline constexpr const char* kItems[] = {"immunization", "special-measures-immunization"};

// Every answer must be a verified one with records; anything else is an error. Thread-safe.
class Office {
 public:
  // `persons` moved from `provider` to `requester`; they are asked about in turn.
  static absl::StatusOr<std::unique_ptr<Office>> Open(
      simulator::Network& network, const simulator::People& people,
      const std::vector<simulator::PersonIndex>& persons, const LocalGovernmentCode& requester,
      const LocalGovernmentCode& provider);
  virtual ~Office() = default;

  // One query, one unary call.
  virtual Ask Queries() = 0;
  // Persons a second over one stream, as a bulk query asks.
  virtual absl::StatusOr<double> Bulk(const LoadPlan& plan) = 0;
  // One query's messages, the mean of several.
  virtual absl::StatusOr<CallSize> MeasureSize() = 0;
};

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_EXCHANGES_H_
