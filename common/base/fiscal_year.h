// Japan's fiscal years (会計年度), by which records are kept: 1 April, 00:00 Japan time, to the end
// of 31 March. Japan time is UTC+9 all year round.
#ifndef NAKADACHI_COMMON_BASE_FISCAL_YEAR_H_
#define NAKADACHI_COMMON_BASE_FISCAL_YEAR_H_

#include <cstdint>

namespace nakadachi {

// The year in which the fiscal year of a time (Unix ms) begins.
int FiscalYearOf(int64_t time_ms);

// The first millisecond of a fiscal year, Unix ms; the least or greatest where that lies beyond
// them.
int64_t FiscalYearStartMs(int64_t fiscal_year);

// The least that provision records are kept: Number Act art. 23(3), its enforcement order art. 29.
inline constexpr int kMinRetentionYears = 7;

// From when on all records of a fiscal year have been kept for so many years, Unix ms.
int64_t RetentionEndMs(int fiscal_year, int retention_years);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_FISCAL_YEAR_H_
