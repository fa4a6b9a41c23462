// The requesting half of an exchange against a broker and a provider that may err, lie or fail.
#include "server/intermediate/requester.h"

#include <signal.h>
#include <sys/resource.h>

#include <limits>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/unreached.h"
#include "tests/server/intermediate/exchange_fixture.h"

namespace nakadachi::intermediate {
namespace {

using RequesterTest = ExchangeTest;

TEST_F(RequesterTest, AsksVerifiesRecordsAndHandsOn) {
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::ANSWERED);
  EXPECT_EQ(answer->outcome(), v1::PROVIDED);
  EXPECT_TRUE(answer->verified());
  EXPECT_EQ(answer->tag(), 101u);
  EXPECT_EQ(answer->request_id(), Question().request_id());
  ASSERT_EQ(answer->sets_size(), 2);
  EXPECT_EQ(answer->sets(0).item(), "immunization");
  EXPECT_EQ(answer->sets(0).source_version(), 3u);
  EXPECT_EQ(answer->sets(1).records(0).record_id(), "r1");
  EXPECT_EQ(answer->list_version(), 1u);
  EXPECT_EQ(answer->legal_basis(0), "law 1");
  EXPECT_EQ(answer->answered_ms(), clock_.NowMs());
  EXPECT_EQ(answer->valid_until_ms(), clock_.NowMs() + kValidityMs);

  ASSERT_EQ(Queries().size(), 1u);
  EXPECT_EQ(Queries()[0].linkage_code(), Code(1).RevealBytes());
  EXPECT_EQ(Queries()[0].department(), "health");
  ASSERT_EQ(Receipts().size(), 1u);
  const v1::Receipt receipt = Receipts()[0];
  EXPECT_TRUE(receipt.verified());
  EXPECT_EQ(receipt.reason(), "");
  EXPECT_EQ(receipt.provision_commitment(), answer->provision_commitment());
  EXPECT_EQ(receipt.permit_commitment(), answer->permit_commitment());
  EXPECT_EQ(receipt.permit_number(), answer->permit_number());
  EXPECT_EQ(receipt.requester(), kAizu);
  EXPECT_EQ(receipt.provider(), kSendai);
  EXPECT_EQ(requester_->open_exchanges(), 0u);

  EXPECT_TRUE(Eventually([&] { return broker_.reported_count() == 1; }));
  absl::MutexLock lock(&broker_.mutex);
  EXPECT_EQ(broker_.reported.begin()->first, answer->receipt_commitment());
}

TEST_F(RequesterTest, TheQueryGoesToTheBrokerOnly) {
  ASSERT_TRUE(Ask(Question()).ok());
  absl::MutexLock lock(&provider_.mutex);
  ASSERT_EQ(provider_.permits.size(), 1u);
  EXPECT_EQ(provider_.permits[0].SerializeAsString().find(std::string(Code(1).RevealBytes())),
            std::string::npos);
  EXPECT_EQ(provider_.routes[0].address(), "provider:1");
}

TEST_F(RequesterTest, HandsOnNothingThatWasNotProvided) {
  int id = 0;
  for (const v1::Outcome outcome : {v1::NOT_HELD, v1::NOT_REGISTERED, v1::WITHHELD, v1::REFUSED}) {
    provider_.outcome = outcome;
    const auto answer = Ask(Question(++id));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->state(), v1::ANSWERED);
    EXPECT_EQ(answer->outcome(), outcome);
    EXPECT_EQ(answer->refusal_reason(),
              outcome == v1::REFUSED ? v1::LIST_NEWER_FORBIDS : v1::REFUSAL_REASON_UNSPECIFIED);
    EXPECT_TRUE(answer->verified());
    EXPECT_TRUE(answer->sets().empty());
  }
  EXPECT_EQ(Receipts().size(), 4u);
}

TEST_F(RequesterTest, KeepsTheBrokersRefusal) {
  broker_.refuse_with = v1::NOT_PERMITTED;
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::REFUSED_BY_BROKER);
  EXPECT_EQ(answer->outcome(), v1::REFUSED);
  EXPECT_EQ(answer->refusal_reason(), v1::NOT_PERMITTED);
  EXPECT_EQ(answer->refusal_detail(), "query.items [not-permitted]");
  EXPECT_EQ(answer->list_version(), 1u);
  EXPECT_EQ(provider_.asked, 0);
  EXPECT_TRUE(Receipts().empty());

  Reopen();
  const auto again = requester_->GetExchange(Question().request_id());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->refusal_reason(), v1::NOT_PERMITTED);
  EXPECT_EQ(requester_->open_exchanges(), 0u);
}

TEST_F(RequesterTest, APermitThatTheProviderDoesNotTakeIsTheEnd) {
  provider_.next_errors = {FieldError(absl::StatusCode::kPermissionDenied, "permit.requester",
                                      "requester", "of another")};
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::REFUSED_BY_PROVIDER);
  EXPECT_EQ(answer->outcome(), v1::REFUSED);
  EXPECT_EQ(answer->refusal_detail(), "permit.requester [requester]");
  EXPECT_TRUE(answer->provision_commitment().empty());
  EXPECT_TRUE(Receipts().empty());
}

TEST_F(RequesterTest, AQueryThatTheBrokerDoesNotTakeIsTheEnd) {
  broker_.next_errors = {
      FieldError(absl::StatusCode::kInvalidArgument, "query", "statement-format", "not a query")};
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::REFUSED_BY_BROKER);
  EXPECT_EQ(answer->refusal_detail(), "query [statement-format]");
}

TEST_F(RequesterTest, AsksAgainWhileOthersCannotBeReached) {
  broker_.next_errors = {absl::UnavailableError("down"), absl::DeadlineExceededError("late"),
                         absl::ResourceExhaustedError("busy")};
  provider_.next_errors = {absl::UnavailableError("down"), absl::InternalError("reset")};
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->outcome(), v1::PROVIDED);
  EXPECT_EQ(broker_.asked, 4);
  EXPECT_EQ(provider_.asked, 3);
  EXPECT_EQ(Queries().size(), 1u);
  EXPECT_EQ(CountOf(broker_ledger_, v1::Statement::kPermit), 1u);
}

TEST_F(RequesterTest, NobodyWaitsForAnothersFullDisk) {
  const auto full = [] {
    return FieldError(absl::StatusCode::kResourceExhausted, "storage", "disk-full", "their words");
  };
  int id = 0;
  for (const char* field : {"broker", "provider"}) {
    SCOPED_TRACE(field);
    (field == std::string("broker") ? broker_.next_errors : provider_.next_errors) = {full()};
    const v1::QueryRequest question = Question(++id);
    const auto refused = Ask(question);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetFieldRule(refused.status()).field, field);
    EXPECT_EQ(GetFieldRule(refused.status()).rule, "disk-full");
    EXPECT_FALSE(absl::StrContains(refused.status().message(), "their words"));
    const auto answer = Ask(question);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->outcome(), v1::PROVIDED);
  }
  EXPECT_EQ(Queries().size(), 2u);
}

