#include "common/permission/permission_list.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/permission/list_builder.h"

namespace nakadachi::permission {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

const Cells kRow = {"immunization", "law 1",      "municipality", "prefecture",
                    "vaccine-2",    "2024-05-27", "2025-03-31",   "a note"};

Cells With(size_t column, const std::string& value) {
  Cells row = kRow;
  row[column] = value;
  return row;
}

FieldRule ErrorOf(absl::string_view csv) {
  const auto list = PermissionList::Parse(csv);
  if (list.ok()) return {"", "ok"};
  EXPECT_EQ(list.status().code(), absl::StatusCode::kInvalidArgument);
  return GetFieldRule(list.status());
}

TEST(ParseTest, ReadsEveryColumn) {
  const auto list = PermissionList::Parse(ToCsv({kRow}));
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->rows().size(), 1u);
  const Row& row = list->rows()[0];
  EXPECT_EQ(row.line, 2);
  EXPECT_EQ(row.procedure, "immunization");
  EXPECT_EQ(row.legal_basis, "law 1");
  EXPECT_EQ(row.requester_category, "municipality");
  EXPECT_EQ(row.provider_category, "prefecture");
  EXPECT_EQ(row.item, "vaccine-2");
  EXPECT_EQ(row.effective_from, absl::CivilDay(2024, 5, 27));
  EXPECT_EQ(row.effective_to, absl::CivilDay(2025, 3, 31));
  EXPECT_EQ(row.note, "a note");
  EXPECT_TRUE(list->HasProcedure("immunization"));
  EXPECT_FALSE(list->HasProcedure("vaccine-2"));
  EXPECT_TRUE(list->HasItem("vaccine-2"));
  EXPECT_FALSE(list->HasItem("immunization"));
}

TEST(ParseTest, EmptyEndIsOpenAndColumnsMayStandInAnyOrder) {
  const auto list = PermissionList::Parse(
      "\xEF\xBB\xBFnote,effective_to,effective_from,item,provider_category,requester_category,"
      "legal_basis,procedure,extra\r\n,,2024-01-01,x,prefecture,municipality,law,a,anything\r\n");
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->rows()[0].effective_to, absl::CivilDay::max());
  EXPECT_EQ(list->rows()[0].procedure, "a");
}

TEST(ParseTest, RowsAreIndexedByProcedure) {
  Cells other = With(0, "other");
  const auto list = PermissionList::Parse(ToCsv({kRow, other, With(4, "x")}));
  ASSERT_TRUE(list.ok());
  EXPECT_THAT(list->RowsOf("immunization"), ElementsAre(0, 2));
  EXPECT_THAT(list->RowsOf("other"), ElementsAre(1));
  EXPECT_THAT(list->RowsOf("none"), IsEmpty());
}

// Systematic corruption: each cell of a row in the middle of a good list is spoilt in every way
// that its column forbids, and the error names that line, that column and the rule.
TEST(ParseTest, EverySpoiltCellIsNamed) {
  const std::vector<std::string> kBadSlugs = {"Upper", "a_b",  "a b", "-a",
                                              "a-",    "a--b", "1a",  " a",
                                              "a ",    "予防", "a.b", std::string(65, 'a')};
  const std::vector<std::string> kBadCategories = {"city", "Municipality", "municipality ",
                                                   "都道府県知事"};
  const std::vector<std::string> kBadDates = {
      "2024-5-27",  "2024/05/27", "27-05-2024", "2024-02-30", "2023-02-29",
      "2024-13-01", "2024-00-10", "2024-01-00", "20240527",   "2024-05-27 ",
      "+024-05-27", " 024-05-27", "2024-+5-27", "2024- 5-27", "令和6年5月"};
  const struct {
    size_t column;
    std::vector<std::string> values;
    const char* rule;
  } kCases[] = {
      {0, {""}, "empty"},
      {0, kBadSlugs, "slug"},
      {1, {""}, "empty"},
      {2, {""}, "empty"},
      {2, kBadCategories, "category"},
      {3, {""}, "empty"},
      {3, kBadCategories, "category"},
      {4, {""}, "empty"},
      {4, kBadSlugs, "slug"},
      {5, {""}, "empty"},
      {5, kBadDates, "date"},
      {6, kBadDates, "date"},
      {6, {"2024-05-26", "2023-12-31"}, "date-order"},
  };
  for (const auto& c : kCases) {
    for (const std::string& value : c.values) {
      const std::string csv = ToCsv({With(4, "before"), With(c.column, value), With(4, "after")});
      const FieldRule error = ErrorOf(csv);
      EXPECT_EQ(error.rule, c.rule) << value;
      EXPECT_EQ(error.field,
                absl::StrCat("line 3, column ", c.column + 1, " (", Header()[c.column], ")"))
          << value;
    }
  }
}

