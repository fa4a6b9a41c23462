// A provider with its parts, the broker's permits for it, and an outbox and a follower that a test
// looks into.
#ifndef NAKADACHI_TESTS_SERVER_INTERMEDIATE_PROVIDER_FIXTURE_H_
#define NAKADACHI_TESTS_SERVER_INTERMEDIATE_PROVIDER_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/ledger/commitment.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/hosting.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/provider.h"
#include "server/intermediate/replica.h"
#include "tests/server/intermediate/institution_fixture.h"
#include "tests/server/intermediate/replica_sets.h"

namespace nakadachi::intermediate {

// Writes what a real one would, sends nothing.
class TestOutbox final : public Outbox {
 public:
  void AddDelivery(const stored::v1::OutboxEntry& entry, storage::Batch& batch) override {
    batch.Put(kOutbox, "d" + entry.permit_number(), entry.SerializeAsString());
  }
  void Wake() override { ++wakes; }
  void WakeForDelivery() override { ++wakes; }
  uint64_t size() const override { return 0; }
  void Shutdown() override {}

  std::atomic<int> wakes{0};
};

// Reaches what a test lets it.
class TestFollower final : public DirectoryFollower {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void Reach(uint64_t sequence, Done done) override {
    absl::MutexLock lock(&mutex_);
    asked_.push_back(sequence);
    waiting_.push_back(std::move(done));
  }
  void Shutdown() override {}

  std::vector<uint64_t> asked() {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }
  // Answers all that wait.
  void Answer(const absl::Status& status) {
    std::vector<Done> waiting;
    {
      absl::MutexLock lock(&mutex_);
      waiting.swap(waiting_);
    }
    for (Done& done : waiting) done(status);
  }

 private:
  absl::Mutex mutex_;
  std::vector<uint64_t> asked_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> waiting_ ABSL_GUARDED_BY(mutex_);
};

class ProviderFixture : public InstitutionTest {
 protected:
  ProviderFixture() { MakeParts(); }

  void TearDown() override {
    ExpectOneFinalProvisionEach();
    InstitutionTest::TearDown();
  }

  void MakeParts() {
    auto outbox = std::make_unique<TestOutbox>();
    outbox_ = outbox.get();
    parts_.outbox = std::move(outbox);
    parts_.codes = std::make_unique<CodeBook>(institution_);
    codes_ = parts_.codes.get();
    parts_.replica = std::make_unique<Replica>(institution_);
    replica_ = parts_.replica.get();
    parts_.provider = Provider::Create({institution_, codes_, replica_, outbox_, &follower_});
    provider_ = parts_.provider.get();
  }
  // As after a restart, on the database in `name`.
  void Reopen(const std::string& name = "sendai") {
    institution_->ledger().Shutdown();
    parts_ = Hosted();
    CloseInstitution();
    OpenInstitution(name);
    MakeParts();
  }

  void Acquire(int person) {
    const AcquisitionNumber number = codes_->IssueAcquisitionNumbers({Person(person)})[0].value();
    ASSERT_TRUE(codes_->ReceiveCodes({{number, Code(person)}})[0].ok());
  }
  void Hold(int person, const v1::ReplicaSet& set) {
    ASSERT_TRUE(replica_->Register({{Person(person), &set}})[0].ok());
  }
  void AcquireAndHold(int person) {
    Acquire(person);
    Hold(person, ImmunizationSet(1, person));
  }