// ---- The institution's own disk

// While it lives, the institution's database takes nothing more: no log may grow, and the present
// ones are full.
class FullDisk {
 public:
  FullDisk(const std::string& folder, storage::Database& database) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit{0, before_.rlim_max};
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, file.file_size());
    }
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (size_t size = size_t{64} << 10; size > 0; size /= 2) {
      while (Put(database, SystemRandom().String(size)).ok()) continue;
    }
    EXPECT_EQ(GetFieldRule(Put(database, "")).rule, "disk-full");
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  static absl::Status Put(storage::Database& database, const std::string& value) {
    storage::Batch batch(database);
    batch.Put(kMeta, "filler", value);
    return database.Commit(std::move(batch));
  }
  rlimit before_{};
};

class OwnTroubleTest : public RequesterTest {
 protected:
  void FillDisk(const std::string& name = "aizu") {
    full_ = std::make_unique<FullDisk>(folder_ / name, institution_->database());
  }
  static void ExpectOwnDiskFull(const absl::Status& told) {
    EXPECT_TRUE(absl::IsResourceExhausted(told)) << told;
    EXPECT_EQ(GetFieldRule(told).rule, "disk-full") << told;
    EXPECT_EQ(GetFieldRule(told).field, "receipt") << told;
  }
  bool ComesTo(v1::ExchangeState state) {
    return Eventually([&] {
      const auto exchange = requester_->GetExchange(Question().request_id());
      return exchange.ok() && exchange->state() == state;
    });
  }
  // Makes a value unreadable; returns what it was.
  std::string Garble(int family, const std::string& key) {
    const std::string value = institution_->database().Get(family, key).value().value();
    Put(family, key, "?");
    return value;
  }
  void Put(int family, const std::string& key, const std::string& value) {
    storage::Batch batch(institution_->database());
    batch.Put(family, key, value);
    ASSERT_TRUE(institution_->database().Commit(std::move(batch)).ok());
  }

  std::unique_ptr<FullDisk> full_;
};

TEST_F(OwnTroubleTest, NobodyWaitsForTheOwnFullDiskOnceItIsRecorded) {
  struct Case {
    std::string name;
    std::function<void()> prepare;
    v1::ExchangeState end;
  };
  const std::vector<Case> cases = {
      {"receipt", [] {}, v1::ANSWERED},
      {"review", [&] { provider_.outcome = v1::AWAITING_REVIEW; }, v1::AWAITING},
      {"refusal",
       [&] {
         provider_.next_errors.assign(
             1'000, FieldError(absl::StatusCode::kPermissionDenied, "permit", "kind", "none"));
       },
       v1::REFUSED_BY_PROVIDER},
  };
  int run = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Close();
    Open(absl::StrCat("aizu-", ++run));
    const auto numbers = codes_->IssueAcquisitionNumbers({Person(1)});
    ASSERT_TRUE(codes_->ReceiveCodes({{*numbers[0], Code(1)}})[0].ok());
    provider_.outcome = v1::PROVIDED;
    c.prepare();
    bool filled = false;
    provider_.hook = [&](At) {
      if (!std::exchange(filled, true)) FillDisk(absl::StrCat("aizu-", run));
      return true;
    };
    ExpectOwnDiskFull(Ask(Question()).status());
    EXPECT_EQ(requester_->open_exchanges(), 1u);
    full_.reset();
    EXPECT_TRUE(ComesTo(c.end));
    provider_.next_errors.clear();
  }
}

TEST_F(OwnTroubleTest, AStoredExchangeOutlastsAFullDiskBeforeTheBrokerIsAsked) {
  broker_.away = true;
  v1::QueryRequest question = Question();
  question.set_patience_ms(1);
  ASSERT_EQ(GetFieldRule(Ask(question).status()).rule, "not-reached");
  clock_.Advance(absl::Hours(1));  // the next attempt records a newer checkpoint first
  FillDisk();
  broker_.away = false;
  ExpectOwnDiskFull(Ask(Question()).status());
  EXPECT_EQ(requester_->open_exchanges(), 1u);
  full_.reset();
  EXPECT_TRUE(ComesTo(v1::ANSWERED));
}

TEST_F(OwnTroubleTest, AStoredExchangeOutlastsAQueryThatCannotBeRead) {
  broker_.away = true;
  v1::QueryRequest question = Question();
  question.set_patience_ms(1);
  ASSERT_EQ(GetFieldRule(Ask(question).status()).rule, "not-reached");
  const std::string key = storage::KeyU64(0);
  const std::string value = Garble(kStatements, key);
  broker_.away = false;
  const absl::Status told = Ask(Question()).status();
  EXPECT_TRUE(absl::IsDataLoss(told)) << told;
  EXPECT_EQ(requester_->open_exchanges(), 1u);
  Put(kStatements, key, value);
  EXPECT_TRUE(ComesTo(v1::ANSWERED));
}

TEST_F(OwnTroubleTest, AnExchangeThatCannotBeReadIsResumedOnceItCan) {
  broker_.hook = [](At) { return false; };
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return broker_.asked == 1; }));
  requester_->Shutdown();
  const std::string key = "r" + Question().request_id();
  const std::string value = Garble(kExchanges, key);
  broker_.hook = nullptr;
  OpenRequester();
  absl::SleepFor(absl::Milliseconds(100));  // it is tried meanwhile
  EXPECT_EQ(broker_.asked, 1);
  Put(kExchanges, key, value);
  EXPECT_TRUE(ComesTo(v1::ANSWERED));
}

TEST_F(OwnTroubleTest, NobodyWaitsForTheDirectorysFullDisk) {
  const absl::Status full =
      FieldError(absl::StatusCode::kResourceExhausted, "storage", "disk-full", "their words");
  TestLedger foreign(Author::Of(City(kSendai)), Ed25519PrivateKey::Generate(SystemRandom()),
                     &clock_);
  int id = 0;
  for (const bool newer_key : {false, true}) {
    SCOPED_TRACE(newer_key);
    if (newer_key) {
      provider_.tamper = [&](v1::ProvideResponse& response) {
        *response.mutable_provision() = foreign.Record(StatementOf(response.provision()));
        follower_.status = full;
      };
    } else {
      follower_.status = full;
    }
    ExpectOwnDiskFull(Ask(Question(++id)).status());
    EXPECT_EQ(requester_->open_exchanges(), 1u);
    requester_->Shutdown();
    provider_.tamper = nullptr;
    follower_.status = absl::OkStatus();
    OpenRequester();
    EXPECT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
    EXPECT_EQ(Ask(Question(id))->outcome(), v1::PROVIDED);
  }
}

// ---- Who is not reached

class UnreachedTest : public RequesterTest {
 protected:
  v1::QueryRequest Impatient(int id, uint32_t patience_ms = 200) const {
    v1::QueryRequest question = Question(id);
    question.set_patience_ms(patience_ms);
    return question;
  }
  static void ExpectNotReached(const absl::Status& told, const std::string& field) {
    EXPECT_TRUE(absl::IsUnavailable(told)) << told;
    EXPECT_EQ(GetFieldRule(told).rule, "not-reached") << told;
    EXPECT_EQ(GetFieldRule(told).field, field) << told;
  }
};

