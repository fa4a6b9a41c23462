#include "common/base/period.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

struct Era {
  absl::string_view name;
  absl::string_view letter;
  absl::CivilDay first;
  absl::CivilDay last;
};
constexpr absl::CivilDay kOpen(9999, 12, 31);
constexpr Era kEras[] = {
    {"令和", "R", absl::CivilDay(2019, 5, 1), kOpen},
    {"平成", "H", absl::CivilDay(1989, 1, 8), absl::CivilDay(2019, 4, 30)},
    {"昭和", "S", absl::CivilDay(1926, 12, 25), absl::CivilDay(1989, 1, 7)},
    {"大正", "T", absl::CivilDay(1912, 7, 30), absl::CivilDay(1926, 12, 25)},
};
constexpr Era kNone = {"", "", absl::CivilDay(1, 1, 1), kOpen};

const Era& TakeEra(absl::string_view* text) {
  for (const Era& era : kEras) {
    if (absl::ConsumePrefix(text, era.name) || absl::ConsumePrefix(text, era.letter)) return era;
  }
  return kNone;
}

// A number of at most `most` digits and one of the separators behind it.
bool TakeNumber(absl::string_view* text, size_t most,
                std::initializer_list<absl::string_view> separators, int* number) {
  size_t digits = 0;
  while (digits < text->size() && absl::ascii_isdigit((*text)[digits])) ++digits;
  if (digits == 0 || digits > most || !absl::SimpleAtoi(text->substr(0, digits), number)) {
    return false;
  }
  text->remove_prefix(digits);
  for (const absl::string_view separator : separators) {
    if (absl::ConsumePrefix(text, separator)) return true;
  }
  return false;
}

std::string Plain(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"０", "0"},
                                    {"１", "1"},
                                    {"２", "2"},
                                    {"３", "3"},
                                    {"４", "4"},
                                    {"５", "5"},
                                    {"６", "6"},
                                    {"７", "7"},
                                    {"８", "8"},
                                    {"９", "9"},
                                    {"元年", "1年"}});
}

// nullopt-like: false where the text is no day of the calendar.
bool Parse(absl::string_view text, absl::CivilDay* day) {
  const Era& era = TakeEra(&text);
  const bool in_era = !era.name.empty();
  int year = 0, month = 0, date = 0;
  if (!TakeNumber(&text, in_era ? 2 : 4, {"年", ".", "/", "-"}, &year) ||
      !TakeNumber(&text, 2, {"月", ".", "/", "-"}, &month)) {
    return false;
  }
  absl::ConsumeSuffix(&text, "日");
  const std::string last = absl::StrCat(text, "|");
  text = last;
  if (!TakeNumber(&text, 2, {"|"}, &date) || !text.empty()) return false;
  if (in_era && year == 0) return false;
  if (!in_era && year < 1000) return false;
  const auto full_year = in_era ? era.first.year() + year - 1 : year;
  *day = absl::CivilDay(full_year, month, date);
  const bool in_calendar = day->year() == full_year && day->month() == month && day->day() == date;
  return in_calendar && era.first <= *day && *day <= era.last;
}

absl::TimeZone Japan() { return absl::FixedTimeZone(9 * 60 * 60); }

// An offset may lead out of the years that can be written.
bool IsOfFourDigits(absl::Time time) {
  const absl::CivilYear year(absl::ToCivilSecond(time, Japan()));
  return year >= absl::CivilYear(1) && year <= absl::CivilYear(9999);
}

int64_t BeginOf(absl::CivilDay day) { return absl::ToUnixMillis(absl::FromCivil(day, Japan())); }

absl::StatusOr<int64_t> ParseBound(absl::string_view text, absl::string_view field,
                                   int days_behind) {
  text = absl::StripAsciiWhitespace(text);
  auto day = ParseDay(text, field);
  if (!day.ok()) day = ParseJapaneseDay(text, field);
  if (day.ok()) return BeginOf(*day + days_behind);
  const auto time = ParseTime(text, field);
  if (time.ok()) return absl::ToUnixMillis(*time);
  return InvalidField(field, "time",
                      "neither YYYY-MM-DD[Thh:mm[:ss][offset]] nor a day as 令和6年4月1日, R6.4.1 "
                      "or 2024年4月1日");
}

// Text like a pattern, in which 9 stands for any digit; what matched is taken off.
bool TakeLike(absl::string_view pattern, absl::string_view* text) {
  if (text->size() < pattern.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = (*text)[i];
    if (pattern[i] == '9' ? !absl::ascii_isdigit(c) : c != pattern[i]) return false;
  }
  text->remove_prefix(pattern.size());
  return true;
}

void TakeFraction(absl::string_view* text) {
  if (!TakeLike(".9", text)) return;
  while (TakeLike("9", text)) continue;
}

bool IsDayShaped(absl::string_view text) { return TakeLike("9999-99-99", &text) && text.empty(); }

// absl takes "infinite-future", blanks, years of any length and a lone 1 for 01: the shape is for
// us to check, the calendar for absl. nullptr: of no shape that is allowed.
const char* FormatOf(absl::string_view text) {
  if (IsDayShaped(text)) return "%Y-%m-%d";
  if (!TakeLike("9999-99-99T99:99", &text)) return nullptr;
  // Unix time knows no leap seconds.
  const bool seconds = !absl::StartsWith(text, ":60") && TakeLike(":99", &text);
  if (seconds) TakeFraction(&text);
  if (text.empty()) return seconds ? "%Y-%m-%dT%H:%M:%E*S" : "%Y-%m-%dT%H:%M";
  const bool offset =
      TakeLike("Z", &text) || TakeLike("+99:99", &text) || TakeLike("-99:99", &text);
  if (!offset || !text.empty()) return nullptr;
  return seconds ? "%Y-%m-%dT%H:%M:%E*S%Ez" : "%Y-%m-%dT%H:%M%Ez";
}

}  // namespace

absl::StatusOr<absl::CivilDay> ParseDay(absl::string_view text, absl::string_view field) {
  absl::CivilDay day;
  if (IsDayShaped(text) && absl::ParseCivilTime(text, &day) && day >= kNone.first) return day;
  return InvalidField(field, "date", "not a day of the calendar written YYYY-MM-DD");
}

absl::StatusOr<absl::Time> ParseTime(absl::string_view text, absl::string_view field) {
  const char* format = FormatOf(text);
  absl::Time time;
  if (format != nullptr && absl::ParseTime(format, text, Japan(), &time, nullptr) &&
      IsOfFourDigits(time)) {
    return time;
  }
  return InvalidField(field, "time",
                      "neither YYYY-MM-DD nor YYYY-MM-DDThh:mm[:ss] with or without an offset");
}

int64_t EndOfYearsMs() { return BeginOf(kOpen + 1); }

absl::StatusOr<absl::CivilDay> ParseJapaneseDay(absl::string_view text, absl::string_view field) {
  const std::string plain = Plain(text);
  absl::CivilDay day;
  if (Parse(plain, &day)) return day;
  return InvalidField(field, "date", "not a day of the calendar, or not of the era");
}

absl::StatusOr<int64_t> ParseFrom(absl::string_view text, absl::string_view field) {
  return ParseBound(text, field, 0);
}

absl::StatusOr<int64_t> ParseUntil(absl::string_view text, absl::string_view field) {
  return ParseBound(text, field, 1);
}

}  // namespace nakadachi
