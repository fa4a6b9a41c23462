#include "server/broker/model/halves.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

std::string Text(const Hash& hash) { return std::string(AsView(hash)); }

stored::v1::PermitRecord Permit() {
  stored::v1::PermitRecord permit;
  permit.set_permit_number("number");
  permit.set_permit_commitment("permit");
  permit.set_requester("072028");
  permit.set_provider("041009");
  return permit;
}

v1::Statement ProvisionBy(const std::string& author) {
  v1::Statement statement;
  statement.set_author(author);
  statement.mutable_provision()->set_permit_commitment("permit");
  statement.mutable_provision()->set_permit_number("number");
  statement.mutable_provision()->set_requester("072028");
  statement.mutable_provision()->set_provider("041009");
  return statement;
}

v1::Statement ReceiptBy(const std::string& author) {
  v1::Statement statement;
  statement.set_author(author);
  statement.mutable_receipt()->set_permit_commitment("permit");
  statement.mutable_receipt()->set_permit_number("number");
  statement.mutable_receipt()->set_requester("072028");
  statement.mutable_receipt()->set_provider("041009");
  return statement;
}

v1::Provision Provision(v1::Outcome outcome) {
  v1::Provision provision;
  provision.set_outcome(outcome);
  return provision;
}

v1::Receipt Receipt(const Hash& provision, bool verified = true) {
  v1::Receipt receipt;
  receipt.set_provision_commitment(Text(provision));
  receipt.set_verified(verified);
  return receipt;
}

const Hash kProvision = Sha256("provision");
const Hash kOtherProvision = Sha256("other provision");
const Hash kReceipt = Sha256("receipt");
const Hash kOtherReceipt = Sha256("other receipt");

TEST(CheckHalfTest, OnlyThePartiesSpeak) {
  EXPECT_TRUE(CheckHalf(ProvisionBy("041009"), Permit()).ok());
  EXPECT_TRUE(CheckHalf(ReceiptBy("072028"), Permit()).ok());
  EXPECT_EQ(PermitNumberOf(ProvisionBy("041009")), "number");
  EXPECT_EQ(PermitNumberOf(ReceiptBy("041009")), "number");
  EXPECT_EQ(PermitNumberOf(v1::Statement()), "");
  struct Row {
    v1::Statement half;
    std::function<void(v1::Statement&)> change;
    const char* rule;
  };
  const auto nothing = [](v1::Statement&) {};
  const std::vector<Row> rows = {
      {ProvisionBy("072028"), nothing, "author"},
      {ReceiptBy("041009"), nothing, "author"},
      {ProvisionBy("131016"), nothing, "author"},
      {ProvisionBy("041009"), [](auto& half) { half.mutable_provision()->set_requester("131016"); },
       "author"},
      {ReceiptBy("072028"), [](auto& half) { half.mutable_receipt()->set_provider("131016"); },
       "author"},
      {ProvisionBy("041009"),
       [](auto& half) { half.mutable_provision()->set_permit_commitment("another"); },
       "permit-commitment"},
      {ReceiptBy("072028"), [](auto& half) { half.mutable_receipt()->clear_permit_commitment(); },
       "permit-commitment"},
      {ProvisionBy("041009"), [](auto& half) { half.mutable_operation(); }, "kind"},
  };
  for (Row row : rows) {
    row.change(row.half);
    EXPECT_EQ(GetFieldRule(CheckHalf(row.half, Permit())).rule, row.rule);
  }
}