TEST_F(UnreachedTest, WhoeverAsksIsToldAndTheExchangeGoesOn) {
  int id = 0;
  for (const char* field : {"broker", "provider"}) {
    SCOPED_TRACE(field);
    std::atomic<bool>& away = field == std::string("broker") ? broker_.away : provider_.away;
    away = true;
    const v1::QueryRequest question = Impatient(++id);
    const absl::Time begin = absl::Now();
    const auto told = Ask(question);
    EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));
    ExpectNotReached(told.status(), field);
    EXPECT_TRUE(absl::StrContains(told.status().message(),
                                  field == std::string("broker") ? "the broker" : kSendai));
    EXPECT_FALSE(absl::StrContains(told.status().message(), "their words"));
    EXPECT_EQ(requester_->open_exchanges(), 1u);
    EXPECT_EQ(requester_->unreached().count(field == std::string("broker") ? "broker" : kSendai),
              1u);
    // Nobody has to ask again; who does gets the same exchange.
    away = false;
    EXPECT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
    EXPECT_TRUE(requester_->unreached().empty());
    const auto answer = Ask(question);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->outcome(), v1::PROVIDED);
    EXPECT_EQ(answer->tag(), question.tag());
  }
  EXPECT_EQ(Queries().size(), 2u);
  EXPECT_EQ(Receipts().size(), 2u);
}

// The patience is with whoever is away: the second question does not begin anew.
TEST_F(UnreachedTest, OnceItIsKnownTheNextIsToldAtOnce) {
  provider_.away = true;
  ExpectNotReached(Ask(Impatient(1, 500)).status(), "provider");
  const absl::Time begin = absl::Now();
  for (int i = 2; i < 20; ++i) ExpectNotReached(Ask(Impatient(i, 500)).status(), "provider");
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  EXPECT_EQ(Queries().size(), 19u);
}

TEST_F(UnreachedTest, EachCallerHasItsOwnPatience) {
  provider_.away = true;
  Call<v1::QueryResponse> patient;
  requester_->Query(Question(1), patient.Take());
  ExpectNotReached(Ask(Impatient(1)).status(), "provider");
  EXPECT_FALSE(patient.done());
  provider_.away = false;
  EXPECT_TRUE(patient.Wait().ok());
}

// Exchanges that nobody waits for leave room for others, and are finished once it is possible.
TEST_F(UnreachedTest, WhatNobodyWaitsForTakesNoRoom) {
  Close();
  max_in_flight_ = 4;
  Open("aizu");
  provider_.away = true;
  for (int i = 0; i < 20; ++i) ExpectNotReached(Ask(Impatient(i, 1)).status(), "provider");
  EXPECT_EQ(requester_->open_exchanges(), 20u);
  broker_.refuse_with = v1::NOT_PERMITTED;
  for (int i = 20; i < 25; ++i) {
    v1::QueryRequest elsewhere = Question(i);
    elsewhere.set_provider(kKoriyama);
    EXPECT_EQ(Ask(elsewhere)->state(), v1::REFUSED_BY_BROKER);
  }
  Reopen();
  const int asked = provider_.asked;
  EXPECT_TRUE(Eventually([&] { return provider_.asked > asked; }));
  absl::SleepFor(absl::Milliseconds(600));
  EXPECT_LT(provider_.asked - asked, 60) << "few of them try again and again";
  EXPECT_EQ(requester_->open_exchanges(), 20u);
  provider_.away = false;
  EXPECT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
  EXPECT_EQ(Receipts().size(), 20u);
  EXPECT_EQ(Queries().size(), 25u);
}

TEST_F(UnreachedTest, WhoAsksAgainDoesNotWaitForTheNextAttempt) {
  provider_.away = true;
  ExpectNotReached(Ask(Impatient(1, 3'000)).status(), "provider");
  const int asked = provider_.asked;
  provider_.away = false;
  Call<v1::QueryResponse> call;
  requester_->Query(Question(1), call.Take());
  EXPECT_GT(provider_.asked, asked);  // in the caller's own thread
  EXPECT_TRUE(call.Wait().ok());
}

TEST(Unreached, KnowsSinceWhen) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000);
  Unreached unreached;
  EXPECT_FALSE(unreached.Contains("a", start));
  EXPECT_EQ(unreached.Failed("a", start), start);
  EXPECT_EQ(unreached.Failed("a", start + absl::Seconds(40)), start);
  EXPECT_EQ(unreached.Failed("b", start + absl::Seconds(41)), start + absl::Seconds(41));
  EXPECT_TRUE(unreached.Contains("a", start + absl::Seconds(100)));
  EXPECT_EQ(unreached.List(start + absl::Seconds(100)).size(), 2u);
  // What failed long ago says nothing of now.
  EXPECT_FALSE(unreached.Contains("a", start + absl::Seconds(101)));
  EXPECT_EQ(unreached.List(start + absl::Seconds(101)).size(), 1u);
  EXPECT_EQ(unreached.Failed("a", start + absl::Seconds(101)), start + absl::Seconds(101));
  unreached.Answered("a");
  unreached.Answered("nobody");
  EXPECT_FALSE(unreached.Contains("a", start + absl::Seconds(101)));
  EXPECT_EQ(unreached.Failed("a", start + absl::Seconds(102)), start + absl::Seconds(102));
}

// ---- What is asked

TEST_F(RequesterTest, RecordsNoQuestionThatBreaksARule) {
  struct Case {
    std::string field;
    std::string rule;
    std::function<void(v1::QueryRequest&)> alter;
  };
  const std::vector<Case> cases = {
      {"request_id", "length", [](auto& q) { q.set_request_id("short"); }},
      {"municipality", "municipality", [](auto& q) { q.set_municipality(kSendai); }},
      {"addressee_number", "digits", [](auto& q) { q.set_addressee_number("12x"); }},
      {"addressee_number", "length", [](auto& q) { q.clear_addressee_number(); }},
      {"provider", "check-digit", [](auto& q) { q.set_provider("041008"); }},
      {"provider", "length", [](auto& q) { q.clear_provider(); }},
      {"procedure", "required", [](auto& q) { q.clear_procedure(); }},
      {"procedure", "slug", [](auto& q) { q.set_procedure("Immunization"); }},
      {"procedure", "too-long", [](auto& q) { q.set_procedure(std::string(65, 'a')); }},
      {"items", "required", [](auto& q) { q.clear_items(); }},
      {"items[1]", "slug", [](auto& q) { q.set_items(1, "a b"); }},
      {"items[1]", "required", [](auto& q) { q.set_items(1, ""); }},
      {"items[1]", "duplicate", [](auto& q) { q.set_items(1, q.items(0)); }},
      {"items", "too-many",
       [](auto& q) {
         for (int i = 0; i < 31; ++i) q.add_items(absl::StrCat("item-", i));
       }},
      {"department", "required", [](auto& q) { q.clear_department(); }},
      {"department", "characters", [](auto& q) { q.set_department("a\nb"); }},
      {"staff_pseudonym", "characters", [](auto& q) { q.set_staff_pseudonym("a\x1b"); }},
      {"department", "too-long", [](auto& q) { q.set_department(std::string(257, 'd')); }},
      {"staff_pseudonym", "too-long",
       [](auto& q) { q.set_staff_pseudonym(std::string(257, 's')); }},
  };
  for (const Case& c : cases) {
    v1::QueryRequest request = Question();
    c.alter(request);
    const auto answer = Ask(request);
    ASSERT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument) << c.field;
    EXPECT_EQ(GetFieldRule(answer.status()).field, c.field);
    EXPECT_EQ(GetFieldRule(answer.status()).rule, c.rule) << c.field;
  }
  EXPECT_TRUE(Recorded().empty());
  EXPECT_EQ(broker_.asked, 0);
}

