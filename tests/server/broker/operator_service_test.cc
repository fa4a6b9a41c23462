#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/merkle/merkle.h"
#include "tests/server/broker/broker_fixture.h"

namespace nakadachi::broker {
namespace {

class OperatorServiceTest : public BrokerFixture {
 protected:
  v1::AdmitRequest AdmitRequestFor(const FakeMember& member) {
    v1::AdmitRequest request;
    request.set_request_id(NewId());
    request.mutable_member()->set_code(member.code());
    request.mutable_member()->set_name("city");
    request.mutable_member()->set_category("municipality");
    *request.mutable_member()->mutable_keys() = member.PublicKeys();
    request.mutable_member()->mutable_route()->set_address("127.0.0.1:1");
    request.mutable_member()->mutable_route()->set_tls_name("city.test");
    return request;
  }
  absl::StatusOr<v1::DirectoryChanged> Send(const v1::AdmitRequest& request,
                                            rpc::Role role = rpc::Role::kOperator) {
    auto stub = v1::BrokerOperator::NewStub(OperatorChannel(role));
    return CallWithDeadline<v1::DirectoryChanged>(
        [&](auto* context, auto* out) { return stub->Admit(context, request, out); });
  }
  absl::StatusOr<v1::FetchDirectoryResponse> Fetch(uint64_t after,
                                                   rpc::Role role = rpc::Role::kIntermediate) {
    auto stub = v1::PermitService::NewStub(NetworkChannel(role, {kCity}));
    v1::FetchDirectoryRequest request;
    request.set_after_sequence(after);
    return CallWithDeadline<v1::FetchDirectoryResponse>(
        [&](auto* context, auto* out) { return stub->FetchDirectory(context, request, out); });
  }
};

TEST_F(OperatorServiceTest, AMemberBuildsTheDirectoryFromStatementsWithProofs) {
  Admit(city_);
  Admit(other_city_);
  PublishList();
  for (int round = 0; round < 2; ++round) {
    Directory directory(broker_key_);
    auto verifier = ledger::Verifier::Create(&directory);
    const auto fetched = Fetch(0);
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    EXPECT_EQ(fetched->newest_sequence(), 4u);
    ASSERT_EQ(fetched->statements_size(), 4);
    for (const v1::Recorded& recorded : fetched->statements()) {
      const auto verified = verifier->Verify(recorded, clock_.NowMs());
      ASSERT_TRUE(verified.ok()) << verified.status();
      const absl::Status applied = directory.Apply(verified->statement);
      ASSERT_TRUE(applied.ok()) << applied;
    }
    EXPECT_EQ(directory.Members().size(), 2u);
    ASSERT_NE(directory.ListInForce(clock_.NowMs()), nullptr);
    EXPECT_EQ(directory.ListInForce(clock_.NowMs())->csv, kListCsv);
    EXPECT_EQ(Fetch(3)->statements_size(), 1);
    EXPECT_EQ(Fetch(4)->statements_size(), 0);
    EXPECT_EQ(Fetch(400)->statements_size(), 0);
    Restart();
  }
}

TEST_F(OperatorServiceTest, TheDirectoryIsForThoseWhoJudgeProofs) {
  for (rpc::Role role : {rpc::Role::kIntermediate, rpc::Role::kInspector, rpc::Role::kPortal}) {
    const auto fetched = Fetch(0, role);
    EXPECT_TRUE(fetched.ok()) << rpc::RoleName(role) << ": " << fetched.status();
  }
  for (rpc::Role role : {rpc::Role::kOffice, rpc::Role::kJuki, rpc::Role::kStaff}) {
    EXPECT_EQ(GetFieldRule(Fetch(0, role).status()).rule, "role") << rpc::RoleName(role);
  }
}

TEST_F(OperatorServiceTest, ARequestIdGetsOneStatementAlsoAfterARestart) {
  const v1::AdmitRequest request = AdmitRequestFor(city_);
  const auto first = Send(request);
  ASSERT_TRUE(first.ok()) << first.status();
  for (int round = 0; round < 2; ++round) {
    const auto again = Send(request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->statement().statement(), first->statement().statement());
    EXPECT_EQ(Status().directory_sequence(), 2u);

    v1::AdmitRequest another = AdmitRequestFor(other_city_);
    another.set_request_id(request.request_id());
    EXPECT_EQ(GetFieldRule(Send(another).status()).rule, "request-id-reused");
    Restart();
  }
}

TEST_F(OperatorServiceTest, WrongChangesAreTypedErrorsAndChangeNothing) {
  Admit(city_);
  const uint64_t size = Status().ledger_size();
  const v1::AdmitRequest good = AdmitRequestFor(other_city_);
  std::vector<std::pair<v1::AdmitRequest, std::string>> rows(8, {good, ""});
  rows[0].first.set_request_id("short");
  rows[0].second = "length";
  rows[1].first = AdmitRequestFor(city_);
  rows[1].second = "known-member";
  rows[2].first.mutable_member()->set_code("041008");
  rows[2].second = "check-digit";
  rows[3].first.mutable_member()->set_category("shop");
  rows[3].second = "category";
  rows[4].first.mutable_member()->mutable_keys()->set_signing_key("k");
  rows[4].second = "key-length";
  rows[5].first.mutable_member()->set_name("");
  rows[5].second = "required";
  rows[6].first.mutable_member()->mutable_route()->set_address("nonsense");
  rows[6].second = "host-port";
  rows[7].first.mutable_member()->mutable_route()->set_tls_name("bad name!");
  rows[7].second = "dns-name";
  for (const auto& [request, rule] : rows) {
    EXPECT_EQ(GetFieldRule(Send(request).status()).rule, rule);
  }
  EXPECT_EQ(GetFieldRule(Send(good, rpc::Role::kInspector).status()).rule, "role");
  EXPECT_EQ(Status().ledger_size(), size);
  EXPECT_EQ(Status().rejected_calls(), rows.size() + 1);
  EXPECT_TRUE(Send(good).ok()) << "a refused request id is not used up";
}

TEST_F(OperatorServiceTest, ARouteThatLeadsNowhereIsNotRecorded) {
  Admit(city_);
  const uint64_t size = Status().ledger_size();
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  v1::ChangeRouteRequest change;
  change.set_request_id(NewId());
  change.mutable_route()->set_code(kCity);
  v1::Route& route = *change.mutable_route()->mutable_route();
  const auto send = [&] {
    return CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
      return stub->ChangeRoute(context, change, response);
    });
  };
  const struct {
    const char* address;
    const char* tls_name;
    const char* field;
    const char* rule;
  } cases[] = {
      {"", "city.test", "address", "required"},
      {"127.0.0.1:99999", "city.test", "address", "port"},
      {"dns:///city.test:443", "city.test", "address", "host"},
      {"127.0.0.1:2", "", "tls_name", "required"},
      {"127.0.0.1:2", "127.0.0.1", "tls_name", "dns-name"},
  };
  for (const auto& c : cases) {
    route.set_address(c.address);
    route.set_tls_name(c.tls_name);
    const absl::Status status = send().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.address << " " << status;
    EXPECT_EQ(GetFieldRule(status).field, absl::StrCat("directory.route_changed.route.", c.field));
    EXPECT_EQ(GetFieldRule(status).rule, c.rule);
  }
  EXPECT_EQ(Status().ledger_size(), size);
  EXPECT_EQ(Status().rejected_calls(), std::size(cases));
  route.set_address("[::1]:2");
  route.set_tls_name("city.test");
  EXPECT_TRUE(send().ok()) << "a refused request id is not used up";
}

