// The mapping of a source system's CSV to replica sets, and what it says of a file that is wrong.
#include "client/cli/replica_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

constexpr char kHeader[] =
    "addressee_number,item,source_version,source_time,record_id,vaccine_kind,dose,date,"
    "manufacturer,lot,volume_ml,place,physician,done,ticket_number,municipality\n";

struct Result {
  std::vector<ReplicaCsvReader::Set> sets;
  std::vector<absl::Status> problems;
};

Result ReadAll(const std::string& csv) {
  std::istringstream in(csv);
  Result result;
  auto reader = ReplicaCsvReader::Create(in);
  if (!reader.ok()) {
    result.problems.push_back(reader.status());
    return result;
  }
  ReplicaCsvReader::Set set;
  while (true) {
    bool fatal = false;
    const auto more = (*reader)->Next(&set, &fatal);
    if (!more.ok()) result.problems.push_back(more.status());
    if (fatal || (more.ok() && !*more)) return result;
    if (more.ok()) result.sets.push_back(set);
  }
}

TEST(ReplicaCsvTest, GroupsRowsOfAPersonAndItem) {
  const Result result = ReadAll(absl::StrCat(
      kHeader,
      "1,immunization,3,2024-04-01T09:00,a,30001,1,20210601,ファイザー,FA1,0.30,福島市,山田,1,"
      "1234567890,072010\n"
      "1,immunization,3,2024-04-01T09:00,b,30001,2,20210622,,,,,,0,,\n"
      "1,special-measures-immunization,1,2024-04-01,a,30001,1,20210601,,,,,,,,\n"
      "2,immunization,1,2024-04-01,,,,,,,,,,,,\n"));
  ASSERT_TRUE(result.problems.empty()) << result.problems[0];
  ASSERT_EQ(result.sets.size(), 3u);

  const v1::ReplicaEntry& first = result.sets[0].entry;
  EXPECT_EQ(result.sets[0].lines.first, 2);
  EXPECT_THAT(result.sets[0].lines.records, testing::ElementsAre(2, 3));
  EXPECT_TRUE(result.sets[2].lines.records.empty());
  EXPECT_EQ(first.addressee_number(), "1");
  EXPECT_EQ(first.set().item(), "immunization");
  EXPECT_EQ(first.set().source_version(), 3u);
  EXPECT_EQ(first.set().source_time_ms(), 1711929600000);
  ASSERT_EQ(first.set().records_size(), 2);
  const v1::ReplicaRecord& record = first.set().records(0);
  EXPECT_EQ(record.item(), "immunization");
  EXPECT_EQ(record.record_id(), "a");
  EXPECT_EQ(record.vaccination().vaccine_kind(), "30001");
  EXPECT_EQ(record.vaccination().dose(), 1u);
  EXPECT_EQ(record.vaccination().date().yyyymmdd(), "20210601");
  EXPECT_EQ(record.vaccination().manufacturer(), "ファイザー");
  EXPECT_EQ(record.vaccination().lot(), "FA1");
  EXPECT_EQ(record.vaccination().volume_ml(), "0.30");
  EXPECT_EQ(record.vaccination().place(), "福島市");
  EXPECT_EQ(record.vaccination().physician(), "山田");
  EXPECT_TRUE(record.vaccination().done());
  EXPECT_EQ(record.vaccination().ticket_number(), "1234567890");
  EXPECT_EQ(record.vaccination().municipality(), "072010");
  EXPECT_FALSE(first.set().records(1).vaccination().done());

  EXPECT_EQ(result.sets[1].entry.set().item(), "special-measures-immunization");
  EXPECT_TRUE(result.sets[1].entry.set().records(0).vaccination().done());
  EXPECT_EQ(result.sets[2].entry.addressee_number(), "2");
  EXPECT_EQ(result.sets[2].entry.set().records_size(), 0);
}

