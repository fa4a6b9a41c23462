#include "common/rpc/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/time/clock.h"

namespace nakadachi::rpc {
namespace {

constexpr absl::Duration kMoment = absl::Milliseconds(5);

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

// As a tracer does: what waits for signals is interrupted by it.
TEST_F(ProcessDeathTest, AShutdownThatIsStoppedForAWhileGoesOn) {
  EXPECT_EXIT(
      {
        BlockStopSignals();
        kill(getpid(), SIGTERM);
        ServeUntilSignal(absl::Hours(1));
        const pid_t self = getpid();
        for (int times = 0; times < 20; ++times) {
          const pid_t other = fork();
          if (other == 0) {
            while (getppid() == self && kill(self, SIGCONT) == 0) absl::SleepFor(kMoment);
            std::_Exit(0);
          }
          raise(SIGSTOP);
          kill(other, SIGKILL);
          waitpid(other, nullptr, 0);
        }
        std::_Exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace nakadachi::rpc
