#include "common/permission/permission_list.h"

#include <algorithm>
#include <sstream>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/csv.h"
#include "common/base/status.h"

namespace nakadachi::permission {
namespace {

constexpr char kProcedure[] = "procedure";
constexpr char kLegalBasis[] = "legal_basis";
constexpr char kRequester[] = "requester_category";
constexpr char kProvider[] = "provider_category";
constexpr char kItem[] = "item";
constexpr char kFrom[] = "effective_from";
constexpr char kTo[] = "effective_to";
constexpr char kNote[] = "note";
constexpr size_t kMaxSlug = 64;

bool IsSlug(absl::string_view text) {
  if (text.empty() || text.size() > kMaxSlug || !absl::ascii_islower(text.front())) return false;
  char before = '-';
  for (const char c : text) {
    if (c == '-' ? before == '-' : !absl::ascii_islower(c) && !absl::ascii_isdigit(c)) return false;
    before = c;
  }
  return before != '-';
}

bool ParseDay(absl::string_view text, absl::CivilDay* day) {
  int year = 0;
  int month = 0;
  int number = 0;
  if (text.size() != 10 || !absl::SimpleAtoi(text.substr(0, 4), &year) ||
      !absl::SimpleAtoi(text.substr(5, 2), &month) ||
      !absl::SimpleAtoi(text.substr(8, 2), &number)) {
    return false;
  }
  *day = absl::CivilDay(year, month, number);
  // Days that the calendar lacks were carried over; signs and blanks were let through.
  return text == absl::StrFormat("%04d-%02d-%02d", day->year(), day->month(), day->day());
}

// What makes two rows the same permission, but for the time.
auto Permission(const Row& row) {
  return std::tie(row.procedure, row.legal_basis, row.requester_category, row.provider_category,
                  row.item);
}

auto AllButNote(const Row& row) {
  return std::tuple_cat(Permission(row), std::tie(row.effective_from, row.effective_to));
}

struct Problem {
  int line;
  absl::Status status;
};

// Turns the rows of a CSV into rows of a list and keeps every problem.
class Parser {
 public:
  Parser(CsvReader& reader, std::vector<Problem>& problems)
      : reader_(reader), problems_(problems) {}

  std::vector<Row> ReadRows() {
    std::vector<Row> rows;
    CsvRow csv;
    while (true) {
      const absl::StatusOr<bool> more = reader_.Next(&csv);
      if (!more.ok()) {
        problems_.push_back({csv.line, more.status()});
        if (!CanReadOn(more.status())) break;
        continue;
      }
      if (!*more) break;
      Row row;
      if (ReadRow(csv, &row)) rows.push_back(std::move(row));
    }
    if (rows.empty() && problems_.empty()) AddNoRow(csv);
    FindDuplicates(rows);
    return rows;
  }

 private:
  static bool CanReadOn(const absl::Status& status) {
    const std::string rule = GetFieldRule(status).rule;
    return rule == "columns" || rule == "utf-8";
  }

  void Add(const CsvRow& csv, absl::string_view column, absl::string_view rule,
           absl::string_view message) {
    problems_.push_back({csv.line, InvalidField(reader_.Where(csv, column), rule, message)});
  }

  // `end`: where a row would stand.
  void AddNoRow(const CsvRow& end) {
    Add(end, reader_.header().front(), "empty", "no row follows the header");
  }

  bool ReadRow(const CsvRow& csv, Row* row) {
    const size_t before = problems_.size();
    row->line = csv.line;
    row->procedure = Slug(csv, kProcedure);
    row->legal_basis = Filled(csv, kLegalBasis);
    row->requester_category = Category(csv, kRequester);
    row->provider_category = Category(csv, kProvider);
    row->item = Slug(csv, kItem);
    row->note = reader_.Cell(csv, kNote);
    const bool begins = ReadDay(csv, kFrom, &row->effective_from);
    const bool open = reader_.Cell(csv, kTo).empty();
    const bool ends = !open && ReadDay(csv, kTo, &row->effective_to);
    if (begins && ends && row->effective_to < row->effective_from) {
      Add(csv, kTo, "date-order", "is before effective_from");
    }
    return problems_.size() == before;
  }

  const std::string& Filled(const CsvRow& csv, absl::string_view column) {
    const std::string& cell = reader_.Cell(csv, column);
    if (cell.empty()) Add(csv, column, "empty", "must be filled");
    return cell;
  }

  const std::string& Slug(const CsvRow& csv, absl::string_view column) {
    const std::string& cell = Filled(csv, column);
    if (!cell.empty() && !IsSlug(cell)) {
      Add(csv, column, "slug", "must be a word of a-z, 0-9 and single hyphens, at most 64 long");
    }
    return cell;
  }

  const std::string& Category(const CsvRow& csv, absl::string_view column) {
    const std::string& cell = Filled(csv, column);
    if (!cell.empty() && !IsCategory(cell)) Add(csv, column, "category", "is no known category");
    return cell;
  }

