// A witness against ledgers that lie, stay silent or are away: what it relies on, and how it tells.
#include "server/intermediate/witness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/witness/fork_proof.h"
#include "tests/common/witness/log.h"
#include "tests/server/intermediate/institution_fixture.h"

namespace nakadachi::intermediate {
namespace {

using ledger::Rule;
using witness::Log;
using witness::SeenCheckpoint;

constexpr int64_t kStart = 1'711'929'600'000;
constexpr absl::Duration kEvery = absl::Milliseconds(2);
constexpr int kRoundsUntilUnproven = 5;

// Shows one log up to a size, at a time that goes on.
class FakeLedger final : public LedgerLink {
 public:
  explicit FakeLedger(const Log* log) : log_(log) {}

  absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(const v1::Route&,
                                                          const std::string&) override {
    absl::MutexLock lock(&mutex_);
    ++asked_;
    if (!down_.ok()) return down_;
    v1::GetCheckpointResponse response;
    response.set_checkpoint(log_->At(size_, kStart + static_cast<int64_t>(size_)).note);
    return response;
  }
  absl::StatusOr<std::vector<std::string>> GetPrefixProofs(const v1::Route&, const std::string&,
                                                           const std::vector<uint64_t>& old_sizes,
                                                           uint64_t new_size) override {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> proofs;
    for (const uint64_t size : old_sizes) {
      proofs.push_back(proves_ ? log_->Proof(size, new_size) : "");
    }
    return proofs;
  }
  absl::Status AddCosignatures(const v1::Route&, const std::string&, const std::string&) override {
    return absl::OkStatus();
  }
  void Close() override {}

  void Show(uint64_t size) {
    absl::MutexLock lock(&mutex_);
    size_ = size;
  }
  void SetProves(bool proves) {
    absl::MutexLock lock(&mutex_);
    proves_ = proves;
  }
  void SetDown(const absl::Status& down) {
    absl::MutexLock lock(&mutex_);
    down_ = down;
  }
  int asked() const {
    absl::MutexLock lock(&mutex_);
    return asked_;
  }

