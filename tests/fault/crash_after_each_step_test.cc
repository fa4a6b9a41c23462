// Each party dies by SIGKILL after each step of an exchange, as a real process, and the exchange
// finishes all the same: once.
//
// A step is held by freezing (SIGSTOP) whoever would take the next one; that it was reached is
// read from what the parties themselves tell of their state.
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/ledgers.h"
#include "tests/integration/town.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;

constexpr char kBroker[] = "broker";
constexpr char kRequester[] = "sendai";
constexpr char kProvider[] = "aizu";

enum class Step {
  kQueryRecorded,      // the broker knows nothing of it
  kPermitRecorded,     // the requester does not know
  kPermitReceived,     // the provider knows nothing of it
  kPermitKept,         // likewise, and the requester has the permit in its store
  kProvisionRecorded,  // the requester does not know
  kReceiptRecorded,    // the broker does not know
  kReported,
};
constexpr Step kSteps[] = {Step::kQueryRecorded, Step::kPermitRecorded,    Step::kPermitReceived,
                           Step::kPermitKept,    Step::kProvisionRecorded, Step::kReceiptRecorded,
                           Step::kReported};

class CrashAfterEachStepTest : public testing::Test {
 protected:
  CrashAfterEachStepTest() : town_(Mode::kProcesses) {
    town_.AddPlatform(kProvider, {kAizu});
    town_.AddPlatform(kRequester, {kSendai});
    person_ = town_.AddPerson(kAizu);
    town_.Enroll(person_, kAizu);
    town_.Enroll(person_, kSendai);
    town_.Register(person_, kAizu, 3);
  }
  ~CrashAfterEachStepTest() override {
    for (const std::string& process : std::set<std::string>(frozen_)) Thaw(process);
    if (asking_.joinable()) asking_.join();
  }

  void Freeze(const std::string& process) {
    ASSERT_EQ(kill(town_.network().Pid(process), SIGSTOP), 0);
    frozen_.insert(process);
  }
  void Thaw(const std::string& process) {
    if (frozen_.erase(process) > 0) kill(town_.network().Pid(process), SIGCONT);
  }
  void KillAndStart(const std::string& process) {
    frozen_.erase(process);
    ASSERT_TRUE(town_.network().Crash(process).ok());
    for (const std::string& other : std::set<std::string>(frozen_)) Thaw(other);
    const absl::Status started = town_.network().StartAgain(process);
    ASSERT_TRUE(started.ok()) << started;
  }

  client::MunicipalConnection& Office(const std::string& code) {
    return town_.network().Municipality(City(code))->connection();
  }
  v1::GetIntermediateStatusResponse::Municipality StatusOf(const std::string& code) {
    const auto status = Office(code).GetStatus();
    return status.ok() ? status->municipalities(0)
                       : v1::GetIntermediateStatusResponse::Municipality();
  }
  v1::GetBrokerStatusResponse BrokerStatus() {
    return town_.network().BrokerOperator().GetStatus().value_or(v1::GetBrokerStatusResponse());
  }
  v1::QueryResponse Exchange() {
    v1::GetExchangeRequest request;
    request.set_municipality(kSendai);
    request.set_request_id(question_.request_id());
    return Office(kSendai).GetExchange(request).value_or(v1::QueryResponse());
  }
  bool InState(v1::ExchangeState state) {
    return Eventually([&] { return Exchange().state() == state; });
  }

  void Ask() {
    question_ = town_.Question(person_, kSendai, kAizu);
    asking_ = std::thread(
        [this] { Eventually([this] { return town_.Ask(question_).ok(); }, absl::Seconds(60)); });
  }

  // Asks, and returns once the exchange stands at the step.
  void AskUpTo(Step step) {
    const uint64_t permits = BrokerStatus().permits();
    const uint64_t provided = StatusOf(kAizu).ledger_size();
    switch (step) {
      case Step::kQueryRecorded:
      case Step::kPermitRecorded:
        Freeze(kBroker);
        Ask();
        ASSERT_TRUE(InState(v1::RECORDED));
        if (step == Step::kQueryRecorded) return;
        Freeze(kRequester);
        Thaw(kBroker);
        // Where the requester froze before it sent, it must send first.
        ASSERT_TRUE(Eventually([&] {
          if (BrokerStatus().permits() > permits) return true;
          Thaw(kRequester);
          Freeze(kRequester);
          return false;
        }));
        return;
      case Step::kPermitReceived:
      case Step::kPermitKept:
      case Step::kProvisionRecorded:
        Freeze(kProvider);
        Ask();
        ASSERT_TRUE(Eventually([&] { return BrokerStatus().permits() > permits; }));
        if (step == Step::kPermitReceived) return;
        // The requester writes the state down where the provider is slow.
        if (step == Step::kPermitKept) {
          ASSERT_TRUE(InState(v1::PERMITTED));
          return;
        }
        Freeze(kRequester);
        Thaw(kProvider);
        ASSERT_TRUE(Eventually([&] {
          if (StatusOf(kAizu).ledger_size() > provided) return true;
          Thaw(kRequester);
          Freeze(kRequester);
          return false;
        }));
        return;
      case Step::kReceiptRecorded:
        Freeze(kProvider);
        Ask();
        ASSERT_TRUE(Eventually([&] { return BrokerStatus().permits() > permits; }));
        Freeze(kBroker);
        Thaw(kProvider);
        ASSERT_TRUE(InState(v1::ANSWERED));
        EXPECT_GT(StatusOf(kSendai).outbox(), 0u);
        return;
      case Step::kReported:
        Ask();
        ASSERT_TRUE(InState(v1::ANSWERED));
        ASSERT_TRUE(Eventually([&] { return BrokerStatus().open_permits() == 0; }));
        return;
    }
  }

