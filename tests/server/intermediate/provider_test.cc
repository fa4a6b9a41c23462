// The rules of an exchange that concern the provider: what a permit gets, once, and who gets it.
#include "server/intermediate/provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "common/base/status.h"
#include "tests/server/intermediate/provider_fixture.h"

namespace nakadachi::intermediate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

std::vector<std::string> ItemsOf(const v1::Payload& payload) {
  std::vector<std::string> items;
  for (const v1::ReplicaSet& set : payload.sets()) items.push_back(set.item());
  return items;
}

class ProviderTest : public ProviderFixture {
 protected:
  // What the permit gets, as "PROVIDED" or "REFUSED NOT_PERMITTED", or the error's rule.
  std::string Outcome(const v1::Recorded& permit) {
    const auto response = Provide(permit);
    if (!response.ok()) return Rule(response.status());
    const v1::Provision provision = Checked(response);
    std::string outcome = v1::Outcome_Name(provision.outcome());
    if (provision.outcome() != v1::REFUSED) return outcome;
    return outcome + " " + v1::RefusalReason_Name(provision.reason());
  }
};

TEST_F(ProviderTest, ProvidesWhatItHolds) {
  AcquireAndHold(1);
  const v1::Statement statement = PermitFor(1);
  const v1::Recorded permit = broker_.Record(statement);
  const auto response = Provide(permit);
  const v1::Provision provision = Checked(response);
  EXPECT_EQ(provision.outcome(), v1::PROVIDED);
  EXPECT_EQ(provision.permit_commitment(),
            AsView(ledger::Commit(permit.salt(), permit.statement())));
  EXPECT_EQ(provision.permit_number(), statement.permit().permit_number());
  EXPECT_EQ(provision.requester(), kAizu);
  EXPECT_EQ(provision.provider(), kSendai);
  EXPECT_EQ(provision.procedure(), "immunization");
  EXPECT_THAT(provision.items(), ElementsAre("immunization"));
  EXPECT_FALSE(provision.after_review());
  ASSERT_EQ(provision.versions_size(), 1);
  const v1::ReplicaSet held = ImmunizationSet(1, 1);
  EXPECT_EQ(provision.versions(0).item(), held.item());
  EXPECT_EQ(provision.versions(0).source_version(), held.source_version());
  EXPECT_EQ(provision.versions(0).source_time_ms(), held.source_time_ms());
  EXPECT_EQ(provision.versions(0).records(), 3u);
  const v1::Payload payload = PayloadOf(response);
  EXPECT_EQ(payload.blind().size(), 32u);
  EXPECT_EQ(payload.permit_commitment(), provision.permit_commitment());
  ASSERT_EQ(payload.sets_size(), 1);
  EXPECT_EQ(WithoutIds(payload.sets(0)), WithoutIds(held));
}

TEST_F(ProviderTest, ARecordsIdIsTheRequestersAlone) {
  AcquireAndHold(1);
  AcquireAndHold(2);
  const auto ids = [this](int person, const std::string& requester) {
    v1::Statement statement = PermitFor(person);
    statement.mutable_permit()->set_requester(requester);
    std::vector<std::string> found;
    const v1::Payload payload = PayloadOf(Provide(broker_.Record(statement)));
    for (const v1::ReplicaSet& set : payload.sets()) {
      for (const v1::ReplicaRecord& record : set.records()) found.push_back(record.record_id());
    }
    return found;
  };
  const std::vector<std::string> first = ids(1, kAizu);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(ids(1, kAizu), first);  // another permit
  std::set<std::string> all(first.begin(), first.end());
  for (const std::string& id : ids(2, kAizu)) all.insert(id);
  const v1::ReplicaSet held = ImmunizationSet(1, 1);
  for (const v1::ReplicaRecord& record : held.records()) all.insert(record.record_id());
  EXPECT_EQ(all.size(), 9u);
}