TEST_F(OperatorServiceTest, TheNetworkListenerHasNoOperator) {
  auto stub = v1::BrokerOperator::NewStub(NetworkChannel(rpc::Role::kOperator, {}));
  const auto status =
      CallWithDeadline<v1::GetBrokerStatusResponse>([&](auto* context, auto* response) {
        return stub->GetBrokerStatus(context, v1::GetBrokerStatusRequest(), response);
      });
  EXPECT_EQ(status.status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(OperatorServiceTest, ListsHaveVersionsAndTimes) {
  PublishList();
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  v1::PublishListRequest request;
  request.set_request_id(NewId());
  request.set_csv(kListCsv);
  request.set_in_force_from_ms(clock_.NowMs() + 60'000);
  const auto publish = [&] {
    return CallWithDeadline<v1::DirectoryChanged>(
        [&](auto* context, auto* out) { return stub->PublishList(context, request, out); });
  };
  ASSERT_TRUE(publish().ok());
  EXPECT_EQ(Status().list_version(), 1u);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Status().list_version(), 2u);

  request.set_request_id(NewId());
  request.set_in_force_from_ms(clock_.NowMs() - 1);
  EXPECT_EQ(GetFieldRule(publish().status()).rule, "retroactive");
  request.set_in_force_from_ms(INT64_MAX);
  EXPECT_EQ(GetFieldRule(publish().status()).rule, "range");
  EXPECT_EQ(GetFieldRule(publish().status()).field, "directory.list_published.in_force_from_ms");
  request.set_in_force_from_ms(0);
  request.set_csv("not,a,list\n");
  EXPECT_EQ(publish().status().code(), absl::StatusCode::kInvalidArgument);
  request.set_csv(std::string((3 << 20) + 1, 'x'));
  EXPECT_EQ(GetFieldRule(publish().status()).rule, "too-large");
}

TEST_F(OperatorServiceTest, MembersAreListedWithRoutesAndVerifierKeys) {
  Admit(city_);
  v1::ChangeRouteRequest change;
  change.set_request_id(NewId());
  change.mutable_route()->set_code(kCity);
  change.mutable_route()->mutable_route()->set_address("127.0.0.1:2");
  change.mutable_route()->mutable_route()->set_tls_name("moved.test");
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                return stub->ChangeRoute(context, change, response);
              }).ok());
  const auto members =
      CallWithDeadline<v1::ListMembersResponse>([&](auto* context, auto* response) {
        return stub->ListMembers(context, v1::ListMembersRequest(), response);
      });
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->members_size(), 1);
  EXPECT_EQ(members->members(0).route().tls_name(), "moved.test");
  const auto key = ledger::ParseVerifierKey(members->members(0).keys(0).vkey());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->name, "nakadachi/072028/statements");
  EXPECT_EQ(std::string(key->key.begin(), key->key.end()), city_.PublicKeys().signing_key());
}

