#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/storage/key_provider.h"
#include "server/broker/store/broker_store.h"
#include "tests/server/broker/broker_fixture.h"

namespace nakadachi::broker {
namespace {

std::string CommitmentOf(const v1::Recorded& recorded) {
  return std::string(AsView(ledger::Commit(recorded.salt(), recorded.statement())));
}

class ReportServiceTest : public BrokerFixture {
 protected:
  ReportServiceTest() {
    Admit(city_);
    Admit(other_city_);
    PublishList();
  }

  struct Exchange {
    v1::Permit permit;
    std::string permit_commitment;
  };

  Exchange Begin(uint64_t person = 7) {
    const auto decision = RequestPermit(city_, city_.Record(MakeQuery(city_, kOtherCity, person)));
    return {ExpectPermit(decision), CommitmentOf(*decision)};
  }

  v1::Recorded Provide(const Exchange& exchange, v1::Outcome outcome = v1::NOT_HELD,
                       const std::function<void(v1::Provision&)>& change = nullptr) {
    v1::Statement statement = other_city_.NewStatement();
    v1::Provision* provision = statement.mutable_provision();
    provision->set_permit_commitment(exchange.permit_commitment);
    provision->set_permit_number(exchange.permit.permit_number());
    provision->set_requester(kCity);
    provision->set_provider(kOtherCity);
    provision->set_outcome(outcome);
    if (change) change(*provision);
    return other_city_.Record(statement);
  }

  v1::Recorded Receive(const Exchange& exchange, const v1::Recorded& provision) {
    v1::Statement statement = city_.NewStatement();
    v1::Receipt* receipt = statement.mutable_receipt();
    receipt->set_permit_commitment(exchange.permit_commitment);
    receipt->set_permit_number(exchange.permit.permit_number());
    receipt->set_provision_commitment(CommitmentOf(provision));
    receipt->set_requester(kCity);
    receipt->set_provider(kOtherCity);
    receipt->set_verified(true);
    return city_.Record(statement);
  }

  absl::StatusOr<v1::ReportResponse> Report(const std::string& institution,
                                            const std::vector<v1::Recorded>& halves) {
    auto stub = v1::PermitService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {institution}));
    v1::ReportRequest request;
    for (const v1::Recorded& half : halves) *request.add_halves() = half;
    return CallWithDeadline<v1::ReportResponse>(
        [&](auto* context, auto* response) { return stub->Report(context, request, response); });
  }

  // The rule that a single half is refused by; empty where it is accepted.
  std::string RuleOf(const std::string& institution, const v1::Recorded& half) {
    const auto response = Report(institution, {half});
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok() || response->errors_size() != 1) return "no answer";
    EXPECT_EQ(response->accepted(), response->errors(0).empty() ? 1u : 0u);
    if (response->errors(0).empty()) return "";
    return GetFieldRule(rpc::FromBytes(response->errors(0))).rule;
  }

  // As a broken disk might.
  void DamageRecordOf(const Exchange& exchange) {
    constexpr int kPermits = 6;  // the store's families are its own
    Stop();
    {
      const auto keys = storage::OpenFileKeyProvider(folder_ / "wrap.hex");
      ASSERT_TRUE(keys.ok()) << keys.status();
      storage::OpenOptions options;
      options.path = folder_ / "data";
      options.environment = storage::Environment::Create(32 << 20);
      options.key_provider = keys->get();
      options.random = &SystemRandom();
      const auto store = BrokerStore::Open(options);
      ASSERT_TRUE(store.ok()) << store.status();
      storage::Batch batch((*store)->database());
      batch.Put(kPermits, exchange.permit.permit_number(), "\xff");
      ASSERT_TRUE((*store)->database().Commit(std::move(batch)).ok());
    }
    Start();
  }

  std::vector<v1::UnansweredPermit> Unanswered(uint32_t limit = 0) {
    auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
    v1::ListUnansweredRequest request;
    request.set_limit(limit);
    const auto response = CallWithDeadline<v1::ListUnansweredResponse>(
        [&](auto* context, auto* out) { return stub->ListUnanswered(context, request, out); });
    EXPECT_TRUE(response.ok()) << response.status();
    return {response->permits().begin(), response->permits().end()};
  }
};