// Each case is about a person of its own.
TEST_F(ProviderTest, ByWhatIsKnownOfThePerson) {
  struct Case {
    std::string name;
    std::function<void(int)> prepare;
    std::vector<std::string> items;
    std::string outcome;
  };
  const std::vector<std::string> one = {"immunization"};
  const std::vector<std::string> two = {"immunization", "local-tax"};
  const auto protect = [this](int person, bool disabled, const std::vector<std::string>& withheld) {
    AcquireAndHold(person);
    ASSERT_TRUE(codes_->SetProtection(Person(person), disabled, withheld).ok());
  };
  const std::vector<Case> cases = {
      {"no code", [](int) {}, one, "NOT_REGISTERED"},
      {"a replica without a code", [this](int p) { Hold(p, ImmunizationSet(1, p)); }, one,
       "NOT_REGISTERED"},
      {"a number but no code",
       [this](int p) { ASSERT_TRUE(codes_->IssueAcquisitionNumbers({Person(p)})[0].ok()); }, one,
       "NOT_REGISTERED"},
      {"a code, no replica", [this](int p) { Acquire(p); }, one, "NOT_HELD"},
      {"another item's replica",
       [this](int p) {
         Acquire(p);
         Hold(p, OtherSet("benefits", 1));
       },
       one, "NOT_HELD"},
      {"a set without records",
       [this](int p) {
         Acquire(p);
         Hold(p, ImmunizationSet(1, p, 0));
       },
       one, "NOT_HELD"},
      {"one of two items held", [this](int p) { AcquireAndHold(p); }, two, "PROVIDED"},
      {"withheld", [&](int p) { protect(p, false, {"immunization"}); }, one, "WITHHELD"},
      {"one of two withheld", [&](int p) { protect(p, false, {"local-tax"}); }, two, "WITHHELD"},
      {"another item withheld", [&](int p) { protect(p, false, {"local-tax"}); }, one, "PROVIDED"},
      {"no automatic reply", [&](int p) { protect(p, true, {}); }, one, "AWAITING_REVIEW"},
      {"no automatic reply, nothing held",
       [this](int p) {
         Acquire(p);
         ASSERT_TRUE(codes_->SetProtection(Person(p), true, {}).ok());
       },
       one, "AWAITING_REVIEW"},
      {"both", [&](int p) { protect(p, true, {"immunization"}); }, one, "WITHHELD"},
      {"protected before the code",
       [this](int p) {
         ASSERT_TRUE(codes_->SetProtection(Person(p), true, {}).ok());
         AcquireAndHold(p);
       },
       one, "AWAITING_REVIEW"},
      {"protection lifted",
       [&](int p) {
         protect(p, true, {"immunization"});
         ASSERT_TRUE(codes_->SetProtection(Person(p), false, {}).ok());
       },
       one, "PROVIDED"},
  };
  int person = 0;
  for (const Case& c : cases) {
    ++person;
    c.prepare(person);
    EXPECT_EQ(Outcome(Permit(person, c.items)), c.outcome) << c.name;
  }
  EXPECT_EQ(Provisions().size(), cases.size());
}

