// Opening what is stored: its cost, altered stores, failed commits, changed keys.
#include <gtest/gtest.h>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/ledger/ledger.h"
#include "common/ledger/tree_edge.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::ledger {
namespace {

class RecoveryTest : public LedgerFixture {
 protected:
  // Writes `count` erased entries without a ledger: quick, and small in memory.
  void Fill(uint64_t count) {
    TreeEdge edge;
    while (edge.size() < count) {
      LedgerCommit commit;
      commit.first_index = edge.size();
      while (edge.size() < count && commit.entries.size() < 50000) {
        StoredEntry entry;
        entry.commitment = Sha256(absl::StrCat(edge.size()));
        edge.Append(merkle::LeafHash(AsView(entry.commitment)));
        commit.entries.push_back(std::move(entry));
      }
      edge.Seal();
      commit.tiles = edge.ChangedTiles();
      const Checkpoint checkpoint{Origin(Aizu()), edge.size(), edge.root(), 1};
      commit.head = {edge.size(), edge.root(), 1, SignCheckpoint(checkpoint, key_)};
      ASSERT_TRUE(store_.Commit(std::move(commit)).ok());
      edge.Settle();
    }
  }
  uint64_t ReadsToOpen() {
    const uint64_t before = store_.reads();
    EXPECT_TRUE(Open().ok());
    return store_.reads() - before;
  }
  std::string RuleOfOpen() {
    altered_ = true;
    const absl::Status status = Open();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    const absl::StatusOr<VerifyResult> verified = Verify();
    EXPECT_EQ(verified.status().code(), absl::StatusCode::kDataLoss) << verified.status();
    return Rule(status);
  }
};

TEST_F(RecoveryTest, OpeningAThousandEntries) {
  Fill(1023);  // 255 entries behind the last full tile
  const uint64_t reads_of_thousand = ReadsToOpen();
  ledger_.reset();
  // Head, the place behind it, 255 entries, a tile.
  EXPECT_EQ(reads_of_thousand, 2 + 255 + 1u);
}

TEST_F(RecoveryTest, OpeningAMillionEntries) {
  altered_ = true;  // verifying a million entries belongs to another test
  Fill(1000191);    // 255 entries behind the last full tile
  // One tile more than for a thousand.
  EXPECT_EQ(ReadsToOpen(), 2 + 255 + 2u);
  EXPECT_EQ(ledger_->Head().size, 1000191u);
  const absl::StatusOr<v1::Recorded> recorded = Append("one more");
  ASSERT_TRUE(recorded.ok());
  EXPECT_TRUE(Check(*recorded).ok());
  EXPECT_EQ(recorded->leaf_index(), 1000191u);
}

TEST_F(RecoveryTest, EverySizeOpensAgain) {
  for (int size = 0; size < 520; ++size) {
    ASSERT_TRUE(Open().ok()) << size;
    ASSERT_EQ(ledger_->Head().size, static_cast<uint64_t>(size));
    const absl::StatusOr<v1::Recorded> recorded = Append("after opening");
    ASSERT_TRUE(recorded.ok());
    ASSERT_TRUE(Check(*recorded).ok()) << size;
  }
  EXPECT_EQ(ledger_->Head().root, merkle::RootOfLeaves(StoredLeaves()));
}

// ---- Altered stores ----------------------------------------------------------------------------

TEST_F(RecoveryTest, AnAlteredEdgeDoesNotOpen) {
  Fill(600);
  altered_ = true;
  for (uint64_t index = 512; index < 600; ++index) {
    const auto flip = [](StoredEntry& entry) { entry.commitment[3] ^= 1; };
    store_.AlterEntry(index, flip);
    EXPECT_EQ(RuleOfOpen(), "root") << index;
    store_.AlterEntry(index, flip);
  }
  for (size_t bit = 0; bit < 2 * 256; ++bit) {
    const auto flip = [bit](std::vector<Hash>& hashes) {
      hashes[bit / 256][bit % 256 / 8] ^= 1 << bit % 8;
    };
    store_.AlterTile({1, 0}, flip);
    EXPECT_EQ(RuleOfOpen(), "root") << bit;
    store_.AlterTile({1, 0}, flip);
  }
  EXPECT_TRUE(Open().ok());
  store_.AlterTile({1, 0}, [](std::vector<Hash>& hashes) { hashes.pop_back(); });
  EXPECT_EQ(RuleOfOpen(), "length");
  store_.DropTile({1, 0});
  EXPECT_EQ(RuleOfOpen(), "missing");
}

TEST_F(RecoveryTest, AnAlteredHeadDoesNotOpen) {
  Fill(10);
  StoredHead good;
  store_.AlterHead([&](StoredHead& head) { good = head; });
  const auto rule_with = [&](const std::function<void(StoredHead&)>& alter) {
    store_.AlterHead(alter);
    std::string rule = RuleOfOpen();
    store_.AlterHead([&](StoredHead& head) { head = good; });
    return rule;
  };
  EXPECT_EQ(rule_with([](StoredHead& head) { head.time_ms += 1; }), "checkpoint");
  EXPECT_EQ(rule_with([](StoredHead& head) { head.root[0] ^= 1; }), "checkpoint");
  EXPECT_EQ(rule_with([](StoredHead& head) { head.size += 1; }), "checkpoint");
  EXPECT_EQ(rule_with([](StoredHead& head) { head.size -= 1; }), "size");
  EXPECT_EQ(rule_with([](StoredHead& head) { head.note.clear(); }), "checkpoint-format");
  for (size_t i = 0; i < good.note.size(); ++i) {
    const std::string rule = rule_with([i](StoredHead& head) { head.note[i] ^= 1; });
    EXPECT_FALSE(rule.empty()) << i;
  }
  // A signed head of another tree or another author.
  const Ed25519PrivateKey& key = key_;
  EXPECT_EQ(rule_with([&](StoredHead& head) {
              head.root[0] ^= 1;
              head.note = SignCheckpoint({Origin(Aizu()), head.size, head.root, head.time_ms}, key);
            }),
            "root");
  EXPECT_EQ(
      rule_with([&](StoredHead& head) {
        head.note = SignCheckpoint({Origin(Sendai()), head.size, head.root, head.time_ms}, key);
      }),
      "origin");
  EXPECT_EQ(rule_with([&](StoredHead& head) {
              head.size = ~uint64_t{0};
              head.note = SignCheckpoint({Origin(Aizu()), head.size, head.root, head.time_ms}, key);
            }),
            "missing");
  EXPECT_TRUE(Open().ok());
}

TEST_F(RecoveryTest, WhatWasAlteredWhileOpenIsNotServed) {
  ASSERT_TRUE(Open().ok());
  AppendMany(600);
  altered_ = true;
  ASSERT_TRUE(Open().ok());  // nothing is remembered
  store_.AlterTile({0, 0}, [](std::vector<Hash>& hashes) { hashes[9][9] ^= 1; });
  EXPECT_EQ(Rule(ledger_->Prove(100).status()), "root");
  EXPECT_EQ(ledger_->ProveConsistency(100, 600).status().code(), absl::StatusCode::kDataLoss);
  store_.AlterTile({0, 0}, [](std::vector<Hash>& hashes) { hashes[9][9] ^= 1; });
  EXPECT_TRUE(ledger_->Prove(100).ok());

  store_.AlterEntry(300, [](StoredEntry& entry) { entry.statement[0] ^= 1; });
  EXPECT_EQ(Rule(ledger_->Prove(300).status()), "commitment");
  store_.AlterEntry(301, [](StoredEntry& entry) { entry.salt[31] ^= 1; });
  EXPECT_EQ(Rule(ledger_->Prove(301).status()), "commitment");
  store_.AlterEntry(302, [](StoredEntry& entry) { entry.salt.clear(); });
  EXPECT_EQ(Rule(ledger_->Prove(302).status()), "commitment");
  // A whole other statement with its own commitment.
  store_.AlterEntry(303, [this](StoredEntry& entry) {
    const Prepared other = Make("forged");
    entry = {other.commitment, other.salt, other.statement};
  });
  EXPECT_EQ(Rule(ledger_->Prove(303).status()), "inclusion");
  ASSERT_TRUE(Open().ok());
  store_.DropTile({0, 1});
  EXPECT_EQ(Rule(ledger_->Prove(299).status()), "missing");
}

TEST_F(RecoveryTest, VerifyStoreFindsEveryAlteration) {
  ASSERT_TRUE(Open().ok());
  AppendMany(530);
  ledger_.reset();
  altered_ = true;
  const auto rule = [&] {
    const absl::StatusOr<VerifyResult> result = Verify();
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss);
    return Rule(result.status());
  };
  for (uint64_t index = 0; index < 530; index += 7) {
    const auto flip_commitment = [](StoredEntry& entry) { entry.commitment[0] ^= 1; };
    store_.AlterEntry(index, flip_commitment);
    EXPECT_EQ(rule(), index < 512 ? "hashes" : "root");  // it is the tree that is damaged
    store_.AlterEntry(index, flip_commitment);
    const auto flip_statement = [](StoredEntry& entry) { entry.statement.back() ^= 1; };
    store_.AlterEntry(index, flip_statement);
    EXPECT_EQ(rule(), "commitment");
    store_.AlterEntry(index, flip_statement);
  }
  for (const TileId& id : store_.tiles()) {
    const auto flip = [](std::vector<Hash>& hashes) { hashes.back()[31] ^= 128; };
    store_.AlterTile(id, flip);
    EXPECT_EQ(rule(), "hashes");
    store_.AlterTile(id, flip);
  }
  uint64_t last_progress = 0;
  const absl::StatusOr<VerifyResult> verified = VerifyStore(
      store_, Aizu(), {key_.public_key()}, [&](uint64_t done) { last_progress = done; });
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->entries, 530u);
  EXPECT_EQ(last_progress, 530u);
  // An erased entry whose commitment was altered too is found by the tree.
  store_.Erase(3);
  store_.AlterEntry(3, [](StoredEntry& entry) { entry.commitment[0] ^= 1; });
  EXPECT_EQ(rule(), "hashes");
}