// Any cell that is not UTF-8, in any column, is named; so is every column taken from the header.
TEST(ParseTest, EveryMisencodedCellAndMissingColumnIsNamed) {
  for (size_t column = 0; column < Header().size(); ++column) {
    const FieldRule encoding =
        ErrorOf(ToCsv({With(4, "before"), With(column, "\x89\xEF\x92\xC3")}));
    EXPECT_EQ(encoding.rule, "utf-8");
    EXPECT_EQ(encoding.field,
              absl::StrCat("line 3, column ", column + 1, " (", Header()[column], ")"));

    Cells header = Header();
    header[column] = "something else";
    const FieldRule missing = ErrorOf(CsvLine(header) + CsvLine(kRow));
    EXPECT_EQ(missing.rule, "header");
    EXPECT_EQ(missing.field, absl::StrCat("line 1, column \"", Header()[column], "\""));
  }
}

// A cut shows, unless it fell between two rows or into a note, the last column; it never makes a
// row say something else.
TEST(ParseTest, CutListNeverSaysSomethingElse) {
  const std::string csv = ToCsv({With(7, "a \"quoted\"\nnote"), With(4, "x")});
  const auto whole = PermissionList::Parse(csv);
  ASSERT_TRUE(whole.ok());
  int readable = 0;
  for (size_t size = 0; size < csv.size(); ++size) {
    const auto cut = PermissionList::Parse(absl::string_view(csv).substr(0, size));
    if (!cut.ok()) continue;
    ++readable;
    const ListDifference difference = Diff(*whole, *cut);
    EXPECT_THAT(difference.added, IsEmpty()) << size;
    EXPECT_EQ(difference.removed.size(), 2 - cut->rows().size()) << size;
  }
  // First row: before its note, at the two doubled quotes, without and with its line's end.
  // Second row: before its note, within it, without its line's end.
  EXPECT_EQ(readable, 5 + 7);
}

TEST(ParseTest, WholeFileErrors) {
  EXPECT_EQ(ErrorOf("").rule, "header");
  EXPECT_EQ(ErrorOf("").field, "line 1, column 1");
  EXPECT_EQ(ErrorOf(ToCsv({})).rule, "empty");
  EXPECT_EQ(ErrorOf(ToCsv({})).field, "line 2, column 1 (procedure)");
  EXPECT_EQ(ErrorOf(ToCsv({Cells(7, "x")})).rule, "columns");
  EXPECT_EQ(ErrorOf(ToCsv({Cells(7, "x")})).field, "line 2, column 8 (note)");
  EXPECT_EQ(ErrorOf(CsvLine(Header()) + "\"immunization").rule, "truncated");
  EXPECT_EQ(ErrorOf(CsvLine(Header()) + "a\"b").rule, "quote");
}

TEST(ParseTest, Duplicates) {
  const auto span = [](const char* from, const char* to) {
    Cells row = kRow;
    row[5] = from;
    row[6] = to;
    return row;
  };
  const struct {
    const char* what;
    std::vector<Cells> rows;
    const char* field;  // "" where allowed
  } kCases[] = {
      {"identical", {kRow, kRow}, "line 3, column 6 (effective_from)"},
      {"another note", {kRow, With(7, "b")}, "line 3, column 6 (effective_from)"},
      {"another basis", {kRow, With(1, "law 2")}, ""},
      {"another procedure", {kRow, With(0, "b")}, ""},
      {"another requester", {kRow, With(2, "prefecture")}, ""},
      {"another provider", {kRow, With(3, "municipality")}, ""},
      {"another item", {kRow, With(4, "x")}, ""},
      {"adjacent", {span("2024-01-01", "2024-01-31"), span("2024-02-01", "")}, ""},
      {"one day shared",
       {span("2024-01-01", "2024-01-31"), span("2024-01-31", "")},
       "line 3, column 6 (effective_from)"},
      {"later first",
       {span("2024-02-01", ""), span("2024-01-01", "2024-02-01")},
       "line 3, column 6 (effective_from)"},
      {"within an older long one",
       {span("2024-01-01", ""), span("2023-01-01", "2023-12-31"), span("2024-03-01", "2024-03-02")},
       "line 4, column 6 (effective_from)"},
      {"hidden behind a short one",
       {span("2024-01-01", "2024-12-31"), span("2024-02-01", "2024-02-02"),
        span("2024-03-01", "2024-03-02")},
       "line 3, column 6 (effective_from)"},
  };
  for (const auto& c : kCases) {
    const FieldRule error = ErrorOf(ToCsv(c.rows));
    EXPECT_EQ(error.rule, *c.field == '\0' ? "ok" : "duplicate") << c.what;
    EXPECT_EQ(error.field, c.field) << c.what;
  }
}