// A genuine permit that the broker should not have given, or that this provider cannot use.
TEST_F(ProviderTest, ByWhatThePermitSays) {
  struct Case {
    std::string name;
    std::function<void(v1::Statement&)> change;
    std::string outcome;
  };
  const int64_t tolerance = platform_.clock_tolerance_ms;
  const auto sealed = [](v1::Statement& s) { return s.mutable_permit()->mutable_sealed_code(); };
  const std::vector<Case> cases = {
      {"as is", [](v1::Statement&) {}, "PROVIDED"},
      {"from ahead, tolerated", [&](v1::Statement& s) { s.set_time_ms(Now() + tolerance); },
       "PROVIDED"},
      {"from too far ahead", [&](v1::Statement& s) { s.set_time_ms(Now() + tolerance + 1); },
       "REFUSED CLOCK_SKEW"},
      {"ends now",
       [&](v1::Statement& s) {
         s.mutable_permit()->set_valid_from_ms(Now() - 1);
         s.mutable_permit()->set_valid_until_ms(Now());
       },
       "REFUSED PERMIT_EXPIRED"},
      {"ends next", [&](v1::Statement& s) { s.mutable_permit()->set_valid_until_ms(Now() + 1); },
       "PROVIDED"},
      {"procedure not in the list",
       [](v1::Statement& s) { s.mutable_permit()->set_procedure("pension"); },
       "REFUSED NOT_PERMITTED"},
      {"an item not in the list",
       [](v1::Statement& s) { s.mutable_permit()->add_items("medical-insurance"); },
       "REFUSED NOT_PERMITTED"},
      {"another category",
       [&](v1::Statement& s) {
         s.mutable_permit()->set_requester(kFukushima);
         Seal(1, s.mutable_permit());
       },
       "REFUSED NOT_PERMITTED"},
      {"no member",
       [&](v1::Statement& s) {
         s.mutable_permit()->set_requester("131016");
         Seal(1, s.mutable_permit());
       },
       "REFUSED NOT_PERMITTED"},
      {"the broker's key unknown",
       [&](v1::Statement& s) { sealed(s)->set_broker_key_id("12345678"); },
       "REFUSED KEY_NOT_VALID"},
      {"sealed to another key",
       [&](v1::Statement& s) { sealed(s)->set_provider_key_id("12345678"); },
       "REFUSED KEY_NOT_VALID"},
      {"no sealed code", [](v1::Statement& s) { s.mutable_permit()->clear_sealed_code(); },
       "REFUSED KEY_NOT_VALID"},
      {"sealed code altered", [&](v1::Statement& s) { (*sealed(s)->mutable_ciphertext())[3] ^= 1; },
       "REFUSED INVALID_CODE"},
      {"sealed code cut short",
       [&](v1::Statement& s) { sealed(s)->mutable_ciphertext()->pop_back(); },
       "REFUSED INVALID_CODE"},
      {"nonce cut short", [&](v1::Statement& s) { sealed(s)->mutable_nonce()->pop_back(); },
       "REFUSED INVALID_CODE"},
      {"another's sealed code",
       [&](v1::Statement& s) { s.mutable_permit()->set_requester(kKoriyama); },
       "REFUSED INVALID_CODE"},
      {"another query's sealed code",
       [](v1::Statement& s) { s.mutable_permit()->set_query_commitment(std::string(32, 'q')); },
       "REFUSED INVALID_CODE"},
  };
  AcquireAndHold(1);
  for (const Case& c : cases) {
    v1::Statement statement = PermitFor(1);
    c.change(statement);
    const auto response =
        Provide(broker_.Record(statement), [](const LocalGovernmentCode&) { return true; });
    const v1::Provision provision = Checked(response);
    std::string outcome = v1::Outcome_Name(provision.outcome());
    if (provision.outcome() == v1::REFUSED) {
      outcome += " " + v1::RefusalReason_Name(provision.reason());
    }
    EXPECT_EQ(outcome, c.outcome) << c.name;
  }
  EXPECT_EQ(Provisions().size(), cases.size());
}

