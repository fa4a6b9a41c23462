#include "common/ledger/verifier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/ledger/checkpoint_cache.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::ledger {
namespace {

class VerifierTest : public LedgerFixture {
 protected:
  VerifierTest() {
    EXPECT_TRUE(Open().ok());
    for (int i = 0; i < 300; ++i) EXPECT_TRUE(Append(absl::StrCat("entry ", i)).ok());
    good_ = ledger_->Prove(137).value();
  }
  // A fresh verifier each time, so that nothing is remembered.
  absl::Status Refused(const v1::Recorded& recorded) { return Check(recorded).status(); }
  // The statement alone in a ledger of its own, signed with `key` under `origin`.
  v1::Recorded Alone(const std::string& statement, const Ed25519PrivateKey& key,
                     const std::string& origin, int64_t time_ms) {
    v1::Recorded recorded;
    recorded.set_statement(statement);
    recorded.set_salt(random_.String(32));
    const Hash leaf = merkle::LeafHash(AsView(Commit(recorded.salt(), statement)));
    recorded.set_checkpoint(SignCheckpoint({origin, 1, leaf, time_ms}, key));
    return recorded;
  }
  v1::Recorded Alone(const std::string& statement) {
    return Alone(statement, key_, Origin(Aizu()), clock_.NowMs());
  }

  v1::Recorded good_;
};

TEST_F(VerifierTest, TellsWhatWasVerified) {
  const absl::StatusOr<Verified> verified = Check(good_);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->statement.SerializeAsString(), good_.statement());
  EXPECT_EQ(verified->author, Aizu());
  EXPECT_EQ(verified->commitment, Commit(good_.salt(), good_.statement()));
  EXPECT_EQ(verified->checkpoint_time_ms, clock_.NowMs());
  EXPECT_EQ(verified->leaf_index, 137u);
  EXPECT_EQ(verified->checkpoint_size, 300u);
}

TEST_F(VerifierTest, EveryFlippedBitIsFound) {
  const std::unique_ptr<Verifier> warm = Verifier::Create(&table_);
  ASSERT_TRUE(warm->Verify(good_, clock_.NowMs()).ok());
  const auto each_bit = [&](std::string* bytes) {
    for (size_t bit = 0; bit < bytes->size() * 8; ++bit) {
      (*bytes)[bit / 8] = static_cast<char>((*bytes)[bit / 8] ^ (1 << bit % 8));
      ASSERT_FALSE(warm->Verify(good_, clock_.NowMs()).ok()) << bit;
      (*bytes)[bit / 8] = static_cast<char>((*bytes)[bit / 8] ^ (1 << bit % 8));
    }
  };
  each_bit(good_.mutable_statement());
  each_bit(good_.mutable_salt());
  each_bit(good_.mutable_checkpoint());
  each_bit(good_.mutable_path());
  for (uint64_t index = 0; index < 310; ++index) {
    good_.set_leaf_index(index);
    ASSERT_EQ(warm->Verify(good_, clock_.NowMs()).ok(), index == 137) << index;
  }
  for (int bit = 0; bit < 64; ++bit) {
    good_.set_leaf_index(137 ^ (uint64_t{1} << bit));
    ASSERT_FALSE(warm->Verify(good_, clock_.NowMs()).ok()) << bit;
  }
}