  bool ReadDay(const CsvRow& csv, absl::string_view column, absl::CivilDay* day) {
    const std::string& cell = Filled(csv, column);
    if (cell.empty()) return false;
    if (ParseDay(cell, day)) return true;
    Add(csv, column, "date", "must be a day as YYYY-MM-DD");
    return false;
  }

  void FindDuplicates(const std::vector<Row>& rows) {
    std::vector<const Row*> sorted;
    sorted.reserve(rows.size());
    for (const Row& row : rows) sorted.push_back(&row);
    std::sort(sorted.begin(), sorted.end(), [](const Row* a, const Row* b) {
      const auto key_a = Permission(*a);
      const auto key_b = Permission(*b);
      if (key_a != key_b) return key_a < key_b;
      return std::tie(a->effective_from, a->line) < std::tie(b->effective_from, b->line);
    });
    const Row* longest = nullptr;  // of the same permission, so far
    for (const Row* row : sorted) {
      const bool same = longest != nullptr && Permission(*longest) == Permission(*row);
      if (same && row->effective_from <= longest->effective_to) AddDuplicate(*longest, *row);
      if (!same || row->effective_to > longest->effective_to) longest = row;
    }
  }

  void AddDuplicate(const Row& a, const Row& b) {
    CsvRow later;
    later.line = std::max(a.line, b.line);
    Add(later, kFrom, "duplicate",
        absl::StrCat("says the same as line ", std::min(a.line, b.line), " for the same days"));
  }

  CsvReader& reader_;
  std::vector<Problem>& problems_;
};

}  // namespace

const std::vector<std::string>& Categories() {
  static const auto* const categories = new std::vector<std::string>{
      "municipality",              // 市町村長
      "prefecture",                // 都道府県知事
      "minister-of-health",        // 厚生労働大臣
      "prime-minister",            // 内閣総理大臣
      "medical-insurer",           // 医療保険者等
      "allowance-payer",           // 手当を支給することとされている者
      "public-assistance-office",  // 都道府県知事等 (Public Assistance Act)
  };
  return *categories;
}

bool IsCategory(absl::string_view category) {
  const std::vector<std::string>& all = Categories();
  return std::find(all.begin(), all.end(), category) != all.end();
}

PermissionList::PermissionList(std::vector<Row> rows) : rows_(std::move(rows)) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    by_procedure_[rows_[i].procedure].push_back(static_cast<uint32_t>(i));
    items_.insert(rows_[i].item);
  }
}

absl::StatusOr<PermissionList> PermissionList::Parse(absl::string_view csv,
                                                     std::vector<std::string>* problems) {
  if (problems != nullptr) problems->clear();
  std::istringstream in{std::string(csv)};
  absl::StatusOr<CsvReader> reader = CsvReader::Create(
      in, {kProcedure, kLegalBasis, kRequester, kProvider, kItem, kFrom, kTo, kNote});
  std::vector<Problem> found;
  std::vector<Row> rows;
  if (reader.ok()) {
    rows = Parser(*reader, found).ReadRows();
  } else {
    found.push_back({1, reader.status()});
  }
  if (found.empty()) return PermissionList(std::move(rows));

  std::stable_sort(found.begin(), found.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  if (problems != nullptr) {
    for (const Problem& problem : found) problems->emplace_back(problem.status.message());
  }
  return found.front().status;
}

const std::vector<uint32_t>& PermissionList::RowsOf(absl::string_view procedure) const {
  static const auto* const none = new std::vector<uint32_t>;
  const auto found = by_procedure_.find(procedure);
  return found == by_procedure_.end() ? *none : found->second;
}

bool PermissionList::HasProcedure(absl::string_view procedure) const {
  return by_procedure_.contains(procedure);
}

bool PermissionList::HasItem(absl::string_view item) const { return items_.contains(item); }

ListDifference Diff(const PermissionList& before, const PermissionList& after) {
  const auto sorted = [](const PermissionList& list) {
    std::vector<const Row*> rows;
    for (const Row& row : list.rows()) rows.push_back(&row);
    std::sort(rows.begin(), rows.end(),
              [](const Row* a, const Row* b) { return AllButNote(*a) < AllButNote(*b); });
    return rows;
  };
  const auto lacking = [&sorted](const PermissionList& from, const PermissionList& other) {
    const std::vector<const Row*> others = sorted(other);
    std::vector<Row> rows;
    for (const Row& row : from.rows()) {
      const bool held = std::binary_search(
          others.begin(), others.end(), &row,
          [](const Row* a, const Row* b) { return AllButNote(*a) < AllButNote(*b); });
      if (!held) rows.push_back(row);
    }
    return rows;
  };
  return {lacking(before, after), lacking(after, before)};
}

}  // namespace nakadachi::permission
