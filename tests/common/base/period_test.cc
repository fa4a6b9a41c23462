#include "common/base/period.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace nakadachi {
namespace {

TEST(Period, TimesAreInJapan) {
  struct Case {
    const char* text;
    int64_t ms;
  };
  const Case cases[] = {{"2024-04-01", 1711897200000},
                        {"2024-04-01T09:00", 1711929600000},
                        {"2024-04-01T09:00:05", 1711929605000},
                        {"2024-04-01T00:00:00Z", 1711929600000},
                        {"2024-04-01T09:00:00+09:00", 1711929600000},
                        {"2024-04-01T09:00:00.250+09:00", 1711929600250}};
  for (const Case& c : cases) {
    const auto time = ParseTime(c.text, "from");
    ASSERT_TRUE(time.ok()) << c.text;
    EXPECT_EQ(absl::ToUnixMillis(*time), c.ms) << c.text;
  }
  for (const char* text : {"", "2024", "2024-13-01", "2024-04-31", "01.04.2024", "2024-04-01 x"}) {
    const auto time = ParseTime(text, "from");
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_EQ(GetFieldRule(time.status()).field, "from");
    EXPECT_EQ(GetFieldRule(time.status()).rule, "time");
  }
}

TEST(Period, WholeDaysOnly) {
  EXPECT_EQ(ParseDay("2024-05-27", "date").value(), absl::CivilDay(2024, 5, 27));
  for (const char* text : {"", "2024-05", "2024-5-27", "2024-05-32", "2024-05-27T00"}) {
    EXPECT_EQ(GetFieldRule(ParseDay(text, "date").status()).rule, "date") << text;
  }
}

TEST(Period, JapaneseDays) {
  const std::pair<const char*, absl::CivilDay> cases[] = {
      {"2024年4月1日", absl::CivilDay(2024, 4, 1)},
      {"2024/4/1", absl::CivilDay(2024, 4, 1)},
      {"2024.04.01", absl::CivilDay(2024, 4, 1)},
      {"令和6年4月1日", absl::CivilDay(2024, 4, 1)},
      {"令和元年5月1日", absl::CivilDay(2019, 5, 1)},
      {"平成31年4月30日", absl::CivilDay(2019, 4, 30)},
      {"令和６年１２月３１日", absl::CivilDay(2024, 12, 31)},
      {"R6.4.1", absl::CivilDay(2024, 4, 1)},
      {"H1.1.8", absl::CivilDay(1989, 1, 8)},
      {"S64.1.7", absl::CivilDay(1989, 1, 7)},
      {"昭和元年12月25日", absl::CivilDay(1926, 12, 25)},
      {"大正15年12月25日", absl::CivilDay(1926, 12, 25)},
      {"T1-7-30", absl::CivilDay(1912, 7, 30)},
      {"令和6年2月29日", absl::CivilDay(2024, 2, 29)},
  };
  for (const auto& [text, day] : cases) {
    const auto parsed = ParseJapaneseDay(text, "from");
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_EQ(*parsed, day) << text;
  }
}

TEST(Period, WhatIsNoDay) {
  for (const char* text : {"",
                           "日",
                           "令和",
                           "令和6年",
                           "令和6年4月",
                           "令和6年13月1日",
                           "令和5年2月29日",
                           "令和0年4月1日",
                           "令和元年4月30日",
                           "平成31年5月1日",
                           "昭和64年1月8日",
                           "明治45年1月1日",
                           "R6.4.1x",
                           "xR6.4.1",
                           "24/4/1",
                           "6年4月1日",
                           "2024年-4月1日",
                           "R600.4.1",
                           "99999年1月1日",
                           "R6.4.",
                           "2024年4月1日日"}) {
    const absl::Status status = ParseJapaneseDay(text, "from").status();
    EXPECT_EQ(GetFieldRule(status).rule, "date") << text;
    EXPECT_EQ(GetFieldRule(status).field, "from") << text;
  }
}

TEST(Period, BoundsAreInJapanAndADayCountsWhole) {
  constexpr int64_t kFirstOfApril = 1'711'897'200'000;  // 2024-04-01T00:00+09:00
  constexpr int64_t kDay = 86'400'000;
  for (const char* text : {"2024-04-01", " 2024-04-01 ", "令和6年4月1日", "R6.4.1"}) {
    EXPECT_EQ(ParseFrom(text, "from").value(), kFirstOfApril) << text;
    EXPECT_EQ(ParseUntil(text, "to").value(), kFirstOfApril + kDay) << text;
  }
  for (const char* text :
       {"2024-04-01T00:00", "2024-03-31T15:00:00Z", "2024-04-01T00:00:00+09:00"}) {
    EXPECT_EQ(ParseFrom(text, "from").value(), kFirstOfApril) << text;
    EXPECT_EQ(ParseUntil(text, "to").value(), kFirstOfApril) << text;
  }
  const absl::Status status = ParseUntil("yesterday", "to").status();
  EXPECT_EQ(GetFieldRule(status).rule, "time");
  EXPECT_EQ(GetFieldRule(status).field, "to");
}

}  // namespace
}  // namespace nakadachi
