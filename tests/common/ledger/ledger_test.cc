#include "common/ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::ledger {
namespace {

class LedgerTest : public LedgerFixture {};

std::vector<Hash> PathOf(const v1::Recorded& recorded) { return HashesOf(recorded.path()); }

TEST_F(LedgerTest, PrepareFixesBytesSaltAndCommitment) {
  const v1::Statement statement = MakeStatement(Aizu(), "once");
  const Prepared one = Prepare(statement, random_);
  const Prepared two = Prepare(statement, random_);
  EXPECT_EQ(one.statement, statement.SerializeAsString());
  EXPECT_EQ(one.salt.size(), 32u);
  EXPECT_NE(one.salt, two.salt);
  EXPECT_EQ(one.commitment, Commit(one.salt, one.statement));
  EXPECT_NE(one.commitment, two.commitment);
}

TEST_F(LedgerTest, AnEmptyLedgerHasASignedCheckpoint) {
  ASSERT_TRUE(Open().ok());
  const StoredHead head = ledger_->Head();
  EXPECT_EQ(head.size, 0u);
  EXPECT_EQ(head.root, merkle::EmptyRoot());
  const absl::StatusOr<SignedCheckpoint> parsed = ParseCheckpoint(head.note);
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(VerifyCheckpointSignature(*parsed, key_.public_key()));
  EXPECT_EQ(parsed->checkpoint.time_ms, clock_.NowMs());
  EXPECT_EQ(store_.commits(), 0u);
  EXPECT_EQ(ledger_->author(), Aizu());
}

TEST_F(LedgerTest, WhatIsAppendedComesBackWithAProofThatHolds) {
  ASSERT_TRUE(Open().ok());
  for (uint64_t index = 0; index < 300; ++index) {
    const Prepared prepared = Make(absl::StrCat("entry ", index));
    const absl::StatusOr<v1::Recorded> recorded = ledger_->AppendAndWait(prepared);
    ASSERT_TRUE(recorded.ok()) << recorded.status();
    EXPECT_EQ(recorded->statement(), prepared.statement);
    EXPECT_EQ(recorded->salt(), prepared.salt);
    EXPECT_EQ(recorded->leaf_index(), index);
    EXPECT_EQ(recorded->checkpoint(), ledger_->Head().note);
    const absl::StatusOr<Verified> verified = Check(*recorded);
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->commitment, prepared.commitment);
    EXPECT_EQ(verified->checkpoint_size, index + 1);
  }
  EXPECT_EQ(ledger_->Head().root, merkle::RootOfLeaves(StoredLeaves()));
}

// Holds the writer in its first commit, so that what is queued meanwhile forms batches.
class HeldWriter {
 public:
  explicit HeldWriter(MemoryLedgerStore* store) {
    store->OnCommit([this] {
      held_.Notify();
      go_.WaitForNotification();
    });
    release_ = [this, store] {
      store->OnCommit(nullptr);
      go_.Notify();
    };
  }
  void WaitUntilHeld() { held_.WaitForNotification(); }
  void Release() { release_(); }

 private:
  absl::Notification held_;
  absl::Notification go_;
  std::function<void()> release_;
};

TEST_F(LedgerTest, OneCommitForAllThatQueuedUp) {
  Options options = MakeOptions();
  options.max_batch = 1000;
  ASSERT_TRUE(Open(options).ok());
  constexpr int kQueued = 2500;
  std::vector<v1::Recorded> answers;
  absl::BlockingCounter waiting(kQueued + 1);
  const auto done = [&](absl::StatusOr<v1::Recorded> recorded) {
    ASSERT_TRUE(recorded.ok());
    answers.push_back(*std::move(recorded));
    waiting.DecrementCount();
  };
  HeldWriter held(&store_);
  ledger_->Append(Make("first"), nullptr, done);
  held.WaitUntilHeld();
  std::vector<uint64_t> order;
  for (int i = 0; i < kQueued; ++i) {
    ledger_->Append(
        Make(absl::StrCat(i)),
        [&order](uint64_t index, storage::Batch&) { order.push_back(index); }, done);
  }
  held.Release();
  waiting.Wait();
  EXPECT_EQ(store_.commits(), 4u);  // 1, then 1000, 1000, 500
  ASSERT_EQ(answers.size(), kQueued + 1u);
  for (uint64_t index = 0; index < answers.size(); ++index) {
    ASSERT_EQ(answers[index].leaf_index(), index);
    ASSERT_TRUE(Check(answers[index]).ok()) << index;
    ASSERT_TRUE(index == 0 || order[index - 1] == index);
  }
  EXPECT_EQ(Check(answers[1]).value().checkpoint_size, 1001u);
  EXPECT_EQ(Check(answers[2500]).value().checkpoint_size, 2501u);
}

