#include "common/rpc/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace nakadachi::rpc {
namespace {

// Death tests run their statement in a process of its own.
class ProcessDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ProcessDeathTest, ServesUntilEitherSignal) {
  for (int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          BlockStopSignals();
          kill(getpid(), signal);
          std::_Exit(ServeUntilSignal() == signal ? 0 : 2);
        },
        testing::ExitedWithCode(0), "");
  }
}

TEST_F(ProcessDeathTest, AShutdownThatHangsIsEnded) {
  EXPECT_EXIT(
      {
        BlockStopSignals();
        kill(getpid(), SIGTERM);
        ServeUntilSignal(absl::Milliseconds(50));
        while (true) pause();
      },
      testing::ExitedWithCode(1), "");
}

TEST_F(ProcessDeathTest, ASecondSignalEndsAtOnce) {
  EXPECT_EXIT(
      {
        BlockStopSignals();
        kill(getpid(), SIGTERM);
        ServeUntilSignal(absl::Hours(1));
        kill(getpid(), SIGINT);
        while (true) pause();
      },
      testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace nakadachi::rpc