TEST(ReplicaCsvTest, OptionalColumnsMayBeMissingAndOrderIsFree) {
  const Result result = ReadAll(
      "date,dose,vaccine_kind,record_id,source_time,source_version,item,addressee_number,extra\r\n"
      "20210601,1,30001,a,2024-04-01,1,immunization,1,x\r\n");
  ASSERT_TRUE(result.problems.empty()) << result.problems[0];
  ASSERT_EQ(result.sets.size(), 1u);
  EXPECT_EQ(result.sets[0].entry.set().records(0).vaccination().date().yyyymmdd(), "20210601");
}

TEST(ReplicaCsvTest, AnEmptyFileHasNoSets) {
  const Result result = ReadAll(kHeader);
  EXPECT_TRUE(result.sets.empty());
  EXPECT_TRUE(result.problems.empty());
}

// A row of sixteen cells, one of them replaced.
std::string RowWith(size_t column, const std::string& cell) {
  std::vector<std::string> cells = {
      "1",     "immunization", "1",   "2024-04-01", "a",      "30001", "1", "20210601",
      "maker", "lot",          "0.3", "place",      "doctor", "1",     "",  "072010"};
  cells[column] = cell;
  return CsvLine(cells);
}

std::string Repeated(const char* text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ReplicaCsvTest, EachCellHasItsRuleAndItsPlace) {
  struct Case {
    size_t column;
    std::string cell;
    const char* name;
    const char* rule;
  };
  const Case cases[] = {
      {0, "12x", "addressee_number", "digits"},
      {0, "", "addressee_number", "length"},
      {0, "1234567890123456", "addressee_number", "length"},
      {1, "Immunization", "item", "slug"},
      {1, "", "item", "slug"},
      {1, "a--b", "item", "slug"},
      {1, "a-", "item", "slug"},
      {2, "0", "source_version", "number"},
      {2, "one", "source_version", "number"},
      {2, "-1", "source_version", "number"},
      {3, "yesterday", "source_time", "time"},
      {3, "1969-12-31", "source_time", "range"},
      {4, "", "record_id", "empty"},
      {4, Repeated("a", 65), "record_id", "length"},
      {5, "3001", "vaccine_kind", "digits"},
      {5, "3000x", "vaccine_kind", "digits"},
      {6, "0", "dose", "range"},
      {6, "8", "dose", "range"},
      {6, "", "dose", "range"},
      {7, "2021-06-01", "date", "date"},
      {7, "20210231", "date", "date"},
      {7, "20211301", "date", "date"},
      {7, "2021A501", "date", "date"},
      {7, "", "date", "date"},
      {8, Repeated("ファ", 11), "manufacturer", "length"},
      {9, Repeated("x", 21), "lot", "length"},
      {10, "0,3", "volume_ml", "decimal"},
      {10, ".3", "volume_ml", "decimal"},
      {10, "0.12345678", "volume_ml", "length"},
      {11, Repeated("市", 31), "place", "length"},
      {12, Repeated("山", 21), "physician", "length"},
      {13, "yes", "done", "flag"},
      {14, "123", "ticket_number", "length"},
      {15, "072029", "municipality", "check-digit"},
  };
  for (const Case& c : cases) {
    const Result result = ReadAll(kHeader + RowWith(c.column, c.cell));
    ASSERT_EQ(result.problems.size(), 1u) << c.name << " '" << c.cell << "'";
    const FieldRule cause = GetFieldRule(result.problems[0]);
    EXPECT_EQ(cause.rule, c.rule) << c.name << " '" << c.cell << "'";
    EXPECT_EQ(cause.field, absl::StrCat("line 2, column ", c.column + 1, " (", c.name, ")"));
    EXPECT_TRUE(result.sets.empty());
    // What a cell holds may be personal data: no error repeats it.
    if (c.cell.size() > 4) {
      EXPECT_THAT(std::string(result.problems[0].message()),
                  testing::Not(testing::HasSubstr(c.cell)));
    }
  }
}

