// What must reach others: once accepted it goes, before that it stays.
#include "server/intermediate/outbox.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/server/intermediate/exchange_fixture.h"

namespace nakadachi::intermediate {
namespace {

class OutboxTest : public ExchangeTest {
 protected:
  // Records a statement and leaves it to the outbox; returns its commitment.
  std::string Add() {
    v1::Statement statement = institution_->NewStatement();
    statement.mutable_receipt()->set_permit_number(SystemRandom().String(16));
    const auto recorded =
        institution_->ledger().AppendAndWait(ledger::Prepare(statement, SystemRandom()));
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    outbox_->Wake();
    return CommitmentOf(*recorded);
  }
  bool IsReported(const std::string& commitment) const {
    absl::MutexLock lock(&broker_.mutex);
    return broker_.reported.count(commitment) > 0;
  }
  bool AllReported(const std::vector<std::string>& commitments) const {
    for (const std::string& commitment : commitments) {
      if (!IsReported(commitment)) return false;
    }
    return true;
  }
  bool IsEmpty() const { return outbox_->size() == 0; }
};

TEST_F(OutboxTest, ReportsHalvesWithProof) {
  std::vector<std::string> added;
  for (int i = 0; i < 20; ++i) added.push_back(Add());
  ASSERT_TRUE(Eventually([&] { return AllReported(added) && IsEmpty(); }));
  absl::MutexLock lock(&broker_.mutex);
  for (const auto& [commitment, half] : broker_.reported) {
    const auto verified = verifier_->Verify(half, clock_.NowMs());
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->author.ToString(), kAizu);
  }
}

TEST_F(OutboxTest, ReportsNothingButHalves) {
  ASSERT_TRUE(institution_->RecordOperation("staff", "staff-1", "before").ok());
  const std::string half = Add();
  ASSERT_TRUE(institution_->RecordOperation("staff", "staff-1", "behind").ok());
  const std::string another = Add();
  ASSERT_TRUE(Eventually([&] { return AllReported({half, another}) && IsEmpty(); }));
  absl::MutexLock lock(&broker_.mutex);
  EXPECT_EQ(broker_.reported.size(), 2u);
}

TEST_F(OutboxTest, KeepsWhatTheBrokerHasNotAccepted) {
  std::atomic<bool> down{true};
  std::atomic<size_t> largest{0};
  std::atomic<int> attempts{0};
  broker_.report_status = [&](const std::vector<v1::Recorded>& halves) -> absl::Status {
    ++attempts;
    largest = std::max(largest.load(), halves.size());
    return down ? absl::UnavailableError("down") : absl::OkStatus();
  };
  std::vector<std::string> added;
  for (int i = 0; i < 300; ++i) added.push_back(Add());
  ASSERT_TRUE(Eventually([&] { return attempts >= 3; }));
  EXPECT_EQ(outbox_->size(), 300u);
  Reopen();
  EXPECT_EQ(outbox_->size(), 300u);
  down = false;
  EXPECT_TRUE(Eventually([&] { return AllReported(added) && IsEmpty(); }));
  outbox_->Shutdown();
  EXPECT_EQ(largest, 256u);
}

TEST_F(OutboxTest, ABatchHangsOnOneCheckpoint) {
  std::atomic<bool> down{true};
  std::atomic<size_t> most{0};
  broker_.report_status = [&](const std::vector<v1::Recorded>& halves) -> absl::Status {
    if (down) return absl::UnavailableError("down");
    std::set<std::string> checkpoints;
    for (const v1::Recorded& half : halves) checkpoints.insert(half.checkpoint());
    most = std::max(most.load(), checkpoints.size());
    return absl::OkStatus();
  };
  std::vector<std::string> added;
  for (int i = 0; i < 50; ++i) added.push_back(Add());
  down = false;
  ASSERT_TRUE(Eventually([&] { return AllReported(added); }));
  EXPECT_EQ(most, 1u);
}

TEST_F(OutboxTest, AHalfThatIsRefusedHoldsUpNoOther) {
  std::atomic<bool> picky{true};
  std::set<std::string> bad;
  absl::Mutex mutex;
  broker_.judge_half = [&](const v1::Recorded& half) {
    absl::MutexLock lock(&mutex);
    if (!picky || bad.count(CommitmentOf(half)) == 0) return absl::OkStatus();
    return FieldError(absl::StatusCode::kNotFound, "permit_commitment", "unknown-permit",
                      "no such permit");
  };
  std::vector<std::string> good;
  {
    absl::MutexLock lock(&mutex);
    for (int i = 0; i < 12; ++i) {
      if (i % 4 == 3) {
        bad.insert(Add());
      } else {
        good.push_back(Add());
      }
    }
  }
  ASSERT_TRUE(Eventually([&] { return AllReported(good) && outbox_->size() == 3; }));
  for (const std::string& half : bad) EXPECT_FALSE(IsReported(half));
  const std::string later = Add();
  ASSERT_TRUE(Eventually([&] { return IsReported(later) && outbox_->size() == 3; }));

  Reopen();  // offered and refused again
  ASSERT_TRUE(Eventually([&] { return outbox_->size() == 3; }));
  picky = false;
  Reopen();
  EXPECT_TRUE(Eventually([&] { return IsEmpty(); }));
  for (const std::string& half : bad) EXPECT_TRUE(IsReported(half));
}

TEST_F(OutboxTest, AHalfThatIsNotRefusedForGoodComesAgain) {
  std::atomic<int> refused{0};
  std::string busy;
  absl::Mutex mutex;
  broker_.judge_half = [&](const v1::Recorded& half) {
    absl::MutexLock lock(&mutex);
    if (CommitmentOf(half) != busy || ++refused > 3) return absl::OkStatus();
    return absl::ResourceExhaustedError("the disk is full");
  };
  std::vector<std::string> added;
  {
    absl::MutexLock lock(&mutex);
    added.push_back(Add());
    busy = Add();
    added.push_back(busy);
    added.push_back(Add());
  }
  ASSERT_TRUE(Eventually([&] { return AllReported(added) && IsEmpty(); }));
  EXPECT_EQ(refused, 4);
}

TEST_F(OutboxTest, LosesNothingToACallThatFails) {
  const std::vector<absl::Status> failures = {
      FieldError(absl::StatusCode::kPermissionDenied, "peer", "role", "not a member"),
      absl::InvalidArgumentError("too many"),
      absl::UnavailableError("down"),
  };
  for (const absl::Status& failure : failures) {
    std::atomic<int> failed{0};
    broker_.report_status = [&](const std::vector<v1::Recorded>&) {
      return ++failed <= 2 ? failure : absl::OkStatus();
    };
    const std::string half = Add();
    EXPECT_TRUE(Eventually([&] { return IsReported(half) && IsEmpty(); })) << failure;
    outbox_->Shutdown();
    outbox_ = Outbox::Open(institution_.get(), &broker_, &provider_).value();
  }
}

TEST_F(OutboxTest, ReportsAgainWhatItDoesNotKnowToBeAccepted) {
  std::atomic<int> lost{0};
  broker_.hook = [&](At) { return ++lost > 1; };  // the first answer never comes
  const std::string half = Add();
  ASSERT_TRUE(Eventually([&] { return lost == 1; }));
  EXPECT_EQ(outbox_->size(), 1u);
  Reopen();
  EXPECT_TRUE(Eventually([&] { return IsReported(half) && IsEmpty(); }));
}

TEST_F(OutboxTest, AHalfThatCannotBeProvenHoldsUpNoOther) {
  storage::Batch batch(institution_->database());
  batch.Put(kOutbox, "b" + storage::KeyU64(1'000'000), {});  // no such leaf
  ASSERT_TRUE(institution_->database().Commit(std::move(batch)).ok());
  std::vector<std::string> added;
  for (int i = 0; i < 3; ++i) added.push_back(Add());
  ASSERT_TRUE(Eventually([&] { return AllReported(added); }));
  EXPECT_TRUE(Eventually([&] { return outbox_->size() == 1; }));
}

// ---- Deliveries: here the institution is the provider, and the other one asked

class DeliveryTest : public OutboxTest {
 protected:
  DeliveryTest() {
    route_.set_address("requester:1");
    route_.set_tls_name("requester.example");
    provider_.deliver = [this](const v1::DeliverRequest& request, Answer<v1::Recorded> done) {
      ++attempts_;
      done(OnDelivery(request));
    };
  }

