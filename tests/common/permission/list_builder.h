// Lists for tests: a row in a line of code, and lists drawn at random.
#ifndef NAKADACHI_TESTS_COMMON_PERMISSION_LIST_BUILDER_H_
#define NAKADACHI_TESTS_COMMON_PERMISSION_LIST_BUILDER_H_

#include <random>
#include <string>
#include <vector>

#include "common/base/csv.h"

namespace nakadachi::permission {

using Cells = std::vector<std::string>;

inline const Cells& Header() {
  static const auto* const header =
      new Cells{"procedure", "legal_basis",    "requester_category", "provider_category",
                "item",      "effective_from", "effective_to",       "note"};
  return *header;
}

inline std::string ToCsv(const std::vector<Cells>& rows) {
  std::string csv = CsvLine(Header());
  for (const Cells& row : rows) csv += CsvLine(row);
  return csv;
}

// Draws from few values, so that rows meet.
class RandomRows {
 public:
  explicit RandomRows(uint32_t seed) : random_(seed) {}

  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }
  const std::string& Pick(const Cells& values) { return values[Below(values.size())]; }

  std::string Category() { return Pick({"municipality", "prefecture", "medical-insurer"}); }
  std::string Procedure() { return Pick({"a", "b", "c"}); }
  std::string Item() { return Pick({"x", "y", "z"}); }
  std::string Day() {
    return std::string("2024-0") + Pick({"1", "2", "3"}) + "-1" + Pick({"0", "1", "9"});
  }

  // A row whose basis is its own, so that no two are duplicates.
  Cells Row(size_t number) {
    std::string from = Day();
    std::string to = Below(3) == 0 ? "" : Day();
    if (!to.empty() && to < from) std::swap(from, to);
    return {
        Procedure(), "basis " + std::to_string(number), Category(), Category(), Item(), from, to,
        ""};
  }
  std::vector<Cells> Rows(size_t most) {
    std::vector<Cells> rows;
    for (size_t i = 0, size = 1 + Below(most); i < size; ++i) rows.push_back(Row(i));
    return rows;
  }

 private:
  std::mt19937 random_;
};

}  // namespace nakadachi::permission

#endif  // NAKADACHI_TESTS_COMMON_PERMISSION_LIST_BUILDER_H_