TEST(ReplicaCsvTest, DatesOfRegisters) {
  for (const char* date : {"20240229", "00000000", "20210000", "2021A100", "202106A3", "00000229",
                           "20211231", "2021A4A1"}) {
    const Result result = ReadAll(kHeader + RowWith(7, date));
    EXPECT_TRUE(result.problems.empty()) << date;
  }
  // Not done: there may be no date.
  EXPECT_TRUE(ReadAll(absl::StrCat(kHeader, "1,immunization,1,2024-04-01,a,30001,1,,,,,,,0,,\n"))
                  .problems.empty());
}

TEST(ReplicaCsvTest, RulesAcrossRows) {
  const std::string begin = absl::StrCat(kHeader, "1,a,1,2024-04-01,x,30001,1,20210601,,,,,,,,\n");
  struct Case {
    const char* rows;
    const char* where;
    const char* rule;
  };
  const Case cases[] = {
      {"1,a,2,2024-04-01,y,30001,2,20210601,,,,,,,,\n", "line 3, column 3 (source_version)",
       "differs"},
      {"1,a,1,2024-04-02,y,30001,2,20210601,,,,,,,,\n", "line 3, column 4 (source_time)",
       "differs"},
      {"1,a,1,2024-04-01,x,30001,2,20210601,,,,,,,,\n", "line 3, column 5 (record_id)",
       "duplicate"},
      {"2,a,1,2024-04-01,x,30001,1,20210601,,,,,,,,\n1,a,1,2024-04-01,z,30001,3,20210601,,,,,,,,\n",
       "line 4, column 1 (addressee_number)", "scattered"},
      {"1,a,1,2024-04-01,,,,,,,,,,,,\n", "line 3, column 5 (record_id)", "empty"},
      {"short,row\n", "line 3, column 3 (source_version)", "columns"},
      {"2,a,1,2024-04-01,y,30001,2", "line 3, column 8 (date)", "columns"},
  };
  for (const Case& c : cases) {
    const Result result = ReadAll(begin + c.rows);
    ASSERT_EQ(result.problems.size(), 1u) << c.rows;
    EXPECT_EQ(GetFieldRule(result.problems[0]).rule, c.rule) << c.rows;
    EXPECT_THAT(GetFieldRule(result.problems[0]).field, testing::StartsWith(c.where)) << c.rows;
  }
}

// A dose whose id and kind were lost on the way is no statement that nothing is held.
TEST(ReplicaCsvTest, NothingIsHeldOnlyWhereNothingElseIsSaid) {
  const std::string none = "1,a,1,2024-04-01,,,,,,,,,,,,\n";
  const std::string dose = "1,a,1,2024-04-01,x,30001,1,20210601,,,,,,,,\n";
  const std::string other = "2,a,1,2024-04-01,x,30001,1,20210601,,,,,,,,\n";
  struct Case {
    std::string rows;
    const char* where;  // nullptr: in order
    size_t sets;
  };
  std::vector<Case> cases = {
      {none, nullptr, 1},
      {none + other, nullptr, 2},
      {other + none, nullptr, 2},
      {none + dose, "line 2, column 5 (record_id)", 0},
      {none + dose + other, "line 2, column 5 (record_id)", 1},
      {none + none, "line 2, column 5 (record_id)", 0},
      {dose + none, "line 3, column 5 (record_id)", 0},
      {"1,a,1,2024-04-01,,,1,20210601,,,,,,,,\n", "line 2, column 5 (record_id)", 0},
      {"1,a,1,2024-04-01,,,1,20210601,,,,,,,,\n" + dose, "line 2, column 5 (record_id)", 0},
  };
  for (int filled = 5; filled < 16; ++filled) {
    std::string row = "1,a,1,2024-04-01";
    for (int i = 4; i < 16; ++i) row += i == filled ? ",1" : ",";
    cases.push_back({row + "\n", "line 2, column 5 (record_id)", 0});
  }
  for (const Case& c : cases) {
    const Result result = ReadAll(kHeader + c.rows);
    EXPECT_EQ(result.sets.size(), c.sets) << c.rows;
    ASSERT_EQ(result.problems.size(), c.where == nullptr ? 0u : 1u) << c.rows;
    if (c.where == nullptr) continue;
    EXPECT_EQ(GetFieldRule(result.problems[0]).field, c.where) << c.rows;
    EXPECT_EQ(GetFieldRule(result.problems[0]).rule, "empty") << c.rows;
    EXPECT_THAT(std::string(result.problems[0].message()), testing::HasSubstr("must be filled"));
  }
}