// What is not a genuine permit for this provider from this peer is recorded nowhere.
TEST_F(ProviderTest, ErrorsRecordNothing) {
  struct Case {
    std::string name;
    std::function<v1::Recorded()> make;
    absl::StatusCode code;
    std::string rule;
  };
  TestLedger impostor(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_);
  TestLedger member(Author::Of(City(kSendai)), keys_.signing, &clock_);
  TestLedger stranger(Author::Of(City("131016")), Ed25519PrivateKey::Generate(SystemRandom()),
                      &clock_);
  const auto by_member = [&](TestLedger& ledger) {
    v1::Statement statement = PermitFor(1);
    statement.set_author(ledger.ledger->author().ToString());
    return ledger.Record(statement);
  };
  const auto altered = [&](const std::function<void(v1::Recorded&)>& alter) {
    return [this, alter] {
      Permit(1);
      v1::Recorded permit = Permit(1);
      alter(permit);
      return permit;
    };
  };
  const auto malformed = [&](const std::function<void(v1::Permit&)>& change) {
    return [this, change] {
      v1::Statement statement = PermitFor(1);
      change(*statement.mutable_permit());
      return broker_.Record(statement);
    };
  };
  using Code = absl::StatusCode;
  const std::vector<Case> cases = {
      {"another key", [&] { return impostor.Record(PermitFor(1)); }, Code::kPermissionDenied,
       "key-not-valid"},
      {"a member's permit", [&] { return by_member(member); }, Code::kInvalidArgument, "author"},
      {"a stranger's permit", [&] { return by_member(stranger); }, Code::kNotFound,
       "unknown-member"},
      {"another statement",
       altered([this](v1::Recorded& r) { r.set_statement(PermitFor(1).SerializeAsString()); }),
       Code::kInvalidArgument, "inclusion"},
      {"no statement", altered([](v1::Recorded& r) { r.set_statement("\xFF\xFF"); }),
       Code::kInvalidArgument, ""},
      {"another salt", altered([](v1::Recorded& r) { r.set_salt(std::string(32, 's')); }),
       Code::kInvalidArgument, "inclusion"},
      {"a short salt", altered([](v1::Recorded& r) { r.mutable_salt()->pop_back(); }),
       Code::kInvalidArgument, "salt"},
      {"another leaf", altered([](v1::Recorded& r) { r.set_leaf_index(0); }),
       Code::kInvalidArgument, ""},
      {"path too long", altered([](v1::Recorded& r) { r.mutable_path()->append(32, 'p'); }),
       Code::kInvalidArgument, "path-length"},
      {"no checkpoint", altered([](v1::Recorded& r) { r.clear_checkpoint(); }),
       Code::kInvalidArgument, "checkpoint-format"},
      {"nothing", [] { return v1::Recorded(); }, Code::kInvalidArgument, ""},
      {"a refusal",
       [&] {
         v1::Statement statement;
         statement.set_author("broker");
         statement.set_time_ms(Now());
         statement.mutable_refusal()->set_provider(kSendai);
         return broker_.Record(statement);
       },
       Code::kInvalidArgument, "permit"},
      {"another provider's", malformed([this](v1::Permit& p) {
         p.set_provider(kKoriyama);
         Seal(1, &p);
       }),
       Code::kPermissionDenied, "provider"},
      {"another requester's", malformed([this](v1::Permit& p) {
         p.set_requester(kKoriyama);
         Seal(1, &p);
       }),
       Code::kPermissionDenied, "requester"},
      {"a short number", malformed([](v1::Permit& p) { p.set_permit_number("1"); }),
       Code::kInvalidArgument, "permit"},
      {"no query", malformed([](v1::Permit& p) { p.clear_query_commitment(); }),
       Code::kInvalidArgument, "permit"},
      {"no items", malformed([](v1::Permit& p) { p.clear_items(); }), Code::kInvalidArgument,
       "permit"},
      {"an item twice", malformed([](v1::Permit& p) { p.add_items("immunization"); }),
       Code::kInvalidArgument, "permit"},
      {"no list", malformed([](v1::Permit& p) { p.clear_list_version(); }), Code::kInvalidArgument,
       "permit"},
      {"ends before it begins", malformed([](v1::Permit& p) { p.set_valid_until_ms(1); }),
       Code::kInvalidArgument, "permit"},
      {"requester misspelt", malformed([](v1::Permit& p) { p.set_requester("072029"); }),
       Code::kInvalidArgument, "check-digit"},
      {"provider misspelt", malformed([](v1::Permit& p) { p.set_provider("04100"); }),
       Code::kInvalidArgument, "length"},
  };
  AcquireAndHold(1);
  for (const Case& c : cases) {
    const absl::Status status = Provide(c.make()).status();
    EXPECT_EQ(status.code(), c.code) << c.name << ": " << status;
    if (!c.rule.empty()) {
      EXPECT_EQ(Rule(status), c.rule) << c.name;
    }
    EXPECT_EQ(GetFieldRule(status).field.rfind("permit", 0), 0u) << c.name << ": " << status;
  }
  EXPECT_EQ(LedgerSize(), 0u);
}

