// A person's own records at a portal, from the individual number to what the broker recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/own_record_bundles.h"
#include "client/cli/profile.h"
#include "client/inspection_client.h"
#include "client/network_directory.h"
#include "common/base/status.h"
#include "common/directory/directory.h"
#include "common/evidence/bundle.h"
#include "common/ledger/verifier.h"
#include "tests/integration/exported_log.h"
#include "tests/integration/town.h"
#include "tools/simulator/evidence.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;
using ::testing::ElementsAre;

class OwnRecordsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Town(Mode::kInProcess);
    shared_->AddPlatform("aizu", {kAizu});
    shared_->AddPlatform("others", {kSendai, kKoriyama});
  }
  static void TearDownTestSuite() { delete shared_; }

  OwnRecordsTest() : town_(*shared_), ann_(NewPerson()), ben_(NewPerson()) {
    profile_ = std::make_unique<cli::Profile>(
        cli::Profile::Load(town_.network().PortalProfilePath(), absl::Seconds(5)).value());
    juki_ = profile_->Juki().value();
    broker_ = client::ConnectOwnRecords(profile_->BrokerNetwork().value());
  }

  size_t NewPerson() {
    const size_t person = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kSendai, kKoriyama}) town_.Enroll(person, code);
    town_.Register(person, kAizu, 1);
    return person;
  }
  void Ask(size_t person, const std::string& requester, bool non_disclosure = false) {
    v1::QueryRequest question = town_.Question(person, requester, kAizu);
    question.set_non_disclosure(non_disclosure);
    const auto answer = town_.Ask(question);
    ASSERT_TRUE(answer.ok()) << answer.status();
  }
  v1::ListOwnRecordsRequest Request(size_t person, char id = 'r') {
    v1::FindOwnCodeRequest find;
    find.set_individual_number(town_.person(person).individual_number.Reveal());
    const auto found = juki_->FindOwnCode(find);
    EXPECT_TRUE(found.ok()) << found.status();
    v1::ListOwnRecordsRequest request;
    request.set_request_id(absl::StrFormat("%015d%c", ann_, id));
    request.set_record_management_code(found->record_management_code());
    return request;
  }
  std::vector<std::string> Requesters(const v1::ListOwnRecordsResponse& response) {
    std::vector<std::string> requesters;
    for (const v1::OwnRecord& record : response.records()) {
      v1::Statement statement;
      EXPECT_TRUE(statement.ParseFromString(record.permit().statement()));
      requesters.push_back(statement.permit().requester());
    }
    return requesters;
  }

  static Town* shared_;
  Town& town_;
  const size_t ann_;
  const size_t ben_;
  std::unique_ptr<cli::Profile> profile_;
  std::unique_ptr<client::JukiConnection> juki_;
  std::unique_ptr<client::OwnRecordsConnection> broker_;
};

Town* OwnRecordsTest::shared_ = nullptr;

TEST_F(OwnRecordsTest, ShowsWhoAskedButNotWhatIsWithheld) {
  Ask(ann_, kSendai);
  Ask(ann_, kSendai, /*non_disclosure=*/true);
  Ask(ann_, kKoriyama);
  Ask(ben_, kKoriyama);
  // The providers' halves arrive later.
  ASSERT_TRUE(Eventually([&] {
    const auto now = broker_->List(Request(ann_, 'w'));
    return now.ok() && now->records_size() == 2 && now->records(0).answered_ms() != 0 &&
           now->records(1).answered_ms() != 0;
  }));
  const auto response = broker_->List(Request(ann_));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(Requesters(*response), ElementsAre(kSendai, kKoriyama));
  EXPECT_FALSE(response->more());

  Directory trusted(profile_->BrokerKeys().value().front());
  const auto verifier = ledger::Verifier::Create(&trusted);
  for (const v1::OwnRecord& record : response->records()) {
    EXPECT_EQ(record.outcome(), v1::PROVIDED);
    EXPECT_EQ(record.provision_commitment().size(), 32u);
    const auto verified = verifier->Verify(record.permit(), town_.network().clock().NowMs());
    EXPECT_TRUE(verified.ok()) << verified.status();
  }
  EXPECT_THAT(Requesters(*broker_->List(Request(ben_, 's'))), ElementsAre(kKoriyama));
}

