#include "tools/bench/memory.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace nakadachi::bench {

absl::StatusOr<ResidentMemory> ResidentMemoryOf(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  ResidentMemory memory;
  std::string word;
  while (file >> word) {
    double kilobytes = 0;
    if (word == "VmHWM:" && file >> kilobytes) memory.most_mb = kilobytes / 1024;
    if (word == "VmRSS:" && file >> kilobytes) memory.now_mb = kilobytes / 1024;
  }
  if (memory.now_mb > 0) return memory;
  return absl::UnavailableError(absl::StrCat("process ", pid, " tells no resident memory"));
}

}  // namespace nakadachi::bench