TEST(ParseTest, AllProblemsAreFoundInTheOrderOfLines) {
  std::string csv = ToCsv({kRow, With(2, "city"), kRow});
  csv += "too,short\n";
  Cells two = With(0, "B");
  two[5] = "never";
  csv += CsvLine(two);
  csv += CsvLine(With(4, "\xFF"));
  csv += CsvLine(With(6, "2020-01-01"));
  std::vector<std::string> problems = {"of an earlier call"};
  const auto list = PermissionList::Parse(csv, &problems);
  EXPECT_EQ(GetFieldRule(list.status()).field, "line 3, column 3 (requester_category)");
  EXPECT_THAT(problems,
              ElementsAre(StartsWith("line 3, column 3 (requester_category): "),
                          StartsWith("line 4, column 6 (effective_from): says the same as line 2"),
                          StartsWith("line 5, column 3 (requester_category): is missing"),
                          StartsWith("line 6, column 1 (procedure): "),
                          StartsWith("line 6, column 6 (effective_from): "),
                          StartsWith("line 7, column 5 (item): must be UTF-8"),
                          StartsWith("line 8, column 7 (effective_to): ")));
  EXPECT_EQ(problems.front(), list.status().message());
}

TEST(ParseTest, GoodListHasNoProblems) {
  std::vector<std::string> problems = {"of an earlier call"};
  EXPECT_TRUE(PermissionList::Parse(ToCsv({kRow}), &problems).ok());
  EXPECT_THAT(problems, IsEmpty());
}

TEST(CategoriesTest, AreSlugsWithoutRepetition) {
  const std::set<std::string> distinct(Categories().begin(), Categories().end());
  EXPECT_EQ(distinct.size(), Categories().size());
  for (const std::string& category : Categories()) EXPECT_TRUE(IsCategory(category));
  EXPECT_FALSE(IsCategory(""));
  EXPECT_FALSE(IsCategory("city"));
}

PermissionList List(const std::vector<Cells>& rows) {
  auto list = PermissionList::Parse(ToCsv(rows));
  EXPECT_TRUE(list.ok()) << list.status();
  return *std::move(list);
}

TEST(DiffTest, EveryColumnButTheNoteCounts) {
  const PermissionList before = List({kRow});
  const Cells kOther = {"b", "law 2", "prefecture", "municipality", "x", "2024-05-28", "", "b"};
  for (size_t column = 0; column < kRow.size(); ++column) {
    const ListDifference difference = Diff(before, List({With(column, kOther[column])}));
    const size_t expected = column == 7 ? 0 : 1;
    EXPECT_EQ(difference.removed.size(), expected) << Header()[column];
    EXPECT_EQ(difference.added.size(), expected) << Header()[column];
  }
}

TEST(DiffTest, OrderOfLinesDoesNotCount) {
  const ListDifference difference =
      Diff(List({kRow, With(4, "x")}), List({With(4, "x"), With(4, "y"), kRow, With(4, "z")}));
  EXPECT_THAT(difference.removed, IsEmpty());
  ASSERT_EQ(difference.added.size(), 2u);
  EXPECT_EQ(difference.added[0].item, "y");
  EXPECT_EQ(difference.added[0].line, 3);
  EXPECT_EQ(difference.added[1].item, "z");
}

// Random lists: taking away what was removed and putting in what was added gives the other list.
TEST(DiffTest, AddsUp) {
  const auto keys = [](const std::vector<Row>& rows) {
    std::set<std::string> out;
    for (const Row& row : rows) {
      out.insert(absl::StrCat(row.procedure, "|", row.legal_basis, "|", row.requester_category, "|",
                              row.provider_category, "|", row.item, "|",
                              absl::FormatCivilTime(row.effective_from), "|",
                              absl::FormatCivilTime(row.effective_to)));
    }
    return out;
  };
  RandomRows random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<Cells> rows = random.Rows(20);
    const PermissionList before = List(rows);
    for (Cells& row : rows) {
      if (random.Below(3) == 0) row[4] = random.Item();
    }
    if (random.Below(2) == 0) rows.push_back(random.Row(1000));
    if (rows.size() > 1 && random.Below(2) == 0) rows.erase(rows.begin());
    const PermissionList after = List(rows);
    const ListDifference difference = Diff(before, after);
    std::set<std::string> made = keys(before.rows());
    for (const std::string& key : keys(difference.removed)) ASSERT_EQ(made.erase(key), 1u);
    for (const std::string& key : keys(difference.added)) ASSERT_TRUE(made.insert(key).second);
    ASSERT_EQ(made, keys(after.rows()));
  }
}

TEST(ParseTest, ArbitraryBytesNeverCrash) {
  RandomRows random(2);
  const std::string good = ToCsv(random.Rows(5));
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (size_t i = 0, size = 1 + random.Below(4); i < size; ++i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    std::vector<std::string> problems;
    const auto list = PermissionList::Parse(bytes, &problems);
    ASSERT_EQ(list.ok(), problems.empty());
    ASSERT_EQ(list.ok(), GetFieldRule(list.status()).rule.empty());
  }
}

}  // namespace
}  // namespace nakadachi::permission
