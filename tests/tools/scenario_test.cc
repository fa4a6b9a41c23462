// Scenario files: what a line may say, and what is said of one that may not.
#include "tools/simulator/scenario.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "tools/simulator/scenario_words.h"

namespace nakadachi::simulator {
namespace {

TEST(ScenarioTest, StepsAndSettingsAreParted) {
  const auto scenario = ParseScenario(
      "# a comment\n"
      "seed 7\n"
      "\n"
      "city 072028 \"会津 若松市\" on platform   # another\n"
      "residents 072028 10\n"
      "query 041009 asks 072028 about hanako items a,b\n");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  ASSERT_EQ(scenario->settings.size(), 1u);
  EXPECT_EQ(scenario->settings[0].verb, Verb::kSeed);
  ASSERT_EQ(scenario->steps.size(), 3u);
  EXPECT_EQ(scenario->steps[0].line, 4);
  EXPECT_EQ(scenario->steps[0].Word("name"), "会津 若松市");
  EXPECT_EQ(scenario->steps[0].Word("platform"), "platform");
  EXPECT_FALSE(scenario->steps[1].Has("platform"));
  EXPECT_EQ(scenario->steps[2].Word("items"), "a,b");
}

TEST(ScenarioTest, WhatIsWrongIsNamedByItsLine) {
  const struct {
    const char* text;
    const char* field;
    const char* rule;
  } cases[] = {
      {"city 072028 x\nfrobnicate\n", "line 2", "step"},
      {"city 072028\n", "line 1", "step"},
      {"city 072028 x\nseed 7\n", "line 2", "order"},
      {"say \"x\n", "line 1", "quote"},
      {"say \xff\n", "scenario", "utf-8"},
      {"city 072028 x\nresidents 072021 3\n", "line 2", "check-digit"},
      {"\nrevoke-key 72028\n", "line 2", "length"},
  };
  for (const auto& c : cases) {
    const FieldRule found = GetFieldRule(ParseScenario(c.text).status());
    EXPECT_EQ(found.field, c.field) << c.text;
    EXPECT_EQ(found.rule, c.rule) << c.text;
  }
}

TEST(ScenarioTest, AByteOrderMarkIsPassedOver) {
  const auto scenario = ParseScenario("\xEF\xBB\xBFseed 7\ncity 072028 x\n");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_EQ(scenario->settings.size(), 1u);
  EXPECT_FALSE(ParseScenario("city 072028 x\n\xEF\xBB\xBFseed 7\n").ok());
}

TEST(ScenarioTest, AnInstitutionJoinsOnce) {
  const char* const again[] = {"city 072028 x on pf", "city 072028 y",
                               "prefecture 072028 x on other"};
  for (const char* line : again) {
    const auto scenario = ParseScenario(
        std::string("# first\ncity 072028 x on pf\ncity 041009 y on pf\n") + line + "\n");
    EXPECT_EQ(scenario.status().message(),
              "line 4: code: the institution has joined already, in line 2 [known-member]")
        << line;
  }
}

TEST(ScenarioTest, AFolderIsNoFile) {
  EXPECT_TRUE(absl::IsNotFound(ReadFile("", ".").status()));
  EXPECT_TRUE(absl::IsNotFound(ReadFile(".", "").status()));
  EXPECT_TRUE(absl::IsNotFound(ReadFile("", "no/such/file").status()));
}

TEST(ScenarioTest, WordsMeanWhatTheirFormWants) {
  const struct {
    const char* line;
    const char* rule;  // "": it is taken
  } cases[] = {
      {"seed 0", ""},
      {"seed 18446744073709551615", ""},
      {"seed 18446744073709551616", "number"},
      {"seed -1", "number"},
      {"seed +1", "number"},
      {"seed x", "number"},
      {"seed \"\"", "number"},
      {"time 2024-06-03", ""},
      {"time 2024-06-03T09:00", ""},
      {"time 2024-02-29", ""},
      {"time 2024-13-03T09:00", "time"},
      {"time 2023-02-29", "time"},
      {"time 2024-06-03T25:00", "time"},
      {"time 2024-06-03T09:00:30", ""},
      {"time 2024-06-03T09:00+09:00", ""},
      {"time \" 2024-06-03\"", "time"},
      {"time 1970-01-01", ""},
      {"time 2999-12-31T23:59", ""},
      {"time 1969-12-31", "time"},
      {"time 3000-01-01", "time"},
      {"time 99999999999-01-01", "time"},
      {"time infinite-future", "time"},
      {"time now", "time"},
      {"city 072028 x on aizu-2", ""},
      {"city 072028 x on 072028", ""},
      {"city 072028 x on ../../escaped", "platform"},
      {"city 072028 x on a/b", "platform"},
      {"city 072028 x on ..", "platform"},
      {"city 072028 x on /tmp/x", "platform"},
      {"city 072028 x on \"\"", "platform"},
      {"city 072028 x on \"a b\"", "platform"},
      {"city 072028 x on 会津", "platform"},
      {"city 072028 x on broker", "taken"},
      {"city 072028 x on juki", "taken"},
      {"city 072028 x on pki", "taken"},
      {"prefecture 070009 x on profiles", "taken"},
      {"unwithhold x in 072028 item immunization", ""},
      {"unwithhold x in 072028", "step"},
      {"permit-validity 2h", ""},
      {"permit-validity 1h30m", ""},
      {"permit-validity 0s", "duration"},
      {"permit-validity -2h", "duration"},
      {"permit-validity inf", "duration"},
      {"permit-validity 2", "duration"},
      {"residents 072028 0", ""},
      {"residents 072028 100000000", ""},
      {"residents 072028 100000001", "number"},
      {"residents 072028 -1", "number"},
      {"residents 072028 1.5", "number"},
      {"residents 072028 many", "number"},
      {"residents 072028 \" 5\"", "number"},
      {"residents 072021 5", "check-digit"},
      {"resident x in 072028 records 0", ""},
      {"resident x in 072028 records -1", "number"},
      {"resident x in 072028 records 4294967297", "number"},
      {"resident x in 07202 without-code", "length"},
      {"move 3 from 072028 to 041009", ""},
      {"move -3 from 072028 to 041009", "number"},
      {"move 3 from 072021 to 041009", "check-digit"},
      {"move 3 from 072028 to 041008", "check-digit"},
      {"move taro to sendai", "digits"},
      {"query 041009 asks 072028 about x", ""},
      {"query 041008 asks 072028 about x", "check-digit"},
      {"query 041009 asks 072021 about x", "check-digit"},
      {"bulk 041009 asks about movers", ""},
      {"bulk 041009 asks about movers from 072021", "check-digit"},
      {"load 041009 asks 072028 for 4s in background", ""},
      {"load 041009 asks 072028 for 500ms in-flight 1 in background", ""},
      {"load 041009 asks 072028 for 4s in-flight 0 in background", "number"},
      {"load 041009 asks 072028 for 4s in-flight -1 in background", "number"},
      {"load 041009 asks 072028 for -4s in background", "duration"},
      {"load 041009 asks 072028 for ever in background", "duration"},
      {"expect provided 0", ""},
      {"expect provided -1", "number"},
      {"expect provided all", "number"},
      {"advance 70200h", ""},
      {"advance -1h", "duration"},
      {"advance 1d", "duration"},
      {"advance 900000h", "duration"},
      {"skew 041009 5m", ""},
      {"skew 041009 -5m", ""},
      {"skew 041009 0s", ""},
      {"skew 041009 soon", "duration"},
      {"publish list.csv from 2024-07-01", ""},
      {"publish list.csv from 2024-7-32", "time"},
      {"review 072021 release x", "check-digit"},
  };
  for (const auto& c : cases) {
    const auto scenario = ParseScenario(std::string("\n# second\n") + c.line + "\n");
    const FieldRule found = GetFieldRule(scenario.status());
    EXPECT_EQ(scenario.ok(), c.rule[0] == '\0') << c.line << " " << scenario.status();
    EXPECT_EQ(found.rule, c.rule) << c.line;
    EXPECT_EQ(found.field, scenario.ok() ? "" : "line 3") << c.line;
  }
  EXPECT_EQ(ParseScenario("residents 072028 -1\n").status().message(),
            "line 1: n: expected a whole number from 0 to 100000000 [number]");
}

}  // namespace
}  // namespace nakadachi::simulator
