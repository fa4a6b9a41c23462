#include "common/witness/history.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/common/witness/log.h"

namespace nakadachi::witness {
namespace {

using ledger::Aizu;
using ledger::Rule;
using ledger::SeededRandom;
using ledger::Sendai;

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() {
    honest_.Grow(40, "entry ");
    forked_.Grow(kFork, "entry ");
    forked_.Grow(40, "other ");
  }

  // What a reader finds who saw `seen` and then asks `log` for its newest.
  static Judgement Find(const std::vector<SeenCheckpoint>& seen, const Log& log,
                        const SeenCheckpoint& newest) {
    std::vector<const SeenCheckpoint*> pointers;
    for (const SeenCheckpoint& one : seen) pointers.push_back(&one);
    std::vector<std::string> proofs;
    for (const uint64_t size : SizesToProve(pointers, newest)) {
      proofs.push_back(log.Proof(size, newest.checkpoint.size));
    }
    return Judge(pointers, newest, proofs);
  }
  absl::StatusOr<Fork> Verify(const ForkProof& proof) const {
    return VerifyForkProof(ForkProofText(proof), {key_.public_key()});
  }

  static constexpr uint64_t kFork = 5;
  SeededRandom random_{11};
  Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(random_);
  Log honest_{Aizu(), &key_};
  Log forked_{Aizu(), &key_};
};

TEST_F(HistoryTest, AnHonestLogIsProvedAtEverySize) {
  std::vector<SeenCheckpoint> seen;
  for (uint64_t size = 0; size <= 40; ++size) {
    seen.push_back(honest_.At(size, 1000 + static_cast<int64_t>(size / 3)));
    const Judgement judgement = Find(seen, honest_, honest_.At(40, 2000));
    EXPECT_FALSE(judgement.fork.has_value()) << size;
    EXPECT_TRUE(judgement.proved.ok()) << size << judgement.proved;
  }
}

// Every pair of sizes on two sides of a fork, in both orders of time: an honest answer about the
// other side's tree convicts its author.
TEST_F(HistoryTest, EveryForkIsProved) {
  for (uint64_t seen = 1; seen <= 40; ++seen) {
    for (uint64_t newest = 1; newest <= 40; ++newest) {
      const Judgement judgement = Find({honest_.At(seen, 1000)}, forked_, forked_.At(newest, 2000));
      const bool prefix_of_both = seen <= kFork && newest >= seen;
      ASSERT_EQ(judgement.fork.has_value(), !prefix_of_both) << seen << " " << newest;
      if (prefix_of_both) {
        EXPECT_TRUE(judgement.proved.ok());
        continue;
      }
      const auto fork = Verify(*judgement.fork);
      ASSERT_TRUE(fork.ok()) << seen << " " << newest << " " << fork.status();
      EXPECT_EQ(fork->kind, seen == newest  ? ForkKind::kSameSize
                            : seen > newest ? ForkKind::kOrder
                                            : ForkKind::kPrefix);
      EXPECT_EQ(fork->author, Aizu());
    }
  }
}

TEST_F(HistoryTest, WhatProvesNothingIsNoFork) {
  const SeenCheckpoint seen = honest_.At(17, 1000);
  const SeenCheckpoint newest = honest_.At(40, 2000);
  const std::string right = honest_.Proof(17, 40);
  std::string wrong_hash = right;
  wrong_hash[70] ^= 1;
  struct Case {
    const char* name;
    SeenCheckpoint newest;
    std::vector<std::string> proofs;
    const char* rule;
  };
  for (const Case& c : std::vector<Case>{
           {"none", newest, {}, "proof"},
           {"empty", newest, {""}, "proof"},
           {"cut", newest, {right.substr(1)}, "proof"},
           {"a hash less", newest, {right.substr(32)}, "proof"},
           {"a hash more", newest, {right + std::string(32, 'x')}, "proof"},
           {"another hash", newest, {wrong_hash}, "proof"},
           {"of another size", newest, {honest_.Proof(18, 40)}, "proof"},
           {"of the other side", newest, {forked_.Proof(17, 40)}, "proof"},
           {"older", honest_.At(12, 900), {}, "stale"},
       }) {
    const Judgement judgement = Judge({&seen}, c.newest, c.proofs);
    EXPECT_FALSE(judgement.fork.has_value()) << c.name;
    EXPECT_EQ(Rule(judgement.proved), c.rule) << c.name;
  }
  const SeenCheckpoint nothing =
      honest_.Signed({ledger::Origin(Aizu()), 0, merkle::LeafHash("x"), 500});
  EXPECT_EQ(Rule(Judge({&nothing}, newest, {}).proved), "empty-root");
}

TEST_F(HistoryTest, ContradictionsThatNeedNoProof) {
  const std::vector<SeenCheckpoint> notes = {honest_.At(10, 1000), honest_.At(10, 1001),
                                             honest_.At(12, 1001), forked_.At(12, 1005),
                                             honest_.At(11, 1001), honest_.At(11, 1002)};
  struct Case {
    std::vector<size_t> seen;
    std::optional<ForkKind> kind;
  };
  for (const Case& c : std::vector<Case>{{{0, 1, 2}, std::nullopt},
                                         {{2, 0, 1, 4}, std::nullopt},  // one time, two sizes
                                         {{0, 3, 2}, ForkKind::kSameSize},
                                         {{0, 5, 1, 2}, ForkKind::kOrder},
                                         {{5, 2}, ForkKind::kOrder}}) {
    std::vector<const SeenCheckpoint*> seen;
    for (const size_t i : c.seen) seen.push_back(&notes[i]);
    const auto found = FindContradiction(seen);
    ASSERT_EQ(found.has_value(), c.kind.has_value());
    if (!found.has_value()) continue;
    EXPECT_EQ(found->kind, *c.kind);
    EXPECT_TRUE(Verify(*found).ok());
  }
}

class ForkProofTest : public HistoryTest {
 protected:
  ForkProof Proof(ForkKind kind, SeenCheckpoint first, SeenCheckpoint second,
                  std::vector<Hash> path = {}) const {
    return {kind,
            {{ledger::Origin(Aizu()), key_.public_key()}},
            std::move(path),
            std::move(first.note),
            std::move(second.note)};
  }
  std::string Prefix() const {
    return ForkProofText(
        Proof(ForkKind::kPrefix, honest_.At(16, 1000), forked_.At(40, 2000), forked_.Path(16, 40)));
  }
};

TEST_F(ForkProofTest, EveryAlteredBitSpoilsIt) {
  const std::string good = Prefix();
  ASSERT_TRUE(VerifyForkProof(good, {key_.public_key()}).ok());
  const auto parsed = ParseForkProof(good);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ForkProofText(*parsed), good);
  EXPECT_EQ(parsed->keys.at(0).key, key_.public_key());
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = good;
      altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
      EXPECT_FALSE(VerifyForkProof(altered, {key_.public_key()}).ok()) << i << " " << bit;
    }
    EXPECT_FALSE(VerifyForkProof(good.substr(0, i), {key_.public_key()}).ok()) << i;
  }
}