TEST_F(ReportServiceTest, BothHalvesCloseAPermitAndReportingIsIdempotent) {
  const Exchange exchange = Begin();
  const v1::Recorded provision = Provide(exchange);
  const v1::Recorded receipt = Receive(exchange, provision);
  EXPECT_EQ(RuleOf(kOtherCity, provision), "");
  EXPECT_EQ(Status().open_permits(), 1u);
  EXPECT_EQ(RuleOf(kCity, receipt), "");
  EXPECT_EQ(Status().open_permits(), 0u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(RuleOf(kOtherCity, provision), "");
    EXPECT_EQ(RuleOf(kCity, receipt), "");
    EXPECT_EQ(Status().open_permits(), 0u);
    Restart();
  }
  clock_.Advance(absl::Hours(2));
  EXPECT_TRUE(Unanswered().empty());
  EXPECT_EQ(Status().contradictions(), 0u);
}

TEST_F(ReportServiceTest, ABatchMayHoldBothHalvesOfManyExchanges) {
  constexpr int kExchanges = 100;
  std::vector<v1::Recorded> provisions;
  std::vector<v1::Recorded> receipts;
  for (uint64_t person = 0; person < kExchanges; ++person) {
    const Exchange exchange = Begin(person);
    provisions.push_back(Provide(exchange));
    receipts.push_back(Receive(exchange, provisions.back()));
  }
  // A platform that hosts both cities.
  auto stub =
      v1::PermitService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {kCity, kOtherCity}));
  v1::ReportRequest request;
  for (const v1::Recorded& half : receipts) *request.add_halves() = half;
  for (const v1::Recorded& half : provisions) *request.add_halves() = half;
  const auto response = CallWithDeadline<v1::ReportResponse>(
      [&](auto* context, auto* out) { return stub->Report(context, request, out); });
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->accepted(), 2u * kExchanges);
  const v1::GetBrokerStatusResponse status = Status();
  EXPECT_EQ(status.open_permits(), 0u);
  EXPECT_EQ(status.provisions_reported(), uint64_t{kExchanges});
  EXPECT_EQ(status.receipts_reported(), uint64_t{kExchanges});
}

TEST_F(ReportServiceTest, AnAnswerAfterReviewIsTheFinalOne) {
  const Exchange exchange = Begin();
  EXPECT_EQ(RuleOf(kOtherCity, Provide(exchange, v1::AWAITING_REVIEW)), "");
  clock_.Advance(absl::Minutes(61));
  ASSERT_EQ(Unanswered().size(), 1u);
  EXPECT_TRUE(Unanswered()[0].provision_missing());
  const v1::Recorded provision = Provide(exchange, v1::WITHHELD);
  EXPECT_EQ(RuleOf(kOtherCity, provision), "");
  EXPECT_FALSE(Unanswered()[0].provision_missing());
  EXPECT_EQ(RuleOf(kCity, Receive(exchange, provision)), "");
  EXPECT_TRUE(Unanswered().empty());
}

TEST_F(ReportServiceTest, ContradictionsAreRefusedAndCounted) {
  const Exchange exchange = Begin();
  const v1::Recorded provision = Provide(exchange);
  EXPECT_EQ(RuleOf(kOtherCity, provision), "");
  EXPECT_EQ(RuleOf(kOtherCity, Provide(exchange, v1::WITHHELD)), "contradicts");
  EXPECT_EQ(RuleOf(kCity, Receive(exchange, Provide(exchange, v1::WITHHELD))), "contradicts");
  EXPECT_EQ(Status().contradictions(), 2u);
  EXPECT_EQ(RuleOf(kCity, Receive(exchange, provision)), "");
  EXPECT_EQ(Status().open_permits(), 0u);
}

