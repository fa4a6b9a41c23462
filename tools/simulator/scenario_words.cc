#include "tools/simulator/scenario_words.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::simulator {
namespace {

constexpr absl::Duration kLongest = absl::Hours(100 * 366 * 24);
constexpr size_t kMost = 100'000'000;

absl::TimeZone Japan() { return absl::FixedTimeZone(9 * 60 * 60); }

// absl takes a sign and blanks too, and for a time "infinite-future".
bool BeginsWithDigit(const std::string& word) {
  return !word.empty() && absl::ascii_isdigit(static_cast<unsigned char>(word.front()));
}

}  // namespace

absl::Status Unexpected(const std::string& message) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "", "expect", message);
}

absl::StatusOr<absl::Duration> DurationOf(const std::string& word) {
  absl::Duration duration;
  if (absl::ParseDuration(word, &duration) && absl::AbsDuration(duration) <= kLongest) {
    return duration;
  }
  return InvalidField("duration", "duration",
                      "expected something like 90s, 5m or 25h, at most a hundred years");
}

absl::StatusOr<absl::Duration> PositiveDurationOf(const std::string& word) {
  NAKADACHI_ASSIGN_OR_RETURN(const absl::Duration duration, DurationOf(word));
  if (duration > absl::ZeroDuration()) return duration;
  return InvalidField("duration", "duration", "must be more than nothing");
}

absl::StatusOr<size_t> CountOf(const std::string& word) {
  size_t count = 0;
  if (BeginsWithDigit(word) && absl::SimpleAtoi(word, &count) && count <= kMost) return count;
  return InvalidField("n", "number", absl::StrCat("expected a whole number from 0 to ", kMost));
}

absl::StatusOr<uint64_t> SeedOf(const std::string& word) {
  uint64_t seed = 0;
  if (BeginsWithDigit(word) && absl::SimpleAtoi(word, &seed)) return seed;
  return InvalidField("n", "number", "expected a whole number from 0");
}

absl::StatusOr<absl::Time> TimeOf(const std::string& word) {
  for (const char* format : {"%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    absl::Time time;
    std::string error;
    if (!BeginsWithDigit(word) || !absl::ParseTime(format, word, Japan(), &time, &error)) continue;
    const int64_t year = Japan().At(time).cs.year();
    if (year >= 1970 && year <= 2999) return time;
  }
  return InvalidField("time", "time", "expected 2024-06-03 or 2024-06-03T09:00, from 1970 to 2999");
}

absl::StatusOr<std::string> ReadFile(const std::string& base_folder, const std::string& name) {
  const std::string path = (std::filesystem::path(base_folder) / name).string();
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace nakadachi::simulator