TEST_F(OperatorServiceTest, TheBrokerGoesOnWithANewKeyOnceItIsKnown) {
  Admit(city_);
  const std::string new_keys = folder_.path() + "/next.keys";
  const auto made = MakeMemberKeys(new_keys, ledger::Origin(Author::Broker()));
  ASSERT_TRUE(made.ok());
  v1::BrokerConfig next = config_;
  next.set_signing_key("next.keys");

  v1::AddKeyRequest add;
  add.set_request_id(NewId());
  add.mutable_key()->set_code("broker");
  add.mutable_key()->mutable_keys()->set_signing_key(
      std::string(made->signing.begin(), made->signing.end()));
  add.mutable_key()->mutable_keys()->set_sealing_key(
      std::string(made->sealing.begin(), made->sealing.end()));
  Stop();
  BrokerOptions options{next, folder_.path(), &clock_, nullptr};
  EXPECT_EQ(GetFieldRule(BrokerServer::Start(options).status()).rule, "unknown-key");

  Start();
  auto stub = v1::BrokerOperator::NewStub(OperatorChannel());
  ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                return stub->AddKey(context, add, response);
              }).ok());
  Stop();
  config_ = next;
  Start();
  PublishList();
  v1::RevokeKeyRequest revoke;
  revoke.set_request_id(NewId());
  revoke.mutable_key()->set_code("broker");
  revoke.mutable_key()->set_signing_key(
      std::string(reinterpret_cast<const char*>(broker_key_.data()), broker_key_.size()));
  auto again = v1::BrokerOperator::NewStub(OperatorChannel());
  ASSERT_TRUE(CallWithDeadline<v1::DirectoryChanged>([&](auto* context, auto* response) {
                return again->RevokeKey(context, revoke, response);
              }).ok());
  clock_.Advance(absl::Minutes(1));
  Restart();
  PublishList();

  // A newcomer knows the founding key only, which by now is revoked. Others were away since they
  // had heard of so many changes.
  const auto all = Fetch(0);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->statements_size(), 6);
  for (int known = 0; known <= 6; ++known) {
    SCOPED_TRACE(known);
    Directory directory(broker_key_);
    auto verifier = ledger::Verifier::Create(&directory);
    for (int i = 0; i < known; ++i) {
      v1::Statement statement;
      ASSERT_TRUE(statement.ParseFromString(all->statements(i).statement()));
      ASSERT_TRUE(directory.Apply(statement).ok());
    }
    const auto fetched = Fetch(directory.sequence());
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    for (const v1::Recorded& recorded : fetched->statements()) {
      const auto verified = verifier->Verify(recorded, clock_.NowMs());
      ASSERT_TRUE(verified.ok()) << verified.status();
      ASSERT_TRUE(directory.Apply(verified->statement).ok());
    }
    EXPECT_EQ(directory.sequence(), 6u);
  }
}

