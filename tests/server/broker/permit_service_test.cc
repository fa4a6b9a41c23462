#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/sealing/sealed_code.h"
#include "tests/server/broker/broker_fixture.h"

namespace nakadachi::broker {
namespace {

class PermitServiceTest : public BrokerFixture {
 protected:
  PermitServiceTest() {
    Admit(city_);
    Admit(other_city_);
    PublishList();
  }
};

TEST_F(PermitServiceTest, APermitIsRecordedAndItsCodeIsForTheProvider) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  const v1::Permit permit = ExpectPermit(RequestPermit(city_, query));
  const Hash commitment = ledger::Commit(query.salt(), query.statement());
  EXPECT_EQ(permit.query_commitment(), AsView(commitment));
  EXPECT_EQ(permit.requester(), kCity);
  EXPECT_EQ(permit.provider(), kOtherCity);
  EXPECT_EQ(permit.permit_number().size(), 16u);
  EXPECT_EQ(permit.valid_until_ms() - permit.valid_from_ms(), 3'600'000);
  EXPECT_EQ(permit.directory_size(), 4u);

  sealing::CodeOpener opener(other_city_.sealing_key());
  auto code = opener.Open(
      permit.sealed_code(), broker_sealing_key_,
      {*LocalGovernmentCode::Parse(kCity), *LocalGovernmentCode::Parse(kOtherCity), commitment});
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, CodeAt(kOtherCity));

  const v1::GetBrokerStatusResponse status = Status();
  EXPECT_EQ(status.permits(), 1u);
  EXPECT_EQ(status.open_permits(), 1u);
  EXPECT_EQ(status.refusals(), 0u);
}

TEST_F(PermitServiceTest, TheSameQueryGetsTheSamePermitAlsoAfterARestart) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  const auto first = RequestPermit(city_, query);
  ExpectPermit(first);
  const uint64_t size = Status().ledger_size();
  const auto second = RequestPermit(city_, query);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->statement(), first->statement());
  EXPECT_EQ(Status().ledger_size(), size);

  Restart();
  const auto third = RequestPermit(city_, query);
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->statement(), first->statement());
  EXPECT_EQ(third->leaf_index(), first->leaf_index());
  EXPECT_NE(third->checkpoint(), first->checkpoint()) << "the proof is made anew";
  ExpectPermit(third);

  // Later than the tolerance, and proven under another checkpoint: still the same.
  clock_.Advance(absl::Minutes(10));
  city_.Record(MakeQuery(city_));
  const auto fourth = RequestPermit(city_, city_.ProveAnew(query));
  ASSERT_TRUE(fourth.ok());
  EXPECT_EQ(fourth->statement(), first->statement());
  EXPECT_EQ(Status().open_permits(), 1u);
}

TEST_F(PermitServiceTest, ConcurrentCallsWithOneQueryGetOnePermit) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  auto channel = NetworkChannel(rpc::Role::kIntermediate, {kCity});
  const uint64_t size = Status().ledger_size();
  std::vector<std::string> statements(16);
  std::vector<std::thread> threads;
  for (std::string& statement : statements) {
    threads.emplace_back([&, channel] {
      const auto decision = RequestPermitAs(channel.get(), query);
      if (decision.ok()) statement = decision->statement();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& statement : statements) {
    EXPECT_FALSE(statement.empty());
    EXPECT_EQ(statement, statements.front());
  }
  EXPECT_EQ(Status().ledger_size(), size + 1);
}

TEST_F(PermitServiceTest, EveryRefusalIsRecordedWithItsReason) {
  struct Row {
    const char* name;
    std::function<void(v1::Query&)> change;
    v1::RefusalReason reason;
  };
  const std::vector<Row> rows = {
      {"procedure", [](auto& q) { q.set_procedure("fishing"); }, v1::UNKNOWN_PROCEDURE},
      {"item", [](auto& q) { q.set_items(0, "income"); }, v1::UNKNOWN_ITEM},
      {"provider", [](auto& q) { q.set_provider(kStranger); }, v1::UNKNOWN_PROVIDER},
      {"self", [](auto& q) { q.set_provider(kCity); }, v1::SELF_QUERY},
      {"code", [](auto& q) { q.set_linkage_code(std::string(16, 'x')); }, v1::INVALID_CODE},
      {"malformed", [](auto& q) { q.clear_items(); }, v1::MALFORMED},
  };
  uint64_t refusals = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    v1::Statement statement = MakeQuery(city_);
    row.change(*statement.mutable_query());
    const v1::Recorded query = city_.Record(statement);
    const auto decision = RequestPermit(city_, query);
    const v1::Refusal refusal = ExpectRefusal(decision);
    EXPECT_EQ(refusal.reason(), row.reason);
    EXPECT_EQ(refusal.requester(), kCity);
    EXPECT_EQ(refusal.query_commitment(), AsView(ledger::Commit(query.salt(), query.statement())));
    EXPECT_EQ(Status().refusals(), ++refusals);
    // Asked again: the same Refusal, not a second one.
    const auto again = RequestPermit(city_, query);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->statement(), decision->statement());
    EXPECT_EQ(Status().refusals(), refusals);
  }
  EXPECT_EQ(Status().permits(), 0u);
}