TEST_F(RecoveryTest, VerifyStoreAsksForTheAuthorsKey) {
  ASSERT_TRUE(Open().ok());
  AppendMany(2);
  ledger_.reset();
  const Ed25519PublicKey other = Ed25519PrivateKey::Generate(random_).public_key();
  EXPECT_EQ(Rule(VerifyStore(store_, Aizu(), {other}, nullptr).status()), "signature");
  EXPECT_EQ(Rule(VerifyStore(store_, Aizu(), {}, nullptr).status()), "signature");
  EXPECT_EQ(Rule(VerifyStore(store_, Sendai(), {key_.public_key()}, nullptr).status()), "origin");
  EXPECT_TRUE(VerifyStore(store_, Aizu(), {other, key_.public_key()}, nullptr).ok());
  MemoryLedgerStore empty;
  EXPECT_EQ(VerifyStore(empty, Aizu(), {}, nullptr)->entries, 0u);
}

// ---- Keys --------------------------------------------------------------------------------------

TEST_F(RecoveryTest, AReplacedKeyIsAcceptedOnlyWhereItIsNamed) {
  ASSERT_TRUE(Open().ok());
  AppendMany(5);
  const Hash root = ledger_->Head().root;
  const Ed25519PrivateKey next = Ed25519PrivateKey::Generate(random_);
  Options options = MakeOptions();
  options.key = &next;
  const absl::Status refused = Open(options);
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Rule(refused), "signature");

  options.previous_keys = {Ed25519PrivateKey::Generate(random_).public_key(), key_.public_key()};
  ASSERT_TRUE(Open(options).ok());
  table_.Add(Aizu(), next.public_key());
  table_.Revoke(Aizu(), key_.public_key(), clock_.NowMs());
  EXPECT_EQ(ledger_->Head().root, root);
  EXPECT_TRUE(Check(ledger_->Prove(2).value()).ok());  // under the new key already
  ASSERT_TRUE(Append("under the new key").ok());
  ledger_.reset();
  options.previous_keys.clear();
  EXPECT_TRUE(Open(options).ok());
  ledger_.reset();
  EXPECT_TRUE(VerifyStore(store_, Aizu(), {next.public_key()}, nullptr).ok());
  altered_ = true;  // the fixture knows the old key only
}