TEST(HalvesTest, BothHalvesInEitherOrderCloseAPermitOnce) {
  for (bool receipt_first : {false, true}) {
    stored::v1::PermitRecord permit = Permit();
    int closed = 0;
    const auto provide = [&] {
      const HalfResult result = ApplyProvision(Provision(v1::PROVIDED), kProvision, permit);
      closed += result.closes ? 1 : 0;
      return result.effect;
    };
    const auto receive = [&] {
      const HalfResult result = ApplyReceipt(Receipt(kProvision), kReceipt, permit);
      closed += result.closes ? 1 : 0;
      return result.effect;
    };
    if (receipt_first) {
      EXPECT_EQ(receive(), HalfEffect::kAccepted);
    }
    EXPECT_EQ(provide(), HalfEffect::kAccepted);
    if (!receipt_first) {
      EXPECT_EQ(receive(), HalfEffect::kAccepted);
    }
    EXPECT_EQ(closed, 1);
    const std::string before = permit.SerializeAsString();
    EXPECT_EQ(provide(), HalfEffect::kKnown);
    EXPECT_EQ(receive(), HalfEffect::kKnown);
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(permit.SerializeAsString(), before);
  }
}

TEST(HalvesTest, AwaitingReviewIsNotFinal) {
  stored::v1::PermitRecord permit = Permit();
  EXPECT_EQ(ApplyProvision(Provision(v1::AWAITING_REVIEW), kOtherProvision, permit).effect,
            HalfEffect::kInterim);
  EXPECT_TRUE(permit.provision_commitment().empty());
  EXPECT_EQ(ApplyProvision(Provision(v1::WITHHELD), kProvision, permit).effect,
            HalfEffect::kAccepted);
  EXPECT_EQ(ApplyProvision(Provision(v1::AWAITING_REVIEW), kOtherProvision, permit).effect,
            HalfEffect::kInterim);
  EXPECT_EQ(permit.provision_commitment(), Text(kProvision));
}

TEST(HalvesTest, ASecondFinalProvisionContradicts) {
  stored::v1::PermitRecord permit = Permit();
  ApplyProvision(Provision(v1::PROVIDED), kProvision, permit);
  EXPECT_EQ(ApplyProvision(Provision(v1::NOT_HELD), kOtherProvision, permit).effect,
            HalfEffect::kContradicts);
  EXPECT_EQ(permit.provision_commitment(), Text(kProvision));
}

TEST(HalvesTest, ASecondReceiptContradictsUnlessItMendsAnUnverifiedOne) {
  stored::v1::PermitRecord permit = Permit();
  ApplyProvision(Provision(v1::PROVIDED), kProvision, permit);
  EXPECT_TRUE(ApplyReceipt(Receipt(kProvision, false), kReceipt, permit).closes);
  const HalfResult mended = ApplyReceipt(Receipt(kProvision, true), kOtherReceipt, permit);
  EXPECT_EQ(mended.effect, HalfEffect::kAccepted);
  EXPECT_FALSE(mended.closes);
  EXPECT_EQ(permit.receipt_commitment(), Text(kOtherReceipt));
  EXPECT_EQ(ApplyReceipt(Receipt(kProvision, true), kReceipt, permit).effect,
            HalfEffect::kContradicts);
}

TEST(HalvesTest, AReceiptForAnotherProvisionContradictsInEitherOrder) {
  stored::v1::PermitRecord permit = Permit();
  ApplyProvision(Provision(v1::PROVIDED), kProvision, permit);
  EXPECT_EQ(ApplyReceipt(Receipt(kOtherProvision), kReceipt, permit).effect,
            HalfEffect::kContradicts);
  EXPECT_TRUE(permit.receipt_commitment().empty());

  permit = Permit();
  EXPECT_EQ(ApplyReceipt(Receipt(kOtherProvision), kReceipt, permit).effect, HalfEffect::kAccepted);
  const HalfResult result = ApplyProvision(Provision(v1::PROVIDED), kProvision, permit);
  EXPECT_EQ(result.effect, HalfEffect::kAccepted);
  EXPECT_TRUE(result.receipt_dropped);
  EXPECT_FALSE(result.closes);
  EXPECT_TRUE(permit.receipt_commitment().empty());
  EXPECT_TRUE(ApplyReceipt(Receipt(kProvision), kOtherReceipt, permit).closes);
}

}  // namespace
}  // namespace nakadachi::broker
