// A platform that fills up: how fast replicas are loaded, what they take on disk and in memory.
#ifndef NAKADACHI_TOOLS_BENCH_REPLICAS_H_
#define NAKADACHI_TOOLS_BENCH_REPLICAS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "tools/simulator/network.h"

namespace nakadachi::bench {

// What health management systems hold of some residents; residents without a record are left out.
// Addressee numbers are to be filled in.
struct Histories {
  std::vector<std::vector<v1::ReplicaEntry>> residents;
  std::vector<v1::ReplicaEntry> Entries() const;
};
Histories MakeHistories(size_t residents, const LocalGovernmentCode& municipality);

struct Loaded {
  uint64_t residents = 0;
  uint64_t records = 0;
  double records_per_second = 0;
  double bytes_per_record = 0;  // of everything in the municipalities' folders
  double rss_mb = 0;            // VmRSS of the platform's process after the load
};
struct LoadSize {
  int municipalities = 1;
  uint64_t residents = 0;  // of each
  absl::Duration limit;    // of all: what is not begun by then is left out
};
// A platform joins; the residents (histories repeat) are loaded, one municipality after the other,
// in the client's batches. `progress` takes finished municipalities.
absl::StatusOr<Loaded> LoadPlatform(simulator::Network& network, const LoadSize& size,
                                    const Histories& histories,
                                    const std::function<void(int)>& progress);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_REPLICAS_H_