// ---- Commits that fail -------------------------------------------------------------------------

TEST_F(RecoveryTest, FailedAndNotPersistedLeavesNoTrace) {
  ASSERT_TRUE(Open().ok());
  for (const int before : {0, 1, 250, 5, 300}) {
    AppendMany(before);
    const StoredHead head = ledger_->Head();
    store_.FailCommits(2, MemoryLedgerStore::Fault::kNotPersisted,
                       absl::ResourceExhaustedError("disk full"));
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(Append("refused").status().code(), absl::StatusCode::kResourceExhausted);
      EXPECT_EQ(ledger_->Head().note, head.note);
    }
    const absl::StatusOr<v1::Recorded> recorded = Append("accepted");
    ASSERT_TRUE(recorded.ok());
    EXPECT_EQ(recorded->leaf_index(), head.size);
    EXPECT_TRUE(Check(*recorded).ok());
    EXPECT_EQ(ledger_->Head().root, merkle::RootOfLeaves(StoredLeaves()));
  }
  ASSERT_TRUE(Open().ok());
}

TEST_F(RecoveryTest, EveryWaitingAppendGetsTheError) {
  ASSERT_TRUE(Open().ok());
  AppendMany(200);
  absl::Notification held;
  absl::Notification go;
  store_.OnCommit([&] {
    if (!held.HasBeenNotified()) held.Notify();
    go.WaitForNotification();
  });
  constexpr int kQueued = 700;
  int refused = 0;
  int accepted = 0;
  absl::BlockingCounter waiting(kQueued + 1);
  const auto done = [&](const absl::StatusOr<v1::Recorded>& recorded) {
    ++(recorded.ok() ? accepted : refused);
    waiting.DecrementCount();
  };
  ledger_->Append(Make("held"), nullptr, done);
  held.WaitForNotification();
  for (int i = 0; i < kQueued; ++i) ledger_->Append(Make("behind"), nullptr, done);
  store_.FailCommits(2, MemoryLedgerStore::Fault::kNotPersisted,
                     absl::ResourceExhaustedError("disk full"));
  go.Notify();
  waiting.Wait();
  EXPECT_EQ(refused, kQueued + 1);
  EXPECT_EQ(accepted, 0);
  store_.OnCommit(nullptr);
  EXPECT_EQ(store_.size(), 200u);
  ASSERT_TRUE(Append("after").ok());
}