TEST_F(RequesterTest, RecordsNothingForAPersonWithoutACode) {
  v1::QueryRequest request = Question();
  request.set_addressee_number(Person(2).Reveal());
  const auto answer = Ask(request);
  EXPECT_TRUE(absl::IsNotFound(answer.status())) << answer.status();
  EXPECT_EQ(GetFieldRule(answer.status()).rule, "no-linkage-code");
  EXPECT_TRUE(Recorded().empty());
  EXPECT_TRUE(absl::IsNotFound(requester_->GetExchange(request.request_id()).status()));
}

// ---- The same request id

TEST_F(RequesterTest, TheSameIdGetsTheSameAnswer) {
  const auto first = Ask(Question());
  const auto second = Ask(Question());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  Reopen();
  v1::QueryRequest other_tag = Question();
  other_tag.set_tag(7);
  const auto third = Ask(other_tag);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->tag(), 7u);
  EXPECT_EQ(third->receipt_commitment(), first->receipt_commitment());
  EXPECT_EQ(third->sets_size(), 2);
  EXPECT_EQ(Queries().size(), 1u);
  EXPECT_EQ(broker_.asked, 1);
}

TEST_F(RequesterTest, AnotherQuestionUnderAUsedIdIsRefused) {
  ASSERT_TRUE(Ask(Question()).ok());
  const std::vector<std::function<void(v1::QueryRequest&)>> alterations = {
      [](auto& q) { q.set_addressee_number(Person(2).Reveal()); },
      [](auto& q) { q.set_provider(kKoriyama); },
      [](auto& q) { q.set_procedure("tax"); },
      [](auto& q) { q.mutable_items()->RemoveLast(); },
      [](auto& q) { q.set_department("tax"); },
      [](auto& q) { q.set_non_disclosure(true); },
      [](auto& q) { q.set_staff_pseudonym("s-18"); },
  };
  for (const auto& alter : alterations) {
    v1::QueryRequest request = Question();
    alter(request);
    const auto answer = Ask(request);
    EXPECT_TRUE(absl::IsFailedPrecondition(answer.status())) << answer.status();
    EXPECT_EQ(GetFieldRule(answer.status()).rule, "request-id-reused");
  }
  EXPECT_EQ(Queries().size(), 1u);
}

TEST_F(RequesterTest, ConcurrentCallersShareOneExchange) {
  std::vector<std::thread> threads;
  std::vector<Call<v1::QueryResponse>> calls(16);
  for (size_t i = 0; i < calls.size(); ++i) {
    threads.emplace_back([&, i] {
      v1::QueryRequest request = Question();
      request.set_tag(i);
      requester_->Query(request, calls[i].Take());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> receipts;
  for (size_t i = 0; i < calls.size(); ++i) {
    const auto answer = calls[i].Wait();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->tag(), i);
    EXPECT_EQ(answer->sets_size(), 2);
    receipts.insert(answer->receipt_commitment());
  }
  EXPECT_EQ(receipts.size(), 1u);
  EXPECT_EQ(Queries().size(), 1u);
  EXPECT_EQ(Receipts().size(), 1u);
}

// ---- Decisions that are none

TEST_F(RequesterTest, ActsOnNoDecisionThatIsNotOnThisQuery) {
  struct Case {
    std::string rule;
    std::function<void(v1::Statement&)> alter;
  };
  const std::vector<Case> cases = {
      {"decision.query_commitment [query]",
       [](auto& s) { s.mutable_permit()->set_query_commitment(std::string(32, 'x')); }},
      {"permit.requester [changed]", [](auto& s) { s.mutable_permit()->set_requester(kKoriyama); }},
      {"permit.provider [changed]", [](auto& s) { s.mutable_permit()->set_provider(kKoriyama); }},
      {"permit.procedure [changed]", [](auto& s) { s.mutable_permit()->set_procedure("tax"); }},
      {"permit.items [changed]", [](auto& s) { s.mutable_permit()->add_items("local-tax"); }},
      {"permit.items [changed]",
       [](auto& s) { s.mutable_permit()->mutable_items()->RemoveLast(); }},
      {"permit.items [changed]",
       [](auto& s) { s.mutable_permit()->mutable_items()->SwapElements(0, 1); }},
      {"permit.department [changed]", [](auto& s) { s.mutable_permit()->set_department("tax"); }},
      {"permit.non_disclosure [changed]",
       [](auto& s) { s.mutable_permit()->set_non_disclosure(true); }},
      {"permit.permit_number [length]",
       [](auto& s) { s.mutable_permit()->set_permit_number("short"); }},
      {"permit.valid_until_ms [period]",
       [](auto& s) { s.mutable_permit()->set_valid_until_ms(s.permit().valid_from_ms()); }},
      {"permit.provider_route [route]",
       [](auto& s) { s.mutable_permit()->clear_provider_route(); }},
      {"decision [kind]", [](auto& s) { s.mutable_operation()->set_kind("start"); }},
      {"refusal.reason [reason]",
       [](auto& s) {
         const std::string about = s.permit().query_commitment();
         s.mutable_refusal()->set_query_commitment(about);
       }},
  };
  int id = 0;
  for (const Case& c : cases) {
    broker_.alter = c.alter;
    const auto answer = Ask(Question(++id));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->state(), v1::REFUSED_BY_BROKER);
    EXPECT_EQ(answer->refusal_reason(), v1::PROOF_INVALID);
    EXPECT_EQ(answer->refusal_detail(), c.rule);
  }
  EXPECT_EQ(provider_.asked, 0);
}

TEST_F(RequesterTest, ActsOnNoDecisionWithoutProof) {
  const std::vector<std::function<void(v1::Recorded&)>> tampering = {
      [](auto& r) { r.mutable_statement()->back() ^= 1; },
      [](auto& r) { r.clear_statement(); },
      [](auto& r) { (*r.mutable_salt())[3] ^= 1; },
      [](auto& r) { r.clear_salt(); },
      [](auto& r) { r.set_leaf_index(r.leaf_index() + 1); },
      [](auto& r) { r.mutable_path()->append(32, 'p'); },
      [](auto& r) { r.clear_checkpoint(); },
      [](auto& r) { (*r.mutable_checkpoint())[30] ^= 1; },
      [&](auto& r) { r = third_ledger_.Record(StatementOf(r)); },
  };
  int id = 0;
  for (const auto& tamper : tampering) {
    broker_.tamper = tamper;
    const auto answer = Ask(Question(++id));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->state(), v1::REFUSED_BY_BROKER) << id;
    EXPECT_EQ(answer->refusal_reason(), v1::PROOF_INVALID);
  }
  EXPECT_EQ(provider_.asked, 0);
}