// A refusal gives no permit, and hands out nothing.
TEST_F(OwnRecordsTest, RefusedQueriesAreNotShown) {
  v1::QueryRequest question = town_.Question(ann_, kSendai, kAizu);
  question.clear_items();
  question.add_items("local-tax-or-residence");
  const auto refused = town_.Ask(question);
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->state(), v1::REFUSED_BY_BROKER);
  EXPECT_THAT(Requesters(*broker_->List(Request(ann_))), ElementsAre());
  Ask(ann_, kKoriyama);
  EXPECT_THAT(Requesters(*broker_->List(Request(ann_, 's'))), ElementsAre(kKoriyama));
}

TEST_F(OwnRecordsTest, EachRecordIsABundleThatStandsAlone) {
  Ask(ann_, kSendai);
  Ask(ann_, kSendai, /*non_disclosure=*/true);
  Ask(ann_, kKoriyama);
  const auto response = broker_->List(Request(ann_));
  ASSERT_TRUE(response.ok()) << response.status();
  // As the portal, with its own certificate.
  const auto keys = profile_->BrokerKeys().value();
  const auto inspection = client::ConnectInspection(profile_->BrokerNetwork().value());
  const auto network = client::LearnDirectory(*inspection, keys);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->statements.size(), network->directory->sequence());

  std::vector<std::string> requesters;
  std::set<std::string> names;
  for (const v1::OwnRecord& record : response->records()) {
    const auto bundle = cli::MakeOwnRecordBundle(record, network->statements, keys.front());
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    names.insert(bundle->FileName());
    const auto verified = evidence::VerifyBundle(bundle->bytes, keys.front());
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_TRUE(verified->record.author.IsBroker());
    EXPECT_EQ(verified->directory_size, network->statements.size());
    const v1::Permit& permit = verified->record.statement.permit();
    EXPECT_FALSE(permit.non_disclosure());
    EXPECT_EQ(bundle->FileName(), absl::BytesToHexString(permit.permit_number()) + ".bundle");
    requesters.push_back(permit.requester());
  }
  EXPECT_THAT(requesters, ElementsAre(kSendai, kKoriyama));
  EXPECT_EQ(names.size(), 2u);

  // What nobody could have judged later is not handed out.
  const v1::OwnRecord& good = response->records(0);
  const Ed25519PublicKey stranger = Ed25519PrivateKey::Generate(SystemRandom()).public_key();
  EXPECT_EQ(
      GetFieldRule(cli::MakeOwnRecordBundle(good, network->statements, stranger).status()).rule,
      "key-not-valid");
  v1::OwnRecord altered = good;
  altered.mutable_permit()->mutable_statement()->back() ^= 1;
  EXPECT_FALSE(cli::MakeOwnRecordBundle(altered, network->statements, keys.front()).ok());
  v1::OwnRecord another;
  *another.mutable_permit() = network->statements.front();
  EXPECT_EQ(
      GetFieldRule(cli::MakeOwnRecordBundle(another, network->statements, keys.front()).status())
          .rule,
      "permit");
}

TEST_F(OwnRecordsTest, BundlesGoIntoANewOrEmptyFolder) {
  namespace fs = std::filesystem;
  const std::string folder = town_.folder() + "/bundles";
  for (const char* path : {"", "/", ""}) {
    const absl::Status made = cli::MakeBundleFolder(folder + path);
    EXPECT_TRUE(made.ok()) << made;
    EXPECT_EQ(fs::status(folder).permissions(), fs::perms::owner_all);
  }
  fs::create_directory(folder + "/something");
  EXPECT_EQ(GetFieldRule(cli::MakeBundleFolder(folder)).rule, "exists");
  EXPECT_EQ(GetFieldRule(cli::MakeBundleFolder(town_.network().PortalProfilePath())).rule,
            "exists");
  EXPECT_EQ(GetFieldRule(cli::MakeBundleFolder(town_.folder() + "/none/below")).rule, "io");
}