class LedgerServiceTest : public OperatorServiceTest {
 protected:
  template <typename Response, typename Request>
  using Method = grpc::Status (v1::LedgerService::Stub::*)(grpc::ClientContext*, const Request&,
                                                           Response*);

  v1::GetCheckpointResponse Checkpoint(const std::string& institution = "broker") {
    auto stub = v1::LedgerService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {kCity}));
    v1::GetCheckpointRequest request;
    request.set_institution(institution);
    auto response = CallWithDeadline<v1::GetCheckpointResponse>(
        [&](auto* context, auto* out) { return stub->GetCheckpoint(context, request, out); });
    return response.ok() ? *response : v1::GetCheckpointResponse();
  }
};

TEST_F(LedgerServiceTest, CheckpointsAreConsistent) {
  const auto before = ledger::ParseCheckpoint(Checkpoint().checkpoint());
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_TRUE(ledger::VerifyCheckpointSignature(*before, broker_key_));
  Admit(city_);
  Admit(other_city_);
  PublishList();
  const auto after = ledger::ParseCheckpoint(Checkpoint().checkpoint());
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->checkpoint.size, before->checkpoint.size + 3);

  auto stub = v1::LedgerService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {kCity}));
  v1::GetConsistencyProofRequest request;
  request.set_institution("broker");
  request.set_old_size(before->checkpoint.size);
  request.set_new_size(after->checkpoint.size);
  const auto proof = CallWithDeadline<v1::GetConsistencyProofResponse>(
      [&](auto* context, auto* out) { return stub->GetConsistencyProof(context, request, out); });
  ASSERT_TRUE(proof.ok()) << proof.status();
  std::vector<Hash> path;
  for (const std::string& hash : proof->path()) path.push_back(*HashFromBytes(hash, "path"));
  const absl::Status consistent =
      merkle::VerifyConsistency(before->checkpoint.size, after->checkpoint.size,
                                before->checkpoint.root, after->checkpoint.root, path);
  EXPECT_TRUE(consistent.ok()) << consistent;

  request.set_new_size(after->checkpoint.size + 1);
  const auto beyond = CallWithDeadline<v1::GetConsistencyProofResponse>(
      [&](auto* context, auto* out) { return stub->GetConsistencyProof(context, request, out); });
  EXPECT_EQ(beyond.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Checkpoint("072028").checkpoint(), "");
}

TEST_F(LedgerServiceTest, StatementsGoToTheOperatorOnly) {
  Admit(city_);
  v1::GetEntriesRequest request;
  request.set_institution("broker");
  request.set_with_statements(true);
  auto network = v1::LedgerService::NewStub(NetworkChannel(rpc::Role::kIntermediate, {kCity}));
  auto operators = v1::LedgerService::NewStub(OperatorChannel());
  const auto ask = [&](v1::LedgerService::Stub& stub) {
    return CallWithDeadline<v1::GetEntriesResponse>(
        [&](auto* context, auto* out) { return stub.GetEntries(context, request, out); });
  };
  EXPECT_EQ(ask(*network).status().code(), absl::StatusCode::kPermissionDenied);
  const auto with = ask(*operators);
  ASSERT_TRUE(with.ok()) << with.status();
  EXPECT_EQ(static_cast<uint64_t>(with->entries_size()), with->size());
  v1::Statement founding;
  ASSERT_TRUE(founding.ParseFromString(with->entries(0).statement()));
  EXPECT_EQ(founding.directory().network_founded().network_name(), "test");
  v1::Statement start;
  ASSERT_TRUE(start.ParseFromString(with->entries(1).statement()));
  EXPECT_EQ(start.operation().kind(), "start");

  request.set_with_statements(false);
  request.set_start(1);
  request.set_limit(1);
  const auto without = ask(*network);
  ASSERT_TRUE(without.ok()) << without.status();
  ASSERT_EQ(without->entries_size(), 1);
  EXPECT_EQ(without->entries(0).index(), 1u);
  EXPECT_EQ(without->entries(0).commitment(), with->entries(1).commitment());
  EXPECT_TRUE(without->entries(0).statement().empty());
  EXPECT_FALSE(without->entries(0).erased());
  request.set_start(1'000'000);
  EXPECT_EQ(ask(*network).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace nakadachi::broker
