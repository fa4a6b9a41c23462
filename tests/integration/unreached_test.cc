// An institution, or the broker, that is not there holds up nobody else, and whoever asks is told
// whom the question waits for. Through the command line, as staff see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/client/cli/command_line.h"
#include "tests/integration/town.h"

namespace nakadachi::integration {
namespace {

using cli::Finished;
using simulator::Mode;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr int kRows = 300;  // for each provider; more than are asked at a time

class UnreachedTest : public testing::Test {
 protected:
  UnreachedTest() : town_(Mode::kProcesses) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("koriyama", {kKoriyama});
    town_.AddPlatform("sendai", {kSendai});
    person_ = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kKoriyama, kSendai}) town_.Enroll(person_, code);
    town_.Register(person_, kAizu, 1);
    town_.Register(person_, kKoriyama, 2);
  }

  std::string Path(const std::string& name) const {
    return absl::StrCat(town_.folder(), "/", name);
  }
  std::string Number() const { return town_.person(person_).numbers.at(kSendai).Reveal(); }
  Finished Run(std::vector<std::string> words) {
    const std::string profile =
        absl::StrReplaceAll(town_.network().ProfilePath(City(kSendai)), {{".json", "-staff.json"}});
    words.insert(words.begin(), {"--profile", profile});
    const absl::Time begin = absl::Now();
    const Finished finished = cli::Running(town_.folder(), words).Wait();
    took_ = absl::Now() - begin;
    return finished;
  }
  int64_t QueriesRecorded() {
    const Finished shown = Run({"ledger", "show", "--kind", "query", "--limit", "0", "--json"});
    return static_cast<int64_t>(Json::parse(shown.out)["entries"].size());
  }

  Town town_;
  size_t person_ = 0;
  absl::Duration took_;  // by the last run
};

TEST_F(UnreachedTest, ADeadProviderHoldsUpNoRowOfAnother) {
  std::string csv = "addressee_number,provider\n";
  for (const char* provider : {kAizu, kKoriyama}) {
    for (int i = 0; i < kRows; ++i) absl::StrAppend(&csv, Number(), ",", provider, "\n");
  }
  cli::WriteFile(Path("batch.csv"), csv);
  ASSERT_TRUE(town_.network().Crash("aizu").ok());

  std::vector<std::string> words = {
      "query", "--batch", Path("batch.csv"), "--out", Path("answers.csv"), "--wait", "2"};
  const Finished part = Run(words);
  EXPECT_EQ(part.code, 4) << part.err;
  EXPECT_LT(took_, absl::Seconds(40));
  EXPECT_THAT(part.out, HasSubstr("300 of 600 questions answered\n"));
  EXPECT_THAT(part.out, HasSubstr("  provided  300\n"));
  EXPECT_THAT(part.out, HasSubstr("  under-way  300\n"));
  EXPECT_THAT(part.out, HasSubstr("072028 was not reached: 300 questions wait for it"));
  EXPECT_THAT(part.out, HasSubstr("Run the same command again"));
  EXPECT_THAT(cli::ReadFile(Path("answers.csv")),
              HasSubstr(",under-way,,not-reached,provider: 072028 gives no answer"));

  // A lone question, with its own patience.
  const Finished lone = Run({"query", Number(), "--provider", kAizu, "--wait", "1", "--json"});
  EXPECT_EQ(lone.code, 4) << lone.err;
  EXPECT_LT(took_, absl::Seconds(8));
  const Json told = Json::parse(lone.out);
  EXPECT_EQ(told["result"], "under-way");
  EXPECT_EQ(told["error"]["rule"], "not-reached");
  EXPECT_EQ(told["error"]["field"], "provider");
  const std::string id = told["request_id"];
  EXPECT_THAT(Run({"query", "--show", id}).out, HasSubstr("Under way"));
  EXPECT_THAT(Run({"query", Number(), "--provider", kAizu, "--wait", "1"}).err,
              HasSubstr("see it later with: nakadachi query --show "));
  const Finished status = Run({"--wait", "1", "status"});
  EXPECT_THAT(status.out, HasSubstr("exchanges of 041009 wait for 072028: no answer since 20"));
  EXPECT_EQ(Run({"query", Number(), "--provider", kKoriyama}).code, 0);

  // It goes on by itself, and asking again asks nothing twice.
  ASSERT_TRUE(town_.network().StartAgain("aizu").ok());
  EXPECT_TRUE(Eventually([&] {
    const auto now = town_.network().Municipality(City(kSendai))->connection().GetStatus();
    return now.ok() && now->municipalities(0).open_exchanges() == 0 && now->unreached().empty();
  }));
  EXPECT_THAT(Run({"query", "--show", id}).out, HasSubstr("Provided: 1 record"));
  const Finished whole = Run(words);
  EXPECT_EQ(whole.code, 0) << whole.out << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("600 of 600 questions answered (300 by an earlier run)\n"));
  EXPECT_EQ(QueriesRecorded(), 2 * kRows + 3);
}

TEST_F(UnreachedTest, ADeadBrokerIsNamed) {
  ASSERT_TRUE(town_.network().Crash("broker").ok());
  const Finished lone = Run({"query", Number(), "--provider", kKoriyama, "--wait", "1"});
  EXPECT_EQ(lone.code, 4) << lone.err;
  EXPECT_LT(took_, absl::Seconds(8));
  EXPECT_THAT(lone.err, HasSubstr("broker: the broker gives no answer"));
  EXPECT_THAT(lone.err, HasSubstr("[not-reached]"));
  EXPECT_THAT(Run({"--wait", "0", "status"}).out,
              HasSubstr("exchanges of 041009 wait for the broker: no answer since 20"));

  cli::WriteFile(Path("batch.csv"), absl::StrCat("addressee_number\n", Number(), "\n"));
  const std::vector<std::string> words = {
      "query",      "--batch", Path("batch.csv"), "--out", Path("answers.json"),
      "--provider", kKoriyama, "--wait",          "1",     "--json"};
  const Finished part = Run(words);
  EXPECT_EQ(part.code, 4) << part.err;
  EXPECT_EQ(Json::parse(part.out)["not_reached"]["broker"], 1);
  EXPECT_EQ(Json::parse(part.out)["answered"], 0);

  ASSERT_TRUE(town_.network().StartAgain("broker").ok());
  EXPECT_TRUE(Eventually([&] { return Run(words).code == 0; }));
  EXPECT_EQ(QueriesRecorded(), 2);
}

}  // namespace
}  // namespace nakadachi::integration
