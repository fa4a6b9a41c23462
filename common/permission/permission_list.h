// The query-permission list (照会許可用照合リスト): which authority may ask which for what.
// Number Act art. 19(8) and its ordinances. Pure: the broker, the provider and an inspector's
// replay call the same function.
#ifndef NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_
#define NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace nakadachi::permission {

// One row of the CSV. Columns: procedure, legal_basis, requester_category, provider_category,
// item, effective_from, effective_to, note. Dates are YYYY-MM-DD, both inclusive; an empty
// effective_to is open.
struct Row {
  int line = 0;  // in the CSV, from 1
  std::string procedure;
  std::string legal_basis;
  std::string requester_category;
  std::string provider_category;
  std::string item;
  absl::CivilDay effective_from;
  absl::CivilDay effective_to = absl::CivilDay::max();
  std::string note;
};

class PermissionList {
 public:
  // Errors name line and column; rules: those of CsvReader, "category", "slug", "date",
  // "date-order", "duplicate", "empty". All problems are found, the first is returned;
  // `problems`, where given, receives every one.
  static absl::StatusOr<PermissionList> Parse(absl::string_view csv,
                                              std::vector<std::string>* problems = nullptr);
  const std::vector<Row>& rows() const { return rows_; }
  bool HasProcedure(absl::string_view procedure) const;
  bool HasItem(absl::string_view item) const;

 private:
  std::vector<Row> rows_;
};

// The categories that a row may name, e.g. "municipality" (市町村長), "prefecture" (都道府県知事).
const std::vector<std::string>& Categories();
bool IsCategory(absl::string_view category);

struct Question {
  std::string requester_category;
  std::string provider_category;
  std::string procedure;
  std::vector<std::string> items;
  absl::CivilDay date;  // in Japan (UTC+9)
};

enum class Verdict {
  kPermitted,
  kUnknownProcedure,  // no row at all names the procedure
  kUnknownItem,       // no row at all names the item
  kWrongRequester,    // the procedure is another authority's
  kWrongProvider,     // that authority does not provide the item for this procedure
  kWrongItem,         // the procedure does not cover the item
  kNotInForce,        // a row fits, but not at this date
};
absl::string_view VerdictName(Verdict verdict);  // "permitted", "not-in-force", …

struct ItemDecision {
  std::string item;
  Verdict verdict;
  const Row* row = nullptr;  // the row that permits, or that came nearest; in the list
};
struct Decision {
  bool permitted = false;
  std::vector<ItemDecision> items;       // one an item asked for
  std::vector<std::string> legal_basis;  // where permitted: one an item
  // The first verdict that is not kPermitted, else kPermitted.
  Verdict verdict = Verdict::kPermitted;
};

// Permitted only if every item is. Deterministic; the list outlives the decision.
Decision Decide(const PermissionList& list, const Question& question);

// The civil day in Japan of a Unix time in ms.
absl::CivilDay JapanDay(int64_t time_ms);

// A readable account of a decision, one line an item.
std::string Explain(const PermissionList& list, const Question& question);

struct ListDifference {
  std::vector<Row> removed;  // rows of `before` that `after` lacks (all columns but note)
  std::vector<Row> added;
};
ListDifference Diff(const PermissionList& before, const PermissionList& after);

}  // namespace nakadachi::permission

#endif  // NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_
