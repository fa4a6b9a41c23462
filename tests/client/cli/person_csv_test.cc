#include "client/cli/person_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

TEST(PersonCsvTest, ReadsPersons) {
  std::istringstream in(
      "individual_number,addressee_number,resident_code\n"
      "123456789018,1001,\n"
      "983205673214,1002,12345678901\n");
  std::vector<absl::Status> problems;
  const auto rows = ReadPersons(in, &problems);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].line, 2);
  EXPECT_EQ((*rows)[0].person.addressee_number.Reveal(), "1001");
  EXPECT_EQ((*rows)[0].person.individual_number.Reveal(), "123456789018");
  EXPECT_EQ((*rows)[0].resident_code, "");
  EXPECT_EQ((*rows)[1].resident_code, "12345678901");
}

TEST(PersonCsvTest, NamesEveryProblemAndNoNumber) {
  std::istringstream in(
      "addressee_number,individual_number\n"
      "1001,983205673210\n"
      "1002,123456789018\n"
      "1002,983205673214\n"
      "x,983205673214\n"
      "1003\n"
      "1004,12345\n");
  std::vector<absl::Status> problems;
  const auto rows = ReadPersons(in, &problems);
  EXPECT_FALSE(rows.ok());
  std::vector<std::string> found;
  for (const absl::Status& problem : problems) {
    found.push_back(GetFieldRule(problem).field + " " + GetFieldRule(problem).rule);
    EXPECT_THAT(
        std::string(problem.message()),
        testing::Not(testing::AnyOf(testing::HasSubstr("983205"), testing::HasSubstr("12345"))));
  }
  EXPECT_THAT(found, testing::ElementsAre("line 2, column 2 (individual_number) check-digit",
                                          "line 4, column 1 (addressee_number) duplicate",
                                          "line 5, column 1 (addressee_number) digits",
                                          testing::HasSubstr("columns"),
                                          "line 7, column 2 (individual_number) length"));
}

TEST(PersonCsvTest, EachCellHasItsRuleAndItsPlace) {
  const struct {
    const char* row;
    const char* found;
  } kCases[] = {
      {"x,123456789018,", "line 3, column 1 (addressee_number) digits"},
      {",123456789018,", "line 3, column 1 (addressee_number) length"},
      {"1002,123456789019,", "line 3, column 2 (individual_number) check-digit"},
      {"1002,,", "line 3, column 2 (individual_number) length"},
      {"1002,123456789018,abc", "line 3, column 3 (resident_code) length"},
      {"1002,123456789018,1234567890", "line 3, column 3 (resident_code) length"},
      {"1002,123456789018,123456789012", "line 3, column 3 (resident_code) length"},
      {"1002,123456789018,1234567890x", "line 3, column 3 (resident_code) digits"},
      {"1001,123456789018,", "line 3, column 1 (addressee_number) duplicate"},
      {"1002,983205673214,", "line 3, column 2 (individual_number) duplicate"},
      {"1002,123456789018", "line 3, column 3 (resident_code) columns"},
      {"1002", "line 3, column 2 (individual_number) columns"},
      // The check digit's rule is juki net's own.
      {"1002,123456789018,12345678901", ""},
      {"1002,123456789018,12345678902", ""},
  };
  for (const auto& c : kCases) {
    std::istringstream in(
        std::string("addressee_number,individual_number,resident_code\n1001,983205673214,\n") +
        c.row);
    std::vector<absl::Status> problems;
    const auto rows = ReadPersons(in, &problems);
    if (c.found[0] == '\0') {
      EXPECT_TRUE(rows.ok()) << rows.status();
      continue;
    }
    ASSERT_EQ(problems.size(), 1u) << c.row;
    EXPECT_EQ(GetFieldRule(problems[0]).field + " " + GetFieldRule(problems[0]).rule, c.found);
    EXPECT_EQ(rows.status(), problems[0]);
  }
}

TEST(PersonCsvTest, SaysWhereANumberStoodBefore) {
  std::istringstream in(
      "addressee_number,individual_number\n1,983205673214\n\n2,123456789018\n"
      "3,983205673214\n");
  std::vector<absl::Status> problems;
  EXPECT_EQ(ReadPersons(in, &problems).status().message(),
            "line 5, column 2 (individual_number): stands in line 2 already [duplicate]");
}

TEST(PersonCsvTest, NeedsItsColumns) {
  std::istringstream in("addressee_number\n1\n");
  std::vector<absl::Status> problems;
  EXPECT_EQ(GetFieldRule(ReadPersons(in, &problems).status()).rule, "header");
}

}  // namespace
}  // namespace nakadachi::cli