TEST_F(LedgerTest, ProvesManyAsItProvesEach) {
  ASSERT_TRUE(Open().ok());
  AppendMany(600);
  store_.Erase(300);
  const auto is_even = [](absl::string_view bytes) {
    v1::Statement statement;
    return statement.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
           (statement.operation().detail().back() - '0') % 2 == 0;
  };
  const auto many = ledger_->ProveMany(290, 600, 20, is_even);
  ASSERT_TRUE(many.ok()) << many.status();
  uint64_t expected = 290;
  ASSERT_EQ(many->size(), 20u);
  for (const v1::Recorded& recorded : *many) {
    if (expected == 300) expected += 2;  // erased
    EXPECT_EQ(recorded.SerializeAsString(), ledger_->Prove(expected)->SerializeAsString());
    EXPECT_TRUE(Check(recorded).ok());
    expected += 2;
  }
  EXPECT_TRUE(ledger_->ProveMany(600, 600, 20, is_even)->empty());
  EXPECT_TRUE(absl::IsOutOfRange(ledger_->ProveMany(0, 601, 20, is_even).status()));
  store_.AlterEntry(310, [](StoredEntry& entry) { entry.statement.push_back('x'); });
  EXPECT_TRUE(absl::IsDataLoss(ledger_->ProveMany(290, 600, 20, is_even).status()));
  EXPECT_TRUE(ledger_->ProveMany(311, 600, 20, is_even).ok());
  altered_ = true;
}