TEST_F(RequesterTest, AnotherMembersPermitIsNone) {
  broker_.tamper = [&](v1::Recorded& recorded) {
    v1::Statement forged = StatementOf(recorded);
    forged.set_author(kKoriyama);
    recorded = third_ledger_.Record(forged);
  };
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->refusal_detail(), "decision.author [author]");
  EXPECT_EQ(provider_.asked, 0);
}

// ---- Provisions that do not verify

class CorruptedProvision : public RequesterTest {
 protected:
  // Whatever was wrong: it is recorded, with the reason, and no data is handed on.
  void ExpectRefused(int id, const std::string& what, const std::string& reason = "") {
    const auto answer = Ask(Question(id));
    ASSERT_TRUE(answer.ok()) << what << ": " << answer.status();
    EXPECT_EQ(answer->state(), v1::ANSWERED) << what;
    EXPECT_FALSE(answer->verified()) << what;
    EXPECT_TRUE(answer->sets().empty()) << what;
    EXPECT_EQ(answer->outcome(), v1::OUTCOME_UNSPECIFIED) << what;
    EXPECT_FALSE(answer->refusal_detail().empty()) << what;
    EXPECT_TRUE(reason.empty() || answer->refusal_detail() == reason)
        << what << ": " << answer->refusal_detail();
    ASSERT_FALSE(Receipts().empty());
    const v1::Receipt receipt = Receipts().back();
    EXPECT_FALSE(receipt.verified()) << what;
    EXPECT_EQ(receipt.reason(), answer->refusal_detail()) << what;
    EXPECT_EQ(receipt.permit_commitment(), answer->permit_commitment());
    const auto again = Ask(Question(id));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->SerializeAsString(), answer->SerializeAsString()) << what;
  }
};

TEST_F(CorruptedProvision, EveryByteOfTheProof) {
  // A bit of every part of what comes; the statement's and the payload's at many places.
  int id = 0;
  std::vector<std::pair<std::string, std::function<void(v1::ProvideResponse&)>>> cases;
  for (int i = 0; i < 16; ++i) {
    const auto at = [i](const std::string& bytes) { return bytes.size() * i / 16; };
    cases.push_back({absl::StrCat("statement ", i), [at](auto& r) {
                       std::string& bytes = *r.mutable_provision()->mutable_statement();
                       bytes[at(bytes)] ^= 4;
                     }});
    cases.push_back({absl::StrCat("payload ", i), [at](auto& r) {
                       std::string& bytes = *r.mutable_payload();
                       bytes[at(bytes)] ^= 4;
                     }});
    cases.push_back({absl::StrCat("salt ", i), [at](auto& r) {
                       std::string& bytes = *r.mutable_provision()->mutable_salt();
                       bytes[at(bytes)] ^= 4;
                     }});
    // The note's signature has bytes that say nothing: the key's name hint is one of them.
    cases.push_back({absl::StrCat("checkpoint ", i), [i](auto& r) {
                       std::string& bytes = *r.mutable_provision()->mutable_checkpoint();
                       const size_t body = bytes.find("\n\n");
                       bytes[body * i / 16] ^= 4;
                     }});
  }
  cases.push_back({"no salt", [](auto& r) { r.mutable_provision()->clear_salt(); }});
  cases.push_back({"no statement", [](auto& r) { r.mutable_provision()->clear_statement(); }});
  cases.push_back({"no checkpoint", [](auto& r) { r.mutable_provision()->clear_checkpoint(); }});
  cases.push_back({"no provision", [](auto& r) { r.clear_provision(); }});
  cases.push_back({"no payload", [](auto& r) { r.clear_payload(); }});
  cases.push_back({"long payload", [](auto& r) { r.mutable_payload()->push_back('x'); }});
  cases.push_back({"leaf", [](auto& r) {
                     r.mutable_provision()->set_leaf_index(r.provision().leaf_index() + 1);
                   }});
  cases.push_back(
      {"path", [](auto& r) { r.mutable_provision()->mutable_path()->append(32, 'p'); }});
  cases.push_back(
      {"long path", [](auto& r) { r.mutable_provision()->set_path(std::string(3200, 'p')); }});
  for (const auto& [what, tamper] : cases) {
    provider_.tamper = tamper;
    ExpectRefused(++id, what);
  }
}

TEST_F(CorruptedProvision, StatementsThatDoNotAnswerThePermit) {
  using Alter = std::function<void(v1::Provision&)>;
  const std::vector<std::pair<std::string, Alter>> cases = {
      {"provision.permit_commitment [permit]",
       [](auto& p) { p.set_permit_commitment(std::string(32, 'x')); }},
      {"provision.permit_commitment [permit]", [](auto& p) { p.clear_permit_commitment(); }},
      {"provision.permit_number [permit]",
       [](auto& p) { p.set_permit_number(std::string(16, 'x')); }},
      {"provision.requester [changed]", [](auto& p) { p.set_requester(kKoriyama); }},
      {"provision.provider [changed]", [](auto& p) { p.set_provider(kKoriyama); }},
      {"provision.procedure [changed]", [](auto& p) { p.set_procedure("tax"); }},
      {"provision.items [item]", [](auto& p) { p.add_items("local-tax"); }},
      {"provision.items [duplicate]", [](auto& p) { p.add_items("benefits"); }},
      {"provision.outcome [outcome]", [](auto& p) { p.clear_outcome(); }},
      {"provision.outcome [outcome]", [](auto& p) { p.set_outcome(static_cast<v1::Outcome>(77)); }},
      {"payload [unexpected]", [](auto& p) { p.set_outcome(v1::NOT_HELD); }},
      {"provision.reason [reason]", [](auto& p) { p.set_reason(v1::NOT_PERMITTED); }},
      {"provision.reason [reason]", [](auto& p) { p.set_outcome(v1::REFUSED); }},
      {"provision.payload_digest [digest]", [](auto& p) { p.clear_payload_digest(); }},
      {"provision.payload_digest [digest]",
       [](auto& p) { p.set_payload_digest(std::string(32, 'd')); }},
      {"provision.versions [version]", [](auto& p) { p.mutable_versions()->RemoveLast(); }},
      {"provision.versions [version]", [](auto& p) { *p.add_versions() = p.versions(0); }},
      {"provision.versions [version]",
       [](auto& p) { p.mutable_versions(1)->set_source_version(2); }},
      {"provision.versions [version]",
       [](auto& p) { p.mutable_versions(0)->set_source_time_ms(1); }},
      {"provision.versions [version]", [](auto& p) { p.mutable_versions(0)->set_records(2); }},
      {"provision.versions [version]",
       [](auto& p) { p.mutable_versions(0)->set_item("benefits"); }},
  };
  int id = 0;
  for (const auto& [reason, alter] : cases) {
    provider_.alter = [&alter = alter](v1::Statement& s) { alter(*s.mutable_provision()); };
    ++id;
    ExpectRefused(id, absl::StrCat(reason, " ", id), reason);
  }
}

