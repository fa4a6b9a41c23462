#include "common/base/fiscal_year.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "absl/time/time.h"

namespace nakadachi {
namespace {

int64_t Ms(const char* rfc3339) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, rfc3339, &time, &error)) << error;
  return absl::ToUnixMillis(time);
}

TEST(FiscalYearTest, BeginsOnTheFirstOfAprilInJapan) {
  const struct {
    const char* time;
    int year;
  } table[] = {
      {"2026-03-31T23:59:59.999+09:00", 2025}, {"2026-04-01T00:00:00+09:00", 2026},
      {"2026-03-31T14:59:59.999Z", 2025},      {"2026-03-31T15:00:00Z", 2026},
      {"2026-12-31T23:59:59+09:00", 2026},     {"2027-01-01T00:00:00+09:00", 2026},
      {"1970-01-01T00:00:00Z", 1969},          {"1969-03-31T23:59:59.999+09:00", 1968},
      {"2024-02-29T12:00:00+09:00", 2023},
  };
  for (const auto& row : table) EXPECT_EQ(FiscalYearOf(Ms(row.time)), row.year) << row.time;
}

TEST(FiscalYearTest, StartIsTheFirstMillisecondOfTheYear) {
  for (int year = 1950; year < 2200; ++year) {
    EXPECT_EQ(FiscalYearOf(FiscalYearStartMs(year)), year);
    EXPECT_EQ(FiscalYearOf(FiscalYearStartMs(year) - 1), year - 1);
  }
}

// The last record of a year, of 31 March, must have been kept for seven years.
TEST(FiscalYearTest, RetentionEndsSevenYearsAfterTheYearDid) {
  EXPECT_EQ(RetentionEndMs(2017, kMinRetentionYears), Ms("2025-04-01T00:00:00+09:00"));
  EXPECT_EQ(RetentionEndMs(2017, 10), Ms("2028-04-01T00:00:00+09:00"));
}

TEST(FiscalYearTest, YearsAndTimesThatNoRecordHas) {
  for (const int year : {INT32_MAX, INT32_MAX - 7, 300'000'000}) {
    EXPECT_EQ(FiscalYearStartMs(year), INT64_MAX) << year;
    EXPECT_EQ(RetentionEndMs(year, kMinRetentionYears), INT64_MAX) << year;
  }
  for (const int year : {INT32_MIN, -300'000'000}) {
    EXPECT_EQ(FiscalYearStartMs(year), INT64_MIN) << year;
    EXPECT_EQ(RetentionEndMs(year, kMinRetentionYears), INT64_MIN) << year;
  }
  for (const int64_t time_ms : {INT64_MIN, INT64_MAX}) {
    const int year = FiscalYearOf(time_ms);
    EXPECT_LE(FiscalYearStartMs(year), time_ms);
    EXPECT_GE(FiscalYearStartMs(year + 1), time_ms);
  }
}

}  // namespace
}  // namespace nakadachi