TEST_F(LedgerTest, ProvesEveryEntryAgainstTheNewestCheckpoint) {
  ASSERT_TRUE(Open().ok());
  AppendMany(700);
  const std::vector<Hash> leaves = StoredLeaves();
  for (const bool reopened : {false, true}) {
    ASSERT_TRUE(!reopened || Open().ok());
    for (uint64_t index = 0; index < 700; ++index) {
      const absl::StatusOr<v1::Recorded> recorded = ledger_->Prove(index);
      ASSERT_TRUE(recorded.ok()) << recorded.status();
      EXPECT_EQ(recorded->leaf_index(), index);
      const absl::StatusOr<Verified> verified = Check(*recorded);
      ASSERT_TRUE(verified.ok()) << verified.status();
      EXPECT_EQ(verified->statement.operation().detail(), absl::StrCat("entry ", index));
      EXPECT_EQ(verified->checkpoint_size, 700u);
      EXPECT_TRUE(merkle::VerifyInclusion(index, 700, leaves[index], PathOf(*recorded),
                                          merkle::RootOfLeaves(leaves))
                      .ok());
    }
  }
  EXPECT_EQ(ledger_->Prove(700).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ledger_->Prove(~uint64_t{0}).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LedgerTest, ProvesConsistencyOfAllSizes) {
  ASSERT_TRUE(Open().ok());
  AppendMany(600);
  const std::vector<Hash> leaves = StoredLeaves();
  const auto root = [&](uint64_t size) {
    return merkle::RootOfLeaves(absl::MakeConstSpan(leaves.data(), size));
  };
  for (uint64_t to = 0; to <= 600; to += to < 20 ? 1 : 29) {
    for (uint64_t from = 0; from <= to; from += from < 20 ? 1 : 13) {
      const absl::StatusOr<std::vector<Hash>> proof = ledger_->ProveConsistency(from, to);
      ASSERT_TRUE(proof.ok()) << proof.status();
      ASSERT_TRUE(merkle::VerifyConsistency(from, to, root(from), root(to), *proof).ok())
          << from << " to " << to;
    }
  }
  EXPECT_EQ(ledger_->ProveConsistency(1, 601).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ledger_->ProveConsistency(2, 1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(LedgerTest, AnErasedStatementIsToldFromALostOne) {
  ASSERT_TRUE(Open().ok());
  AppendMany(3);
  store_.Erase(1);
  const absl::Status erased = ledger_->Prove(1).status();
  EXPECT_EQ(erased.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Rule(erased), "erased");
  EXPECT_TRUE(Check(ledger_->Prove(0).value()).ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Verify()->entries, 3u);
  EXPECT_EQ(Verify()->erased, 1u);
}

TEST_F(LedgerTest, TimeOfCheckpointsNeverGoesBack) {
  ASSERT_TRUE(Open().ok());
  const int64_t start = clock_.NowMs();
  ASSERT_TRUE(Append("now").ok());
  clock_.Advance(-absl::Hours(1));
  ASSERT_TRUE(Append("earlier").ok());
  EXPECT_EQ(ledger_->Head().time_ms, start);
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Append("earlier still, after a restart").ok());
  EXPECT_EQ(ledger_->Head().time_ms, start);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(Append("later").ok());
  EXPECT_EQ(ledger_->Head().time_ms, clock_.NowMs());
}

TEST_F(LedgerTest, ShutdownFinishesWhatIsQueuedAndRefusesTheRest) {
  ASSERT_TRUE(Open().ok());
  HeldWriter held(&store_);
  int acknowledged = 0;
  for (int i = 0; i < 10; ++i) {
    ledger_->Append(Make(absl::StrCat(i)), nullptr,
                    [&](const absl::StatusOr<v1::Recorded>& recorded) {
                      acknowledged += recorded.ok() ? 1 : 0;
                    });
  }
  held.WaitUntilHeld();
  held.Release();
  ledger_->Shutdown();
  EXPECT_EQ(acknowledged, 10);
  EXPECT_EQ(Append("late").status().code(), absl::StatusCode::kUnavailable);
  ledger_->Shutdown();
  EXPECT_EQ(store_.size(), 10u);
}

TEST_F(LedgerTest, AnAppendFromDoneIsRecorded) {
  ASSERT_TRUE(Open().ok());
  absl::Notification finished;
  ledger_->Append(Make("outer"), nullptr, [&](const absl::StatusOr<v1::Recorded>&) {
    ledger_->Append(Make("inner"), nullptr, [&](const absl::StatusOr<v1::Recorded>& recorded) {
      EXPECT_EQ(recorded->leaf_index(), 1u);
      finished.Notify();
    });
  });
  finished.WaitForNotification();
}

// Many appenders, readers of old entries beside them: every acknowledged statement is there once.
TEST_F(LedgerTest, ManyAppendersAndReaders) {
  ASSERT_TRUE(Open().ok());
  constexpr int kThreads = 8;
  constexpr int kEach = 500;
  std::vector<std::vector<v1::Recorded>> acknowledged(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      SeededRandom random(100 + t);
      for (int i = 0; i < kEach; ++i) {
        const Prepared prepared = Prepare(MakeStatement(Aizu(), absl::StrCat(t, "/", i)), random);
        absl::StatusOr<v1::Recorded> recorded = ledger_->AppendAndWait(prepared);
        ASSERT_TRUE(recorded.ok());
        const uint64_t some = random.Bytes<1>()[0] % (recorded->leaf_index() + 1);
        const absl::StatusOr<v1::Recorded> proved = ledger_->Prove(some);
        ASSERT_TRUE(proved.ok()) << proved.status();
        ASSERT_TRUE(Check(*proved).ok());
        acknowledged[t].push_back(*std::move(recorded));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint64_t> indices;
  for (const std::vector<v1::Recorded>& of_thread : acknowledged) {
    uint64_t last = 0;
    for (const v1::Recorded& recorded : of_thread) {
      ASSERT_TRUE(Check(recorded).ok());
      ASSERT_TRUE(indices.insert(recorded.leaf_index()).second);
      ASSERT_TRUE(&recorded == &of_thread.front() || recorded.leaf_index() > last);
      last = recorded.leaf_index();
      const absl::StatusOr<StoredEntry> stored = store_.ReadEntry(recorded.leaf_index());
      ASSERT_EQ(stored->statement, recorded.statement());
    }
  }
  EXPECT_EQ(indices.size(), kThreads * kEach * 1u);
  EXPECT_EQ(store_.size(), indices.size());
}

}  // namespace
}  // namespace nakadachi::ledger