TEST_F(CorruptedProvision, PayloadsThatThePermitDoesNotCover) {
  using Alter = std::function<void(v1::Payload&)>;
  const std::vector<std::pair<std::string, Alter>> cases = {
      {"payload.blind [length]", [](auto& p) { p.clear_blind(); }},
      {"payload.permit_commitment [permit]",
       [](auto& p) { p.set_permit_commitment(std::string(32, 'x')); }},
      {"payload.sets [length]", [](auto& p) { p.clear_sets(); }},
      {"payload.sets.item [item]", [](auto& p) { p.mutable_sets(0)->set_item("local-tax"); }},
      {"payload.sets.item [order]", [](auto& p) { p.mutable_sets()->SwapElements(0, 1); }},
      {"payload.sets.item [order]", [](auto& p) { *p.mutable_sets(1) = p.sets(0); }},
      {"payload.sets.records.item [item]",
       [](auto& p) { p.mutable_sets(0)->mutable_records(0)->set_item("local-tax"); }},
      {"provision.versions [version]", [](auto& p) { p.mutable_sets(0)->clear_records(); }},
      {"provision.versions [version]", [](auto& p) { p.mutable_sets()->RemoveLast(); }},
  };
  constexpr int kSwapped = 4;
  constexpr int kDoubled = 5;
  int id = 0;
  for (const auto& [reason, alter] : cases) {
    provider_.alter_payload = alter;
    // Where the order is wrong, the versions agree all the same.
    provider_.alter = [&reason = reason, id](v1::Statement& s) {
      if (reason.find("order") == std::string::npos) return;
      v1::Provision& provision = *s.mutable_provision();
      if (id == kSwapped) provision.mutable_versions()->SwapElements(0, 1);
      if (id == kDoubled) *provision.mutable_versions(1) = provision.versions(0);
    };
    ++id;
    ExpectRefused(id, absl::StrCat(reason, " ", id), reason);
  }
}

TEST_F(CorruptedProvision, ARecordedStatementOfAnotherKindOrAuthor) {
  provider_.alter = [](v1::Statement& s) { s.mutable_operation()->set_kind("start"); };
  ExpectRefused(1, "kind", "provision [kind]");
  provider_.alter = nullptr;
  provider_.tamper = [&](v1::ProvideResponse& response) {
    v1::Statement forged = StatementOf(response.provision());
    forged.set_author(kKoriyama);
    *response.mutable_provision() = third_ledger_.Record(forged);
  };
  ExpectRefused(2, "author", "provision.author [author]");
}

TEST_F(CorruptedProvision, ProvidedAfterThePermitsEnd) {
  provider_.alter = [&](v1::Statement& s) { s.set_time_ms(clock_.NowMs() + 2 * kValidityMs); };
  ExpectRefused(1, "late", "provision.time_ms [expired]");
}

// Both times are others' to choose.
TEST(CheckProvisionTest, AnyTwoTimesCompare) {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();
  constexpr int64_t kTolerance = 30'000;
  const struct {
    int64_t time_ms;
    int64_t valid_until_ms;
    bool expired;
  } kCases[] = {
      {0, 1, false},
      {1, 1, false},
      {1 + kTolerance - 1, 1, false},
      {1 + kTolerance, 1, true},
      {kLowest, 0, false},
      {kLowest, kHighest, false},
      {kLowest, kLowest, false},
      {kLowest + kTolerance - 1, kLowest, false},
      {kLowest + kTolerance, kLowest, true},
      {kHighest, kHighest, false},
      {kHighest, kHighest - kTolerance + 1, false},
      {kHighest, kHighest - kTolerance, true},
      {kHighest, 0, true},
      {kHighest, kLowest, true},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.time_ms, " ", c.valid_until_ms));
    v1::Permit permit;
    permit.set_provider(kSendai);
    permit.set_valid_until_ms(c.valid_until_ms);
    ledger::Verified verified;
    verified.author = Author::Of(City(kSendai));
    verified.statement.set_time_ms(c.time_ms);
    verified.statement.mutable_provision()->set_provider(kSendai);
    verified.statement.mutable_provision()->set_outcome(v1::PROVIDED);
    const auto payload = CheckProvision(verified, "", permit, "", kTolerance);
    EXPECT_EQ(GetFieldRule(payload.status()).rule, c.expired ? "expired" : "digest");
  }
}

TEST_F(CorruptedProvision, PartOfThePermitMayBeHeld) {
  provider_.alter_payload = [](v1::Payload& p) { p.mutable_sets()->DeleteSubrange(0, 1); };
  provider_.alter = [](v1::Statement& s) {
    s.mutable_provision()->mutable_versions()->DeleteSubrange(0, 1);
  };
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->verified()) << answer->refusal_detail();
  ASSERT_EQ(answer->sets_size(), 1);
  EXPECT_EQ(answer->sets(0).item(), "benefits");
}

// ---- Keys

TEST_F(RequesterTest, LearnsOfANewKeyBeforeItJudges) {
  const Ed25519PrivateKey fresh = Ed25519PrivateKey::Generate(SystemRandom());
  TestLedger rotated(Author::Of(City(kSendai)), fresh, &clock_);
  provider_.tamper = [&](v1::ProvideResponse& response) {
    *response.mutable_provision() = rotated.Record(StatementOf(response.provision()));
    provider_.tamper = nullptr;
    absl::MutexLock lock(&provider_.mutex);
    for (auto& [permit, answer] : provider_.answers) answer = response;
  };
  follower_.news = [&] {
    v1::Statement added = Change();
    added.mutable_directory()->mutable_key_added()->set_code(kSendai);
    *added.mutable_directory()->mutable_key_added()->mutable_keys() = Public(fresh.public_key());
    Apply(added);
  };
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->verified()) << answer->refusal_detail();
  EXPECT_EQ(provider_.asked, 2);
}

TEST_F(RequesterTest, AForeignKeyIsNeverGood) {
  TestLedger foreign(Author::Of(City(kSendai)), Ed25519PrivateKey::Generate(SystemRandom()),
                     &clock_);
  provider_.tamper = [&](v1::ProvideResponse& response) {
    *response.mutable_provision() = foreign.Record(StatementOf(response.provision()));
  };
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(answer->verified());
  EXPECT_EQ(answer->refusal_detail(), "checkpoint [key-not-valid]");
  EXPECT_TRUE(answer->sets().empty());
}