  // Stores a final answer and its delivery, as the provider does.
  std::string AddDelivery(v1::Outcome outcome = v1::PROVIDED) {
    v1::Statement permit;
    permit.set_author("broker");
    permit.mutable_permit()->set_permit_number(SystemRandom().String(16));
    const v1::Recorded recorded_permit = broker_ledger_.Record(permit);
    const std::string commitment = CommitmentOf(recorded_permit);

    v1::Statement statement = institution_->NewStatement();
    statement.mutable_provision()->set_permit_commitment(commitment);
    ledger::Prepared prepared = ledger::Prepare(statement, SystemRandom());
    stored::v1::AnsweredPermit answered;
    *answered.mutable_permit() = recorded_permit;
    answered.set_provision_commitment(std::string(AsView(prepared.commitment)));
    answered.set_outcome(outcome);
    if (outcome == v1::PROVIDED) answered.set_payload("the payload");
    stored::v1::StoredReview review;
    review.mutable_review()->set_permit_number(permit.permit().permit_number());
    stored::v1::OutboxEntry entry;
    entry.set_permit_number(permit.permit().permit_number());
    entry.set_permit_commitment(commitment);
    *entry.mutable_route() = route_;
    entry.set_requester(kSendai);
    entry.set_give_up_ms(clock_.NowMs() + kValidityMs);
    const auto recorded = institution_->ledger().AppendAndWait(
        std::move(prepared), [&](uint64_t index, storage::Batch& batch) {
          answered.set_provision_index(index);
          batch.Put(kProvisions, entry.permit_number(), answered.SerializeAsString());
          batch.Put(kReviews, permit.permit().permit_number(), review.SerializeAsString());
          outbox_->AddDelivery(entry, batch);
        });
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    permit_number_ = permit.permit().permit_number();
    outbox_->WakeForDelivery();
    return commitment;
  }
  v1::Statement ReceiptFor(const v1::DeliverRequest& request) const {
    v1::Statement statement;
    statement.set_author(kSendai);
    v1::Receipt& receipt = *statement.mutable_receipt();
    receipt.set_provision_commitment(CommitmentOf(request.provision()));
    receipt.set_permit_commitment(StatementOf(request.provision()).provision().permit_commitment());
    receipt.set_permit_number(permit_number_);
    receipt.set_verified(true);
    return statement;
  }
  bool IsMarkedDelivered() const {
    const auto value = institution_->database().Get(kReviews, permit_number_);
    stored::v1::StoredReview review;
    return value.ok() && value->has_value() && review.ParseFromString(**value) &&
           review.review().delivered();
  }

