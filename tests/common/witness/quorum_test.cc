#include "common/witness/quorum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/witness/collector.h"
#include "common/witness/serve.h"
#include "tests/common/witness/log.h"

namespace nakadachi::witness {
namespace {

using ledger::Aizu;
using ledger::Rule;
using ledger::SeededRandom;
using ledger::Sendai;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNowMs = 1'711'929'600'000;
constexpr uint64_t kNowS = kNowMs / 1'000;

Author Koriyama() { return Author::Parse("072036").value(); }

class QuorumTest : public testing::Test {
 protected:
  QuorumTest() {
    log_.Grow(30, "entry ");
    keys_.Add(Author::Broker(), broker_.public_key());
    keys_.Add(Aizu(), aizu_.public_key());
    keys_.Add(Sendai(), sendai_.public_key());
    keys_.Add(Koriyama(), koriyama_.public_key());
    policy_ = QuorumPolicy::Create({Aizu(), Sendai(), Koriyama()}, 2).value();
  }
  SeenCheckpoint Head() const { return log_.At(30, kNowMs); }
  ledger::SignedCheckpoint Parsed() const { return ledger::ParseCheckpoint(Head().note).value(); }
  ledger::NoteSignature By(const Author& author, const Ed25519PrivateKey& key,
                           uint64_t time_s = kNowS) const {
    return ledger::Cosign(Parsed().body, ledger::WitnessName(author), time_s, key);
  }
  std::string With(std::vector<ledger::NoteSignature> cosignatures) const {
    std::vector<ledger::NoteSignature> all = Parsed().signatures;
    for (auto& cosignature : cosignatures) all.push_back(std::move(cosignature));
    return ledger::NoteText(Parsed().body, all);
  }
  absl::StatusOr<Cosigned> Check(const std::string& note, int64_t now_ms = kNowMs) const {
    return CheckQuorum(note, policy_, keys_, now_ms);
  }

  SeededRandom random_{3};
  Ed25519PrivateKey broker_ = Ed25519PrivateKey::Generate(random_);
  Ed25519PrivateKey aizu_ = Ed25519PrivateKey::Generate(random_);
  Ed25519PrivateKey sendai_ = Ed25519PrivateKey::Generate(random_);
  Ed25519PrivateKey koriyama_ = Ed25519PrivateKey::Generate(random_);
  Log log_{Author::Broker(), &broker_};
  ledger::KeyTable keys_;
  QuorumPolicy policy_;
};

TEST_F(QuorumTest, Policies) {
  struct Case {
    std::vector<Author> witnesses;
    size_t needed;
    const char* field;
    const char* rule;
  };
  std::vector<Author> many;
  for (const char* code :
       {"072028", "041009", "072036", "070009", "072010", "010006", "020001", "030007", "040002",
        "050008", "060003", "080004", "090000", "100005", "110001", "120006"}) {
    many.push_back(Author::Parse(code).value());
  }
  for (const Case& c :
       std::vector<Case>{{{Aizu(), Sendai(), Aizu()}, 2, "witnesses[0]", "duplicate"},
                         {{Aizu()}, 0, "needed", "range"},
                         {{Aizu()}, 2, "needed", "range"},
                         {{}, 0, "needed", "range"},
                         {many, 2, "witnesses", "length"}}) {
    const auto policy = QuorumPolicy::Create(c.witnesses, c.needed);
    EXPECT_EQ(GetFieldRule(policy.status()).field, c.field);
    EXPECT_EQ(Rule(policy.status()), c.rule);
  }
  EXPECT_EQ(policy_.ToString(), "2 of 072028, 041009, 072036");
}

TEST_F(QuorumTest, CountsEachWitnessOnce) {
  const auto two = Check(With({By(Sendai(), sendai_), By(Aizu(), aizu_)}));
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->checkpoint.size, 30u);
  EXPECT_THAT(two->witnesses, ElementsAre(Sendai(), Aizu()));