TEST_F(PermitServiceTest, ABadPresentationIsRefusedAndDoesNotSpoilTheQuery) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  const v1::Recorded other = city_.Record(MakeQuery(city_));
  struct Row {
    const char* name;
    std::function<void(v1::Recorded&)> change;
    v1::RefusalReason reason;
  };
  const std::vector<Row> rows = {
      {"another salt", [](auto& r) { (*r.mutable_salt())[0] ^= 1; }, v1::PROOF_INVALID},
      {"altered statement",
       [](auto& r) {
         v1::Statement statement;
         statement.ParseFromString(r.statement());
         statement.mutable_query()->set_provider(kStranger);
         r.set_statement(statement.SerializeAsString());
       },
       v1::PROOF_INVALID},
      {"another leaf", [&](auto& r) { r.set_leaf_index(r.leaf_index() + 1); }, v1::PROOF_INVALID},
      {"another's proof", [&](auto& r) { r.set_path(other.path()); }, v1::PROOF_INVALID},
      {"a longer path", [](auto& r) { r.mutable_path()->append(32, 'p'); }, v1::PROOF_INVALID},
      {"a short hash", [](auto& r) { r.mutable_path()->append("p"); }, v1::PROOF_INVALID},
      {"no checkpoint", [](auto& r) { r.clear_checkpoint(); }, v1::PROOF_INVALID},
      {"an altered checkpoint",
       [](auto& r) {
         std::string& note = *r.mutable_checkpoint();
         const size_t time = note.find("time ") + 5;
         note[time] = note[time] == '1' ? '2' : '1';
       },
       v1::KEY_NOT_VALID},
      {"a foreign checkpoint",
       [&](auto& r) { r.set_checkpoint(other_city_.Record(MakeQuery(other_city_)).checkpoint()); },
       v1::PROOF_INVALID},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    v1::Recorded presented = query;
    row.change(presented);
    const auto decision = RequestPermit(city_, presented);
    EXPECT_EQ(ExpectRefusal(decision).reason(), row.reason) << ExpectRefusal(decision).detail();
    const auto again = RequestPermit(city_, presented);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->statement(), decision->statement()) << "one Refusal a presentation";
  }
  EXPECT_EQ(Status().refusals(), rows.size());
  ExpectPermit(RequestPermit(city_, query));
}

TEST_F(PermitServiceTest, APeerSpeaksForItsInstitutionsOnly) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  auto other_platform = NetworkChannel(rpc::Role::kIntermediate, {kOtherCity});
  EXPECT_EQ(ExpectRefusal(RequestPermitAs(other_platform.get(), query)).reason(),
            v1::REQUESTER_MISMATCH);
  const auto permit = RequestPermit(city_, query);
  ExpectPermit(permit);
  // Nor is a permit that exists handed to it.
  EXPECT_EQ(ExpectRefusal(RequestPermitAs(other_platform.get(), query)).reason(),
            v1::REQUESTER_MISMATCH);
}

TEST_F(PermitServiceTest, AStrangersKeyIsNotValid) {
  FakeMember stranger(kStranger, &clock_);
  const v1::Refusal refusal =
      ExpectRefusal(RequestPermit(stranger, stranger.Record(MakeQuery(stranger))));
  EXPECT_EQ(refusal.reason(), v1::KEY_NOT_VALID);
  EXPECT_EQ(refusal.requester(), kStranger);
}

