// What the kernel tells of a process's memory.
#ifndef NAKADACHI_TOOLS_BENCH_MEMORY_H_
#define NAKADACHI_TOOLS_BENCH_MEMORY_H_

#include "absl/status/statusor.h"

namespace nakadachi::bench {

struct ResidentMemory {
  double now_mb = 0;
  double most_mb = 0;  // so far, since the program was started
};
// UNAVAILABLE where there is no such process, or where it has ended.
absl::StatusOr<ResidentMemory> ResidentMemoryOf(int pid);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_MEMORY_H_
