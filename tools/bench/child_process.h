// This program again, under a subcommand, as a process of its own.
#ifndef NAKADACHI_TOOLS_BENCH_CHILD_PROCESS_H_
#define NAKADACHI_TOOLS_BENCH_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nakadachi::bench {

class ChildProcess {
 public:
  // `log` takes what it prints. UNAVAILABLE where it cannot be started.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& arguments, const std::string& log);
  // Killed and awaited.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool running();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;  // 0: awaited
};

// For the child: it is killed when the process that started it ends, however that ends.
void EndWithParent();

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_CHILD_PROCESS_H_