TEST_F(ProviderTest, ARevokedBrokerKeyPermitsNothing) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  clock_.Advance(absl::Seconds(1));
  v1::Statement added = Change();
  added.mutable_directory()->mutable_key_added()->set_code("broker");
  *added.mutable_directory()->mutable_key_added()->mutable_keys() =
      Public(Ed25519PrivateKey::Generate(SystemRandom()).public_key(),
             X25519PrivateKey::Generate(SystemRandom()).public_key());
  Apply(added);
  v1::Statement revoked = Change();
  v1::KeyRevoked& key = *revoked.mutable_directory()->mutable_key_revoked();
  key.set_code("broker");
  key.set_signing_key(
      std::string(broker_.key.public_key().begin(), broker_.key.public_key().end()));
  key.set_revoked_from_ms(Now());
  key.set_reason("lost");
  Apply(revoked);
  EXPECT_EQ(Outcome(permit), "key-not-valid");
  EXPECT_EQ(LedgerSize(), 0u);
}

// A permit under a key that the broker has just taken into use.
TEST_F(ProviderTest, ANewBrokerKeyIsFetchedFirst) {
  AcquireAndHold(1);
  TestLedger renewed(Author::Broker(), Ed25519PrivateKey::Generate(SystemRandom()), &clock_);
  v1::Statement added = Change();
  added.mutable_directory()->mutable_key_added()->set_code("broker");
  *added.mutable_directory()->mutable_key_added()->mutable_keys() =
      Public(renewed.key.public_key(), X25519PrivateKey::Generate(SystemRandom()).public_key());
  v1::Statement statement = PermitFor(1);
  statement.mutable_permit()->set_directory_size(directory_.sequence() + 1);
  const v1::Recorded permit = renewed.Record(statement);

  struct Case {
    std::string name;
    std::function<void()> before;
    absl::Status reached;
    std::string outcome;
  };
  const std::vector<Case> cases = {
      {"no broker", [] {}, absl::UnavailableError("no broker"), "UNAVAILABLE"},
      {"a slow broker", [] {}, absl::DeadlineExceededError("late"), "UNAVAILABLE"},
      {"a busy broker", [] {}, absl::ResourceExhaustedError("busy"), "UNAVAILABLE"},
      {"a full disk", [] {},
       FieldError(absl::StatusCode::kResourceExhausted, "storage", "disk-full", "no space"),
       "UNAVAILABLE"},
      {"a broken broker", [] {}, absl::InternalError("reset"), "UNAVAILABLE"},
      {"a bad statement", [] {}, InvalidField("directory.author", "author", "is not the broker"),
       "UNAVAILABLE"},
      {"no such statement", [] {}, absl::OutOfRangeError("none"), "PERMISSION_DENIED"},
      {"not that key", [] {}, absl::OkStatus(), "PERMISSION_DENIED"},
      {"that key", [&] { Apply(added); }, absl::OkStatus(), "OK"},
  };
  for (const Case& c : cases) {
    absl::Notification answered;
    absl::StatusOr<v1::ProvideResponse> response;
    provider_->Provide(permit, AizuOnly, [&](absl::StatusOr<v1::ProvideResponse> answer) {
      response = std::move(answer);
      answered.Notify();
    });
    EXPECT_FALSE(answered.HasBeenNotified()) << c.name;
    c.before();
    follower_.Answer(c.reached);
    answered.WaitForNotification();
    EXPECT_EQ(absl::StatusCodeToString(response.status().code()), c.outcome) << c.name;
  }
  EXPECT_EQ(Provisions().size(), 1u);
}

TEST_F(ProviderTest, OnlyThePermittedItemsLeaveInThePermitsOrder) {
  Acquire(1);
  Hold(1, ImmunizationSet(4, 1));
  Hold(1, OtherSet("benefits", 2));
  Hold(1, OtherSet("local-tax", 3));
  const auto response = Provide(Permit(1, {"local-tax", "immunization"}));
  const v1::Provision provision = Checked(response);
  EXPECT_THAT(ItemsOf(PayloadOf(response)), ElementsAre("local-tax", "immunization"));
  ASSERT_EQ(provision.versions_size(), 2);
  EXPECT_EQ(provision.versions(0).item(), "local-tax");
  EXPECT_EQ(provision.versions(0).source_version(), 3u);
  EXPECT_EQ(provision.versions(1).item(), "immunization");
  EXPECT_EQ(provision.versions(1).source_version(), 4u);
  EXPECT_EQ(response->payload().find("benefits"), std::string::npos);
}

