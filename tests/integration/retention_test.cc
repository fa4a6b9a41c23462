// Nine years of a network: what was recorded at the begin is erased in three ledgers, but for what
// a legal hold keeps; everything else goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "client/cli/profile.h"
#include "common/base/fiscal_year.h"
#include "common/base/status.h"
#include "tests/integration/town.h"
#include "tools/replay/replay.h"
#include "tools/simulator/evidence.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;

constexpr absl::Duration kYear = absl::Hours(24 * 366);
std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

class RetentionTest : public testing::Test {
 protected:
  RetentionTest() : town_(Mode::kProcesses) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("sendai", {kSendai});
    town_.AddPlatform("koriyama", {kKoriyama});
    for (int i = 0; i < 3; ++i) {
      const size_t person = town_.AddPerson(kAizu);
      town_.Enroll(person, kAizu);
      town_.Enroll(person, kSendai);
      town_.Register(person, kSendai, 2);
    }
    first_year_ = FiscalYearOf(town_.network().clock().NowMs());
  }

  std::unique_ptr<client::RetentionConnection> Keeper(const std::string& institution) {
    const std::string path =
        institution == "broker" ? town_.network().OperatorProfilePath()
                                : town_.network().InstitutionOperatorProfilePath(City(institution));
    const auto profile = cli::Profile::Load(path, absl::Seconds(10));
    EXPECT_TRUE(profile.ok()) << profile.status();
    auto connection = profile->Retention(institution);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  v1::GetRetentionResponse Get(const std::string& institution) {
    v1::GetRetentionRequest request;
    request.set_institution(institution);
    const auto answer = Keeper(institution)->Get(request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(v1::GetRetentionResponse());
  }
  absl::StatusOr<v1::ErasePeriodResponse> Erase(const std::string& institution,
                                                bool dry_run = false) {
    v1::ErasePeriodRequest request;
    request.set_institution(institution);
    request.set_fiscal_year(first_year_);
    request.set_dry_run(dry_run);
    request.set_staff_pseudonym("o-7");
    return Keeper(institution)->Erase(request);
  }
  void Hold(const std::string& institution, const std::string& permit_number) {
    v1::PlaceHoldRequest request;
    request.set_institution(institution);
    request.mutable_hold()->set_hold_id(std::string(16, 'h'));
    request.mutable_hold()->add_permit_numbers(permit_number);
    request.set_staff_pseudonym("o-7");
    request.set_reason("case 12");
    const auto placed = Keeper(institution)->PlaceHold(request);
    ASSERT_TRUE(placed.ok()) << placed.status();
  }
  v1::QueryResponse MustAsk(size_t person) {
    const auto answer = town_.Ask(town_.Question(person, kAizu, kSendai));
    EXPECT_TRUE(answer.ok()) << answer.status();
    EXPECT_TRUE(town_.IsWhatWasRegistered(*answer, person, kSendai));
    return answer.value_or(v1::QueryResponse());
  }

  // By kind, the statements of exchanges that a ledger still has.
  std::map<std::string, int> Left(const std::string& institution) {
    const std::string path =
        institution == "broker" ? town_.network().OperatorProfilePath()
                                : town_.network().InstitutionOperatorProfilePath(City(institution));
    const auto profile = cli::Profile::Load(path, absl::Seconds(10));
    const auto ledger = profile->Ledger(institution);
    EXPECT_TRUE(ledger.ok()) << ledger.status();
    std::map<std::string, int> left;
    v1::GetEntriesRequest request;
    request.set_institution(institution);
    request.set_with_statements(true);
    for (;;) {
      const auto page = (*ledger)->GetEntries(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok() || page->entries_size() == 0) return left;
      for (const v1::LedgerEntry& entry : page->entries()) {
        v1::Statement statement;
        if (entry.erased()) {
          ++left["erased"];
          continue;
        }
        EXPECT_TRUE(statement.ParseFromString(entry.statement()));
        if (statement.has_query()) ++left["query"];
        if (statement.has_permit()) ++left["permit"];
        if (statement.has_provision()) ++left["provision"];
        if (statement.has_receipt()) ++left["receipt"];
      }
      request.set_start(request.start() + static_cast<uint64_t>(page->entries_size()));
      if (request.start() >= page->size()) return left;
    }
  }

  // An inspector finds nothing, and as many erasures.
  void ExpectClean(size_t erasures) {
    const TemporaryFolder evidence;
    const auto kept = simulator::KeepEvidence(town_.network(), evidence.path());
    ASSERT_TRUE(kept.ok()) << kept.status();
    replay::ReplayOptions options;
    options.folders = {evidence.path()};
    options.verifier_key = town_.network().BrokerVerifierKey();
    const auto report = replay::Replay(options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->clean()) << replay::ToText(*report);
    size_t found = 0;
    for (const replay::LogReport& log : report->logs) found += log.erasures.size();
    EXPECT_EQ(found, erasures) << replay::ToText(*report);
  }

  Town town_;
  int first_year_ = 0;
};

TEST_F(RetentionTest, ErasesWhatIsOverAndKeepsWhatIsHeld) {
  MustAsk(0);
  const std::string held = MustAsk(1).permit_number();
  ASSERT_EQ(held.size(), 16u);
  const std::vector<std::string> keepers = {"broker", kAizu, kSendai};
  for (const std::string& keeper : keepers) {
    EXPECT_EQ(Rule(Erase(keeper).status()), "not-expired") << keeper;
    Hold(keeper, held);
  }
  // A foreign ledger is nobody's to erase.
  v1::GetRetentionRequest foreign;
  foreign.set_institution(kSendai);
  EXPECT_FALSE(Keeper(kAizu)->Get(foreign).ok());

  ASSERT_TRUE(town_.network().Advance(9 * kYear).ok());
  MustAsk(2);
  for (const std::string& keeper : keepers) {
    const v1::GetRetentionResponse before = Get(keeper);
    ASSERT_EQ(before.periods_size(), 2) << keeper;
    EXPECT_EQ(before.periods(0).state(), v1::Period::EXPIRED);
    EXPECT_EQ(before.periods(1).state(), v1::Period::KEPT);
    EXPECT_EQ(before.holds_size(), 1);
    const auto planned = Erase(keeper, /*dry_run=*/true);
    ASSERT_TRUE(planned.ok()) << planned.status();
    const auto erased = Erase(keeper);
    ASSERT_TRUE(erased.ok()) << keeper << erased.status();
    EXPECT_EQ(erased->erasure().erased(), planned->erasure().erased());
    EXPECT_EQ(erased->erasure().held(), keeper == kAizu ? 2u : 1u) << keeper;
    EXPECT_GT(erased->erasure().freed_bytes(), 0u);
  }
  const auto check = [&] {
    for (const std::string& keeper : keepers)
      EXPECT_EQ(Get(keeper).periods(0).state(), v1::Period::ERASED) << keeper;
    EXPECT_EQ(Left("broker")["permit"], 2);
    EXPECT_EQ(Left(kAizu)["query"], 2);
    EXPECT_EQ(Left(kAizu)["receipt"], 2);
    EXPECT_EQ(Left(kSendai)["provision"], 2);
    EXPECT_GT(Left(kSendai)["erased"], 0);
  };
  check();
  // Asked again, each answers as before.
  for (const std::string& keeper : keepers) {
    const auto again = Erase(keeper);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->erasure().SerializeAsString(),
              Get(keeper).periods(0).erasure().SerializeAsString());
  }
  const auto verified = town_.network().VerifyLedgers(/*leave_stopped=*/false);
  ASSERT_TRUE(verified.ok()) << verified.status();
  check();
  MustAsk(0);
  ExpectClean(/*erasures=*/keepers.size());
}