  std::function<absl::StatusOr<v1::Recorded>(const v1::DeliverRequest&)> OnDelivery =
      [this](const v1::DeliverRequest& request) -> absl::StatusOr<v1::Recorded> {
    return provider_ledger_.Record(ReceiptFor(request));
  };
  v1::Route route_;
  std::string permit_number_;
  std::atomic<int> attempts_{0};
};

TEST_F(DeliveryTest, DeliversTheFinalAnswer) {
  const std::string commitment = AddDelivery();
  ASSERT_TRUE(Eventually([&] { return IsMarkedDelivered() && IsEmpty(); }));
  absl::MutexLock lock(&provider_.mutex);
  ASSERT_EQ(provider_.deliveries.size(), 1u);
  EXPECT_EQ(provider_.deliveries[0].payload(), "the payload");
  EXPECT_EQ(provider_.routes[0].address(), "requester:1");
  const auto verified = verifier_->Verify(provider_.deliveries[0].provision(), clock_.NowMs());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->statement.provision().permit_commitment(), commitment);
}

TEST_F(DeliveryTest, ComesAgainUntilTheReceiptIsThere) {
  const auto receipt = OnDelivery;
  std::atomic<int> refused{0};
  OnDelivery = [&](const v1::DeliverRequest& request) -> absl::StatusOr<v1::Recorded> {
    switch (++refused) {
      case 1:
        return absl::UnavailableError("down");
      case 2:
        return absl::NotFoundError("not known after a crash");
      default:
        return receipt(request);
    }
  };
  AddDelivery(v1::NOT_HELD);
  EXPECT_TRUE(Eventually([&] { return IsMarkedDelivered() && IsEmpty(); }));
  EXPECT_EQ(attempts_, 3);
}