TEST_F(RecoveryTest, FailedButPersistedIsFoundWhenOpenedAgain) {
  ASSERT_TRUE(Open().ok());
  for (const int before : {0, 3, 251, 1}) {
    AppendMany(before);
    const uint64_t size = store_.size();
    store_.FailCommits(1, MemoryLedgerStore::Fault::kPersisted, absl::AbortedError("crash"));
    const Prepared unanswered = Make("written, but nobody was told");
    EXPECT_EQ(ledger_->AppendAndWait(unanswered).status().code(), absl::StatusCode::kAborted);
    // This ledger does not know; the store keeps it from writing another history.
    EXPECT_EQ(Append("would fork").status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Append("would fork").status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(store_.size(), size + 1);

    ASSERT_TRUE(Open().ok());
    EXPECT_EQ(ledger_->Head().size, size + 1);
    const absl::StatusOr<v1::Recorded> recovered = ledger_->Prove(size);
    ASSERT_TRUE(recovered.ok());
    EXPECT_EQ(Check(*recovered)->commitment, unanswered.commitment);
    ASSERT_TRUE(Append("goes on").ok());
  }
}

// Random faults and reopenings: what was acknowledged is there, at its index, for good.
TEST_F(RecoveryTest, AcknowledgedIsNeverLost) {
  std::mt19937_64 random(11);
  std::map<uint64_t, Hash> acknowledged;
  ASSERT_TRUE(Open().ok());
  for (int round = 0; round < 400; ++round) {
    const auto what = random() % 10;
    if (what == 0)
      store_.FailCommits(1, MemoryLedgerStore::Fault::kNotPersisted, absl::AbortedError("a"));
    if (what == 1)
      store_.FailCommits(1, MemoryLedgerStore::Fault::kPersisted, absl::AbortedError("b"));
    const int count = 1 + static_cast<int>(random() % 20);
    for (int i = 0; i < count; ++i) {
      const Prepared prepared = Make(absl::StrCat(round, " ", i));
      const absl::StatusOr<v1::Recorded> recorded = ledger_->AppendAndWait(prepared);
      if (!recorded.ok()) continue;
      ASSERT_TRUE(acknowledged.emplace(recorded->leaf_index(), prepared.commitment).second);
    }
    ASSERT_TRUE(what >= 3 || Open().ok());
  }
  ASSERT_TRUE(Open().ok());
  EXPECT_GT(acknowledged.size(), 1000u);
  for (const auto& [index, commitment] : acknowledged)
    ASSERT_EQ(store_.ReadEntry(index)->commitment, commitment);
}

}  // namespace
}  // namespace nakadachi::ledger
