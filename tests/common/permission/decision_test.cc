#include <cstdint>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/permission/permission_list.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/permission/list_builder.h"

namespace nakadachi::permission {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PermissionList List(const std::vector<Cells>& rows) {
  auto list = PermissionList::Parse(ToCsv(rows));
  EXPECT_TRUE(list.ok()) << list.status();
  return *std::move(list);
}

// Line numbers are those of the CSV: the first row is line 2.
const PermissionList& Sample() {
  static const auto* const list = new PermissionList(List({
      {"a", "law 2", "municipality", "prefecture", "x", "2020-01-01", "2024-05-26", ""},
      {"a", "law 3", "municipality", "prefecture", "x", "2024-05-27", "", ""},
      {"a", "law 4", "municipality", "municipality", "x", "2024-05-27", "", ""},
      {"a", "law 5", "prefecture", "municipality", "y", "2024-05-27", "", ""},
      {"b", "law 6", "municipality", "medical-insurer", "z", "2020-01-01", "2020-12-31", ""},
      {"b", "law 7", "municipality", "medical-insurer", "z", "2022-01-01", "2022-12-31", ""},
      {"b", "law 8", "municipality", "medical-insurer", "z", "2022-06-01", "2022-12-31", ""},
  }));
  return *list;
}

Question Ask(const char* requester, const char* provider, const char* procedure, Cells items,
             absl::CivilDay date = absl::CivilDay(2024, 6, 1)) {
  return {requester, provider, procedure, std::move(items), date};
}

// The precedence of verdicts, and the row that came nearest.
TEST(DecideTest, VerdictAndRow) {
  const struct {
    const char* what;
    Question question;
    const char* verdict;
    int line;  // 0: none
  } kCases[] = {
      {"permitted", Ask("municipality", "prefecture", "a", {"x"}), "permitted", 3},
      {"the earlier row at its time",
       Ask("municipality", "prefecture", "a", {"x"}, absl::CivilDay(2024, 5, 26)), "permitted", 2},
      {"the first day", Ask("municipality", "prefecture", "a", {"x"}, absl::CivilDay(2024, 5, 27)),
       "permitted", 3},
      {"the first of two in force",
       Ask("municipality", "medical-insurer", "b", {"z"}, absl::CivilDay(2022, 7, 1)), "permitted",
       7},
      {"unknown procedure", Ask("municipality", "prefecture", "c", {"x"}), "unknown-procedure", 0},
      {"unknown procedure before unknown item", Ask("municipality", "prefecture", "c", {"w"}),
       "unknown-procedure", 0},
      {"unknown item", Ask("municipality", "prefecture", "a", {"w"}), "unknown-item", 0},
      {"unknown item before wrong requester", Ask("medical-insurer", "prefecture", "a", {"w"}),
       "unknown-item", 0},
      {"a slug in another case", Ask("municipality", "prefecture", "a", {"X"}), "unknown-item", 0},
      {"wrong requester", Ask("prefecture", "medical-insurer", "b", {"z"}), "wrong-requester", 7},
      {"wrong requester before wrong item", Ask("prefecture", "medical-insurer", "b", {"x"}),
       "wrong-requester", 7},
      {"no category at all", Ask("", "prefecture", "a", {"x"}), "wrong-requester", 3},
      {"wrong item", Ask("municipality", "prefecture", "a", {"z"}), "wrong-item", 3},
      {"another requester's item is a wrong item", Ask("prefecture", "municipality", "a", {"x"}),
       "wrong-item", 5},
      {"wrong item before wrong provider", Ask("municipality", "medical-insurer", "a", {"y"}),
       "wrong-item", 3},
      {"wrong provider", Ask("municipality", "medical-insurer", "a", {"x"}), "wrong-provider", 3},
      {"wrong provider before not in force",
       Ask("municipality", "medical-insurer", "a", {"x"}, absl::CivilDay(2019, 1, 1)),
       "wrong-provider", 2},
      {"not yet", Ask("municipality", "prefecture", "a", {"x"}, absl::CivilDay(2019, 12, 31)),
       "not-in-force", 2},
      {"no longer", Ask("municipality", "medical-insurer", "b", {"z"}), "not-in-force", 7},
      {"between two, the nearer",
       Ask("municipality", "medical-insurer", "b", {"z"}, absl::CivilDay(2021, 1, 1)),
       "not-in-force", 6},
      {"between two, the nearer later one",
       Ask("municipality", "medical-insurer", "b", {"z"}, absl::CivilDay(2021, 12, 30)),
       "not-in-force", 7},
  };
  for (const auto& c : kCases) {
    const Decision decision = Decide(Sample(), c.question);
    ASSERT_EQ(decision.items.size(), 1u) << c.what;
    const ItemDecision& item = decision.items[0];
    EXPECT_EQ(item.item, c.question.items[0]);
    EXPECT_EQ(VerdictName(item.verdict), c.verdict) << c.what;
    EXPECT_EQ(decision.verdict, item.verdict);
    EXPECT_EQ(decision.permitted, item.verdict == Verdict::kPermitted) << c.what;
    EXPECT_EQ(item.row == nullptr ? 0 : item.row->line, c.line) << c.what;
  }
}

TEST(DecideTest, EveryItemMustBePermitted) {
  const Decision all = Decide(Sample(), Ask("municipality", "prefecture", "a", {"x", "x"}));
  EXPECT_TRUE(all.permitted);
  EXPECT_THAT(all.legal_basis, ElementsAre("law 3", "law 3"));

  const Decision some = Decide(Sample(), Ask("municipality", "prefecture", "a", {"x", "w", "z"}));
  EXPECT_FALSE(some.permitted);
  EXPECT_EQ(some.verdict, Verdict::kUnknownItem);  // the first that is not permitted
  EXPECT_THAT(some.legal_basis, IsEmpty());
  ASSERT_EQ(some.items.size(), 3u);
  EXPECT_EQ(some.items[0].verdict, Verdict::kPermitted);
  EXPECT_EQ(some.items[2].verdict, Verdict::kWrongItem);
}

TEST(DecideTest, AskingForNothingIsNotPermitted) {
  const Decision decision = Decide(Sample(), Ask("municipality", "prefecture", "a", {}));
  EXPECT_FALSE(decision.permitted);
  EXPECT_EQ(decision.verdict, Verdict::kUnknownItem);
  EXPECT_EQ(Decide(Sample(), Ask("municipality", "prefecture", "c", {})).verdict,
            Verdict::kUnknownProcedure);
}

TEST(DecideTest, RowsStandInTheList) {
  const Decision decision = Decide(Sample(), Ask("municipality", "prefecture", "a", {"x"}));
  EXPECT_EQ(decision.items[0].row, &Sample().rows()[1]);
}

// The same rules written as plainly as they can be: narrow the rows, step by step.
struct NaiveAnswer {
  std::string verdict;
  int line = 0;
};

int64_t Distance(const Row& row, absl::CivilDay date) {
  if (date < row.effective_from) return row.effective_from - date;
  return date > row.effective_to ? date - row.effective_to : 0;
}

int NearestLine(const std::vector<Row>& rows, absl::CivilDay date) {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (best == nullptr || Distance(row, date) < Distance(*best, date)) best = &row;
  }
  return best == nullptr ? 0 : best->line;
}

