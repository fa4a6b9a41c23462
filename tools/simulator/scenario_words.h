// What the words of a scenario mean. Errors are INVALID_ARGUMENT and name the word's field; a
// parsed scenario's words give none (scenario.h).
#ifndef NAKADACHI_TOOLS_SIMULATOR_SCENARIO_WORDS_H_
#define NAKADACHI_TOOLS_SIMULATOR_SCENARIO_WORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nakadachi::simulator {

// At most a hundred years, forth or back. Rule "duration".
absl::StatusOr<absl::Duration> DurationOf(const std::string& word);
// A duration above zero.
absl::StatusOr<absl::Duration> PositiveDurationOf(const std::string& word);
// Of persons, records or queries: 0 to 100,000,000. Rule "number".
absl::StatusOr<size_t> CountOf(const std::string& word);
// 0 to 2^64 - 1. Rule "number".
absl::StatusOr<uint64_t> SeedOf(const std::string& word);
// What common/base/period.h takes for a time, from 1970 to 2999. Rule "time".
absl::StatusOr<absl::Time> TimeOf(const std::string& word);

// A name that a process and its folder may have: letters, digits, hyphens. Rules "platform" and
// "taken" (by what every network has).
absl::Status CheckPlatform(const std::string& word);

// NOT_FOUND: it cannot be read, or is a folder. `name` is relative to `base_folder`.
absl::StatusOr<std::string> ReadFile(const std::string& base_folder, const std::string& name);

// An expectation of the scenario does not hold.
absl::Status Unexpected(const std::string& message);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_SCENARIO_WORDS_H_
