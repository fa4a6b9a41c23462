// A broker or a peer that shows two histories is caught by the members' own memory, with a proof
// that anyone can check; what is only a restart, a crash or a new key raises no alarm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/profile.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/rpc/status_mapping.h"
#include "common/witness/fork_proof.h"
#include "common/witness/quorum.h"
#include "tests/client/cli/command_line.h"
#include "tests/integration/town.h"
#include "tools/simulator/built_in.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using simulator::Mode;

constexpr char kBroker[] = "broker";

// The keys that the broker's members and the broker itself have now.
class ListedKeys final : public ledger::KeySource {
 public:
  void Add(const Author& author, const std::string& vkey) {
    keys_[author].push_back(ledger::ParseVerifierKey(vkey).value().key);
  }
  std::vector<Ed25519PublicKey> KeysAt(const Author& author, int64_t) const override {
    const auto found = keys_.find(author);
    return found == keys_.end() ? std::vector<Ed25519PublicKey>() : found->second;
  }
  bool Knows(const Author& author) const override { return keys_.count(author) > 0; }
  bool RevokedAt(const Author&, const Ed25519PublicKey&, int64_t) const override { return false; }

 private:
  std::map<Author, std::vector<Ed25519PublicKey>> keys_;
};

class TwoHistoriesTest : public testing::Test {
 protected:
  TwoHistoriesTest()
      : town_(Mode::kInProcess, [](simulator::NetworkOptions& options) {
          options.witnesses = {kAizu, kSendai};
          options.witness_every = absl::Milliseconds(100);
        }) {
    town_.AddPlatform("aizu", {kAizu});
    town_.AddPlatform("sendai", {kSendai});
    person_ = town_.AddPerson(kAizu);
    for (const char* code : {kAizu, kSendai}) town_.Enroll(person_, code);
    town_.Register(person_, kSendai, 2);
  }

