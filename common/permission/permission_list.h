// The query-permission list (照会許可用照合リスト): which authority may ask which for what.
// Number Act art. 19(8) and its ordinances. Pure: the broker, the provider and an inspector's
// replay call the same function.
#ifndef NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_
#define NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
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

// Immutable once parsed, so safe to read from any thread.
class PermissionList {
 public:
  // Errors name line and column; rules: those of CsvReader and
  //   "empty"       a cell that must be filled, or a list without rows
  //   "slug"        procedure and item: a-z, 0-9 and single hyphens, from a letter, at most 64
  //   "category"    not one of Categories()
  //   "date"        not a day of the calendar written YYYY-MM-DD
  //   "date-order"  ends before it begins
  //   "duplicate"   same procedure, basis, categories and item as a row in force at the same time
  // All problems are found, as far as the CSV can be read; the first is returned; `problems`,
  // where given, receives the text of every one, in the order of the lines.
  static absl::StatusOr<PermissionList> Parse(absl::string_view csv,
                                              std::vector<std::string>* problems = nullptr);
  const std::vector<Row>& rows() const { return rows_; }
  // Indices in rows() of those that name the procedure, in order.
  const std::vector<uint32_t>& RowsOf(absl::string_view procedure) const;
  bool HasProcedure(absl::string_view procedure) const;
  bool HasItem(absl::string_view item) const;

 private:
  explicit PermissionList(std::vector<Row> rows);

  std::vector<Row> rows_;
  absl::flat_hash_map<std::string, std::vector<uint32_t>> by_procedure_;
  absl::flat_hash_set<std::string> items_;
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

// Why an item is or is not permitted. The first that holds, in this order:
enum class Verdict {
  kUnknownProcedure,  // no row at all names the procedure
  kUnknownItem,       // no row at all names the item
  kWrongRequester,    // no row lets this requester ask for the procedure
  kWrongItem,         // no such row covers the item
  kWrongProvider,     // no such row names this provider
  kNotInForce,        // a row fits, but none at this date
  kPermitted,
};
absl::string_view VerdictName(Verdict verdict);  // "permitted", "not-in-force", …

struct ItemDecision {
  std::string item;
  Verdict verdict;
  // The row that permits; else of those that fit up to the verdict the one in force nearest to
  // the date; the earlier in the list where two are equal. None for the unknown. In the list.
  const Row* row = nullptr;
};
struct Decision {
  bool permitted = false;
  std::vector<ItemDecision> items;       // one an item asked for
  std::vector<std::string> legal_basis;  // where permitted: one an item
  // The first verdict that is not kPermitted, else kPermitted.
  Verdict verdict = Verdict::kPermitted;
};

// Permitted only if every item is, and there is one; no item at all is kUnknownItem.
// Deterministic; the list outlives the decision. Takes time with the rows of one procedure only.
Decision Decide(const PermissionList& list, const Question& question);

// The civil day in Japan (UTC+9, without summer time) of a Unix time in ms.
absl::CivilDay JapanDay(int64_t time_ms);

// A readable account of a decision, one line an item, each ended by LF.
std::string Explain(const PermissionList& list, const Question& question);

struct ListDifference {
  std::vector<Row> removed;  // rows of `before` that `after` lacks (all columns but note)
  std::vector<Row> added;
};
ListDifference Diff(const PermissionList& before, const PermissionList& after);

}  // namespace nakadachi::permission

#endif  // NAKADACHI_COMMON_PERMISSION_PERMISSION_LIST_H_
