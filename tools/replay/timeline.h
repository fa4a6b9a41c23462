// When exchanges happened and how they ended, counted in bounded memory.
#ifndef NAKADACHI_TOOLS_REPLAY_TIMELINE_H_
#define NAKADACHI_TOOLS_REPLAY_TIMELINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/strings/string_view.h"

namespace nakadachi::replay {

// How an exchange ended, as far as the evidence tells.
enum class End {
  kProvided,
  kNotHeld,
  kNotRegistered,
  kWithheld,
  kRefused,          // by the provider
  kRefusedByBroker,  // by the network
  kUnanswered,       // a permit without a final provision
  kUndecided,        // a query without decision
  kWithoutPermit,    // answers to a permit that is not in the evidence
};
inline constexpr size_t kEnds = 9;
absl::string_view EndName(End end);  // "provided", "refused-by-broker", …

// Counts by time in bins that get wider as the time that they cover grows. Which bins there are
// depends only on what was added, not on its order. Widths go from a second to 364 days; days and
// weeks begin where they do in Japan.
class Timeline {
 public:
  using Counts = std::array<uint64_t, kEnds>;
  static constexpr size_t kMostBins = 120;

  void Add(int64_t time_ms, End end);
  void Merge(const Timeline& other);

  int64_t width_ms() const;
  // By the begin of the bin; empty ones are absent.
  std::map<int64_t, Counts> bins() const;

 private:
  void Widen();
  size_t width_ = 0;                // its place among the widths
  std::map<int64_t, Counts> bins_;  // by number
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_TIMELINE_H_