TEST_F(DeliveryTest, TakesNoOtherReceipt) {
  using Alter = std::function<void(v1::Statement&)>;
  const std::vector<Alter> alterations = {
      [](auto& s) { s.mutable_receipt()->set_provision_commitment(std::string(32, 'x')); },
      [](auto& s) { s.mutable_receipt()->set_permit_commitment(std::string(32, 'x')); },
      [](auto& s) { s.mutable_receipt()->set_permit_number(std::string(16, 'x')); },
      [](auto& s) { s.mutable_operation()->set_kind("stop"); },
  };
  std::atomic<size_t> turn{0};
  OnDelivery = [&](const v1::DeliverRequest& request) -> absl::StatusOr<v1::Recorded> {
    v1::Statement statement = ReceiptFor(request);
    const size_t now = turn++;
    if (now < alterations.size()) {
      alterations[now](statement);
      return provider_ledger_.Record(statement);
    }
    if (now == alterations.size()) {  // another member's
      statement.set_author(kKoriyama);
      return third_ledger_.Record(statement);
    }
    v1::Recorded recorded = provider_ledger_.Record(statement);
    if (now == alterations.size() + 1) recorded.mutable_statement()->back() ^= 1;
    return recorded;
  };
  AddDelivery();
  EXPECT_TRUE(Eventually([&] { return IsMarkedDelivered() && IsEmpty(); }));
  EXPECT_EQ(turn, alterations.size() + 3);
}

TEST_F(DeliveryTest, EndsWithTheRequestersRefusal) {
  OnDelivery = [](const v1::DeliverRequest&) -> absl::StatusOr<v1::Recorded> {
    return FieldError(absl::StatusCode::kFailedPrecondition, "provision", "lapsed", "over");
  };
  AddDelivery();
  EXPECT_TRUE(Eventually([&] { return attempts_ == 1 && IsEmpty(); }));
  EXPECT_FALSE(IsMarkedDelivered());
}

TEST_F(DeliveryTest, EndsWithItsTime) {
  OnDelivery = [](const v1::DeliverRequest&) -> absl::StatusOr<v1::Recorded> {
    return absl::UnavailableError("down");
  };
  AddDelivery();
  ASSERT_TRUE(Eventually([&] { return attempts_ >= 2; }));
  EXPECT_EQ(outbox_->size(), 1u);
  clock_.Advance(absl::Milliseconds(kValidityMs));
  EXPECT_TRUE(Eventually([&] { return IsEmpty(); }));
  EXPECT_FALSE(IsMarkedDelivered());
}

TEST_F(DeliveryTest, GoesOnAfterARestart) {
  std::atomic<bool> down{true};
  const auto receipt = OnDelivery;
  OnDelivery = [&](const v1::DeliverRequest& request) -> absl::StatusOr<v1::Recorded> {
    if (down) return absl::UnavailableError("down");
    return receipt(request);
  };
  AddDelivery();
  ASSERT_TRUE(Eventually([&] { return attempts_ >= 1; }));
  Close();
  down = false;
  Open("aizu");
  EXPECT_TRUE(Eventually([&] { return IsMarkedDelivered() && IsEmpty(); }));
}

TEST_F(DeliveryTest, ADeadPeerHoldsUpNothing) {
  std::vector<Answer<v1::Recorded>> never;
  absl::Mutex mutex;
  provider_.deliver = [&](const v1::DeliverRequest&, Answer<v1::Recorded> done) {
    absl::MutexLock lock(&mutex);
    never.push_back(std::move(done));
  };
  AddDelivery();
  ASSERT_TRUE(Eventually([&] {
    absl::MutexLock lock(&mutex);
    return never.size() == 1;
  }));
  const std::string half = Add();
  EXPECT_TRUE(Eventually([&] { return IsReported(half); }));
  EXPECT_EQ(outbox_->size(), 1u);
  outbox_->Shutdown();
  absl::MutexLock lock(&mutex);
  never[0](absl::UnavailableError("at last"));  // nobody is there any more
}

TEST_F(DeliveryTest, ABrokerThatIsDownHoldsUpNoDelivery) {
  std::atomic<int> attempts{0};
  broker_.report_status = [&](const std::vector<v1::Recorded>&) {
    ++attempts;
    return absl::UnavailableError("down");
  };
  Add();
  ASSERT_TRUE(Eventually([&] { return attempts >= 3; }));
  AddDelivery();
  EXPECT_TRUE(Eventually([&] { return IsMarkedDelivered(); }));
  EXPECT_EQ(outbox_->size(), 2u);  // the first half, and the Provision that was delivered
  outbox_->Shutdown();
}

}  // namespace
}  // namespace nakadachi::intermediate