  ledger::NoteSignature stranger = By(Aizu(), Ed25519PrivateKey::Generate(random_));
  ledger::NoteSignature foreign = By(Aizu(), aizu_);
  foreign.name = "witness.example/w1";
  ledger::NoteSignature as_log = By(Sendai(), sendai_);
  as_log.name = ledger::Origin(Sendai());
  for (const std::vector<ledger::NoteSignature>& few :
       std::vector<std::vector<ledger::NoteSignature>>{
           {},
           {By(Aizu(), aizu_)},
           {By(Aizu(), aizu_), By(Aizu(), aizu_, kNowS + 5)},
           {By(Aizu(), aizu_), stranger},
           {By(Sendai(), sendai_), foreign},
           {By(Aizu(), aizu_), as_log},
           {By(Aizu(), aizu_), By(Author::Broker(), broker_)}}) {
    EXPECT_EQ(Rule(Check(With(few)).status()), "quorum");
  }
}

TEST_F(QuorumTest, OneWrongLineOfAKnownKeySpoilsTheNote) {
  ledger::NoteSignature wrong = By(Koriyama(), koriyama_);
  for (const size_t byte : {size_t{0}, size_t{7}, size_t{8}, size_t{71}}) {
    ledger::NoteSignature altered = wrong;
    altered.signature[byte] ^= 1;
    EXPECT_EQ(Rule(Check(With({By(Sendai(), sendai_), By(Aizu(), aizu_), altered})).status()),
              "cosignature")
        << byte;
  }
}

TEST_F(QuorumTest, KeysCountWhileTheyAreValid) {
  const std::string note = With({By(Sendai(), sendai_), By(Aizu(), aizu_)});
  ledger::KeyTable rotated;
  rotated.Add(Author::Broker(), broker_.public_key());
  rotated.Add(Aizu(), aizu_.public_key(), 0, kNowMs + 1);
  rotated.Add(Sendai(), sendai_.public_key(), kNowMs + 1);
  EXPECT_EQ(Rule(CheckQuorum(With({By(Sendai(), sendai_, kNowS - 1), By(Aizu(), aizu_)}), policy_,
                             rotated, kNowMs)
                     .status()),
            "quorum");
  keys_.Revoke(Sendai(), sendai_.public_key(), kNowMs + 50);
  EXPECT_TRUE(Check(note, kNowMs).ok());
  EXPECT_EQ(Rule(Check(note, kNowMs + 50).status()), "quorum");
  keys_.Revoke(Author::Broker(), broker_.public_key(), kNowMs + 60);
  EXPECT_EQ(Rule(Check(note, kNowMs + 60).status()), "key-not-valid");
}

TEST_F(QuorumTest, WhatACosignatureSignsIsItsOwn) {
  const std::string body = Parsed().body;
  const ledger::NoteSignature right = By(Aizu(), aizu_);
  EXPECT_EQ(right.signature.size(), 72u);
  EXPECT_EQ(ledger::CosignatureTime(right).value(), kNowS);
  EXPECT_TRUE(ledger::VerifyCosignature(body, right, aizu_.public_key()));
  EXPECT_FALSE(ledger::VerifyCosignature(body + "x\n", right, aizu_.public_key()));
  EXPECT_FALSE(ledger::VerifyCosignature(body, right, sendai_.public_key()));
  // A log's own signature by the same key is none, and the other way round.
  const Ed25519Signature plain = aizu_.Sign(body);
  ledger::NoteSignature log_signature = right;
  log_signature.signature.replace(8, 64, std::string(plain.begin(), plain.end()));
  EXPECT_FALSE(ledger::VerifyCosignature(body, log_signature, aizu_.public_key()));
  EXPECT_NE(ledger::CosignatureKeyId("name", aizu_.public_key()),
            ledger::SignedNoteKeyId("name", aizu_.public_key()));
  EXPECT_EQ(ledger::AuthorOfWitnessName(ledger::WitnessName(Aizu())).value(), Aizu());
  for (const char* name : {"", "nakadachi/072028/statements", "nakadachi/072029/witness"}) {
    EXPECT_EQ(Rule(ledger::AuthorOfWitnessName(name).status()), "witness") << name;
  }
}

TEST_F(QuorumTest, TheCollectorPublishesWhatSatisfies) {
  Collector collector(policy_, &keys_, 10'000);
  const std::string first = log_.At(10, kNowMs).note;
  Collector::State state = collector.Now(first, kNowMs);
  EXPECT_EQ(state.candidate, first);
  EXPECT_THAT(state.cosigned, IsEmpty());
  // The candidate stands while the ledger grows.
  EXPECT_EQ(collector.Now(log_.At(20, kNowMs + 1).note, kNowMs + 9'999).candidate, first);

  const auto line = [&](const std::string& note, const Author& author,
                        const Ed25519PrivateKey& key) {
    const std::string body = ledger::ParseCheckpoint(note).value().body;
    return ledger::NoteText(body, {ledger::Cosign(body, ledger::WitnessName(author), kNowS, key)});
  };
  EXPECT_FALSE(collector.Add(line(first, Aizu(), aizu_), kNowMs).value());
  EXPECT_FALSE(collector.Add(line(first, Aizu(), aizu_), kNowMs).value());
  EXPECT_TRUE(collector.Add(line(first, Sendai(), sendai_), kNowMs).value());
  state = collector.Now(first, kNowMs);
  EXPECT_EQ(Check(state.cosigned)->witnesses.size(), 2u);
  EXPECT_EQ(state.candidate, state.cosigned);
  // Also what comes late adds to what is published.
  const std::string second = log_.At(20, kNowMs + 1).note;
  EXPECT_EQ(collector.Now(second, kNowMs + 10'000).candidate, second);
  EXPECT_TRUE(collector.Add(line(first, Koriyama(), koriyama_), kNowMs).value());
  EXPECT_EQ(Check(collector.Now(second, kNowMs).cosigned)->witnesses.size(), 3u);

  EXPECT_EQ(Rule(collector.Add(line(second, Aizu(), sendai_), kNowMs).status()), "cosignature");
  EXPECT_EQ(Rule(collector.Add(second, kNowMs).status()), "cosignature");
  EXPECT_EQ(Rule(collector.Add(line(log_.At(15, kNowMs).note, Aizu(), aizu_), kNowMs).status()),
            "candidate");
  EXPECT_EQ(Rule(collector.Add("no note", kNowMs).status()), "checkpoint-format");

  // After a restart.
  Collector again(policy_, &keys_, 10'000);
  again.Restore("no note", kNowMs);
  again.Restore(second, kNowMs);
  EXPECT_THAT(again.Now(second, kNowMs).cosigned, IsEmpty());
  again.Restore(state.cosigned, kNowMs);
  EXPECT_EQ(again.Now(second, kNowMs).cosigned, state.cosigned);
}

TEST(WitnessConfig, Policies) {
  ledger::KeyTable keys;
  v1::WitnessPolicy config;
  EXPECT_EQ(Rule(MakeCollector(config, &keys).status()), "range");
  config.add_witnesses("072029");
  config.set_needed(1);
  EXPECT_EQ(GetFieldRule(MakeCollector(config, &keys).status()).field, "witnesses[0]");
  config.set_witnesses(0, "072028");
  EXPECT_TRUE(MakeCollector(config, &keys).ok());
}

TEST(PrefixProofs, AreAnsweredForManySizes) {
  SeededRandom random(1);
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(random);
  const auto store = ledger::MakeMemoryLedgerStore();
  ledger::Options options;
  options.author = Aizu();
  options.key = &key;
  options.store = store.get();
  options.clock = &SystemClock();
  const auto ledger = ledger::Ledger::Open(options).value();
  std::map<uint64_t, Hash> roots;
  for (int i = 0; i < 300; ++i) {
    const auto recorded = ledger->AppendAndWait(
        ledger::Prepare(ledger::MakeStatement(Aizu(), absl::StrCat(i)), random));
    ASSERT_TRUE(recorded.ok());
    roots[ledger->Head().size] = ledger->Head().root;
  }
  v1::GetPrefixProofsRequest request;
  request.set_new_size(300);
  v1::GetPrefixProofsResponse response;
  EXPECT_EQ(Rule(AnswerPrefixProofs(*ledger, request, &response)), "length");
  for (uint64_t size = 1; size < 300; ++size) request.add_old_sizes(size);
  ASSERT_TRUE(AnswerPrefixProofs(*ledger, request, &response).ok());
  for (int i = 0; i < response.proofs_size(); ++i) {
    const uint64_t size = request.old_sizes(i);
    const SeenCheckpoint earlier{"", {"o", size, roots[size], 1}};
    const SeenCheckpoint newest{"", {"o", 300, roots[300], 2}};
    const Judgement judgement = Judge({&earlier}, newest, {response.proofs(i)});
    EXPECT_TRUE(judgement.proved.ok() && !judgement.fork.has_value()) << size;
  }
  for (const auto& [old_size, new_size] :
       std::vector<std::pair<uint64_t, uint64_t>>{{0, 300}, {300, 300}, {10, 9}, {1, 301}}) {
    v1::GetPrefixProofsRequest wrong;
    wrong.add_old_sizes(old_size);
    wrong.set_new_size(new_size);
    EXPECT_EQ(Rule(AnswerPrefixProofs(*ledger, wrong, &response)), "size");
  }
}

}  // namespace
}  // namespace nakadachi::witness
