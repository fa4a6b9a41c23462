// Processes die by SIGKILL at random moments under load and are started again. Every acknowledged
// permit exists once, every ledger verifies, no payload came without its Provision, and every
// answer is what was registered.
//
// NAKADACHI_FAULT_ROUNDS: how many seeds (default 6); NAKADACHI_FAULT_SEED: the first (default 1).
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/ledgers.h"
#include "tests/integration/town.h"
#include "tools/simulator/asker.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;

constexpr size_t kPersons = 30;
constexpr size_t kQuestionsARound = 150;
constexpr int kKillsARound = 4;
constexpr int kInFlight = 24;
constexpr absl::Duration kPatience = absl::Seconds(60);

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class KillUnderLoadTest : public testing::Test {
 protected:
  KillUnderLoadTest() : town_(Mode::kProcesses) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("sendai", {kSendai});
    for (size_t i = 0; i < kPersons; ++i) {
      const size_t person = town_.AddPerson(kAizu);
      town_.Enroll(person, kAizu);
      town_.Enroll(person, kSendai);
      town_.Register(person, kAizu, 1 + static_cast<int>(i % 4));
    }
  }

  void Round(uint64_t seed) {
    SCOPED_TRACE(absl::StrCat("NAKADACHI_FAULT_SEED=", seed));
    std::mt19937_64 random(seed);
    std::vector<simulator::Question> questions;
    for (size_t i = 0; i < kQuestionsARound; ++i) {
      const size_t person = random() % kPersons;
      questions.push_back(
          {person, City(kSendai), City(kAizu), town_.Question(person, kSendai, kAizu)});
    }
    absl::StatusOr<std::vector<simulator::Answered>> answered = absl::UnknownError("");
    std::thread load([&] {
      answered = simulator::AskMany(town_.network().Municipality(City(kSendai))->connection(),
                                    questions, kInFlight, kPatience);
    });
    absl::Status restarted;
    for (int i = 0; i < kKillsARound; ++i) {
      // The moment is the point: nothing is waited for.
      absl::SleepFor(absl::Microseconds(random() % 60'000));
      const std::vector<std::string> victims = {"broker", "aizu", "sendai"};
      const std::string& victim = victims[random() % victims.size()];
      restarted.Update(town_.network().Crash(victim));
      restarted.Update(town_.network().StartAgain(victim));
    }
    load.join();
    ASSERT_TRUE(restarted.ok()) << restarted;
    ASSERT_TRUE(answered.ok()) << answered.status();
    ASSERT_EQ(answered->size(), questions.size());
    for (const simulator::Answered& one : *answered) {
      ASSERT_TRUE(one.answer.ok()) << one.answer.status();
      ASSERT_EQ(one.answer->state(), v1::ANSWERED);
      ASSERT_TRUE(one.answer->verified());
      ASSERT_TRUE(town_.IsWhatWasRegistered(*one.answer, one.question.person, kAizu));
      answers_.push_back(*one.answer);
    }
  }

  Town town_;
  std::vector<v1::QueryResponse> answers_;
};

TEST_F(KillUnderLoadTest, NothingIsLostNorDoneTwice) {
  const uint64_t first = FromEnvironment("NAKADACHI_FAULT_SEED", 1);
  const uint64_t rounds = FromEnvironment("NAKADACHI_FAULT_ROUNDS", 6);
  for (uint64_t seed = first; seed < first + rounds; ++seed) {
    ASSERT_NO_FATAL_FAILURE(Round(seed));
  }
  // Both halves of each reach the broker.
  ASSERT_TRUE(Eventually([&] {
    const auto status = town_.network().BrokerOperator().GetStatus();
    return status.ok() && status->open_permits() == 0 && status->contradictions() == 0;
  }));
  const absl::Status books = CheckBooks(town_, {kSendai, "sendai", kAizu, "aizu"}, answers_);
  EXPECT_TRUE(books.ok()) << books;
}

}  // namespace
}  // namespace nakadachi::integration
