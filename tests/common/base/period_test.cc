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
                        {"2024-04-01T09:00+09:00", 1711929600000},
                        {"2024-04-01T00:00Z", 1711929600000},
                        {"2024-03-31T19:00-05:00", 1711929600000},
                        {"2024-04-01T09:00:00.250+09:00", 1711929600250},
                        {"2024-04-01T09:00:00.250", 1711929600250},
                        {"2024-02-29", 1709132400000},
                        {"1970-01-01", -32400000},
                        {"0001-01-01", -62135629200000},
                        {"9999-12-31T23:59:59", 253402268399000}};
  for (const Case& c : cases) {
    const auto time = ParseTime(c.text, "from");
    ASSERT_TRUE(time.ok()) << c.text;
    EXPECT_EQ(absl::ToUnixMillis(*time), c.ms) << c.text;
  }
}

TEST(Period, WhatIsNoTime) {
  for (const char* text : {"",
                           "2024",
                           "2024-13-01",
                           "2024-04-31",
                           "2023-02-29",
                           "01.04.2024",
                           "2024-04-01 x",
                           " 2024-04-01",
                           "2024-04-01 ",
                           "2024-04-01T09:00\n",
                           "2024-4-1",
                           "2024-04-1 ",
                           "2024-04-01 09:00",
                           "2024-04-01t09:00",
                           "2024-04-01T",
                           "2024-04-01T9:00",
                           "2024-04-01T24:00",
                           "2024-04-01T09:60",
                           "2024-04-01T09:00:60",
                           "2024-04-01T09:00:",
                           "2024-04-01T09:00:00.",
                           "2024-04-01T09:00.5",
                           "2024-04-01T09:00z",
                           "2024-04-01T09:00 +09:00",
                           "2024-04-01T09:00+0900",
                           "2024-04-01T09:00+09",
                           "2024-04-01T09:00+25:00",
                           "2024-04-01T09:00+09:60",
                           "2024-04-01T09:00+09:00Z",
                           "2024-04-01+09:00",
                           "2024-04-01Z",
                           "0000-01-01",
                           "0001-01-01T00:00+10:00",
                           "9999-12-31T23:00+08:00",
                           "99999-04-01",
                           "99999-4-01",
                           "+2024-04-01",
                           "-2024-04-01",
                           "-024-04-01",
                           "infinite-future",
                           "infinite-past"}) {
    const auto time = ParseTime(text, "from");
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_EQ(GetFieldRule(time.status()).field, "from");
    EXPECT_EQ(GetFieldRule(time.status()).rule, "time");
  }
}

TEST(Period, WholeDaysOnly) {
  EXPECT_EQ(ParseDay("2024-05-27", "date").value(), absl::CivilDay(2024, 5, 27));
  for (const char* text : {"", "2024-05", "2024-5-27", "2024-05-32", "2024-05-27T00", " 2024-5-27",
                           "2024-05-2 ", "99999-5-27", "0000-05-27"}) {
    EXPECT_EQ(GetFieldRule(ParseDay(text, "date").status()).rule, "date") << text;
  }
}

TEST(Period, TheEndOfYearsIsOfTheYear10000) {
  EXPECT_EQ(EndOfYearsMs(), ParseUntil("9999-12-31", "to").value());
  EXPECT_EQ(EndOfYearsMs(),
            absl::ToUnixMillis(ParseTime("9999-12-31T23:59:59", "to").value()) + 1000);
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
  for (const char* text : {"2024-04-01T00:00", "2024-03-31T15:00:00Z", "2024-04-01T00:00:00+09:00",
                           "2024-03-31T15:00Z"}) {
    EXPECT_EQ(ParseFrom(text, "from").value(), kFirstOfApril) << text;
    EXPECT_EQ(ParseUntil(text, "to").value(), kFirstOfApril) << text;
  }
  for (const char* text : {"infinite-future", "99999-04-01", "2024-04-01 2024-04-02"}) {
    EXPECT_EQ(GetFieldRule(ParseFrom(text, "from").status()).rule, "time") << text;
    EXPECT_EQ(GetFieldRule(ParseUntil(text, "to").status()).rule, "time") << text;
  }
  const absl::Status status = ParseUntil("yesterday", "to").status();
  EXPECT_EQ(GetFieldRule(status).rule, "time");
  EXPECT_EQ(GetFieldRule(status).field, "to");
}

}  // namespace
}  // namespace nakadachi