TEST_F(ProviderTest, FreshnessIsThatOfTheReplica) {
  AcquireAndHold(1);
  EXPECT_EQ(Checked(Provide(Permit(1))).versions(0).source_version(), 1u);
  Hold(1, ImmunizationSet(9, 2));
  const v1::Provision provision = Checked(Provide(Permit(1)));
  EXPECT_EQ(provision.versions(0).source_version(), 9u);
  EXPECT_EQ(provision.versions(0).source_time_ms(), ImmunizationSet(9, 2).source_time_ms());
}

TEST_F(ProviderTest, DigestsOfEqualAnswersDiffer) {
  AcquireAndHold(1);
  std::set<std::string> digests;
  for (int i = 0; i < 16; ++i) digests.insert(Checked(Provide(Permit(1))).payload_digest());
  EXPECT_EQ(digests.size(), 16u);
}

// --- Which list.

TEST_F(ProviderTest, ANewerListInForceMayForbid) {
  AcquireAndHold(1);
  const v1::Recorded before = Permit(1);
  clock_.Advance(absl::Minutes(1));
  Apply(List(2, Now() + 60'000, ListOf({"benefits"})));
  EXPECT_EQ(Outcome(before), "PROVIDED");  // published, not in force
  const v1::Recorded forbidden = Permit(1);
  const v1::Recorded allowed = Permit(1, {"benefits"});
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Outcome(forbidden), "REFUSED LIST_NEWER_FORBIDS");
  EXPECT_EQ(Outcome(allowed), "NOT_HELD");
}

TEST_F(ProviderTest, TheNamedListDecidesByTheDayOfThePermit) {
  AcquireAndHold(1);
  // In force until the day before the permit is presented, in Japan.
  std::string csv = ListOf({});
  csv += "immunization,law 1,municipality,municipality,immunization,2020-01-01,2024-04-01,\n";
  Apply(List(2, Now(), csv));
  v1::Statement statement = PermitFor(1);
  statement.mutable_permit()->set_list_version(2);
  const v1::Recorded today = broker_.Record(statement);
  clock_.Advance(absl::Hours(15));  // 2 April in Japan
  EXPECT_EQ(Outcome(today), "PROVIDED");
  statement = PermitFor(1);
  statement.mutable_permit()->set_list_version(2);
  EXPECT_EQ(Outcome(broker_.Record(statement)), "REFUSED NOT_PERMITTED");
}

TEST_F(ProviderTest, AnUnknownListIsFetchedFirst) {
  AcquireAndHold(1);
  v1::Statement statement = PermitFor(1);
  statement.mutable_permit()->set_list_version(2);
  statement.mutable_permit()->set_directory_size(directory_.sequence() + 1);
  const v1::Recorded permit = broker_.Record(statement);

  std::vector<absl::StatusOr<v1::ProvideResponse>> responses;
  const auto ask = [&] {
    provider_->Provide(permit, AizuOnly, [&](absl::StatusOr<v1::ProvideResponse> response) {
      responses.push_back(std::move(response));
    });
  };
  ask();
  ask();  // waits for the first
  EXPECT_THAT(follower_.asked(), ElementsAre(directory_.sequence() + 1));
  EXPECT_THAT(responses, IsEmpty());
  follower_.Answer(absl::UnavailableError("no broker"));
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(responses[0].status()));
  EXPECT_TRUE(absl::IsUnavailable(responses[1].status()));
  EXPECT_EQ(LedgerSize(), 0u);

  absl::Notification answered;
  absl::StatusOr<v1::ProvideResponse> response;
  provider_->Provide(permit, AizuOnly, [&](absl::StatusOr<v1::ProvideResponse> answer) {
    response = std::move(answer);
    answered.Notify();
  });
  Apply(List(2, Now(), ListOf({"immunization"})));
  follower_.Answer(absl::OkStatus());
  answered.WaitForNotification();
  EXPECT_EQ(Checked(response).outcome(), v1::PROVIDED);
}

