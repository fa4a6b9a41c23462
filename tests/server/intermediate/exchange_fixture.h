// A requesting institution with a broker and a provider that are ledgers in memory: they decide
// and answer as real ones do, tell the test of each step, and can be made to lie or to fail.
#ifndef NAKADACHI_TESTS_SERVER_INTERMEDIATE_EXCHANGE_FIXTURE_H_
#define NAKADACHI_TESTS_SERVER_INTERMEDIATE_EXCHANGE_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "server/intermediate/code_book.h"
#include "server/intermediate/exchange_answer.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/outbox.h"
#include "server/intermediate/requester.h"
#include "tests/server/intermediate/institution_fixture.h"

namespace nakadachi::intermediate {

inline constexpr absl::Duration kPatience = absl::Seconds(20);
inline constexpr int64_t kValidityMs = 3'600'000;

inline std::string CommitmentOf(const v1::Recorded& recorded) {
  return std::string(AsView(ledger::Commit(recorded.salt(), recorded.statement())));
}
inline v1::Statement StatementOf(const v1::Recorded& recorded) {
  v1::Statement statement;
  NAKADACHI_CHECK(statement.ParseFromString(recorded.statement()));
  return statement;
}

// True once `holds` does, within the tests' patience.
inline bool Eventually(const std::function<bool()>& holds) {
  const absl::Time end = absl::Now() + kPatience;
  while (!holds()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// Waits for the one call of a callback.
template <typename T>
class Call {
 public:
  Answer<T> Take() {
    return [state = state_](absl::StatusOr<T> result) {
      NAKADACHI_CHECK(!state->done.HasBeenNotified());  // once
      state->result = std::move(result);
      state->done.Notify();
    };
  }
  bool done() const { return state_->done.HasBeenNotified(); }
  absl::StatusOr<T> Wait() {
    if (!state_->done.WaitForNotificationWithTimeout(kPatience)) {
      return absl::DeadlineExceededError("nobody answered");
    }
    return state_->result;
  }

 private:
  struct State {
    absl::Notification done;
    absl::StatusOr<T> result = absl::UnknownError("");
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Where a test may interfere, in the order of an exchange.
enum class At {
  kPermitAsked,
  kPermitRecorded,
  kProvisionAsked,
  kProvisionRecorded,
  kReported,
};
// False: the answer is lost.
using Hook = std::function<bool(At)>;

class FakeBroker final : public BrokerLink {
 public:
  FakeBroker(Clock* clock, TestLedger* ledger) : clock_(clock), ledger_(ledger) {}

  void RequestPermit(v1::Recorded query, Answer<v1::Recorded> done) override {
    ++asked;
    if (away) return done(absl::UnavailableError("their words"));
    if (hook && !hook(At::kPermitAsked)) return Lose(std::move(done));
    if (!next_errors.empty()) return done(TakeError());
    const absl::StatusOr<v1::Recorded> decision = Decide(query);
    if (hook && !hook(At::kPermitRecorded)) return Lose(std::move(done));
    v1::Recorded answer = *decision;
    if (tamper) tamper(answer);
    done(answer);
  }

  void Report(std::vector<v1::Recorded> halves,
              Answer<std::vector<absl::Status>> results) override {
    if (hook && !hook(At::kReported)) return;
    absl::Status status = report_status ? report_status(halves) : absl::OkStatus();
    if (!status.ok()) return results(status);
    std::vector<absl::Status> statuses;
    {
      absl::MutexLock lock(&mutex);
      for (const v1::Recorded& half : halves) {
        statuses.push_back(judge_half ? judge_half(half) : absl::OkStatus());
        if (statuses.back().ok()) reported[CommitmentOf(half)] = half;
      }
    }
    results(std::move(statuses));
  }

  void FetchDirectory(uint64_t, Answer<std::vector<v1::Recorded>> done) override {
    done(absl::UnimplementedError("not here"));
  }

  // The same query gets the same decision.
  v1::Recorded Decide(const v1::Recorded& query) {
    absl::MutexLock lock(&mutex);
    const std::string commitment = CommitmentOf(query);
    const auto found = decisions.find(commitment);
    if (found != decisions.end()) return found->second;
    const v1::Recorded decision = ledger_->Record(Decision(StatementOf(query), commitment));
    decisions.emplace(commitment, decision);
    return decision;
  }

  size_t reported_count() const {
    absl::MutexLock lock(&mutex);
    return reported.size();
  }

  // Tests set these before they ask.
  Hook hook;
  std::function<void(v1::Statement&)> alter;  // before it is recorded
  std::function<void(v1::Recorded&)> tamper;  // after
  std::optional<v1::RefusalReason> refuse_with;
  std::function<absl::Status(const std::vector<v1::Recorded>&)> report_status;
  std::function<absl::Status(const v1::Recorded&)> judge_half;
  std::vector<absl::Status> next_errors;  // answered first, in turn
  std::atomic<bool> away{false};
  std::atomic<int> asked{0};
  std::vector<Answer<v1::Recorded>> lost;

  mutable absl::Mutex mutex;
  std::map<std::string, v1::Recorded> decisions ABSL_GUARDED_BY(mutex);  // by query commitment
  std::map<std::string, v1::Recorded> reported ABSL_GUARDED_BY(mutex);   // by commitment

 private:
  absl::Status TakeError() {
    const absl::Status error = next_errors.front();
    next_errors.erase(next_errors.begin());
    return error;
  }
  void Lose(Answer<v1::Recorded> done) { lost.push_back(std::move(done)); }

  v1::Statement Decision(const v1::Statement& asked_for, const std::string& commitment) const {
    const v1::Query& query = asked_for.query();
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(clock_->NowMs());
    if (refuse_with.has_value()) {
      v1::Refusal& refusal = *statement.mutable_refusal();
      refusal.set_query_commitment(commitment);
      refusal.set_requester(asked_for.author());
      refusal.set_provider(query.provider());
      refusal.set_reason(*refuse_with);
      refusal.set_detail("query.items [not-permitted]");
      refusal.set_list_version(1);
    } else {
      v1::Permit& permit = *statement.mutable_permit();
      permit.set_permit_number(SystemRandom().String(16));
      permit.set_query_commitment(commitment);
      permit.set_requester(asked_for.author());
      permit.set_provider(query.provider());
      permit.set_procedure(query.procedure());
      *permit.mutable_items() = query.items();
      permit.set_department(query.department());
      permit.set_non_disclosure(query.non_disclosure());
      permit.set_list_version(1);
      permit.add_legal_basis("law 1");
      permit.set_valid_from_ms(clock_->NowMs());
      permit.set_valid_until_ms(clock_->NowMs() + kValidityMs);
      permit.mutable_provider_route()->set_address("provider:1");
      permit.mutable_provider_route()->set_tls_name("provider.example");
    }
    if (alter) alter(statement);
    return statement;
  }

  Clock* const clock_;
  TestLedger* const ledger_;
};

// What a provider has to say of a permit.
struct FakeAnswer {
  v1::Statement statement;
  v1::Payload payload;
};

class FakeProvider final : public PeerLink {
 public:
  FakeProvider(Clock* clock, TestLedger* ledger) : clock_(clock), ledger_(ledger) {}

  void Provide(const v1::Route& route, const v1::Recorded& permit,
               Answer<v1::ProvideResponse> done) override {
    ++asked;
    {
      absl::MutexLock lock(&mutex);
      permits.push_back(permit);
      routes.push_back(route);
    }
    if (away) return done(absl::UnavailableError("their words"));
    if (hook && !hook(At::kProvisionAsked)) return Lose(std::move(done));
    if (!next_errors.empty()) return done(TakeError());
    v1::ProvideResponse response = AnswerTo(permit);
    if (hook && !hook(At::kProvisionRecorded)) return Lose(std::move(done));
    if (tamper) tamper(response);
    done(std::move(response));
  }

  void Deliver(const v1::Route& route, const v1::DeliverRequest& request,
               Answer<v1::Recorded> receipt) override {
    {
      absl::MutexLock lock(&mutex);
      routes.push_back(route);
      deliveries.push_back(request);
    }
    deliver(request, std::move(receipt));
  }

  // The same permit gets the same Provision, until staff have decided.
  v1::ProvideResponse AnswerTo(const v1::Recorded& permit) {
    absl::MutexLock lock(&mutex);
    const std::string commitment = CommitmentOf(permit);
    const auto found = answers.find(commitment);
    if (found != answers.end()) return found->second;
    return answers[commitment] = Record(permit, outcome);
  }
  v1::ProvideResponse Review(const v1::Recorded& permit, v1::Outcome decided) {
    absl::MutexLock lock(&mutex);
    return answers[CommitmentOf(permit)] = Record(permit, decided);
  }

  v1::ProvideResponse Record(const v1::Recorded& permit, v1::Outcome as) const {
    FakeAnswer answer = Answer1(StatementOf(permit).permit(), CommitmentOf(permit), as);
    if (alter_payload) alter_payload(answer.payload);
    v1::ProvideResponse response;
    if (as == v1::PROVIDED) {
      response.set_payload(answer.payload.SerializeAsString());
      answer.statement.mutable_provision()->set_payload_digest(
          std::string(AsView(ledger::PayloadDigest(response.payload()))));
    }
    if (alter) alter(answer.statement);
    *response.mutable_provision() = ledger_->Record(answer.statement);
    return response;
  }

  Hook hook;
  v1::Outcome outcome = v1::PROVIDED;
  std::function<void(v1::Statement&)> alter;         // before it is recorded
  std::function<void(v1::Payload&)> alter_payload;   // before its digest is taken
  std::function<void(v1::ProvideResponse&)> tamper;  // after
  std::function<void(const v1::DeliverRequest&, intermediate::Answer<v1::Recorded>)> deliver;
  std::vector<absl::Status> next_errors;
  std::atomic<bool> away{false};
  std::atomic<int> asked{0};
  std::vector<intermediate::Answer<v1::ProvideResponse>> lost;
  std::atomic<int> losses{0};

  mutable absl::Mutex mutex;
  std::vector<v1::Recorded> permits ABSL_GUARDED_BY(mutex);
  std::vector<v1::Route> routes ABSL_GUARDED_BY(mutex);
  std::vector<v1::DeliverRequest> deliveries ABSL_GUARDED_BY(mutex);
  std::map<std::string, v1::ProvideResponse> answers ABSL_GUARDED_BY(mutex);

 private:
  absl::Status TakeError() {
    const absl::Status error = next_errors.front();
    next_errors.erase(next_errors.begin());
    return error;
  }
  void Lose(intermediate::Answer<v1::ProvideResponse> done) {
    lost.push_back(std::move(done));
    ++losses;
  }

  FakeAnswer Answer1(const v1::Permit& permit, const std::string& commitment,
                     v1::Outcome as) const {
    FakeAnswer answer;
    answer.statement.set_author(kSendai);
    answer.statement.set_time_ms(clock_->NowMs());
    v1::Provision& provision = *answer.statement.mutable_provision();
    provision.set_permit_commitment(commitment);
    provision.set_permit_number(permit.permit_number());
    provision.set_requester(permit.requester());
    provision.set_provider(permit.provider());
    provision.set_procedure(permit.procedure());
    *provision.mutable_items() = permit.items();
    provision.set_outcome(as);
    if (as == v1::REFUSED) provision.set_reason(v1::LIST_NEWER_FORBIDS);
    if (as != v1::PROVIDED) return answer;
    answer.payload.set_blind(SystemRandom().String(32));
    answer.payload.set_permit_commitment(commitment);
    for (const std::string& item : permit.items()) {
      v1::ReplicaSet& set = *answer.payload.add_sets();
      set.set_item(item);
      set.set_source_version(3);
      set.set_source_time_ms(1'700'000'000'000);
      v1::ReplicaRecord& record = *set.add_records();
      record.set_item(item);
      record.set_record_id("r1");
      record.mutable_vaccination()->set_vaccine_kind("30001");
      record.mutable_vaccination()->set_dose(1);
      v1::Provision::Version& version = *provision.add_versions();
      version.set_item(item);
      version.set_source_version(3);
      version.set_source_time_ms(1'700'000'000'000);
      version.set_records(1);
    }
    return answer;
  }

  Clock* const clock_;
  TestLedger* const ledger_;
};

// A directory that knows all that there is.
class SettledFollower final : public DirectoryFollower {
 public:
  explicit SettledFollower(Directory* directory) : directory_(directory) {}
  void Reach(uint64_t sequence, absl::AnyInvocable<void(absl::Status)> done) override {
    ++asked;
    if (!status.ok()) return done(status);
    if (directory_->sequence() >= sequence) return done(absl::OkStatus());
    if (news) news();
    if (directory_->sequence() >= sequence) return done(absl::OkStatus());
    done(FieldError(absl::StatusCode::kOutOfRange, "directory", "sequence", "no more"));
  }
  void Shutdown() override {}

  absl::Status status;         // of every Reach
  std::function<void()> news;  // what the broker adds when it is asked
  std::atomic<int> asked{0};

 private:
  Directory* const directory_;
};

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest()
      : clock_(absl::FromUnixSeconds(1'711'929'600)),
        broker_ledger_(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_),
        provider_ledger_(Author::Of(City(kSendai)), Ed25519PrivateKey::Generate(SystemRandom()),
                         &clock_),
        third_ledger_(Author::Of(City(kKoriyama)), Ed25519PrivateKey::Generate(SystemRandom()),
                      &clock_),
        keys_{Ed25519PrivateKey::Generate(SystemRandom()),
              X25519PrivateKey::Generate(SystemRandom())},
        key_provider_(storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32))),
        directory_(broker_ledger_.key.public_key()),
        verifier_(ledger::Verifier::Create(&directory_)),
        broker_(&clock_, &broker_ledger_),
        provider_(&clock_, &provider_ledger_),
        follower_(&directory_) {
    platform_.clock = &clock_;
    platform_.random = &SystemRandom();
    platform_.directory = &directory_;
    platform_.verifier = verifier_.get();
    platform_.environment = storage::Environment::Create(64u << 20);
    FillDirectory();
    Open("aizu");
    GiveCodes();
  }

  // Every ledger stays whole, whatever a test did.
  void TearDown() override {
    if (institution_ == nullptr) return;
    Close();
  }

  void Open(const std::string& name) {
    auto opened =
        Institution::Open(City(kAizu), folder_ / name, keys_, key_provider_.get(), platform_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    institution_ = *std::move(opened);
    codes_ = std::make_unique<CodeBook>(institution_.get());
    outbox_ = Outbox::Open(institution_.get(), &broker_, &provider_).value();
    OpenRequester();
  }
  void OpenRequester() {
    RequesterParts parts;
    parts.institution = institution_.get();
    parts.codes = codes_.get();
    parts.outbox = outbox_.get();
    parts.follower = &follower_;
    parts.broker = &broker_;
    parts.peers = &provider_;
    parts.max_in_flight = max_in_flight_;
    requester_ = Requester::Open(parts).value();
  }
  void Close() {
    requester_->Shutdown();
    outbox_->Shutdown();
    institution_->ledger().Shutdown();
    const auto verified = ledger::VerifyStore(institution_->ledger_store(), Author::Of(City(kAizu)),
                                              {keys_.signing.public_key()}, nullptr);
    EXPECT_TRUE(verified.ok()) << verified.status();
    requester_.reset();
    outbox_.reset();
    codes_.reset();
    institution_.reset();
  }
  void Reopen(const std::string& name = "aizu") {
    Close();
    Open(name);
  }
  // As the disk would look after a crash at this moment.
  void CopyDatabase(const std::string& name) {
    std::filesystem::copy(folder_ / "aizu", folder_ / name,
                          std::filesystem::copy_options::recursive);
  }

  v1::QueryRequest Question(int id = 1) const {
    v1::QueryRequest request;
    request.set_request_id(std::string(15, 'q') + static_cast<char>(id));
    request.set_municipality(kAizu);
    request.set_addressee_number(Person(1).Reveal());
    request.set_provider(kSendai);
    request.set_procedure("immunization");
    request.add_items("immunization");
    request.add_items("benefits");
    request.set_department("health");
    request.set_staff_pseudonym("s-17");
    request.set_tag(static_cast<uint64_t>(id) + 100);
    return request;
  }
  absl::StatusOr<v1::QueryResponse> Ask(const v1::QueryRequest& request) {
    Call<v1::QueryResponse> call;
    requester_->Query(request, call.Take());
    return call.Wait();
  }
  absl::StatusOr<v1::Recorded> Deliver(const v1::ProvideResponse& answer,
                                       bool may_speak_for = true) {
    v1::DeliverRequest delivery;
    *delivery.mutable_provision() = answer.provision();
    delivery.set_payload(answer.payload());
    while (true) {
      Call<v1::Recorded> call;
      requester_->Receive(
          delivery, [=](const LocalGovernmentCode&) { return may_speak_for; }, call.Take());
      const auto receipt = call.Wait();
      // As a provider does: what has just been opened may still be looking at the exchange.
      if (GetFieldRule(receipt.status()).rule != "busy") return receipt;
    }
  }

  // The statements in the institution's ledger.
  std::vector<v1::Statement> Recorded() {
    std::vector<v1::Statement> statements;
    ledger::LedgerStore& store = institution_->ledger_store();
    const absl::Status read = store.ReadEntries(
        0, institution_->ledger().Head().size, [&](uint64_t, const ledger::StoredEntry& entry) {
          v1::Statement statement;
          EXPECT_TRUE(statement.ParseFromString(entry.statement));
          statements.push_back(statement);
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return statements;
  }
  std::vector<v1::Query> Queries() {
    std::vector<v1::Query> queries;
    for (const v1::Statement& statement : Recorded()) {
      if (statement.has_query()) queries.push_back(statement.query());
    }
    return queries;
  }
  std::vector<v1::Receipt> Receipts() {
    std::vector<v1::Receipt> receipts;
    for (const v1::Statement& statement : Recorded()) {
      if (statement.has_receipt()) receipts.push_back(statement.receipt());
    }
    return receipts;
  }
  static size_t CountOf(const TestLedger& ledger, v1::Statement::KindCase kind) {
    size_t count = 0;
    const absl::Status read = ledger.store->ReadEntries(
        0, ledger.ledger->Head().size, [&](uint64_t, const ledger::StoredEntry& entry) {
          v1::Statement statement;
          count += statement.ParseFromString(entry.statement) && statement.kind_case() == kind;
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return count;
  }

  TemporaryFolder folder_;
  ManualClock clock_;
  TestLedger broker_ledger_;
  TestLedger provider_ledger_;
  TestLedger third_ledger_;
  const InstitutionKeys keys_;
  const std::unique_ptr<storage::KeyProvider> key_provider_;
  Directory directory_;
  const std::unique_ptr<ledger::Verifier> verifier_;
  Platform platform_;
  FakeBroker broker_;
  FakeProvider provider_;
  SettledFollower follower_;
  size_t max_in_flight_ = 64;
  std::unique_ptr<Institution> institution_;
  std::unique_ptr<CodeBook> codes_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Requester> requester_;

  v1::Statement Change() const {
    v1::Statement statement;
    statement.set_author("broker");
    statement.set_time_ms(clock_.NowMs());
    statement.mutable_directory()->set_sequence(directory_.sequence() + 1);
    return statement;
  }
  void Apply(const v1::Statement& statement) {
    const absl::Status applied = directory_.Apply(statement);
    ASSERT_TRUE(applied.ok()) << applied;
  }
  static v1::PublicKeys Public(const Ed25519PublicKey& signing) {
    v1::PublicKeys keys;
    keys.set_signing_key(std::string(signing.begin(), signing.end()));
    const X25519PublicKey sealing = X25519PrivateKey::Generate(SystemRandom()).public_key();
    keys.set_sealing_key(std::string(sealing.begin(), sealing.end()));
    return keys;
  }

 private:
  void Join(const std::string& code, const Ed25519PublicKey& signing) {
    v1::Statement statement = Change();
    v1::MemberJoined& joined = *statement.mutable_directory()->mutable_member_joined();
    joined.set_code(code);
    joined.set_name("name of " + code);
    joined.set_category("municipality");
    *joined.mutable_keys() = Public(signing);
    joined.mutable_route()->set_address("127.0.0.1:1");
    joined.mutable_route()->set_tls_name("platform.example");
    Apply(statement);
  }
  void FillDirectory() {
    v1::Statement founded = Change();
    v1::NetworkFounded& network = *founded.mutable_directory()->mutable_network_founded();
    network.set_network_name("test");
    *network.mutable_broker_keys() = Public(broker_ledger_.key.public_key());
    Apply(founded);
    Join(kAizu, keys_.signing.public_key());
    Join(kSendai, provider_ledger_.key.public_key());
    Join(kKoriyama, third_ledger_.key.public_key());
  }
  void GiveCodes() {
    const auto numbers = codes_->IssueAcquisitionNumbers({Person(1)});
    ASSERT_TRUE(numbers[0].ok()) << numbers[0].status();
    const auto stored = codes_->ReceiveCodes({{*numbers[0], Code(1)}});
    ASSERT_TRUE(stored[0].ok()) << stored[0];
  }
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_TESTS_SERVER_INTERMEDIATE_EXCHANGE_FIXTURE_H_