  // A permit's statement by the broker for Aizuwakamatsu to ask Sendai about a person.
  v1::Statement PermitFor(int person, const std::vector<std::string>& items = {"immunization"}) {
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(Now());
    v1::Permit& permit = *statement.mutable_permit();
    permit.set_permit_number(SystemRandom().String(16));
    permit.set_query_commitment(SystemRandom().String(32));
    permit.set_requester(kAizu);
    permit.set_provider(kSendai);
    permit.set_procedure("immunization");
    for (const std::string& item : items) {
      permit.add_items(item);
      permit.add_legal_basis("law 1");
    }
    permit.set_department("health");
    permit.set_list_version(1);
    permit.set_valid_from_ms(Now());
    permit.set_valid_until_ms(Now() + 86'400'000);
    permit.mutable_provider_route()->set_address("127.0.0.1:1");
    permit.mutable_requester_route()->set_address("127.0.0.1:2");
    permit.mutable_requester_route()->set_tls_name("aizu.example");
    permit.set_directory_size(directory_.sequence());
    Seal(person, &permit);
    return statement;
  }
  // Seals the code anew, under the permit's parties as they now stand.
  void Seal(int person, v1::Permit* permit) {
    sealing::Binding binding{City(permit->requester()), City(permit->provider()),
                             HashFromBytes(permit->query_commitment(), "query").value()};
    *permit->mutable_sealed_code() =
        sealer_.Seal(Code(person), keys_.sealing.public_key(), binding, SystemRandom()).value();
  }
  v1::Recorded Permit(int person, const std::vector<std::string>& items = {"immunization"}) {
    return broker_.Record(PermitFor(person, items));
  }

  static bool AizuOnly(const LocalGovernmentCode& code) { return code == City(kAizu); }

  absl::StatusOr<v1::ProvideResponse> Provide(
      const v1::Recorded& permit,
      const std::function<bool(const LocalGovernmentCode&)>& may_speak_for = AizuOnly) {
    absl::Notification answered;
    absl::StatusOr<v1::ProvideResponse> response;
    provider_->Provide(permit, may_speak_for, [&](absl::StatusOr<v1::ProvideResponse> answer) {
      response = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return response;
  }
  // The answer's Provision, its proof and payload checked.
  v1::Provision Checked(const absl::StatusOr<v1::ProvideResponse>& response) {
    if (!response.ok()) {
      ADD_FAILURE() << response.status();
      return {};
    }
    const auto verified = verifier_->Verify(response->provision(), Now());
    if (!verified.ok()) {
      ADD_FAILURE() << verified.status();
      return {};
    }
    EXPECT_EQ(verified->author, Author::Of(City(kSendai)));
    const v1::Provision provision = verified->statement.provision();
    if (provision.outcome() == v1::PROVIDED) {
      EXPECT_EQ(provision.payload_digest(), AsView(ledger::PayloadDigest(response->payload())));
    } else {
      EXPECT_TRUE(provision.payload_digest().empty());
      EXPECT_TRUE(response->payload().empty());
    }
    return provision;
  }
  static v1::Payload PayloadOf(const absl::StatusOr<v1::ProvideResponse>& response) {
    v1::Payload payload;
    EXPECT_TRUE(response.ok() && payload.ParseFromString(response->payload()));
    return payload;
  }

  uint64_t LedgerSize() const { return institution_->ledger().Head().size; }
  std::vector<v1::Provision> Provisions() {
    std::vector<v1::Provision> provisions;
    const absl::Status read = institution_->ledger_store().ReadEntries(
        0, LedgerSize(), [&](uint64_t, const ledger::StoredEntry& entry) {
          v1::Statement statement;
          EXPECT_TRUE(statement.ParseFromString(entry.statement));
          if (statement.has_provision()) provisions.push_back(statement.provision());
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return provisions;
  }
  // Single use: whatever a test did.
  void ExpectOneFinalProvisionEach() {
    std::map<std::string, std::pair<int, int>> counts;  // not final, final
    for (const v1::Provision& provision : Provisions()) {
      auto& [awaiting, final] = counts[provision.permit_commitment()];
      ++(provision.outcome() == v1::AWAITING_REVIEW ? awaiting : final);
      EXPECT_LE(awaiting, 1);
      EXPECT_LE(final, 1);
    }
  }

  TestFollower follower_;
  Hosted parts_;  // but for the institution itself
  TestOutbox* outbox_ = nullptr;
  CodeBook* codes_ = nullptr;
  Replica* replica_ = nullptr;
  Provider* provider_ = nullptr;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_TESTS_SERVER_INTERMEDIATE_PROVIDER_FIXTURE_H_