// What keeps the directory behind says nothing of the permit: the requester may come again.
TEST_F(ProviderTest, WhatKeepsTheDirectoryBehindIsNoRefusal) {
  AcquireAndHold(1);
  v1::Statement statement = PermitFor(1);
  statement.mutable_permit()->set_directory_size(directory_.sequence() + 1);
  const v1::Recorded permit = broker_.Record(statement);
  const std::vector<std::pair<absl::Status, std::string>> cases = {
      {absl::UnavailableError("no broker"), "UNAVAILABLE"},
      {absl::DeadlineExceededError("late"), "UNAVAILABLE"},
      {absl::PermissionDeniedError("not a member"), "UNAVAILABLE"},
      {InvalidField("directory.author", "author", "is not the broker"), "UNAVAILABLE"},
      {absl::FailedPreconditionError("out of order"), "UNAVAILABLE"},
      {absl::OutOfRangeError("the broker has no more"), "OUT_OF_RANGE"},
  };
  for (const auto& [reached, outcome] : cases) {
    absl::Status answer;
    provider_->Provide(permit, AizuOnly, [&](const absl::StatusOr<v1::ProvideResponse>& response) {
      answer = response.status();
    });
    follower_.Answer(reached);
    EXPECT_EQ(absl::StatusCodeToString(answer.code()), outcome) << reached;
  }
  EXPECT_EQ(LedgerSize(), 0u);
}

TEST_F(ProviderTest, AListThatTheBrokerNeverPublishedDecidesNothing) {
  AcquireAndHold(1);
  v1::Statement statement = PermitFor(1);
  statement.mutable_permit()->set_list_version(7);
  absl::Status status;
  provider_->Provide(
      broker_.Record(statement), AizuOnly,
      [&](const absl::StatusOr<v1::ProvideResponse>& response) { status = response.status(); });
  follower_.Answer(absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(Rule(status), "list-version");
  EXPECT_EQ(LedgerSize(), 0u);
}

// --- Once.

TEST_F(ProviderTest, TheSamePermitGetsTheSameAnswer) {
  AcquireAndHold(1);
  Acquire(2);
  const std::vector<v1::Recorded> permits = {Permit(1), Permit(2), Permit(3)};
  std::vector<v1::ProvideResponse> first;
  for (const v1::Recorded& permit : permits) first.push_back(Provide(permit).value());
  Hold(1, ImmunizationSet(2, 2));
  AcquireAndHold(3);
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    for (size_t i = 0; i < permits.size(); ++i) {
      const auto again = Provide(permits[i]);
      Checked(again);
      EXPECT_EQ(again->provision().statement(), first[i].provision().statement());
      EXPECT_EQ(again->provision().salt(), first[i].provision().salt());
      EXPECT_EQ(again->payload(), first[i].payload());
    }
  }
  EXPECT_EQ(Provisions().size(), permits.size());
}

TEST_F(ProviderTest, AUsedPermitHelpsNobodyElse) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  ASSERT_TRUE(Provide(permit).ok());
  const auto stolen =
      Provide(permit, [](const LocalGovernmentCode& code) { return code == City(kKoriyama); });
  EXPECT_TRUE(absl::IsPermissionDenied(stolen.status()));
  EXPECT_EQ(Rule(stolen.status()), "requester");
}