// Asked again by the client itself, an erasure is whole in the end, whenever its server dies.
TEST_F(RetentionTest, ErasureSurvivesKills) {
  const std::string held = MustAsk(1).permit_number();
  const std::vector<std::pair<std::string, std::string>> keepers = {
      {"aizu", kAizu}, {"sendai", kSendai}, {"koriyama", kKoriyama}, {"broker", "broker"}};
  for (const auto& [process, keeper] : keepers) Hold(keeper, held);
  ASSERT_TRUE(town_.network().Advance(9 * kYear).ok());
  int milliseconds = 0;
  for (const auto& [process, keeper] : keepers) {
    absl::StatusOr<v1::ErasePeriodResponse> erased;
    std::thread asking([&, keeper = keeper] { erased = Erase(keeper); });
    // At any instant: from before the request arrives to behind its end.
    absl::SleepFor(absl::Milliseconds(milliseconds));
    milliseconds += 8;
    ASSERT_TRUE(town_.network().Crash(process).ok());
    ASSERT_TRUE(town_.network().StartAgain(process).ok());
    asking.join();
    ASSERT_TRUE(erased.ok()) << keeper << erased.status();
    EXPECT_EQ(Get(keeper).periods(0).state(), v1::Period::ERASED) << keeper;
  }
  EXPECT_EQ(Left("broker")["permit"], 1);
  EXPECT_EQ(Left(kAizu)["query"], 1);
  EXPECT_EQ(Left(kAizu)["receipt"], 1);
  EXPECT_EQ(Left(kSendai)["provision"], 1);
  const auto verified = town_.network().VerifyLedgers(/*leave_stopped=*/false);
  ASSERT_TRUE(verified.ok()) << verified.status();
  ExpectClean(/*erasures=*/keepers.size());
}

}  // namespace
}  // namespace nakadachi::integration
