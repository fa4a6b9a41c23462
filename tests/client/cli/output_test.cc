// Tables, times, errors, progress.
#include "client/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

TEST(DisplayWidthTest, CountsWhatATerminalShows) {
  struct Case {
    const char* text;
    size_t width;
  };
  const Case cases[] = {{"", 0},         {"abc", 3},          {"会津若松市", 10},
                        {"ｶﾅ", 2},       {"ファイザー", 10},  {"(A)", 3},
                        {"（Ａ）", 6},   {"藤\U000E0103", 2},  // with a variation selector
                        {"か\u3099", 2},                       // with a combining mark
                        {"é", 1},        {"𠮷", 2},           {"\xFF\xFE", 2}};
  for (const Case& c : cases) EXPECT_EQ(DisplayWidth(c.text), c.width) << c.text;
}

TEST(PrintableTest, LeavesNothingThatSteersATerminal) {
  EXPECT_EQ(Printable("会津 abc"), "会津 abc");
  EXPECT_EQ(Printable("a\x1B[2Jb"), "a\uFFFD[2Jb");
  EXPECT_EQ(Printable("a\nb\tc\x7F"), "a\uFFFDb\uFFFDc\uFFFD");
  EXPECT_EQ(Printable("\u009B"
                      "31m"),
            "\uFFFD31m");                        // C1
  EXPECT_EQ(Printable("a\u202Eb"), "a\uFFFDb");  // right-to-left override
  EXPECT_EQ(Printable("\xE4\xBC"), "\uFFFD");    // cut off
  EXPECT_EQ(Printable("䶒藤\U000E0103"), "䶒藤\U000E0103");
}

TEST(CheckWordsTest, WordsSayWhatCanBeShown) {
  struct Case {
    std::string text;
    const char* rule;  // "": in order
  };
  const Case cases[] = {{"lost disk", ""},
                        {"訴訟 第12号", ""},
                        {"\uFFFD", ""},
                        {"", "required"},
                        {" ", "required"},
                        {" \u3000", "required"},
                        {"two\nlines", "control-character"},
                        {"\t", "control-character"},
                        {std::string("x\0y", 3), "control-character"},
                        {"\x1B[31mred", "control-character"},
                        {"x\x7F", "control-character"},
                        {"\u0085", "control-character"},
                        {"a\u202Eb", "control-character"},
                        {"\xFF", "utf-8"},
                        {"\xE4\xBC", "utf-8"}};
  for (const Case& c : cases) {
    const absl::Status status = CheckWords("reason", c.text);
    EXPECT_EQ(GetFieldRule(status).rule, c.rule) << c.text;
    EXPECT_EQ(status.ok(), *c.rule == '\0') << c.text;
    EXPECT_EQ(GetFieldRule(status).field, status.ok() ? "" : "reason");
  }
}

TEST(TableTest, AlignsWideCharacters) {
  Table table({"code", "name", "keys"});
  EXPECT_TRUE(table.empty());
  table.Add({"072028", "会津若松市", "1"});
  table.Add({"072010", "Aizu", "12"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.ToString(),
            "code    name        keys\n"
            "072028  会津若松市  1\n"
            "072010  Aizu        12\n");
}

TEST(TimeTest, WritesJapanTime) {
  EXPECT_EQ(TimeText(1711929605000), "2024-04-01T09:00:05+09:00");
  EXPECT_EQ(TimeText(0), "");
}

TEST(SplitListTest, LeavesEmptyPartsOut) {
  EXPECT_THAT(SplitList("a,b"), testing::ElementsAre("a", "b"));
  EXPECT_THAT(SplitList(",a,, "), testing::ElementsAre("a"));
  EXPECT_THAT(SplitList(""), testing::IsEmpty());
}

class ConsoleTest : public testing::Test {
 protected:
  std::ostringstream out_, err_;
  Console console_{out_, err_};
};

TEST_F(ConsoleTest, AnErrorIsOneLineWithFieldAndRule) {
  EXPECT_EQ(console_.InputError(InvalidField("line 3, column 2 (code)", "check-digit", "no\nno")),
            kUnreadable);
  EXPECT_EQ(err_.str(), "nakadachi: line 3, column 2 (code): no\uFFFDno [check-digit]\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ConsoleTest, UnderJsonAnErrorIsAnObjectToo) {
  console_.set_json(true);
  EXPECT_EQ(console_.CallError(InvalidField("items[0]", "slug", "bad")), kFailed);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(json["error"]["field"], "items[0]");
  EXPECT_EQ(json["error"]["rule"], "slug");
}

TEST_F(ConsoleTest, ExitCodesOfCalls) {
  EXPECT_EQ(console_.CallError(absl::UnavailableError("")), kNotReached);
  EXPECT_EQ(console_.CallError(absl::DeadlineExceededError("x")), kNotReached);
  EXPECT_EQ(console_.CallError(absl::NotFoundError("x")), kFailed);
  EXPECT_EQ(console_.CallError(absl::InternalError("x")), kFailed);
}

TEST_F(ConsoleTest, JsonSurvivesTextThatIsNoUtf8) {
  console_.Print({{"name", "\xFF"}});
  EXPECT_EQ(Json::parse(out_.str())["name"], "\uFFFD");
}

class ProgressTest : public testing::Test {
 protected:
  Progress::Options Options(uint64_t total, uint64_t already, bool terminal) {
    Progress::Options options;
    options.total = total;
    options.already = already;
    options.terminal = terminal;
    options.now = [this] { return now_; };
    return options;
  }
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::ostringstream err_;
};

TEST_F(ProgressTest, ShortWorkSaysNothing) {
  {
    Progress progress(err_, "rows", Options(100, 0, true));
    now_ += absl::Milliseconds(1999);
    progress.At(100);
  }
  EXPECT_EQ(err_.str(), "");
}

TEST_F(ProgressTest, TellsRateAndTimeLeft) {
  Progress progress(err_, "rows", Options(12'000, 0, false));
  now_ += absl::Seconds(4);
  progress.At(8'000);
  EXPECT_EQ(err_.str(), "rows: 8,000 of 12,000 (66 %), 2,000/s, 2 s left\n");
}

TEST_F(ProgressTest, WhatWasDoneBeforeCountsNotForTheRate) {
  Progress progress(err_, "rows", Options(10'000, 6'000, false));
  now_ += absl::Seconds(10);
  progress.At(7'000);
  EXPECT_EQ(err_.str(), "rows: 7,000 of 10,000 (70 %), 100/s, 30 s left\n");
}

TEST_F(ProgressTest, ALogGetsALineEveryTenSecondsATerminalOneThatChanges) {
  for (const bool terminal : {false, true}) {
    err_.str("");
    {
      Progress progress(err_, "rows", Options(0, 0, terminal));
      for (int i = 1; i <= 250; ++i) {
        now_ += absl::Milliseconds(100);
        progress.At(static_cast<uint64_t>(i));
      }
    }
    const std::string text = err_.str();
    const auto lines = std::count(text.begin(), text.end(), '\n');
    const auto returns = std::count(text.begin(), text.end(), '\r');
    EXPECT_EQ(lines, terminal ? 1 : 3);
    EXPECT_EQ(returns, terminal ? 116 : 0);
  }
}

}  // namespace
}  // namespace nakadachi::cli