  static client::RetryPolicy Briefly() {
    client::RetryPolicy policy;
    policy.deadline = absl::Seconds(10);
    policy.keep_trying = absl::ZeroDuration();
    return policy;
  }
  absl::StatusOr<v1::QueryResponse> Ask() {
    return town_.Connect(kAizu, Briefly())->Query(town_.Question(person_, kAizu, kSendai));
  }
  void ExpectAnswered() {
    const auto answer = Ask();
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->state(), v1::ANSWERED) << answer->ShortDebugString();
  }

  cli::Profile ProfileOf(const char* code) {
    return cli::Profile::Load(town_.network().InstitutionOperatorProfilePath(City(code)),
                              absl::Seconds(5))
        .value();
  }
  v1::ListForksResponse Watched(const char* code) {
    v1::ListForksRequest request;
    request.set_municipality(code);
    const auto response = ProfileOf(code).Witness().value()->ListForks(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::ListForksResponse();
  }
  // Everything that Aizu relied on of the institution is proved.
  bool IsProved(const std::string& institution) {
    const v1::ListForksResponse watched = Watched(kAizu);
    for (const v1::FollowedLedger& ledger : watched.ledgers()) {
      if (ledger.institution() != institution) continue;
      return ledger.waiting() == 0 && !ledger.checkpoint().empty() && ledger.proved_ms() != 0;
    }
    return false;
  }
  absl::Status Clear(const v1::Fork& fork) {
    v1::ClearForkRequest request;
    request.set_municipality(kAizu);
    request.set_id(fork.id());
    return ProfileOf(kAizu).Witness().value()->ClearFork(request).status();
  }

  fs::path Data(const std::string& process) { return town_.network().DataFolder(process); }
  fs::path Backup() const { return fs::path(town_.folder()) / "backup"; }
  void Stop(const std::string& process) {
    ASSERT_TRUE(town_.network().Stop(process).ok()) << process;
  }
  void StartAgain(const std::string& process) {
    const absl::Status started = town_.network().StartAgain(process);
    ASSERT_TRUE(started.ok()) << started;
  }
  void BackUp(const std::string& process) {
    Stop(process);
    fs::copy(Data(process), Backup(), fs::copy_options::recursive);
    StartAgain(process);
  }
  // Of a process that is stopped.
  void RestoreBackup(const std::string& process) {
    fs::remove_all(Data(process));
    fs::copy(Backup(), Data(process), fs::copy_options::recursive);
  }
  void AwaitProof(const std::string& institution) {
    ASSERT_TRUE(Eventually([&] { return IsProved(institution); })) << Watched(kAizu).DebugString();
  }

  Ed25519PublicKey KeyOf(const std::string& institution) {
    const auto status = town_.network().BrokerOperator().GetStatus();
    if (institution == kBroker) return ledger::ParseVerifierKey(status->vkey()).value().key;
    const auto members = town_.network().BrokerOperator().ListMembers();
    for (const v1::MemberInfo& member : members->members()) {
      if (member.code() != institution) continue;
      return ledger::ParseVerifierKey(member.keys(0).vkey()).value().key;
    }
    return {};
  }
  // One fork of the institution's ledger was found at Aizu, of one of these kinds, and its proof
  // holds.
  void ExpectCaught(const std::string& institution, const std::set<std::string>& kinds,
                    v1::Fork* fork) {
    ASSERT_TRUE(Eventually([&] { return Watched(kAizu).forks_size() > 0; }))
        << Watched(kAizu).DebugString();
    const v1::ListForksResponse watched = Watched(kAizu);
    ASSERT_EQ(watched.forks_size(), 1);
    *fork = watched.forks(0);
    EXPECT_EQ(fork->institution(), institution);
    EXPECT_EQ(kinds.count(fork->kind()), 1u) << fork->kind();
    const auto proved = witness::VerifyForkProof(fork->proof(), {KeyOf(institution)});
    ASSERT_TRUE(proved.ok()) << proved.status() << "\n" << fork->proof();
    EXPECT_EQ(proved->author.ToString(), institution);
    EXPECT_EQ(
        GetFieldRule(witness::VerifyForkProof(fork->proof(), {Ed25519PublicKey{}}).status()).rule,
        "signature");
  }
  void ExpectRefused(const std::string& field) {
    const auto answer = Ask();
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kFailedPrecondition) << answer.status();
    EXPECT_EQ(GetFieldRule(answer.status()).rule, "ledger-forked");
    EXPECT_EQ(GetFieldRule(answer.status()).field, field);
    const auto status = town_.network().Municipality(City(kAizu))->connection().GetStatus();
    ASSERT_TRUE(status.ok()) << status.status();
    ASSERT_EQ(status->alarms_size(), 1);
    EXPECT_EQ(GetFieldRule(rpc::FromBytes(status->alarms(0).error())).rule, "ledger-forked");
  }

  // Commands as an operator of Aizu, or without a profile.
  cli::Finished Command(std::vector<std::string> words, bool with_profile = true) {
    if (with_profile) {
      words.insert(words.begin(),
                   {"--profile", town_.network().InstitutionOperatorProfilePath(City(kAizu))});
    }
    return cli::Running(town_.folder(), words).Wait();
  }

  Town town_;
  size_t person_ = 0;
};

