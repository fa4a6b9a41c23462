// What the machine itself gives: disk, signatures, sealing. The time is divided into short rounds,
// of which the best one counts: what others do with the disk or the processor meanwhile only makes
// a floor worse.
#ifndef NAKADACHI_TOOLS_BENCH_FLOORS_H_
#define NAKADACHI_TOOLS_BENCH_FLOORS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::bench {

// About what a checkpoint has.
inline constexpr size_t kCheckpointBytes = 160;

// One write of 1 KiB in place and its fdatasync, microseconds: the least of the rounds' medians.
// The file is made in `folder` and written before, so that no metadata is at stake.
absl::StatusOr<double> MeasureSync(const std::string& folder, absl::Duration time);

// Ed25519 on one core, microseconds each, over as many bytes as a checkpoint has: the least of the
// rounds' means.
struct SignatureCost {
  double sign_us = 0;
  double verify_us = 0;
};
SignatureCost MeasureSignatures(absl::Duration time);

// Records a second that one thread seals and writes, in the best round: each entry's set is sealed,
// a batch of them goes unsealed into a database in `folder` with one synced write.
absl::StatusOr<double> MeasureSealAndWrite(const std::string& folder,
                                           const std::vector<v1::ReplicaEntry>& entries,
                                           absl::Duration time);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_FLOORS_H_
