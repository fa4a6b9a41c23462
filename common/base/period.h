// Days and times as people in Japan write them.
#ifndef NAKADACHI_COMMON_BASE_PERIOD_H_
#define NAKADACHI_COMMON_BASE_PERIOD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace nakadachi {

// Years are those of four digits, 0001 to 9999, in Japan.

// YYYY-MM-DD. INVALID_ARGUMENT, rule "date".
absl::StatusOr<absl::CivilDay> ParseDay(absl::string_view text, absl::string_view field);
// YYYY-MM-DD (the day's beginning) or YYYY-MM-DDThh:mm[:ss[.fraction]], in Japan or with an offset
// (Z, +hh:mm, -hh:mm), and nothing around it. INVALID_ARGUMENT, rule "time".
absl::StatusOr<absl::Time> ParseTime(absl::string_view text, absl::string_view field);

// The first Unix ms that none of this writes: the beginning of the year 10000 in Japan.
int64_t EndOfYearsMs();

// 2024年4月1日, 2024/4/1, 令和6年4月1日, 令和元年5月1日, R6.4.1 (eras T, S, H, R; digits of either
// width). The day lies in the era; a day of change between Taisho and Showa lies in both.
// INVALID_ARGUMENT, rule "date".
absl::StatusOr<absl::CivilDay> ParseJapaneseDay(absl::string_view text, absl::string_view field);

// Ends of a period as Unix ms: ParseTime's forms or a Japanese day. As the end of a period a day
// counts whole; a time is exclusive. INVALID_ARGUMENT, rule "time".
absl::StatusOr<int64_t> ParseFrom(absl::string_view text, absl::string_view field);
absl::StatusOr<int64_t> ParseUntil(absl::string_view text, absl::string_view field);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_PERIOD_H_