TEST_F(RequesterTest, WaitsForTheDirectoryThatThePermitWasDecidedBy) {
  follower_.status = absl::UnavailableError("the broker is down");
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  EXPECT_TRUE(Eventually([&] { return follower_.asked >= 2; }));
  EXPECT_EQ(provider_.asked, 0);
  EXPECT_FALSE(call.done());
  requester_->Shutdown();
  follower_.status = absl::OkStatus();
  EXPECT_TRUE(absl::IsUnavailable(call.Wait().status()));
  OpenRequester();
  EXPECT_EQ(Ask(Question())->outcome(), v1::PROVIDED);
}

// ---- Review

TEST_F(RequesterTest, AnAnswerAfterReviewCompletesTheExchange) {
  provider_.outcome = v1::AWAITING_REVIEW;
  const auto awaiting = Ask(Question());
  ASSERT_TRUE(awaiting.ok()) << awaiting.status();
  EXPECT_EQ(awaiting->state(), v1::AWAITING);
  EXPECT_EQ(awaiting->outcome(), v1::AWAITING_REVIEW);
  EXPECT_FALSE(awaiting->permit_number().empty());
  EXPECT_TRUE(Receipts().empty());
  EXPECT_EQ(requester_->open_exchanges(), 1u);

  Reopen();  // its state is durable
  EXPECT_EQ(requester_->GetExchange(Question().request_id())->state(), v1::AWAITING);
  EXPECT_EQ(Ask(Question())->state(), v1::AWAITING);
  EXPECT_EQ(provider_.asked, 1);

  v1::Recorded permit;
  {
    absl::MutexLock lock(&provider_.mutex);
    permit = provider_.permits[0];
  }
  provider_.alter = [](v1::Statement& s) { s.mutable_provision()->set_after_review(true); };
  const v1::ProvideResponse released = provider_.Review(permit, v1::PROVIDED);
  const auto receipt = Deliver(released);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(StatementOf(*receipt).receipt().verified());
  EXPECT_EQ(StatementOf(*receipt).receipt().provision_commitment(),
            CommitmentOf(released.provision()));
  const auto answer = requester_->GetExchange(Question().request_id());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->state(), v1::ANSWERED);
  EXPECT_EQ(answer->sets_size(), 2);
  EXPECT_EQ(requester_->open_exchanges(), 0u);

  // Delivered again, also after a restart: the same receipt. Another answer: refused.
  EXPECT_EQ(CommitmentOf(*Deliver(released)), CommitmentOf(*receipt));
  Reopen();
  EXPECT_EQ(CommitmentOf(*Deliver(released)), CommitmentOf(*receipt));
  const auto other = Deliver(provider_.Record(permit, v1::WITHHELD));
  EXPECT_TRUE(absl::IsFailedPrecondition(other.status()));
  EXPECT_EQ(GetFieldRule(other.status()).rule, "answered-otherwise");
  EXPECT_EQ(Receipts().size(), 1u);
}

TEST_F(RequesterTest, TakesADeliveryFromNobodyElse) {
  provider_.outcome = v1::AWAITING_REVIEW;
  ASSERT_TRUE(Ask(Question()).ok());
  v1::Recorded permit;
  {
    absl::MutexLock lock(&provider_.mutex);
    permit = provider_.permits[0];
  }
  const v1::ProvideResponse released = provider_.Record(permit, v1::PROVIDED);

  EXPECT_TRUE(absl::IsPermissionDenied(Deliver(released, /*may_speak_for=*/false).status()));
  v1::ProvideResponse forged = released;
  v1::Statement statement = StatementOf(released.provision());
  statement.set_author(kKoriyama);
  *forged.mutable_provision() = third_ledger_.Record(statement);
  EXPECT_TRUE(absl::IsPermissionDenied(Deliver(forged).status()));
  v1::ProvideResponse altered = released;
  altered.mutable_provision()->mutable_statement()->back() ^= 1;
  EXPECT_TRUE(absl::IsInvalidArgument(Deliver(altered).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(Deliver(provider_.Record(permit, v1::AWAITING_REVIEW)).status()));
  v1::ProvideResponse unknown = released;
  statement = StatementOf(released.provision());
  statement.mutable_provision()->set_permit_commitment(std::string(32, 'u'));
  *unknown.mutable_provision() = provider_ledger_.Record(statement);
  EXPECT_TRUE(absl::IsNotFound(Deliver(unknown).status()));
  v1::ProvideResponse foreign_key = released;
  TestLedger foreign(Author::Of(City(kSendai)), Ed25519PrivateKey::Generate(SystemRandom()),
                     &clock_);
  *foreign_key.mutable_provision() = foreign.Record(StatementOf(released.provision()));
  EXPECT_TRUE(absl::IsUnavailable(Deliver(foreign_key).status()));

  EXPECT_TRUE(Receipts().empty());
  EXPECT_EQ(requester_->GetExchange(Question().request_id())->state(), v1::AWAITING);
  EXPECT_TRUE(Deliver(released).ok());
}

TEST_F(RequesterTest, ADeliveredPayloadThatDoesNotVerifyIsReceiptedAsSuch) {
  provider_.outcome = v1::AWAITING_REVIEW;
  ASSERT_TRUE(Ask(Question()).ok());
  v1::Recorded permit;
  {
    absl::MutexLock lock(&provider_.mutex);
    permit = provider_.permits[0];
  }
  v1::ProvideResponse released = provider_.Record(permit, v1::PROVIDED);
  released.mutable_payload()->back() ^= 1;
  const auto receipt = Deliver(released);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_FALSE(StatementOf(*receipt).receipt().verified());
  const auto answer = requester_->GetExchange(Question().request_id());
  EXPECT_FALSE(answer->verified());
  EXPECT_TRUE(answer->sets().empty());
}

// ---- Time

TEST_F(RequesterTest, LapsesWhenThePermitsTimeIsOver) {
  provider_.outcome = v1::AWAITING_REVIEW;
  ASSERT_TRUE(Ask(Question()).ok());
  clock_.Advance(absl::Milliseconds(kValidityMs + platform_.clock_tolerance_ms - 1));
  ASSERT_TRUE(requester_->Sweep().ok());
  EXPECT_EQ(requester_->GetExchange(Question().request_id())->state(), v1::AWAITING);
  clock_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(requester_->Sweep().ok());
  const auto lapsed = requester_->GetExchange(Question().request_id());
  EXPECT_EQ(lapsed->state(), v1::LAPSED);
  EXPECT_FALSE(lapsed->permit_number().empty());
  EXPECT_EQ(requester_->open_exchanges(), 0u);
  EXPECT_EQ(Ask(Question())->state(), v1::LAPSED);

  v1::Recorded permit;
  {
    absl::MutexLock lock(&provider_.mutex);
    permit = provider_.permits[0];
  }
  const auto late = Deliver(provider_.Record(permit, v1::NOT_HELD));
  EXPECT_TRUE(absl::IsFailedPrecondition(late.status()));
  EXPECT_EQ(GetFieldRule(late.status()).rule, "lapsed");
  EXPECT_TRUE(Receipts().empty());
}

TEST_F(RequesterTest, LapsesBetweenTwoAttempts) {
  provider_.next_errors.assign(1'000, absl::UnavailableError("down"));
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return provider_.asked >= 3; }));
  clock_.Advance(absl::Milliseconds(kValidityMs + platform_.clock_tolerance_ms));
  ASSERT_TRUE(requester_->Sweep().ok());
  const auto answer = call.Wait();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::LAPSED);
}

