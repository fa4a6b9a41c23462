#include "tools/simulator/scenario_words.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/period.h"
#include "common/base/status.h"

namespace nakadachi::simulator {
namespace {

constexpr absl::Duration kLongest = absl::Hours(100 * 366 * 24);
constexpr size_t kMost = 100'000'000;

constexpr size_t kLongestPlatform = 64;

// absl takes a sign and blanks too.
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
  const auto time = ParseTime(word, "time");
  if (time.ok() && *time >= *ParseTime("1970-01-01", "") && *time < *ParseTime("3000-01-01", "")) {
    return *time;
  }
  return InvalidField("time", "time", "expected 2024-06-03 or 2024-06-03T09:00, from 1970 to 2999");
}

absl::Status CheckPlatform(const std::string& word) {
  // What a network's folder holds beside the platforms' own.
  for (const char* taken : {"broker", "juki", "pki", "profiles"}) {
    if (word == taken) return InvalidField("platform", "taken", "is no name for a platform");
  }
  const bool plain = std::all_of(
      word.begin(), word.end(), [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-'; });
  if (plain && !word.empty() && word.size() <= kLongestPlatform) return absl::OkStatus();
  return InvalidField(
      "platform", "platform",
      absl::StrCat("expected 1 to ", kLongestPlatform, " letters (a to z), digits and hyphens"));
}

absl::StatusOr<std::string> ReadFile(const std::string& base_folder, const std::string& name) {
  const std::string path = (std::filesystem::path(base_folder) / name).string();
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace nakadachi::simulator
