// The whole replay of one or several exports.
#ifndef NAKADACHI_TOOLS_REPLAY_REPLAY_H_
#define NAKADACHI_TOOLS_REPLAY_REPLAY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {

struct ReplayOptions {
  std::vector<std::string> folders;  // exports
  std::string verifier_key;          // the broker's first key, C2SP; empty: as the export says
  // Signed checkpoints that somebody else was shown (a member, another inspector): each must be a
  // state of the log that its origin names.
  std::vector<std::string> seen_checkpoints;
  int threads = 2;
  // By how much honest clocks may differ, and what is recorded at once may stand in another order.
  int64_t tolerance_ms = 30'000;
  // Logs are exported one after the other: what another log must hold is demanded only where its
  // checkpoint is at least so much later.
  int64_t edge_ms = 1'000;
  std::string temporary_folder;  // for facts, about 800 bytes an exchange; empty: the system's
  size_t kept_findings = 1'000;  // of a kind
  // Of facts that a thread joins at once: memory goes with it, and not with the logs' length.
  size_t joined_bytes = size_t{12} << 20;
  // Called now and then, by one thread at a time.
  std::function<void(absl::string_view step, uint64_t done, uint64_t all)> progress;
};

// How long each step took, for a benchmark.
struct ReplayTimes {
  double structure_s = 0;  // reading, hashing, and writing down the facts
  double joins_s = 0;      // deciding again and following the exchanges
};

// Fails only where there is nothing to judge: NOT_FOUND (no export, no broker's log, no key),
// DATA_LOSS (the broker's log cannot be read) or errors of the temporary files. Everything else is
// in the report. `times` may be null. Memory does not depend on the length of the logs.
absl::StatusOr<Report> Replay(const ReplayOptions& options, ReplayTimes* times = nullptr);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_REPLAY_H_