TEST_F(PermitServiceTest, ARevokedKeyIsNotValidAndItsSuccessorIs) {
  const v1::Recorded before = city_.Record(MakeQuery(city_));
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  v1::RevokeKeyRequest revoke;
  revoke.set_request_id(NewId());
  revoke.mutable_key()->set_code(kCity);
  revoke.mutable_key()->set_signing_key(city_.PublicKeys().signing_key());
  revoke.mutable_key()->set_reason("lost");
  ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                return stub->RevokeKey(context, revoke, response);
              }).ok());
  EXPECT_EQ(ExpectRefusal(RequestPermit(city_, before)).reason(), v1::KEY_NOT_VALID);

  city_.ChangeKeys();
  EXPECT_EQ(ExpectRefusal(RequestPermit(city_, city_.ProveAnew(before))).reason(),
            v1::KEY_NOT_VALID)
      << "not yet known";
  v1::AddKeyRequest add;
  add.set_request_id(NewId());
  add.mutable_key()->set_code(kCity);
  *add.mutable_key()->mutable_keys() = city_.PublicKeys();
  ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                return stub->AddKey(context, add, response);
              }).ok());
  ExpectPermit(RequestPermit(city_, city_.Record(MakeQuery(city_))));
  Restart();
  EXPECT_EQ(ExpectRefusal(RequestPermit(city_, before)).reason(), v1::KEY_NOT_VALID);
}

TEST_F(PermitServiceTest, AClockThatIsOffIsToldSo) {
  for (const absl::Duration off : {absl::Seconds(31), -absl::Seconds(31)}) {
    ManualClock wrong(clock_.Now() + off);
    FakeMember member(kCity, &wrong);
    // The same institution with a clock of its own: its keys are made known first.
    auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
    v1::AddKeyRequest add;
    add.set_request_id(NewId());
    add.mutable_key()->set_code(kCity);
    *add.mutable_key()->mutable_keys() = member.PublicKeys();
    ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                  return stub->AddKey(context, add, response);
                }).ok());
    const v1::Recorded query = member.Record(MakeQuery(member));
    EXPECT_EQ(ExpectRefusal(RequestPermit(member, query)).reason(), v1::CLOCK_SKEW);
  }
}

TEST_F(PermitServiceTest, AQueryThatHadToWaitIsGoodUnderAFreshCheckpoint) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(ExpectRefusal(RequestPermit(city_, query)).reason(), v1::CLOCK_SKEW);
  v1::Statement operation = city_.NewStatement();
  operation.mutable_operation()->set_kind("start");
  city_.Record(operation);
  ExpectPermit(RequestPermit(city_, city_.ProveAnew(query)));
}

TEST_F(PermitServiceTest, WhatIsNoQueryIsAnErrorAndCounted) {
  struct Row {
    const char* name;
    v1::Recorded recorded;
    const char* rule;
  };
  v1::Recorded garbage = city_.Record(MakeQuery(city_));
  garbage.set_statement("\xff\xff\xff");
  v1::Recorded short_salt = city_.Record(MakeQuery(city_));
  short_salt.set_salt("s");
  v1::Statement operation = city_.NewStatement();
  operation.mutable_operation()->set_kind("start");
  const std::vector<Row> rows = {{"empty", v1::Recorded(), "kind"},
                                 {"garbage", garbage, "statement-format"},
                                 {"short salt", short_salt, "salt"},
                                 {"an operation", city_.Record(operation), "kind"}};
  const uint64_t size = Status().ledger_size();
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto decision = RequestPermit(city_, row.recorded);
    EXPECT_EQ(decision.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetFieldRule(decision.status()).rule, row.rule);
  }
  EXPECT_EQ(Status().rejected_calls(), rows.size());
  EXPECT_EQ(Status().ledger_size(), size);
}