template <typename Predicate>
std::vector<Row> Keep(const std::vector<Row>& rows, Predicate predicate) {
  std::vector<Row> kept;
  for (const Row& row : rows) {
    if (predicate(row)) kept.push_back(row);
  }
  return kept;
}

NaiveAnswer Naive(const PermissionList& list, const Question& q, const std::string& item) {
  const auto procedure =
      Keep(list.rows(), [&](const Row& r) { return r.procedure == q.procedure; });
  if (procedure.empty()) return {"unknown-procedure", 0};
  if (Keep(list.rows(), [&](const Row& r) { return r.item == item; }).empty()) {
    return {"unknown-item", 0};
  }
  const auto requester =
      Keep(procedure, [&](const Row& r) { return r.requester_category == q.requester_category; });
  if (requester.empty()) return {"wrong-requester", NearestLine(procedure, q.date)};
  const auto named = Keep(requester, [&](const Row& r) { return r.item == item; });
  if (named.empty()) return {"wrong-item", NearestLine(requester, q.date)};
  const auto provider =
      Keep(named, [&](const Row& r) { return r.provider_category == q.provider_category; });
  if (provider.empty()) return {"wrong-provider", NearestLine(named, q.date)};
  const auto in_force = Keep(provider, [&](const Row& r) { return Distance(r, q.date) == 0; });
  if (in_force.empty()) return {"not-in-force", NearestLine(provider, q.date)};
  return {"permitted", in_force.front().line};
}

