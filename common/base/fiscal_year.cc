#include "common/base/fiscal_year.h"

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace nakadachi {
namespace {

constexpr int kFirstMonth = 4;

absl::TimeZone Japan() {
  constexpr int kSecondsAheadOfUtc = 9 * 3600;
  return absl::FixedTimeZone(kSecondsAheadOfUtc);
}

}  // namespace

int FiscalYearOf(int64_t time_ms) {
  const absl::CivilMonth month = absl::ToCivilMonth(absl::FromUnixMillis(time_ms), Japan());
  return static_cast<int>(month.year()) - (month.month() < kFirstMonth ? 1 : 0);
}

int64_t FiscalYearStartMs(int64_t fiscal_year) {
  return absl::ToUnixMillis(absl::FromCivil(absl::CivilMonth(fiscal_year, kFirstMonth), Japan()));
}

int64_t RetentionEndMs(int fiscal_year, int retention_years) {
  return FiscalYearStartMs(int64_t{fiscal_year} + 1 + retention_years);
}

}  // namespace nakadachi