TEST_F(PermitServiceTest, OnlyIntermediateServersMayAsk) {
  const v1::Recorded query = city_.Record(MakeQuery(city_));
  for (rpc::Role role : {rpc::Role::kOffice, rpc::Role::kJuki, rpc::Role::kOperator}) {
    auto channel = NetworkChannel(role, {kCity});
    const auto decision = RequestPermitAs(channel.get(), query);
    EXPECT_EQ(decision.status().code(), absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(GetFieldRule(decision.status()).rule, "role");
  }
  EXPECT_EQ(Status().rejected_calls(), 3u);
}

TEST_F(PermitServiceTest, AStreamAnswersEachRequestByItsTag) {
  constexpr uint64_t kQueries = 200;
  auto stub = v1::PermitService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {kCity}));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  auto stream = stub->RequestPermits(&context);
  std::thread writer([&] {
    for (uint64_t tag = 1; tag <= kQueries; ++tag) {
      v1::RequestPermitRequests requests;
      v1::RequestPermitRequest& request = *requests.add_requests();
      request.set_tag(tag);
      // Every tenth is no query at all; the stream goes on.
      if (tag % 10 != 0) *request.mutable_query() = city_.Record(MakeQuery(city_, kOtherCity, tag));
      stream->Write(requests);
    }
    stream->WritesDone();
  });
  std::map<uint64_t, v1::RequestPermitResponse> answers;
  v1::RequestPermitResponses responses;
  while (stream->Read(&responses)) {
    for (const auto& response : responses.responses()) answers[response.tag()] = response;
  }
  writer.join();
  ASSERT_TRUE(stream->Finish().ok());
  ASSERT_EQ(answers.size(), kQueries);
  for (const auto& [tag, answer] : answers) {
    if (tag % 10 == 0) {
      EXPECT_EQ(GetFieldRule(rpc::FromBytes(answer.error())).rule, "kind");
      continue;
    }
    EXPECT_TRUE(answer.error().empty());
    ExpectPermit(answer.decision());
  }
  EXPECT_EQ(Status().open_permits(), kQueries - kQueries / 10);
}

TEST_F(PermitServiceTest, AStopDoesNotWaitForStreamsThatNobodyUses) {
  auto channel = NetworkChannel(rpc::Role::kIntermediate, {kCity});
  auto stub = v1::PermitService::NewStub(channel);
  grpc::ClientContext context;
  auto stream = stub->RequestPermits(&context);
  v1::RequestPermitRequests requests;
  *requests.add_requests()->mutable_query() = city_.Record(MakeQuery(city_));
  v1::RequestPermitResponses responses;
  ASSERT_TRUE(stream->Write(requests));
  ASSERT_TRUE(stream->Read(&responses));
  constexpr absl::Duration kGrace = absl::Seconds(90);
  const absl::Time start = absl::Now();
  broker_->Shutdown(kGrace);
  EXPECT_LT(absl::Now() - start, kGrace / 2);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PermitServiceTest, NothingOfAPersonIsReadableInTheFiles) {
  const std::string planted_department = "DEPARTMENT-983205673214";
  v1::Statement statement = MakeQuery(city_);
  statement.mutable_query()->set_department(planted_department);
  statement.mutable_query()->set_staff_pseudonym("PSEUDONYM-PLANTED");
  const v1::Recorded query = city_.Record(statement);
  const auto decision = RequestPermit(city_, query);
  const v1::Permit permit = ExpectPermit(decision);
  const Hash permit_commitment = ledger::Commit(decision->salt(), decision->statement());
  v1::Statement refused = MakeQuery(city_, kStranger);
  refused.mutable_query()->set_department(planted_department);
  ExpectRefusal(RequestPermit(city_, city_.Record(refused)));
  const std::string codes[] = {std::string(CodeAt(kCity).RevealBytes()),
                               std::string(CodeAt(kOtherCity).RevealBytes())};
  for (int round = 0; round < 2; ++round) {
    const std::string files = AllFiles();
    ASSERT_GT(files.size(), 1000u);
    for (const std::string& code : codes) {
      EXPECT_EQ(files.find(code), std::string::npos);
      EXPECT_EQ(files.find(HexEncode(code)), std::string::npos);
    }
    EXPECT_EQ(files.find(planted_department), std::string::npos);
    EXPECT_EQ(files.find("PSEUDONYM-PLANTED"), std::string::npos);
    EXPECT_EQ(files.find(ResidentCode::FromSerial(7).Reveal()), std::string::npos);
    // Commitments and permit numbers, which tell nothing of a person, are there: the search looks
    // in the right place.
    EXPECT_NE(files.find(std::string(AsView(permit_commitment))), std::string::npos);
    EXPECT_NE(files.find(permit.permit_number()), std::string::npos);
    Restart();
  }
}

}  // namespace
}  // namespace nakadachi::broker