TEST(DecideTest, AgreesWithTheNaiveReferenceOnRandomLists) {
  RandomRows random(1);
  std::map<std::string, int> seen;
  for (int round = 0; round < 400; ++round) {
    const PermissionList list = List(random.Rows(25));
    for (int i = 0; i < 50; ++i) {
      Question question{random.Category(),
                        random.Category(),
                        random.Procedure(),
                        {},
                        absl::CivilDay(2024, 1, 1) + static_cast<int>(random.Below(100))};
      for (size_t n = random.Below(4); n > 0; --n) question.items.push_back(random.Item());
      const Decision decision = Decide(list, question);
      ASSERT_EQ(decision.items.size(), question.items.size());
      bool permitted = !question.items.empty();
      for (size_t n = 0; n < question.items.size(); ++n) {
        const ItemDecision& item = decision.items[n];
        const NaiveAnswer expected = Naive(list, question, question.items[n]);
        ASSERT_EQ(VerdictName(item.verdict), expected.verdict);
        ASSERT_EQ(item.row == nullptr ? 0 : item.row->line, expected.line);
        permitted = permitted && expected.verdict == "permitted";
        ++seen[expected.verdict];
      }
      ASSERT_EQ(decision.permitted, permitted);
    }
  }
  EXPECT_EQ(seen.size(), 7u) << "a verdict never came up";
}

TEST(DecideTest, PermittedMeansThatEachRowMatches) {
  RandomRows random(2);
  int permitted = 0;
  for (int round = 0; round < 3000; ++round) {
    const PermissionList list = List(random.Rows(25));
    const Question question{random.Category(),
                            random.Category(),
                            random.Procedure(),
                            {random.Item(), random.Item()},
                            absl::CivilDay(2024, 2, 11)};
    const Decision decision = Decide(list, question);
    if (!decision.permitted) {
      ASSERT_THAT(decision.legal_basis, IsEmpty());
      ASSERT_NE(decision.verdict, Verdict::kPermitted);
      continue;
    }
    ++permitted;
    ASSERT_EQ(decision.legal_basis.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      const Row& row = *decision.items[i].row;
      ASSERT_EQ(row.procedure, question.procedure);
      ASSERT_EQ(row.requester_category, question.requester_category);
      ASSERT_EQ(row.provider_category, question.provider_category);
      ASSERT_EQ(row.item, question.items[i]);
      ASSERT_LE(row.effective_from, question.date);
      ASSERT_GE(row.effective_to, question.date);
      ASSERT_EQ(row.legal_basis, decision.legal_basis[i]);
    }
  }
  EXPECT_GT(permitted, 50);
}

