#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/permission/permission_list.h"

namespace nakadachi::permission {
namespace {

// Days between a date and the row's period; 0 within it.
absl::civil_diff_t DaysFrom(const Row& row, absl::CivilDay date) {
  if (date < row.effective_from) return row.effective_from - date;
  if (date > row.effective_to) return date - row.effective_to;
  return 0;
}

// How far a row of the procedure goes along with the question.
Verdict VerdictOf(const Row& row, const Question& question, absl::string_view item) {
  if (row.requester_category != question.requester_category) return Verdict::kWrongRequester;
  if (row.item != item) return Verdict::kWrongItem;
  if (row.provider_category != question.provider_category) return Verdict::kWrongProvider;
  if (DaysFrom(row, question.date) != 0) return Verdict::kNotInForce;
  return Verdict::kPermitted;
}

ItemDecision DecideItem(const PermissionList& list, const std::vector<uint32_t>& rows,
                        const Question& question, const std::string& item) {
  if (rows.empty()) return {item, Verdict::kUnknownProcedure, nullptr};
  if (!list.HasItem(item)) return {item, Verdict::kUnknownItem, nullptr};
  // Verdicts are in the order of the tests above, so that the row that passes most of them has
  // the greatest, and that one is the item's.
  const Row* best = nullptr;
  Verdict verdict = Verdict::kWrongRequester;
  for (const uint32_t index : rows) {
    const Row& row = list.rows()[index];
    const Verdict reached = VerdictOf(row, question, item);
    if (best != nullptr && reached < verdict) continue;
    const bool nearer = best == nullptr || reached > verdict ||
                        DaysFrom(row, question.date) < DaysFrom(*best, question.date);
    if (!nearer) continue;
    best = &row;
    verdict = reached;
  }
  return {item, verdict, best};
}

std::string Day(absl::CivilDay day) { return absl::FormatCivilTime(day); }

std::string Period(const Row& row) {
  if (row.effective_to == absl::CivilDay::max()) {
    return absl::StrCat("from ", Day(row.effective_from));
  }
  return absl::StrCat("from ", Day(row.effective_from), " to ", Day(row.effective_to));
}

std::string Account(const Row& row) {
  return absl::StrCat(row.legal_basis, " (line ", row.line, ": ", row.requester_category,
                      " may ask ", row.provider_category, " for ", row.item, ", ", Period(row),
                      ")");
}

std::string Reason(const ItemDecision& decision) {
  switch (decision.verdict) {
    case Verdict::kUnknownProcedure:
      return "no row of the list names the procedure";
    case Verdict::kUnknownItem:
      return "no row of the list names the item";
    case Verdict::kWrongRequester:
      return absl::StrCat("another authority's procedure: ", Account(*decision.row));
    case Verdict::kWrongItem:
      return absl::StrCat("the procedure does not cover the item, but has ",
                          Account(*decision.row));
    case Verdict::kWrongProvider:
      return absl::StrCat("another authority provides the item: ", Account(*decision.row));
    case Verdict::kNotInForce:
      return absl::StrCat("not at that date: ", Account(*decision.row));
    case Verdict::kPermitted:
      return absl::StrCat("by ", Account(*decision.row));
  }
  NAKADACHI_CHECK(false);
}

}  // namespace

absl::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kUnknownProcedure:
      return "unknown-procedure";
    case Verdict::kUnknownItem:
      return "unknown-item";
    case Verdict::kWrongRequester:
      return "wrong-requester";
    case Verdict::kWrongItem:
      return "wrong-item";
    case Verdict::kWrongProvider:
      return "wrong-provider";
    case Verdict::kNotInForce:
      return "not-in-force";
    case Verdict::kPermitted:
      return "permitted";
  }
  NAKADACHI_CHECK(false);
}

Decision Decide(const PermissionList& list, const Question& question) {
  const std::vector<uint32_t>& rows = list.RowsOf(question.procedure);
  Decision decision;
  decision.verdict = rows.empty()             ? Verdict::kUnknownProcedure
                     : question.items.empty() ? Verdict::kUnknownItem
                                              : Verdict::kPermitted;
  decision.items.reserve(question.items.size());
  for (const std::string& item : question.items) {
    decision.items.push_back(DecideItem(list, rows, question, item));
    if (decision.verdict == Verdict::kPermitted) decision.verdict = decision.items.back().verdict;
  }
  decision.permitted = decision.verdict == Verdict::kPermitted;
  if (!decision.permitted) return decision;
  decision.legal_basis.reserve(decision.items.size());
  for (const ItemDecision& item : decision.items) {
    decision.legal_basis.push_back(item.row->legal_basis);
  }
  return decision;
}

absl::CivilDay JapanDay(int64_t time_ms) {
  constexpr int64_t kDay = int64_t{24} * 60 * 60 * 1000;
  constexpr int64_t kAhead = int64_t{9} * 60 * 60 * 1000;
  int64_t days = time_ms / kDay;
  int64_t rest = time_ms % kDay + kAhead;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  return absl::CivilDay(1970, 1, 1) + (days + rest / kDay);
}

std::string Explain(const PermissionList& list, const Question& question) {
  const std::string about =
      absl::StrCat(question.requester_category, " asks ", question.provider_category, " for ");
  const std::string when =
      absl::StrCat(" (", question.procedure, ") on ", Day(question.date), ": ");
  std::string text;
  for (const ItemDecision& item : Decide(list, question).items) {
    absl::StrAppend(&text, about, item.item, when, VerdictName(item.verdict), ", ", Reason(item),
                    "\n");
  }
  return text;
}

}  // namespace nakadachi::permission
