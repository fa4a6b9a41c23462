// SIGTERM ends each server within five seconds, with calls in flight; what was in flight finishes
// once it is started again. DESIGN.md section 10.
#include <gtest/gtest.h>

#include <signal.h>

#include <thread>

#include "absl/time/clock.h"
#include "tests/integration/ledgers.h"
#include "tests/integration/town.h"
#include "tools/simulator/asker.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;

TEST(ShutdownTest, EndsWithinFiveSecondsWithCallsInFlight) {
  Town town(Mode::kProcesses);
  town.AddPlatform("aizu", {kAizu});
  town.AddPlatform("sendai", {kSendai});
  const size_t person = town.AddPerson(kAizu);
  town.Enroll(person, kAizu);
  town.Enroll(person, kSendai);
  town.Register(person, kAizu, 2);
  std::vector<v1::QueryResponse> answers;
  for (const char* process : {"broker", "aizu", "sendai"}) {
    SCOPED_TRACE(process);
    std::vector<simulator::Question> questions;
    for (int i = 0; i < 40; ++i) {
      questions.push_back(
          {person, City(kSendai), City(kAizu), town.Question(person, kSendai, kAizu)});
    }
    // Whoever is asked next does not answer, so that calls are open when the signal comes.
    const std::string silent = process == std::string("sendai") ? "aizu" : "";
    if (!silent.empty()) {
      ASSERT_EQ(kill(town.network().Pid(silent), SIGSTOP), 0);
    }
    absl::StatusOr<std::vector<simulator::Answered>> answered = absl::UnknownError("");
    std::thread load([&] {
      answered = simulator::AskMany(town.network().Municipality(City(kSendai))->connection(),
                                    questions, 16, absl::Seconds(60));
    });
    const bool begun = Eventually([&] {
      const auto status = town.network().Municipality(City(kSendai))->connection().GetStatus();
      return status.ok() && status->municipalities(0).open_exchanges() > 0;
    });
    // Network::Stop fails where it takes longer than five seconds or the process ends badly.
    const absl::Status stopped = town.network().Stop(process);
    if (!silent.empty()) kill(town.network().Pid(silent), SIGCONT);
    const absl::Status started = town.network().StartAgain(process);
    load.join();
    EXPECT_TRUE(begun);
    ASSERT_TRUE(stopped.ok()) << stopped;
    ASSERT_TRUE(started.ok()) << started;
    ASSERT_TRUE(answered.ok()) << answered.status();
    for (const simulator::Answered& one : *answered) {
      ASSERT_TRUE(one.answer.ok()) << one.answer.status();
      answers.push_back(*one.answer);
    }
  }
  const absl::Status juki = town.network().Stop("juki");
  EXPECT_TRUE(juki.ok()) << juki;
  const absl::Status books = CheckBooks(town, {kSendai, "sendai", kAizu, "aizu"}, answers);
  EXPECT_TRUE(books.ok()) << books;
}

}  // namespace
}  // namespace nakadachi::integration
