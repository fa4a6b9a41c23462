// Scenario files: what a line may say, and what is said of one that may not.
#include "tools/simulator/scenario.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

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

}  // namespace
}  // namespace nakadachi::simulator