TEST(ReplicaCsvTest, EveryProblemIsFoundOneASet) {
  const Result result = ReadAll(absl::StrCat(
      kHeader, RowWith(6, "9"), "1,immunization,1,2024-04-01,b,30001,9,20210601,,,,,,,,\n",
      "2,immunization,1,2024-04-01,b,30001,1,20210601,,,,,,,,\n",
      "3,immunization,1,2024-04-01,b,x,1,20210601,,,,,,,,\n"));
  EXPECT_EQ(result.sets.size(), 1u);
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(GetFieldRule(result.problems[0]).field, "line 2, column 7 (dose)");
  EXPECT_EQ(GetFieldRule(result.problems[1]).field, "line 5, column 6 (vaccine_kind)");
}

TEST(ReplicaCsvTest, WhatTheServerSaysIsSaidOfTheCell) {
  std::istringstream in(absl::StrCat(kHeader, RowWith(4, "a"), "\n", RowWith(4, "b")));
  const auto reader = ReplicaCsvReader::Create(in);
  ASSERT_TRUE(reader.ok());
  ReplicaCsvReader::Set set;
  bool fatal = false;
  ASSERT_TRUE((*reader)->Next(&set, &fatal).value());
  const struct {
    const char* field;
    int line;
    const char* said;
  } kCases[] = {
      {"entries[7].records[1].vaccination.date", 4, "line 4, column 8 (date): is bad [rule]"},
      {"entries[7].records[0].record_id", 2, "line 2, column 5 (record_id): is bad [rule]"},
      {"entries[0].item", 2, "line 2, column 2 (item): is bad [rule]"},
      {"entries[0].source_time_ms", 2, "line 2, column 4 (source_time): is bad [rule]"},
      {"entries[0].records", 2, "entries[0].records: is bad [rule]"},
      {"entries[0].records[2].vaccination.date", 2,
       "entries[0].records[2].vaccination.date: is bad [rule]"},
      {"entries[x].item", 2, "entries[x].item: is bad [rule]"},
      {"entries[0", 2, "entries[0: is bad [rule]"},
      // Of the call, not of a cell.
      {"municipality", 2, "municipality: is bad [rule]"},
  };
  for (const auto& c : kCases) {
    const auto located = (*reader)->Locate(
        set.lines, FieldError(absl::StatusCode::kFailedPrecondition, c.field, "rule", "is bad"));
    EXPECT_EQ(located.line, c.line) << c.field;
    EXPECT_EQ(located.status.message(), c.said);
    EXPECT_TRUE(absl::IsFailedPrecondition(located.status)) << c.field;
  }
  const auto lost = (*reader)->Locate(set.lines, absl::UnavailableError("lost"));
  EXPECT_EQ(lost.status, absl::UnavailableError("lost"));
}

TEST(ReplicaCsvTest, AFileThatIsNoneIsSaidToBeNone) {
  EXPECT_EQ(GetFieldRule(ReadAll("a,b\n").problems.at(0)).rule, "header");
  EXPECT_EQ(GetFieldRule(ReadAll("").problems.at(0)).rule, "header");
  const Result cut = ReadAll(absl::StrCat(kHeader, "1,immunization,1,\"2024"));
  ASSERT_EQ(cut.problems.size(), 1u);
  EXPECT_EQ(GetFieldRule(cut.problems[0]).rule, "truncated");
  const Result latin = ReadAll(kHeader + RowWith(11, "\xE9"));
  ASSERT_EQ(latin.problems.size(), 1u);
  EXPECT_EQ(GetFieldRule(latin.problems[0]).rule, "utf-8");
}

}  // namespace
}  // namespace nakadachi::cli