 private:
  const Log* const log_;
  mutable absl::Mutex mutex_;
  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 1;
  bool proves_ ABSL_GUARDED_BY(mutex_) = true;
  absl::Status down_ ABSL_GUARDED_BY(mutex_);
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
};

bool Eventually(const std::function<bool()>& done) {
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (!done()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

class WitnessTest : public testing::Test {
 protected:
  WitnessTest() {
    honest_.Grow(kSize, "entry ");
    other_.Grow(kCommon, "entry ");
    other_.Grow(kSize, "other ");
  }

  std::unique_ptr<Witness> Open(const std::string& name, absl::Duration every = kEvery) {
    WitnessOptions options;
    options.store = {folder_ / name, key_provider_.get(), environment_, &SystemRandom()};
    options.clock = &clock_;
    options.directory = &directory_;
    options.every = every;
    options.unproven_limit = every * kRoundsUntilUnproven;
    auto witness = Witness::Open(options);
    NAKADACHI_CHECK(witness.ok());
    return *std::move(witness);
  }
  std::unique_ptr<Witness> Start(const std::string& name, LedgerLink* link) {
    auto witness = Open(name);
    Witness::Parts parts;
    parts.link = link;
    witness->Start(std::move(parts));
    return witness;
  }
  static void See(Witness& witness, const SeenCheckpoint& seen) {
    witness.Seen(seen.note, Author::Broker(), seen.checkpoint);
  }
  static std::string Problem(const Witness& witness) {
    return Rule(witness.MayRely(Author::Broker(), "broker"));
  }
  static bool IsProved(const Witness& witness, uint64_t size) {
    const v1::ListForksResponse list = witness.List();
    if (list.ledgers(0).waiting() != 0 || list.ledgers(0).checkpoint().empty()) return false;
    return ledger::ParseCheckpoint(list.ledgers(0).checkpoint())->checkpoint.size >= size;
  }

  static constexpr uint64_t kCommon = 5;
  static constexpr uint64_t kSize = 40;
  ManualClock clock_{absl::FromUnixMillis(kStart + 1'000)};
  Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  Directory directory_{key_.public_key()};
  Log honest_{Author::Broker(), &key_};
  Log other_{Author::Broker(), &key_};
  TemporaryFolder folder_;
  std::unique_ptr<storage::KeyProvider> key_provider_ =
      storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  std::shared_ptr<storage::Environment> environment_ = storage::Environment::Create(32u << 20);
};

TEST_F(WitnessTest, WhatIsProvedIsReliedOn) {
  FakeLedger link(&honest_);
  link.Show(20);
  const auto witness = Start("a", &link);
  for (const uint64_t size : {1, 7, 20}) See(*witness, honest_.At(size, kStart));
  EXPECT_TRUE(Eventually([&] { return IsProved(*witness, 20); })) << witness->List().DebugString();
  EXPECT_EQ(Problem(*witness), "");
}

TEST_F(WitnessTest, ALedgerThatProvesNothingIsAskedNothingNewUntilItProves) {
  FakeLedger link(&honest_);
  link.Show(20);
  link.SetProves(false);
  auto witness = Start("a", &link);
  See(*witness, honest_.At(7, kStart));
  ASSERT_TRUE(Eventually([&] { return !Problem(*witness).empty(); }));
  const absl::Status problem = witness->MayRely(Author::Broker(), "provider");
  EXPECT_EQ(problem.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetFieldRule(problem).field, "provider");
  EXPECT_EQ(Rule(problem), "ledger-unproven");
  EXPECT_GE(link.asked(), kRoundsUntilUnproven);
  EXPECT_EQ(witness->List().forks_size(), 0);  // silence proves nothing against it
  EXPECT_NE(witness->List().ledgers(0).problem(), "");
  EXPECT_NE(witness->List().ledgers(0).last_error(), "");
  EXPECT_TRUE(witness->MayRely(Author::Parse(kSendai).value(), "provider").ok());

  // What was not proved is not forgotten by a restart.
  witness->Shutdown();
  witness.reset();
  witness = Start("a", &link);
  ASSERT_TRUE(Eventually([&] { return Problem(*witness) == "ledger-unproven"; }));

  link.SetProves(true);
  EXPECT_TRUE(Eventually([&] { return Problem(*witness).empty(); }));
  EXPECT_TRUE(IsProved(*witness, 20)) << witness->List().DebugString();
}

TEST_F(WitnessTest, WhoIsAwayIsReliedOnAgainWhenBack) {
  FakeLedger link(&honest_);
  link.SetDown(absl::UnavailableError("away"));
  const auto witness = Start("a", &link);
  See(*witness, honest_.At(7, kStart));
  // It waits all the while, also while a round is under way with it.
  uint64_t fewest = 1;
  ASSERT_TRUE(Eventually([&] {
    for (int i = 0; i < 100; ++i) {
      fewest = std::min<uint64_t>(fewest, witness->List().ledgers(0).waiting());
    }
    return link.asked() > 4 * kRoundsUntilUnproven;
  }));
  EXPECT_EQ(fewest, 1u);
  EXPECT_EQ(Problem(*witness), "");

  // Away for us alone: others bring us what it signs.
  EXPECT_TRUE(Eventually([&] {
    See(*witness, honest_.At(8, kStart));
    return Problem(*witness) == "ledger-unproven";
  }));

  link.Show(kSize);
  link.SetDown(absl::OkStatus());
  EXPECT_TRUE(Eventually([&] { return Problem(*witness).empty(); }));
  EXPECT_TRUE(IsProved(*witness, kSize));
}

TEST_F(WitnessTest, MoreThanCanWaitIsNotReliedOn) {
  const auto witness = Open("a");  // follows nothing
  const SeenCheckpoint seen = honest_.At(7, kStart);
  int notes = 0;
  while (Problem(*witness).empty() && notes < 100'000) {
    See(*witness, seen);
    ++notes;
  }
  EXPECT_EQ(Problem(*witness), "ledger-unproven");
  EXPECT_EQ(witness->List().ledgers(0).waiting(), static_cast<uint64_t>(notes - 1));
}

TEST_F(WitnessTest, MoreBytesThanCanWaitAreNotReliedOn) {
  const auto witness = Open("a");  // follows nothing
  SeenCheckpoint seen = honest_.At(7, kStart);
  seen.note.resize(128 << 10);
  int notes = 0;
  while (Problem(*witness).empty() && notes < 1'000) {
    See(*witness, seen);
    ++notes;
  }
  EXPECT_EQ(Problem(*witness), "ledger-unproven");
  EXPECT_EQ(witness->List().ledgers(0).waiting(), static_cast<uint64_t>(notes - 1));
}

TEST_F(WitnessTest, WhatWasProvedTakesNoRoom) {
  FakeLedger link(&honest_);
  link.Show(20);
  const auto witness = Start("a", &link);
  SeenCheckpoint seen = honest_.At(7, kStart);
  seen.note.resize(128 << 10);
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 100; ++j) See(*witness, seen);
    ASSERT_TRUE(Eventually([&] { return IsProved(*witness, 20); }))
        << witness->List().DebugString();
    EXPECT_EQ(Problem(*witness), "");
  }
}

// The broker shows each platform a history that is whole in itself. The first permit that goes
// from one to the other carries a checkpoint that the other cannot have proved.
TEST_F(WitnessTest, TwoPlatformsThatWereShownAHistoryEachFindOutByEachOther) {
  FakeLedger to_requester(&honest_), to_provider(&other_);
  const auto requester = Start("requester", &to_requester);
  const auto provider = Start("provider", &to_provider);
  // One after another: nobody is shown anything that contradicts what it saw before.
  for (const uint64_t size : {kCommon, uint64_t{12}, uint64_t{30}}) {
    to_requester.Show(size);
    to_provider.Show(size);
    See(*requester, honest_.At(size, kStart + static_cast<int64_t>(size)));
    See(*provider, other_.At(size, kStart + static_cast<int64_t>(size)));
    ASSERT_TRUE(Eventually([&] { return IsProved(*requester, size); }));
    ASSERT_TRUE(Eventually([&] { return IsProved(*provider, size); }));
  }
  EXPECT_EQ(Problem(*requester), "");
  EXPECT_EQ(Problem(*provider), "");

  See(*provider, honest_.At(25, kStart + 25));
  ASSERT_TRUE(Eventually([&] { return Problem(*provider) == "ledger-forked"; }));
  EXPECT_EQ(Problem(*requester), "");  // has seen nothing of it yet
  ASSERT_EQ(provider->List().forks_size(), 1);
  const v1::Fork fork = provider->List().forks(0);
  EXPECT_EQ(fork.kind(), "prefix");
  const auto proved = witness::VerifyForkProof(fork.proof(), {key_.public_key()});
  ASSERT_TRUE(proved.ok()) << proved.status();
  EXPECT_EQ(proved->author, Author::Broker());
  EXPECT_EQ(proved->first.root, honest_.At(25, kStart + 25).checkpoint.root);
}

TEST_F(WitnessTest, AForkIsKnownAfterARestartUntilItIsCleared) {
  FakeLedger link(&other_);
  link.Show(kSize);
  auto witness = Start("a", &link);
  See(*witness, honest_.At(12, kStart));
  ASSERT_TRUE(Eventually([&] { return Problem(*witness) == "ledger-forked"; }));
  const std::string id = witness->List().forks(0).id();
  witness.reset();
  witness = Start("a", &link);
  EXPECT_EQ(Problem(*witness), "ledger-forked");
  ASSERT_TRUE(witness->Clear(id).ok());
  ASSERT_TRUE(witness->Clear(id).ok());
  EXPECT_EQ(Problem(*witness), "");
  // It begins anew with what it is shown now.
  EXPECT_TRUE(Eventually([&] { return IsProved(*witness, kSize); }));
  witness.reset();
  witness = Open("a");
  EXPECT_EQ(Problem(*witness), "");
  EXPECT_NE(witness->List().forks(0).cleared_ms(), 0);
}

}  // namespace
}  // namespace nakadachi::intermediate