TEST_F(RequesterTest, GivesUpAfterADayWithoutTheBroker) {
  broker_.next_errors.assign(1'000, absl::UnavailableError("down"));
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return broker_.asked >= 2; }));
  clock_.Advance(absl::Hours(24) + absl::Milliseconds(platform_.clock_tolerance_ms));
  ASSERT_TRUE(requester_->Sweep().ok());
  EXPECT_EQ(call.Wait()->state(), v1::LAPSED);
}

// ---- Bounds and ends

TEST_F(RequesterTest, RefusesMoreThanItHasRoomFor) {
  Close();
  max_in_flight_ = 2;
  Open("aizu");
  broker_.hook = [](At) { return false; };
  std::vector<Call<v1::QueryResponse>> calls(2);
  requester_->Query(Question(1), calls[0].Take());
  ASSERT_TRUE(Eventually([&] { return broker_.asked == 1; }));
  const auto same_provider = Ask(Question(2));
  EXPECT_TRUE(absl::IsResourceExhausted(same_provider.status())) << same_provider.status();
  v1::QueryRequest elsewhere = Question(2);
  elsewhere.set_provider(kKoriyama);
  requester_->Query(elsewhere, calls[1].Take());
  ASSERT_TRUE(Eventually([&] { return broker_.asked == 2; }));
  EXPECT_TRUE(absl::IsResourceExhausted(Ask(Question(3)).status()));
  EXPECT_EQ(requester_->open_exchanges(), 2u);
  requester_->Shutdown();
  for (auto& call : calls) EXPECT_TRUE(absl::IsUnavailable(call.Wait().status()));
}

TEST_F(RequesterTest, ResumesMoreThanItHasRoomFor) {
  broker_.hook = [](At) { return false; };
  std::vector<Call<v1::QueryResponse>> calls(20);
  for (int i = 0; i < 20; ++i) requester_->Query(Question(i), calls[static_cast<size_t>(i)].Take());
  ASSERT_TRUE(Eventually([&] { return broker_.asked == 20; }));
  Close();
  broker_.hook = nullptr;
  max_in_flight_ = 4;
  Open("aizu");
  EXPECT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
  EXPECT_EQ(Receipts().size(), 20u);
  EXPECT_EQ(Queries().size(), 20u);
}

TEST_F(RequesterTest, NobodyIsCalledAfterShutdown) {
  provider_.hook = [](At at) { return at != At::kProvisionRecorded; };
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return provider_.losses == 1; }));
  requester_->Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(call.Wait().status()));
  const size_t before = Recorded().size();
  // An answer that comes late finds nobody.
  provider_.lost[0](provider_.AnswerTo(v1::Recorded(provider_.permits[0])));
  EXPECT_EQ(Recorded().size(), before);
  Call<v1::QueryResponse> refused;
  requester_->Query(Question(2), refused.Take());
  EXPECT_TRUE(absl::IsUnavailable(refused.Wait().status()));
  EXPECT_TRUE(absl::IsUnavailable(requester_->Sweep()));
}

// ---- Crashes

// The process dies at a step, its disk as it is then; what is on the disk goes on.
class CrashTest : public RequesterTest, public testing::WithParamInterface<At> {};

TEST_P(CrashTest, FinishesOnce) {
  const At crash = GetParam();
  std::atomic<bool> crashed{false};
  const Hook hook = [&](At at) {
    if (crashed.load()) return false;
    if (at != crash) return true;
    CopyDatabase("copy");
    crashed = true;
    return false;
  };
  broker_.hook = hook;
  provider_.hook = hook;
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return crashed.load(); }));
  Close();
  broker_.hook = nullptr;
  provider_.hook = nullptr;
  Open("copy");

  ASSERT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
  ASSERT_TRUE(Eventually([&] { return broker_.reported_count() == 1; }));
  const auto answer = Ask(Question());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::ANSWERED);
  EXPECT_TRUE(answer->verified());
  EXPECT_EQ(answer->sets_size(), 2);
  EXPECT_EQ(Queries().size(), 1u);
  EXPECT_EQ(Receipts().size(), 1u);
  EXPECT_EQ(CountOf(broker_ledger_, v1::Statement::kPermit), 1u);
  EXPECT_EQ(CountOf(provider_ledger_, v1::Statement::kProvision), 1u);
  absl::MutexLock lock(&broker_.mutex);
  EXPECT_EQ(broker_.reported.begin()->first, answer->receipt_commitment());
}

INSTANTIATE_TEST_SUITE_P(EveryStep, CrashTest,
                         testing::Values(At::kPermitAsked, At::kPermitRecorded, At::kProvisionAsked,
                                         At::kProvisionRecorded, At::kReported));

TEST_F(RequesterTest, APermittedExchangeGoesOnWithoutTheBroker) {
  provider_.next_errors.assign(2, absl::UnavailableError("down"));
  provider_.hook = [&](At) { return provider_.asked < 3; };
  Call<v1::QueryResponse> call;
  requester_->Query(Question(), call.Take());
  ASSERT_TRUE(Eventually([&] { return provider_.asked >= 3; }));
  EXPECT_EQ(requester_->GetExchange(Question().request_id())->state(), v1::PERMITTED);
  Close();
  provider_.hook = nullptr;
  broker_.next_errors.assign(1'000, absl::UnavailableError("down"));
  Open("aizu");
  EXPECT_TRUE(Eventually([&] { return requester_->open_exchanges() == 0; }));
  EXPECT_EQ(broker_.asked, 1);
  EXPECT_EQ(Ask(Question())->outcome(), v1::PROVIDED);
}

TEST_F(RequesterTest, ManyAtOnce) {
  constexpr int kMany = 60;
  std::vector<Call<v1::QueryResponse>> calls(kMany);
  for (int i = 0; i < kMany / 2; ++i) {
    requester_->Query(Question(i), calls[static_cast<size_t>(i)].Take());
  }
  for (int i = 0; i < kMany / 2; ++i) {
    const auto answer = calls[static_cast<size_t>(i)].Wait();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->tag(), static_cast<uint64_t>(i) + 100);
    EXPECT_EQ(answer->outcome(), v1::PROVIDED);
  }
  EXPECT_EQ(Receipts().size(), static_cast<size_t>(kMany) / 2);
  EXPECT_TRUE(Eventually([&] { return broker_.reported_count() == kMany / 2; }));
  EXPECT_TRUE(Eventually([&] { return outbox_->size() == 0; }));
}

}  // namespace
}  // namespace nakadachi::intermediate