TEST_F(ReportServiceTest, BadHalvesAreRefusedOneByOne) {
  const Exchange exchange = Begin();
  const v1::Recorded good = Provide(exchange);
  v1::Recorded altered = good;
  (*altered.mutable_salt())[3] ^= 1;
  v1::Statement operation = other_city_.NewStatement();
  operation.mutable_operation()->set_kind("start");
  const std::vector<std::pair<v1::Recorded, std::string>> rows = {
      {altered, "inclusion"},
      {v1::Recorded(), "salt"},
      {other_city_.Record(operation), "kind"},
      {Provide(exchange, v1::NOT_HELD,
               [](auto& p) { p.set_permit_commitment(std::string(32, 'x')); }),
       "permit-commitment"},
      {Provide(exchange, v1::NOT_HELD, [](auto& p) { p.set_permit_number("another"); }),
       "unknown-permit"},
      {Provide(exchange, v1::NOT_HELD, [](auto& p) { p.set_requester(kStranger); }), "author"},
      {city_.Record(MakeQuery(city_)), "author"},
  };
  std::vector<v1::Recorded> batch;
  for (const auto& [half, rule] : rows) batch.push_back(half);
  batch.push_back(good);
  const auto response = Report(kOtherCity, batch);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->errors_size(), static_cast<int>(batch.size()));
  EXPECT_EQ(response->accepted(), 1u);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(GetFieldRule(rpc::FromBytes(response->errors(static_cast<int>(i)))).rule,
              rows[i].second);
  }
  EXPECT_TRUE(response->errors(static_cast<int>(rows.size())).empty());
  EXPECT_EQ(Status().rejected_calls(), rows.size());
  // A half is its author's to report.
  EXPECT_EQ(RuleOf(kCity, good), "author");
}

TEST_F(ReportServiceTest, ARecordThatCannotBeReadHoldsUpNoOtherHalf) {
  const Exchange damaged = Begin(1);
  const Exchange good = Begin(2);
  DamageRecordOf(damaged);
  for (int round = 0; round < 2; ++round) {
    const auto response =
        Report(kOtherCity, {Provide(good), Provide(damaged), Provide(Begin(3 + round))});
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->errors_size(), 3);
    EXPECT_TRUE(absl::IsDataLoss(rpc::FromBytes(response->errors(1))));
    EXPECT_TRUE(response->errors(2).empty());
    EXPECT_TRUE(response->errors(0).empty() == (round == 0)) << "another half contradicts";
  }
  EXPECT_EQ(Status().provisions_reported(), 3u);
}

TEST_F(ReportServiceTest, TooManyHalvesAreRefusedAsAWhole) {
  const auto response = Report(kCity, std::vector<v1::Recorded>(513));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetFieldRule(response.status()).rule, "too-many");
}

TEST_F(ReportServiceTest, PermitsPastTheirTimeAreNamedOldestFirst) {
  std::vector<Exchange> exchanges;
  for (uint64_t person = 0; person < 3; ++person) {
    exchanges.push_back(Begin(person));
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_TRUE(Unanswered().empty());
  clock_.Set(absl::FromUnixMillis(exchanges[1].permit.valid_until_ms()));
  EXPECT_EQ(RuleOf(kOtherCity, Provide(exchanges[1])), "");
  const auto unanswered = Unanswered();
  ASSERT_EQ(unanswered.size(), 2u);
  EXPECT_EQ(unanswered[0].permit_commitment(), exchanges[0].permit_commitment);
  EXPECT_EQ(unanswered[0].permit_number(), exchanges[0].permit.permit_number());
  EXPECT_EQ(unanswered[0].requester(), kCity);
  EXPECT_EQ(unanswered[0].provider(), kOtherCity);
  EXPECT_TRUE(unanswered[0].provision_missing());
  EXPECT_TRUE(unanswered[0].receipt_missing());
  EXPECT_EQ(unanswered[1].permit_commitment(), exchanges[1].permit_commitment);
  EXPECT_FALSE(unanswered[1].provision_missing());
  EXPECT_TRUE(unanswered[1].receipt_missing());
  EXPECT_EQ(Unanswered(1).size(), 1u);
  Restart();
  EXPECT_EQ(Unanswered().size(), 2u);
  EXPECT_EQ(Status().open_permits(), 3u);
}

}  // namespace
}  // namespace nakadachi::broker