TEST_F(TwoHistoriesTest, TheBrokersCheckpointsAreCosigned) {
  ExpectAnswered();
  const auto profile =
      cli::Profile::Load(town_.network().OperatorProfilePath(), absl::Seconds(5)).value();
  const auto ledger = profile.Ledger(kBroker).value();
  v1::GetCheckpointRequest request;
  request.set_institution(kBroker);
  v1::Witnessing witnessing;
  ASSERT_TRUE(Eventually([&] {
    witnessing = ledger->GetCheckpoint(request)->witnessing();
    return !witnessing.cosigned().empty();
  }));
  EXPECT_THAT(witnessing.witnesses(), testing::ElementsAre(kAizu, kSendai));
  EXPECT_EQ(witnessing.needed(), 2u);
  ListedKeys keys;
  keys.Add(Author::Broker(), town_.network().BrokerOperator().GetStatus()->vkey());
  const auto members = town_.network().BrokerOperator().ListMembers();
  for (const v1::MemberInfo& member : members->members()) {
    keys.Add(Author::Of(City(member.code())), member.keys(0).vkey());
  }
  const auto policy =
      witness::QuorumPolicy::Create({Author::Of(City(kAizu)), Author::Of(City(kSendai))}, 2);
  const auto cosigned =
      witness::CheckQuorum(witnessing.cosigned(), *policy, keys, town_.network().clock().NowMs());
  ASSERT_TRUE(cosigned.ok()) << cosigned.status();
  EXPECT_GT(cosigned->checkpoint.size, 0u);

  // It is there again after a restart, before any witness comes by.
  Stop("aizu");
  Stop("sendai");
  Stop(kBroker);
  StartAgain(kBroker);
  EXPECT_FALSE(ledger->GetCheckpoint(request)->witnessing().cosigned().empty());
}

TEST_F(TwoHistoriesTest, RestartsCrashesAndNewKeysRaiseNoAlarm) {
  ExpectAnswered();
  for (const char* process : {kBroker, "sendai", "aizu"}) {
    ASSERT_TRUE(town_.network().Crash(process).ok());
    StartAgain(process);
  }
  ExpectAnswered();
  ASSERT_TRUE(town_.network().AddKey(City(kSendai)).ok());
  ASSERT_TRUE(town_.network().WaitForDirectory(absl::Seconds(20)).ok());
  ExpectAnswered();
  AwaitProof(kSendai);
  AwaitProof(kBroker);
  EXPECT_EQ(Watched(kAizu).forks_size(), 0);
  EXPECT_EQ(Watched(kSendai).forks_size(), 0);
  ExpectAnswered();
}

TEST_F(TwoHistoriesTest, ABrokerThatWritesItsHistoryAnewIsCaught) {
  BackUp(kBroker);
  ExpectAnswered();
  AwaitProof(kBroker);
  // Aizu looks away, and comes back when the other history is longer.
  Stop("aizu");
  Stop(kBroker);
  RestoreBackup(kBroker);
  StartAgain(kBroker);
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(town_.network().PublishList(simulator::kJapanList, absl::InfinitePast()).ok());
  }
  StartAgain("aizu");
  v1::Fork fork;
  // Of one size, where Aizu had seen just as many statements as there are in the other history; by
  // the order, where a list's proof, which is of a shorter tree, comes before the newest
  // checkpoint.
  ASSERT_NO_FATAL_FAILURE(ExpectCaught(kBroker, {"prefix", "same-size", "order"}, &fork));
  ExpectRefused("broker");

  // A restart changes nothing; an operator does.
  Stop("aizu");
  StartAgain("aizu");
  ExpectRefused("broker");
  v1::Fork unknown;
  unknown.set_id(std::string(32, 'x'));
  EXPECT_EQ(GetFieldRule(Clear(unknown)).rule, "unknown-fork");
  for (int times = 0; times < 2; ++times) ASSERT_TRUE(Clear(fork).ok());
  EXPECT_NE(Watched(kAizu).forks(0).cleared_ms(), 0);
}

