// What a scenario that goes wrong says, and when. Servers are objects of this process.
#include "tools/simulator/scenario_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/interruptible.h"

namespace nakadachi::simulator {
namespace {

constexpr char kTwoCities[] =
    "city 072028 Aizuwakamatsu\n"
    "city 041009 Sendai\n"
    "resident hanako in 072028 records 1\n"
    "move hanako to 041009\n";

class ScenarioRunnerTest : public testing::Test {
 protected:
  absl::Status Run(const std::string& text) {
    NAKADACHI_ASSIGN_OR_RETURN(const Scenario scenario, ParseScenario(text));
    NetworkOptions options;
    options.folder = folder_.path() + "/network";
    NAKADACHI_ASSIGN_OR_RETURN(options,
                               WithSettings(options, scenario, folder_.path(), kJapanList));
    NAKADACHI_ASSIGN_OR_RETURN(const std::unique_ptr<Network> network, Network::Start(options));
    const auto progress = [this](const std::string& line) {
      absl::MutexLock lock(&mutex_);
      progress_.push_back(line);
    };
    NAKADACHI_ASSIGN_OR_RETURN(const auto runner, ScenarioRunner::Create(
                                                      scenario, network.get(), folder_.path(),
                                                      [](const std::string&) {}, progress));
    return runner->Run();
  }

  const WorkFolder folder_{"", "scenario-runner"};
  absl::Mutex mutex_;
  std::vector<std::string> progress_;
};

TEST_F(ScenarioRunnerTest, APlatformsNameMayBeAnotherProcesss) {
  const absl::Status status =
      Run("city 072028 Aizuwakamatsu\ncity 041009 Sendai on 072028\nresidents 041009 1\n");
  EXPECT_EQ(GetFieldRule(status).rule, "exists") << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "line 2 ")) << status;
}

TEST_F(ScenarioRunnerTest, APlatformMayBeNamedAfterAnInstitutionOfAnother) {
  EXPECT_TRUE(Run("city 072028 Aizuwakamatsu on aizu\ncity 041009 Sendai on 072028\n"
                  "residents 041009 1\n")
                  .ok());
}

TEST_F(ScenarioRunnerTest, AFailedExpectationSaysWhatIsKnown) {
  const absl::Status status =
      Run(std::string(kTwoCities) + "query 041009 asks 072028 about hanako\nexpect not-held\n");
  EXPECT_EQ(status.message(),
            "line 6 'expect not-held': state ANSWERED, outcome provided [expect]");
}

TEST_F(ScenarioRunnerTest, AFailingStepEndsTheLoad) {
  const absl::Time begin = absl::Now();
  const absl::Status status =
      Run(std::string(kTwoCities) +
          "load 041009 asks 072028 for 10m in background\nexpect same permit\n");
  EXPECT_TRUE(absl::StartsWith(status.message(), "line 6 ")) << status;
  EXPECT_LT(absl::Now() - begin, absl::Minutes(1));
}

TEST_F(ScenarioRunnerTest, ASlowStepIsSpokenOf) {
  ASSERT_TRUE(Run(std::string(kTwoCities) +
                  "load 041009 asks 072028 for 3s in background\nfinish\nsay done\n")
                  .ok());
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(std::count(progress_.begin(), progress_.end(), "line 6 'finish' goes on"), 1);
}

TEST_F(ScenarioRunnerTest, AListThatIsNoneIsNamedByItsLine) {
  std::ofstream(folder_.path() + "/bad.csv") << "not,a,list\n";
  for (const char* file : {"bad.csv", ".", "absent.csv"}) {
    const auto scenario = ParseScenario(std::string("seed 1\nlist ") + file + "\n");
    ASSERT_TRUE(scenario.ok());
    const absl::Status status = WithSettings({}, *scenario, folder_.path(), kJapanList).status();
    EXPECT_TRUE(absl::StartsWith(status.message(), "line 2")) << status;
  }
}

}  // namespace
}  // namespace nakadachi::simulator