TEST_F(VerifierTest, NamesFieldAndRule) {
  const struct {
    const char* what;
    std::function<void(v1::Recorded*)> alter;
    absl::StatusCode code;
    std::string field, rule;
  } kCases[] = {{"no salt", [](v1::Recorded* r) { r->clear_salt(); },
                 absl::StatusCode::kInvalidArgument, "salt", "salt"},
                {"long salt", [](v1::Recorded* r) { r->mutable_salt()->push_back('x'); },
                 absl::StatusCode::kInvalidArgument, "salt", "salt"},
                {"other salt", [](v1::Recorded* r) { (*r->mutable_salt())[0] ^= 1; },
                 absl::StatusCode::kInvalidArgument, "path", "inclusion"},
                {"no path", [](v1::Recorded* r) { r->clear_path(); },
                 absl::StatusCode::kInvalidArgument, "path", "path-length"},
                {"short hash", [](v1::Recorded* r) { r->mutable_path()->pop_back(); },
                 absl::StatusCode::kInvalidArgument, "path", "path-length"},
                {"long path", [](v1::Recorded* r) { r->mutable_path()->append(32, 'x'); },
                 absl::StatusCode::kInvalidArgument, "path", "path-length"},
                {"endless path", [](v1::Recorded* r) { r->set_path(std::string(3200000, 'x')); },
                 absl::StatusCode::kInvalidArgument, "path", "path-length"},
                {"index behind the tree", [](v1::Recorded* r) { r->set_leaf_index(300); },
                 absl::StatusCode::kInvalidArgument, "leaf_index", "index"},
                {"another leaf", [](v1::Recorded* r) { r->set_leaf_index(138); },
                 absl::StatusCode::kInvalidArgument, "path", "inclusion"},
                {"no checkpoint", [](v1::Recorded* r) { r->clear_checkpoint(); },
                 absl::StatusCode::kInvalidArgument, "checkpoint", "checkpoint-format"},
                {"everything absent", [](v1::Recorded* r) { r->Clear(); },
                 absl::StatusCode::kInvalidArgument, "salt", "salt"}};
  for (const auto& known : kCases) {
    v1::Recorded altered = good_;
    known.alter(&altered);
    const absl::Status status = Refused(altered);
    EXPECT_EQ(status.code(), known.code) << known.what;
    EXPECT_EQ(GetFieldRule(status).field, known.field) << known.what;
    EXPECT_EQ(GetFieldRule(status).rule, known.rule) << known.what;
  }
}

TEST_F(VerifierTest, StatementsThatAreRecordedButNone) {
  EXPECT_TRUE(Check(Alone(MakeStatement(Aizu(), "x").SerializeAsString())).ok());
  EXPECT_EQ(Rule(Refused(Alone("\xff\xff"))), "statement-format");
  EXPECT_EQ(Rule(Refused(Alone(""))), "statement-format");
  v1::Statement without_kind;
  without_kind.set_author(Aizu().ToString());
  EXPECT_EQ(Rule(Refused(Alone(without_kind.SerializeAsString()))), "statement-format");
  for (const char* author : {"041009", "broker", "", "07202"}) {
    v1::Statement statement = MakeStatement(Aizu(), "x");
    statement.set_author(author);
    EXPECT_EQ(Rule(Refused(Alone(statement.SerializeAsString()))), "author") << author;
  }
}

TEST_F(VerifierTest, WhoseKeySigned) {
  const std::string statement = MakeStatement(Aizu(), "x").SerializeAsString();
  const Ed25519PrivateKey foreign = Ed25519PrivateKey::Generate(random_);
  const int64_t now = clock_.NowMs();
  absl::Status status = Refused(Alone(statement, foreign, Origin(Aizu()), now));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Rule(status), "key-not-valid");
  status = Refused(
      Alone(MakeStatement(Sendai(), "x").SerializeAsString(), foreign, Origin(Sendai()), now));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Rule(status), "unknown-member");
  EXPECT_EQ(Rule(Refused(Alone(statement, key_, "nakadachi/elsewhere", now))), "checkpoint-format");
  // A member's key does not speak for another member.
  table_.Add(Sendai(), foreign.public_key());
  EXPECT_EQ(Rule(Refused(Alone(statement, foreign, Origin(Aizu()), now))), "key-not-valid");
}

TEST_F(VerifierTest, KeysHaveTheirTimes) {
  const std::string statement = MakeStatement(Sendai(), "x").SerializeAsString();
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(random_);
  table_.Add(Sendai(), key.public_key(), 1000, 2000);
  const auto at = [&](int64_t checkpoint_ms, int64_t now_ms) {
    return Verifier::Create(&table_)
        ->Verify(Alone(statement, key, Origin(Sendai()), checkpoint_ms), now_ms)
        .status();
  };
  EXPECT_EQ(Rule(at(999, 1500)), "key-not-valid");
  EXPECT_TRUE(at(1000, 1500).ok());
  EXPECT_TRUE(at(1999, 1500).ok());
  EXPECT_EQ(Rule(at(2000, 1500)), "key-not-valid");
  EXPECT_TRUE(at(1500, 999999).ok());  // what it signed in its time stays good
  table_.Revoke(Sendai(), key.public_key(), 1800);
  EXPECT_TRUE(at(1500, 1799).ok());
  EXPECT_EQ(Rule(at(1500, 1800)), "key-not-valid");
  EXPECT_EQ(Rule(at(1900, 1500)), "key-not-valid");
}