TEST_F(TwoHistoriesTest, ABrokerRestoredFromAnOldBackupIsCaught) {
  BackUp(kBroker);
  for (int i = 0; i < 3; ++i) ExpectAnswered();
  AwaitProof(kBroker);
  Stop(kBroker);
  RestoreBackup(kBroker);
  StartAgain(kBroker);
  v1::Fork fork;
  ASSERT_NO_FATAL_FAILURE(ExpectCaught(kBroker, {"order"}, &fork));
  ExpectRefused("broker");

  // The provider has seen it too: nothing leaves on that broker's word.
  EXPECT_TRUE(Eventually([&] { return Watched(kSendai).forks_size() == 1; }));
  for (const char* code : {kAizu, kSendai}) {
    v1::ClearForkRequest request;
    request.set_municipality(code);
    request.set_id(Watched(code).forks(0).id());
    const auto cleared = ProfileOf(code).Witness().value()->ClearFork(request);
    EXPECT_TRUE(cleared.ok()) << cleared.status();
  }
  ExpectAnswered();
}

TEST_F(TwoHistoriesTest, APeerRestoredFromAnOldBackupIsCaught) {
  BackUp("sendai");
  for (int i = 0; i < 4; ++i) ExpectAnswered();
  AwaitProof(kSendai);
  Stop("sendai");
  RestoreBackup("sendai");
  StartAgain("sendai");
  // Whoever met the other history is asked once more before it is known.
  Ask().status().IgnoreError();
  v1::Fork fork;
  ASSERT_NO_FATAL_FAILURE(ExpectCaught(kSendai, {"order"}, &fork));
  ExpectRefused("provider");

  // By command: seen, kept, checked by somebody else, cleared.
  const std::string id = HexEncode(fork.id());
  const std::string proofs = town_.folder() + "/proofs";
  fs::create_directory(proofs);
  const cli::Finished seen = Command({"ledger", "forks", "--out", proofs, "--json"});
  EXPECT_EQ(seen.code, 1) << seen.err;
  const auto json = nlohmann::json::parse(seen.out);
  ASSERT_EQ(json["forks"].size(), 1u);
  EXPECT_EQ(json["forks"][0]["id"], id);
  EXPECT_EQ(json["forks"][0]["institution"], kSendai);
  EXPECT_EQ(json["forks"][0]["kind"], "order");
  const cli::Finished text = Command({"ledger", "forks"});
  EXPECT_EQ(text.code, 1);
  EXPECT_THAT(text.out, testing::HasSubstr(id));

  const std::string proof = absl::StrCat(proofs, "/", id, ".fork");
  EXPECT_EQ(cli::ReadFile(proof), fork.proof());
  const auto vkey_of = [](const std::string& name, const Ed25519PublicKey& key) {
    return ledger::VerifierKey(ledger::Origin(Author::Parse(name).value()), key);
  };
  const auto check = [&](const std::string& file, const std::string& vkey) {
    std::vector<std::string> words = {"ledger", "check-fork", file};
    if (!vkey.empty()) words.insert(words.end(), {"--vkey", vkey});
    return Command(words, /*with_profile=*/false);
  };
  const std::string vkey = vkey_of(kSendai, KeyOf(kSendai));
  EXPECT_EQ(check(proof, vkey).code, 0) << check(proof, vkey).err;
  const cli::Finished by_its_own_keys = check(proof, "");
  EXPECT_EQ(by_its_own_keys.code, 0) << by_its_own_keys.err;
  EXPECT_THAT(by_its_own_keys.out, testing::HasSubstr("By the keys that the file names"));
  EXPECT_EQ(check(proof, vkey_of(kSendai, KeyOf(kAizu))).code, 1);
  std::string altered = fork.proof();
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  cli::WriteFile(proofs + "/altered", altered);
  EXPECT_EQ(check(proofs + "/altered", vkey).code, 1);
  EXPECT_EQ(check(proofs + "/none", vkey).code, 2);

  EXPECT_EQ(Command({"ledger", "clear-fork", "no hex"}).code, 2);
  EXPECT_NE(Command({"ledger", "clear-fork", std::string(64, '0')}).code, 0);
  EXPECT_EQ(Command({"ledger", "clear-fork", id}).code, 0);
  EXPECT_EQ(Command({"ledger", "forks"}).code, 0);
}

}  // namespace
}  // namespace nakadachi::integration
