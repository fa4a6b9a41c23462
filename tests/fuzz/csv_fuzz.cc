// CSV: rows that are read, written and read again are the same.
#include <sstream>

#include "common/base/csv.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  std::istringstream in(std::string(fuzz::AsView(data, size)));
  auto reader = CsvReader::Create(in, {});
  fuzz::CheckError(reader.status());
  if (!reader.ok()) return 0;
  std::string written = CsvLine(reader->header());
  std::vector<std::vector<std::string>> rows;
  bool whole = true;
  // An error that is the last repeats itself; a bound is enough to notice one that does not end.
  for (size_t steps = 0; steps <= size + 1; ++steps) {
    CsvRow row;
    const auto more = reader->Next(&row);
    fuzz::CheckError(more.status());
    whole &= more.ok();
    if (more.ok() && !*more) break;
    if (!more.ok()) continue;
    NAKADACHI_CHECK(row.cells.size() == reader->header().size());
    rows.push_back(row.cells);
    written += CsvLine(row.cells);
  }
  if (!whole) return 0;
  std::istringstream again(written);
  auto second = CsvReader::Create(again, {});
  NAKADACHI_CHECK(second.ok() && second->header() == reader->header());
  CsvRow row;
  for (const auto& cells : rows) {
    const auto more = second->Next(&row);
    NAKADACHI_CHECK(more.ok() && *more && row.cells == cells);
  }
  const auto more = second->Next(&row);
  NAKADACHI_CHECK(more.ok() && !*more);
  return 0;
}
