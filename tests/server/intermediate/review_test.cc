// Automatic reply disabled: staff look again before anything leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "common/base/status.h"
#include "tests/server/intermediate/provider_fixture.h"

namespace nakadachi::intermediate {
namespace {

std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

class ReviewTest : public ProviderFixture {
 protected:
  ReviewTest() {
    AcquireAndHold(1);
    SetProtection(true, {});
  }
  void SetProtection(bool disabled, const std::vector<std::string>& withheld) {
    ASSERT_TRUE(codes_->SetProtection(Person(1), disabled, withheld).ok());
  }
  // A permit that awaits review.
  void Present() {
    statement_ = PermitFor(1);
    permit_ = broker_.Record(statement_);
    awaiting_ = Checked(Provide(permit_));
    ASSERT_EQ(awaiting_.outcome(), v1::AWAITING_REVIEW);
  }
  const std::string& number() const { return statement_.permit().permit_number(); }
  absl::StatusOr<v1::Outcome> Decide(bool release) {
    return provider_->DecideReview(number(), release, "staff-7");
  }
  v1::Review OnlyReview() {
    const auto reviews = provider_->ListReviews();
    if (!reviews.ok() || reviews->size() != 1) {
      ADD_FAILURE() << "not one review";
      return {};
    }
    return (*reviews)[0];
  }
  std::vector<stored::v1::OutboxEntry> Deliveries() {
    std::vector<stored::v1::OutboxEntry> entries;
    EXPECT_TRUE(institution_->database()
                    .Scan(kOutbox, "d", "d",
                          [&](absl::string_view, absl::string_view value) {
                            EXPECT_TRUE(entries.emplace_back().ParseFromString(std::string(value)));
                            return true;
                          })
                    .ok());
    return entries;
  }