  void FinishesAfterACrash(Step step, const std::string& victim) {
    SCOPED_TRACE(absl::StrCat("step ", static_cast<int>(step), ", dies: ", victim));
    ASSERT_NO_FATAL_FAILURE(AskUpTo(step));
    ASSERT_NO_FATAL_FAILURE(KillAndStart(victim));
    ASSERT_TRUE(InState(v1::ANSWERED));
    asking_.join();
    ASSERT_TRUE(Eventually([&] { return BrokerStatus().open_permits() == 0; }));
    ASSERT_TRUE(Eventually(
        [&] { return StatusOf(kSendai).outbox() == 0 && StatusOf(kAizu).outbox() == 0; }));
    const auto answer = town_.Ask(question_);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->outcome(), v1::PROVIDED);
    EXPECT_TRUE(answer->verified());
    EXPECT_TRUE(town_.IsWhatWasRegistered(*answer, person_, kAizu));
    answers_.push_back(*answer);
  }

  Town town_;
  size_t person_ = 0;
  v1::QueryRequest question_;
  std::vector<v1::QueryResponse> answers_;
  std::set<std::string> frozen_;
  std::thread asking_;
};

TEST_F(CrashAfterEachStepTest, EveryExchangeFinishesOnce) {
  for (const Step step : kSteps) {
    for (const char* victim : {kRequester, kBroker, kProvider}) {
      // It takes the requester ten seconds; one death tells enough.
      if (step == Step::kPermitKept && victim != std::string(kRequester)) continue;
      ASSERT_NO_FATAL_FAILURE(FinishesAfterACrash(step, victim));
    }
  }
  const absl::Status books = CheckBooks(town_, {kSendai, kRequester, kAizu, kProvider}, answers_);
  EXPECT_TRUE(books.ok()) << books;
}

// The same after a review: the decision is recorded, the requester does not know.
TEST_F(CrashAfterEachStepTest, ADecisionIsDeliveredOnce) {
  v1::SetProtectionRequest protection;
  protection.set_municipality(kAizu);
  protection.set_addressee_number(town_.person(person_).numbers.at(kAizu).Reveal());
  protection.set_automatic_reply_disabled(true);
  ASSERT_TRUE(Office(kAizu).SetProtection(protection).ok());
  for (const char* victim : {kRequester, kBroker, kProvider}) {
    SCOPED_TRACE(victim);
    question_ = town_.Question(person_, kSendai, kAizu);
    const auto awaiting = town_.Ask(question_);
    ASSERT_TRUE(awaiting.ok()) << awaiting.status();
    ASSERT_EQ(awaiting->outcome(), v1::AWAITING_REVIEW);
    Freeze(kRequester);
    v1::DecideReviewRequest decision;
    decision.set_municipality(kAizu);
    decision.set_permit_number(awaiting->permit_number());
    decision.set_release(true);
    const auto decided = town_.network().Staff(City(kAizu))->connection().DecideReview(decision);
    ASSERT_TRUE(decided.ok()) << decided.status();
    ASSERT_NO_FATAL_FAILURE(KillAndStart(victim));
    ASSERT_TRUE(InState(v1::ANSWERED));
    ASSERT_TRUE(Eventually([&] { return BrokerStatus().open_permits() == 0; }));
    answers_.push_back(Exchange());
    EXPECT_TRUE(town_.IsWhatWasRegistered(answers_.back(), person_, kAizu));
  }
  const absl::Status books = CheckBooks(town_, {kSendai, kRequester, kAizu, kProvider}, answers_);
  EXPECT_TRUE(books.ok()) << books;
}

}  // namespace
}  // namespace nakadachi::integration