TEST_F(ProviderTest, TheSamePermitAtOnceGetsOneProvision) {
  AcquireAndHold(1);
  constexpr int kPermits = 8;
  constexpr int kPresenters = 8;
  std::vector<v1::Recorded> permits;
  for (int i = 0; i < kPermits; ++i) permits.push_back(Permit(1));
  std::vector<std::vector<std::string>> salts(kPermits, std::vector<std::string>(kPresenters));
  std::vector<std::thread> threads;
  for (int presenter = 0; presenter < kPresenters; ++presenter) {
    threads.emplace_back([&, presenter] {
      for (int i = 0; i < kPermits; ++i) {
        const size_t permit = static_cast<size_t>((i + presenter) % kPermits);
        salts[permit][static_cast<size_t>(presenter)] =
            Provide(permits[permit]).value().provision().salt();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& of_permit : salts) EXPECT_THAT(of_permit, testing::Each(of_permit[0]));
  EXPECT_EQ(Provisions().size(), static_cast<size_t>(kPermits));
}

TEST_F(ProviderTest, AnAnswerEndsWithTheValidity) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  ASSERT_TRUE(Provide(permit).ok());
  clock_.Advance(absl::Hours(24) - absl::Milliseconds(1));
  EXPECT_EQ(Outcome(permit), "PROVIDED");
  ASSERT_TRUE(provider_->Sweep().ok());
  EXPECT_EQ(Outcome(permit), "PROVIDED");
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Outcome(permit), "expired");
  ASSERT_TRUE(provider_->Sweep().ok());
  EXPECT_EQ(Outcome(permit), "expired");
}

TEST_F(ProviderTest, APermitPresentedTooLateIsRefusedOnce) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Outcome(permit), "REFUSED PERMIT_EXPIRED");
  EXPECT_EQ(Outcome(permit), "REFUSED PERMIT_EXPIRED");
  Reopen();
  EXPECT_EQ(Outcome(permit), "REFUSED PERMIT_EXPIRED");
  EXPECT_EQ(Provisions().size(), 1u);
}

TEST_F(ProviderTest, SweepForgetsPayloadsAndNothingElse) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  const std::string number = Checked(Provide(permit)).permit_number();
  const auto stored = [&] {
    stored::v1::AnsweredPermit answered;
    EXPECT_TRUE(answered.ParseFromString(
        institution_->database().Get(kProvisions, number).value().value()));
    return answered;
  };
  clock_.Advance(absl::Hours(12));
  const v1::Recorded younger = Permit(1);
  ASSERT_TRUE(Provide(younger).ok());
  const stored::v1::AnsweredPermit before = stored();
  EXPECT_FALSE(before.payload().empty());
  clock_.Advance(absl::Hours(12));
  ASSERT_TRUE(provider_->Sweep().ok());
  stored::v1::AnsweredPermit expected = before;
  expected.clear_payload();
  EXPECT_EQ(stored().SerializeAsString(), expected.SerializeAsString());
  EXPECT_EQ(Outcome(younger), "PROVIDED");
}

TEST_F(ProviderTest, EveryProvisionWakesTheOutbox) {
  AcquireAndHold(1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Provide(Permit(1)).ok());
  ASSERT_TRUE(Provide(Permit(2)).ok());
  institution_->ledger().Shutdown();  // the last one is woken for behind its answer
  EXPECT_EQ(outbox_->wakes.load(), 4);
}

// A copy of the database as it lies on the disk at some step is what a crash there leaves.
TEST_F(ProviderTest, ACrashLeavesAllOfAnAnswerOrNothing) {
  AcquireAndHold(1);
  const v1::Recorded permit = Permit(1);
  const auto copy = [this](const std::string& name) {
    std::filesystem::copy(folder_ / "sendai", folder_ / name,
                          std::filesystem::copy_options::recursive);
  };
  copy("before");
  absl::Notification answered;
  v1::ProvideResponse first;
  provider_->Provide(permit, AizuOnly, [&](absl::StatusOr<v1::ProvideResponse> response) {
    copy("after");
    first = *std::move(response);
    answered.Notify();
  });
  answered.WaitForNotification();

  Reopen("before");
  EXPECT_EQ(LedgerSize(), 0u);
  const auto anew = Provide(permit);
  EXPECT_EQ(Checked(anew).outcome(), v1::PROVIDED);
  EXPECT_NE(anew->provision().salt(), first.provision().salt());
  EXPECT_EQ(Provisions().size(), 1u);

  Reopen("after");
  const auto again = Provide(permit);
  EXPECT_EQ(again->provision().statement(), first.provision().statement());
  EXPECT_EQ(again->payload(), first.payload());
  EXPECT_EQ(Provisions().size(), 1u);
}

TEST_F(ProviderTest, AfterShutdownNothingIsProvided) {
  AcquireAndHold(1);
  institution_->ledger().Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(Provide(Permit(1)).status()));
}

}  // namespace
}  // namespace nakadachi::intermediate