// A row more never takes a permission away; without the rows that permitted, it is gone.
TEST(DecideTest, PermissionGrowsAndShrinksWithTheRows) {
  RandomRows random(3);
  int permitted = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Cells> rows = random.Rows(25);
    const Question question{random.Category(),
                            random.Category(),
                            random.Procedure(),
                            {random.Item()},
                            absl::CivilDay(2024, 2, 11)};
    const PermissionList list = List(rows);
    if (!Decide(list, question).permitted) continue;
    ++permitted;
    rows.push_back(random.Row(1000));
    ASSERT_TRUE(Decide(List(rows), question).permitted);
    rows.pop_back();
    std::vector<Cells> without;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (Naive(List({rows[i]}), question, question.items[0]).verdict != "permitted") {
        without.push_back(rows[i]);
      }
    }
    if (without.empty()) continue;
    ASSERT_FALSE(Decide(List(without), question).permitted);
  }
  EXPECT_GT(permitted, 50);
}

TEST(ExplainTest, SaysVerdictBasisAndLine) {
  EXPECT_EQ(Explain(Sample(), Ask("municipality", "prefecture", "a", {"x", "w"})),
            "municipality asks prefecture for x (a) on 2024-06-01: permitted, by law 3 (line 3: "
            "municipality may ask prefecture for x, from 2024-05-27)\n"
            "municipality asks prefecture for w (a) on 2024-06-01: unknown-item, no row of the "
            "list names the item\n");
}

TEST(ExplainTest, HasALineForEveryVerdict) {
  const struct {
    Question question;
    const char* verdict;
    const char* account;
  } kCases[] = {
      {Ask("municipality", "prefecture", "c", {"x"}), "unknown-procedure", "names the procedure"},
      {Ask("prefecture", "medical-insurer", "b", {"z"}), "wrong-requester", "law 7 (line 7"},
      {Ask("municipality", "prefecture", "a", {"z"}), "wrong-item", "law 3 (line 3"},
      {Ask("municipality", "medical-insurer", "a", {"x"}), "wrong-provider", "law 3 (line 3"},
      {Ask("municipality", "medical-insurer", "b", {"z"}), "not-in-force",
       "from 2022-01-01 to 2022-12-31"},
  };
  for (const auto& c : kCases) {
    const std::string text = Explain(Sample(), c.question);
    EXPECT_THAT(text, HasSubstr(absl::StrCat(": ", c.verdict, ", ")));
    EXPECT_THAT(text, HasSubstr(c.account));
  }
}

TEST(JapanDayTest, TurnsAtMidnightInJapan) {
  const struct {
    int64_t time_ms;
    absl::CivilDay day;
  } kCases[] = {
      {0, absl::CivilDay(1970, 1, 1)},
      {1711897199999, absl::CivilDay(2024, 3, 31)},  // 2024-03-31T14:59:59.999Z
      {1711897200000, absl::CivilDay(2024, 4, 1)},   // 2024-03-31T15:00:00Z
      {1716735599999, absl::CivilDay(2024, 5, 26)},
      {1716735600000, absl::CivilDay(2024, 5, 27)},
      {-32400001, absl::CivilDay(1969, 12, 31)},
      {-32400000, absl::CivilDay(1970, 1, 1)},
  };
  for (const auto& c : kCases) EXPECT_EQ(JapanDay(c.time_ms), c.day) << c.time_ms;
}

TEST(JapanDayTest, AgreesWithTheTimeZoneLibrary) {
  const absl::TimeZone japan = absl::FixedTimeZone(9 * 60 * 60);
  std::mt19937_64 random(4);
  std::uniform_int_distribution<int64_t> time(-62135596800000, 253402300799000);  // years 1 to 9999
  for (int i = 0; i < 20000; ++i) {
    const int64_t ms = time(random);
    ASSERT_EQ(JapanDay(ms), absl::ToCivilDay(absl::FromUnixMillis(ms), japan)) << ms;
  }
  EXPECT_GT(JapanDay(std::numeric_limits<int64_t>::max()), absl::CivilDay(9999, 1, 1));
  EXPECT_LT(JapanDay(std::numeric_limits<int64_t>::min()), absl::CivilDay(1, 1, 1));
}

}  // namespace
}  // namespace nakadachi::permission