TEST_F(VerifierTest, ARevocationReachesWhatIsCached) {
  const std::unique_ptr<Verifier> verifier = Verifier::Create(&table_);
  const int64_t now = clock_.NowMs();
  ASSERT_TRUE(verifier->Verify(good_, now).ok());
  table_.Revoke(Aizu(), key_.public_key(), now + 1000);
  EXPECT_TRUE(verifier->Verify(good_, now + 999).ok());
  EXPECT_EQ(Rule(verifier->Verify(good_, now + 1000).status()), "key-not-valid");
}

TEST_F(VerifierTest, ANoteOfTwoKeysOutlivesTheRevocationOfOne) {
  const Ed25519PrivateKey second = Ed25519PrivateKey::Generate(random_);
  table_.Add(Aizu(), second.public_key());
  const Checkpoint checkpoint = ParseCheckpoint(good_.checkpoint())->checkpoint;
  const std::string other = SignCheckpoint(checkpoint, second);
  good_.mutable_checkpoint()->append(other.substr(other.find("\u2014")));
  const std::unique_ptr<Verifier> verifier = Verifier::Create(&table_);
  const int64_t now = clock_.NowMs();
  ASSERT_TRUE(verifier->Verify(good_, now).ok());
  table_.Revoke(Aizu(), key_.public_key(), now + 1);
  EXPECT_TRUE(verifier->Verify(good_, now + 1).ok());
}

TEST_F(VerifierTest, TinyCachesOnlyCostTime) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}}) {
    const std::unique_ptr<Verifier> verifier = Verifier::Create(&table_, size);
    for (uint64_t index = 0; index < 300; ++index)
      ASSERT_TRUE(verifier->Verify(ledger_->Prove(index).value(), clock_.NowMs()).ok());
  }
}

TEST_F(VerifierTest, ManyThreads) {
  std::vector<v1::Recorded> recorded;
  for (int i = 0; i < 40; ++i) recorded.push_back(Append(absl::StrCat("more ", i)).value());
  const std::unique_ptr<Verifier> verifier = Verifier::Create(&table_, 16);
  std::vector<std::thread> threads;
  std::atomic<int> held{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 400; ++i) {
        v1::Recorded some = recorded[(i * (t + 1)) % recorded.size()];
        const bool bad = i % 5 == 0;
        if (bad) some.mutable_checkpoint()->append("x");
        held += verifier->Verify(some, clock_.NowMs()).ok() == !bad ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(held, 1600);
}

// ---- The cache ---------------------------------------------------------------------------------

SharedCheckpoint SomeCheckpoint() { return std::make_shared<const VerifiedCheckpoint>(); }

TEST(CheckpointCache, VerifiesOnceAndForgetsTheUnused) {
  CheckpointCache cache(64);
  int verified = 0;
  const auto get = [&](int note) {
    const auto verify = [&]() -> absl::StatusOr<SharedCheckpoint> {
      ++verified;
      return SomeCheckpoint();
    };
    EXPECT_TRUE(cache.Get(Sha256(absl::StrCat(note)), verify).ok());
  };
  get(0);
  get(0);
  EXPECT_EQ(verified, 1);
  for (int note = 1; note < 500; ++note) {
    get(note);
    get(0);  // in use: stays
  }
  EXPECT_EQ(verified, 500);
  get(1);
  EXPECT_EQ(verified, 501);
  cache.Forget(Sha256("0"));
  get(0);
  EXPECT_EQ(verified, 502);
}

TEST(CheckpointCache, JunkTakesNoRoom) {
  CheckpointCache cache(64);
  const auto good = [] { return absl::StatusOr<SharedCheckpoint>(SomeCheckpoint()); };
  const auto junk = [] { return absl::StatusOr<SharedCheckpoint>(absl::InvalidArgumentError("")); };
  ASSERT_TRUE(cache.Get(Sha256("good"), good).ok());
  for (int i = 0; i < 1000; ++i)
    EXPECT_FALSE(cache.Get(Sha256(absl::StrCat("junk ", i)), junk).ok());
  EXPECT_TRUE(cache.Get(Sha256("good"), junk).ok());
}

TEST(CheckpointCache, OneOfManyThreadsVerifies) {
  CheckpointCache cache(64);
  std::atomic<int> verified{0};
  std::atomic<int> waiting{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      ++waiting;
      const auto verify = [&]() -> absl::StatusOr<SharedCheckpoint> {
        ++verified;
        while (waiting < 4) std::this_thread::yield();
        return SomeCheckpoint();
      };
      EXPECT_TRUE(cache.Get(Sha256("note"), verify).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verified, 1);
}

}  // namespace
}  // namespace nakadachi::ledger