TEST_F(ForkProofTest, NobodyIsConvictedByLess) {
  const Ed25519PrivateKey other = Ed25519PrivateKey::Generate(random_);
  Log of_other(Aizu(), &other);
  of_other.Grow(40, "other ");
  Log of_sendai(Sendai(), &key_);
  of_sendai.Grow(40, "other ");
  struct Case {
    const char* name;
    ForkProof proof;
    const char* rule;
  };
  for (const Case& c : std::vector<Case>{
           {"one note twice", Proof(ForkKind::kSameSize, honest_.At(9, 1), honest_.At(9, 2)),
            "same-size"},
           {"two sizes", Proof(ForkKind::kSameSize, honest_.At(9, 1), forked_.At(10, 2)),
            "same-size"},
           {"the later is larger", Proof(ForkKind::kOrder, honest_.At(9, 1), forked_.At(10, 2)),
            "order"},
           {"of one time", Proof(ForkKind::kOrder, honest_.At(10, 1), honest_.At(9, 1)), "order"},
           {"consistent",
            Proof(ForkKind::kPrefix, honest_.At(9, 1), honest_.At(20, 2), honest_.Path(9, 20)),
            "prefix"},
           {"hashes of another tree",
            Proof(ForkKind::kPrefix, honest_.At(9, 1), honest_.At(20, 2), forked_.Path(9, 20)),
            "prefix"},
           {"no hashes", Proof(ForkKind::kPrefix, honest_.At(9, 1), forked_.At(20, 2)), "prefix"},
           {"the wrong way",
            Proof(ForkKind::kPrefix, honest_.At(20, 1), forked_.At(9, 2), forked_.Path(9, 20)),
            "prefix"},
           {"hashes for nothing",
            Proof(ForkKind::kOrder, honest_.At(20, 1), forked_.At(9, 2), forked_.Path(9, 20)),
            "fork-format"},
           {"another's signature", Proof(ForkKind::kSameSize, honest_.At(9, 1), of_other.At(9, 2)),
            "signature"},
           {"another's ledger", Proof(ForkKind::kSameSize, honest_.At(9, 1), of_sendai.At(9, 2)),
            "origin"},
       }) {
    EXPECT_EQ(Rule(Verify(c.proof).status()), c.rule) << c.name;
  }
}

TEST_F(ForkProofTest, OneSpellingOnly) {
  const std::string good = Prefix();
  const size_t key = good.find("key ");
  const size_t hash = good.find("hash ");
  const size_t notes = good.find("\n\n") + 1;
  const std::string key_behind_hashes = good.substr(0, key) + good.substr(hash, notes - hash) +
                                        good.substr(key, hash - key) + good.substr(notes);
  for (const std::string& text :
       {std::string(), std::string("nakadachi/fork/v1\n"), good + "\n", "\n" + good,
        absl::StrReplaceAll(good, {{"kind prefix", "kind Prefix"}}),
        absl::StrReplaceAll(good, {{"fork/v1", "fork/v2"}}), key_behind_hashes,
        absl::StrReplaceAll(good, {{"hash ", "hush "}})}) {
    EXPECT_EQ(Rule(ParseForkProof(text).status()), "fork-format") << text;
  }
}

// The key that signed may be an earlier one: a rotation does not make a proof worthless.
TEST_F(ForkProofTest, NotesMayBeSignedByTwoKeysOfTheAuthor) {
  const Ed25519PrivateKey next = Ed25519PrivateKey::Generate(random_);
  Log after_rotation(Aizu(), &next);
  after_rotation.Grow(40, "other ");
  const std::string text =
      ForkProofText(Proof(ForkKind::kSameSize, honest_.At(9, 1), after_rotation.At(9, 2)));
  EXPECT_TRUE(VerifyForkProof(text, {next.public_key(), key_.public_key()}).ok());
  EXPECT_EQ(Rule(VerifyForkProof(text, {next.public_key()}).status()), "signature");
  EXPECT_EQ(Rule(VerifyForkProof(text, {}).status()), "signature");
}

}  // namespace
}  // namespace nakadachi::witness
