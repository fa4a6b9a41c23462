#include "tools/simulator/scenario_words.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::simulator {
namespace {

absl::TimeZone Japan() { return absl::FixedTimeZone(9 * 60 * 60); }

}  // namespace

absl::Status Unexpected(const std::string& message) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "", "expect", message);
}

absl::StatusOr<absl::Duration> DurationOf(const std::string& word) {
  absl::Duration duration;
  if (absl::ParseDuration(word, &duration)) return duration;
  return InvalidField("duration", "duration", "expected something like 90s, 5m or 25h");
}

absl::StatusOr<size_t> CountOf(const std::string& word) {
  size_t count = 0;
  if (absl::SimpleAtoi(word, &count)) return count;
  return InvalidField("n", "number", "expected a whole number");
}

absl::StatusOr<absl::Time> TimeOf(const std::string& word) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime("%Y-%m-%dT%H:%M", word, Japan(), &time, &error)) return time;
  if (absl::ParseTime("%Y-%m-%d", word, Japan(), &time, &error)) return time;
  return InvalidField("time", "time", "expected 2024-06-03 or 2024-06-03T09:00");
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