  v1::Statement statement_;
  v1::Recorded permit_;
  v1::Provision awaiting_;
};

TEST_F(ReviewTest, IsListedWithWhatStaffNeed) {
  Present();
  const v1::Review review = OnlyReview();
  EXPECT_EQ(review.permit_number(), number());
  EXPECT_EQ(review.requester(), kAizu);
  EXPECT_EQ(review.department(), "health");
  EXPECT_EQ(review.procedure(), "immunization");
  EXPECT_THAT(review.items(), testing::ElementsAre("immunization"));
  EXPECT_EQ(review.received_ms(), Now());
  EXPECT_EQ(review.valid_until_ms(), statement_.permit().valid_until_ms());
  EXPECT_EQ(review.addressee_number(), Person(1).Reveal());
  EXPECT_FALSE(review.lapsed());
  EXPECT_FALSE(review.delivered());
  EXPECT_EQ(review.decided(), v1::OUTCOME_UNSPECIFIED);
}

TEST_F(ReviewTest, ThePermitAwaitsUntilTheDecision) {
  Present();
  const auto again = Provide(permit_);
  EXPECT_EQ(Checked(again).outcome(), v1::AWAITING_REVIEW);
  EXPECT_EQ(Provisions().size(), 1u);
  Reopen();
  EXPECT_EQ(Checked(Provide(permit_)).outcome(), v1::AWAITING_REVIEW);
  ASSERT_EQ(Decide(true).value(), v1::PROVIDED);
  const auto final = Provide(permit_);
  EXPECT_EQ(Checked(final).outcome(), v1::PROVIDED);
  EXPECT_EQ(WithoutIds(PayloadOf(final).sets(0)), WithoutIds(ImmunizationSet(1, 1)));
  EXPECT_EQ(Provisions().size(), 2u);
}

// What staff decide, by what holds when they do.
TEST_F(ReviewTest, Decisions) {
  struct Case {
    std::string name;
    std::function<void()> meanwhile;
    bool release;
    v1::Outcome outcome;
    v1::RefusalReason reason;
  };
  constexpr auto kNone = v1::REFUSAL_REASON_UNSPECIFIED;
  const std::vector<Case> cases = {
      {"released", [] {}, true, v1::PROVIDED, kNone},
      {"refused", [] {}, false, v1::REFUSED, v1::STAFF_DECISION},
      {"flag lifted", [&] { SetProtection(false, {}); }, true, v1::PROVIDED, kNone},
      {"withheld meanwhile", [&] { SetProtection(true, {"immunization"}); }, true, v1::WITHHELD,
       kNone},
      {"no records meanwhile",
       [&] {
         SetProtection(true, {});
         Hold(1, ImmunizationSet(2, 1, 0));
       },
       true, v1::NOT_HELD, kNone},
      {"newer records meanwhile", [&] { Hold(1, ImmunizationSet(3, 1)); }, true, v1::PROVIDED,
       kNone},
      {"forbidden meanwhile", [&] { Apply(List(2, Now(), ListOf({"benefits"}))); }, true,
       v1::REFUSED, v1::LIST_NEWER_FORBIDS},
      {"forbidden, refused", [] {}, false, v1::REFUSED, v1::STAFF_DECISION},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    SetProtection(true, {});
    if (&c == &cases.back()) {
      Apply(List(3, Now(), ListOf({"immunization"})));
    }
    Present();
    clock_.Advance(absl::Seconds(1));
    c.meanwhile();
    EXPECT_EQ(Decide(c.release).value(), c.outcome);
    EXPECT_EQ(Decide(c.release).value(), c.outcome);  // again
    EXPECT_EQ(Rule(Decide(!c.release).status()), "decided-otherwise");

    const v1::Provision provision = Provisions().back();
    EXPECT_EQ(provision.outcome(), c.outcome);
    EXPECT_EQ(provision.reason(), c.reason);
    EXPECT_EQ(provision.permit_commitment(), awaiting_.permit_commitment());
    EXPECT_TRUE(provision.after_review());
    EXPECT_EQ(Checked(Provide(permit_)).SerializeAsString(), provision.SerializeAsString());
  }
  EXPECT_EQ(Provisions().size(), 2 * cases.size());
  EXPECT_EQ(Deliveries().size(), cases.size());
}

TEST_F(ReviewTest, TheAnswerIsQueuedForTheRequesterWithItsProvision) {
  Present();
  EXPECT_TRUE(Deliveries().empty());
  ASSERT_TRUE(Decide(true).ok());
  Reopen();
  const auto deliveries = Deliveries();
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(deliveries[0].permit_commitment(), awaiting_.permit_commitment());
  EXPECT_EQ(deliveries[0].requester(), kAizu);
  EXPECT_EQ(deliveries[0].route().address(), "127.0.0.1:2");
  EXPECT_EQ(deliveries[0].route().tls_name(), "aizu.example");
  EXPECT_EQ(deliveries[0].give_up_ms(), statement_.permit().valid_until_ms());
  EXPECT_EQ(OnlyReview().decided(), v1::PROVIDED);
}

TEST_F(ReviewTest, LapsesWithTheValidity) {
  Present();
  clock_.Advance(absl::Hours(24));
  EXPECT_TRUE(OnlyReview().lapsed());
  EXPECT_EQ(Rule(Decide(true).status()), "lapsed");
  EXPECT_EQ(Rule(Decide(false).status()), "lapsed");
  EXPECT_EQ(Rule(Provide(permit_).status()), "expired");
  EXPECT_EQ(Provisions().size(), 1u);
  ASSERT_TRUE(provider_->Sweep().ok());
  EXPECT_TRUE(OnlyReview().lapsed());
}

TEST_F(ReviewTest, ADecidedReviewDoesNotLapse) {
  Present();
  ASSERT_TRUE(Decide(false).ok());
  clock_.Advance(absl::Hours(24));
  EXPECT_FALSE(OnlyReview().lapsed());
  EXPECT_EQ(Decide(false).value(), v1::REFUSED);
}

TEST_F(ReviewTest, IsForgottenAMonthAfterTheValidity) {
  Present();
  clock_.Advance(absl::Hours(24 * 31) - absl::Milliseconds(1));
  ASSERT_TRUE(provider_->Sweep().ok());
  EXPECT_TRUE(OnlyReview().lapsed());
  clock_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(provider_->Sweep().ok());
  EXPECT_TRUE(provider_->ListReviews()->empty());
  EXPECT_EQ(Rule(Decide(true).status()), "permit-number");
}

TEST_F(ReviewTest, UnknownNumbersAreNotFound) {
  Present();
  for (const std::string& number : {std::string(), std::string(16, 'n'), std::string(1000, 'n')}) {
    EXPECT_EQ(Rule(provider_->DecideReview(number, true, "staff-7").status()), "permit-number");
  }
}

}  // namespace
}  // namespace nakadachi::intermediate