TEST_F(OwnRecordsTest, PagesTellNothingOfWhatIsWithheld) {
  Ask(ann_, kSendai);
  Ask(ann_, kKoriyama, /*non_disclosure=*/true);
  Ask(ann_, kKoriyama);
  Ask(ann_, kSendai, /*non_disclosure=*/true);
  v1::ListOwnRecordsRequest request = Request(ann_);
  request.set_limit(1);
  auto page = broker_->List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(Requesters(*page), ElementsAre(kSendai));
  EXPECT_TRUE(page->more());
  request.set_more(true);
  request.set_after_index(page->records(0).permit().leaf_index());
  page = broker_->List(request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(Requesters(*page), ElementsAre(kKoriyama));
  EXPECT_FALSE(page->more()) << "only a withheld one follows";
}

TEST_F(OwnRecordsTest, IsRecordedOnceWithoutThePerson) {
  Ask(ann_, kSendai);
  const v1::ListOwnRecordsRequest request = Request(ann_);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(broker_->List(request).ok());
  // The id stands for this person.
  v1::ListOwnRecordsRequest other = Request(ben_);
  EXPECT_EQ(GetFieldRule(broker_->List(other).status()).rule, "own-records-id-reused");
  // A person of whom there is nothing.
  const auto nothing = broker_->List(Request(ben_, 'n'));
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_EQ(nothing->records_size(), 0);

  const std::string folder = town_.folder() + "/evidence";
  const auto kept = simulator::KeepEvidence(town_.network(), folder);
  ASSERT_TRUE(kept.ok()) << kept.status();
  std::map<std::string, int> details;
  for (const Exported& entry : ReadLog(folder, "broker")) {
    const v1::Operation& operation = entry.statement.operation();
    EXPECT_FALSE(
        absl::StrContains(entry.statement.SerializeAsString(), request.record_management_code()));
    if (operation.kind() != "own-records") continue;
    EXPECT_EQ(operation.staff_pseudonym(), "portal-1");
    ++details[operation.detail()];
  }
  for (const char id : {'r', 'n'}) {
    const std::string name = absl::BytesToHexString(Request(ann_, id).request_id());
    EXPECT_EQ(details[absl::StrCat("own records ", name)], 1);
  }
}

TEST_F(OwnRecordsTest, OthersAndBadInputAreRefused) {
  for (const rpc::Role role : {rpc::Role::kInspector, rpc::Role::kIntermediate, rpc::Role::kOffice,
                               rpc::Role::kOperator, rpc::Role::kJuki}) {
    rpc::Peer peer;
    peer.role = role;
    const auto endpoint = town_.network().BrokerAs(peer);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    const absl::Status status = client::ConnectOwnRecords(*endpoint)->List(Request(ann_)).status();
    EXPECT_TRUE(absl::IsPermissionDenied(status)) << rpc::RoleName(role) << ": " << status;
  }
  rpc::Peer unnamed;
  unnamed.role = rpc::Role::kPortal;
  const auto endpoint = town_.network().BrokerAs(unnamed).value();
  EXPECT_EQ(GetFieldRule(client::ConnectOwnRecords(endpoint)->List(Request(ann_)).status()).rule,
            "pseudonym");

  v1::ListOwnRecordsRequest request = Request(ann_);
  request.set_request_id("short");
  EXPECT_EQ(GetFieldRule(broker_->List(request).status()).rule, "length");
  request = Request(ann_);
  request.set_record_management_code(std::string(15, 'c'));
  EXPECT_EQ(GetFieldRule(broker_->List(request).status()).rule, "length");
  request = Request(ann_);
  request.set_limit(257);
  EXPECT_EQ(GetFieldRule(broker_->List(request).status()).rule, "range");

  v1::FindOwnCodeRequest find;
  find.set_individual_number("983205673210");
  EXPECT_EQ(GetFieldRule(juki_->FindOwnCode(find).status()).rule, "check-digit");
  find.set_individual_number("123456789018");
  EXPECT_EQ(GetFieldRule(juki_->FindOwnCode(find).status()).rule, "unknown-individual-number");
  // An office does not learn anybody's code.
  find.set_individual_number(town_.person(ann_).individual_number.Reveal());
  EXPECT_EQ(GetFieldRule(town_.network().Juki(City(kAizu))->FindOwnCode(find).status()).rule,
            "role");
}

}  // namespace
}  // namespace nakadachi::integration
