// The ledger's store on a sealed database, alone and under a ledger.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <utility>
#include <vector>

#include "common/base/fiscal_year.h"
#include "common/base/status.h"
#include "common/ledger/entry_page.h"
#include "ledger_fixture.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::ledger {
namespace {

constexpr LedgerFamilies kFamilies = {0, 1, 2, 3};
constexpr int kMeta = 3;

class RocksLedgerStoreTest : public testing::Test {
 protected:
  RocksLedgerStoreTest() { Reopen(); }
  ~RocksLedgerStoreTest() override {
    store_.reset();
    database_.reset();
  }

  void Reopen() {
    store_.reset();
    database_.reset();
    storage::OpenOptions options;
    options.path = folder_ / "db";
    options.owner = "072028";
    options.families = {{"commitments", storage::Form::kPlain},
                        {"statements", storage::Form::kPeriod},
                        {"tiles", storage::Form::kPlain},
                        {"meta", storage::Form::kSealed}};
    options.environment = environment_;
    options.key_provider = key_provider_.get();
    options.random = &SystemRandom();
    auto database = storage::Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    store_ = MakeRocksLedgerStore(database_.get(), kFamilies);
  }

  static StoredEntry Entry(uint64_t index) {
    StoredEntry entry;
    entry.salt = std::string(32, static_cast<char>(index));
    entry.statement = absl::StrCat("statement ", index);
    entry.commitment = Commit(entry.salt, entry.statement);
    return entry;
  }

  static LedgerCommit Commitment(uint64_t first, uint64_t count) {
    LedgerCommit commit;
    commit.first_index = first;
    for (uint64_t i = first; i < first + count; ++i) commit.entries.push_back(Entry(i));
    commit.head = {first + count, Sha256(absl::StrCat(first + count)), 1711929600000, "note\n"};
    return commit;
  }

  void Lose(uint64_t index, int family) {
    storage::Batch batch(*database_);
    batch.Delete(family, storage::KeyU64(index));
    ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  }

  TemporaryFolder folder_;
  std::shared_ptr<storage::Environment> environment_ = storage::Environment::Create(32 << 20);
  const std::unique_ptr<storage::KeyProvider> key_provider_ =
      storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<LedgerStore> store_;
};

TEST_F(RocksLedgerStoreTest, StartsEmpty) {
  EXPECT_FALSE(store_->ReadHead().value().has_value());
  EXPECT_EQ(store_->ReadEntry(0).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(store_->ReadTile({0, 0}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RocksLedgerStoreTest, KeepsCommitsOverReopening) {
  LedgerCommit commit = Commitment(0, 3);
  const std::vector<Hash> partial = {Sha256("a"), Sha256("b")};
  const std::vector<Hash> full(256, Sha256("c"));
  commit.tiles = {{{0, 0}, full}, {{1, 7}, partial}};
  commit.head.time_ms = -5;
  storage::Batch also = store_->NewBatch();
  also.Put(kMeta, "outbox/1", "half");
  commit.also = std::move(also);
  ASSERT_TRUE(store_->Commit(std::move(commit)).ok());
  Reopen();
  const StoredHead head = *store_->ReadHead().value();
  EXPECT_EQ(head.size, 3u);
  EXPECT_EQ(head.root, Sha256("3"));
  EXPECT_EQ(head.time_ms, -5);
  EXPECT_EQ(head.note, "note\n");
  EXPECT_EQ(*store_->ReadTile({0, 0}), full);
  EXPECT_EQ(*store_->ReadTile({1, 7}), partial);
  EXPECT_EQ(store_->ReadTile({1, 0}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->ReadTile({0, 7}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(database_->Get(kMeta, "outbox/1")->value(), "half");
  for (uint64_t i = 0; i < 3; ++i) {
    const StoredEntry entry = store_->ReadEntry(i).value();
    EXPECT_EQ(entry.commitment, Entry(i).commitment);
    EXPECT_EQ(entry.salt, Entry(i).salt);
    EXPECT_EQ(entry.statement, Entry(i).statement);
  }
}

TEST_F(RocksLedgerStoreTest, RefusesACommitThatDoesNotFollow) {
  ASSERT_TRUE(store_->Commit(Commitment(0, 2)).ok());
  for (const bool is_reopened : {false, true}) {
    if (is_reopened) Reopen();
    for (const uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
      const absl::Status status = store_->Commit(Commitment(first, 1));
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(Rule(status), "size");
    }
    EXPECT_EQ(store_->ReadHead().value()->size, 2u);
  }
  EXPECT_TRUE(store_->Commit(Commitment(2, 1)).ok());
  EXPECT_TRUE(store_->Commit(Commitment(3, 0)).ok()) << "a head alone";
}

TEST_F(RocksLedgerStoreTest, VisitsRangesInOrder) {
  constexpr uint64_t kCount = 2500;  // more than is read at a time
  ASSERT_TRUE(store_->Commit(Commitment(0, kCount)).ok());
  const struct {
    uint64_t start, end, stop_after, expected;
  } kCases[] = {{0, kCount, kCount, kCount},
                {1023, 1026, 99, 3},
                {5, 5, 99, 0},
                {0, kCount, 1500, 1500},
                {2499, 2500, 99, 1}};
  for (const auto& c : kCases) {
    uint64_t visited = 0;
    EXPECT_TRUE(store_
                    ->ReadEntries(c.start, c.end,
                                  [&](uint64_t index, const StoredEntry& entry) {
                                    EXPECT_EQ(index, c.start + visited);
                                    EXPECT_EQ(entry.statement, Entry(index).statement);
                                    return ++visited < c.stop_after;
                                  })
                    .ok());
    EXPECT_EQ(visited, c.expected);
  }
  uint64_t visited = 0;
  const auto count = [&](uint64_t, const StoredEntry&) { return ++visited > 0; };
  EXPECT_EQ(store_->ReadEntries(2000, kCount + 1, count).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(visited, 500u);
}

// Entries of two fiscal years, the second of the first year kept always.
class ErasedPeriodTest : public RocksLedgerStoreTest {
 protected:
  static constexpr int kYear = 2023;
  static constexpr uint64_t kEnd = 5;  // of the first year
  static constexpr uint64_t kKeptAlways = 1;

  ErasedPeriodTest() {
    LedgerCommit first = Commitment(0, kEnd);
    first.head.time_ms = FiscalYearStartMs(kYear + 1) - 1;
    first.entries[kKeptAlways].keep_always = true;
    EXPECT_TRUE(store_->Commit(std::move(first)).ok());
    LedgerCommit second = Commitment(kEnd, 3);
    second.head.time_ms = FiscalYearStartMs(kYear + 1);
    EXPECT_TRUE(store_->Commit(std::move(second)).ok());
  }
  // The sizes of the salts of all entries.
  std::vector<size_t> Salts() {
    std::vector<size_t> sizes;
    const absl::Status read =
        store_->ReadEntries(0, kEnd + 3, [&](uint64_t index, const StoredEntry& entry) {
          EXPECT_EQ(entry.commitment, Entry(index).commitment);
          sizes.push_back(entry.salt.size());
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return sizes;
  }
};

TEST_F(ErasedPeriodTest, PeriodsAreTheYearsOfTheHeads) {
  for (int round = 0; round < 2; ++round) {
    const std::vector<StoredPeriod> periods = store_->ReadPeriods().value();
    ASSERT_EQ(periods.size(), 2u);
    EXPECT_EQ(periods[0].fiscal_year, kYear);
    EXPECT_EQ(periods[0].first, 0u);
    EXPECT_EQ(periods[0].end, kEnd);
    EXPECT_EQ(periods[1].fiscal_year, kYear + 1);
    EXPECT_EQ(periods[1].first, kEnd);
    EXPECT_EQ(periods[1].end, kEnd + 3);
    Reopen();
  }
}

TEST_F(ErasedPeriodTest, ErasedStatementsLeaveTheirCommitments) {
  ASSERT_TRUE(database_->DestroyPeriod(kYear).ok());
  for (int round = 0; round < 2; ++round) {
    const StoredEntry erased = store_->ReadEntry(0).value();
    EXPECT_EQ(erased.commitment, Entry(0).commitment);
    EXPECT_EQ(erased.salt + erased.statement, "");
    EXPECT_EQ(store_->ReadEntry(kKeptAlways).value().statement, Entry(kKeptAlways).statement);
    EXPECT_EQ(Salts(), (std::vector<size_t>{0, 32, 0, 0, 0, 32, 32, 32}));
    EXPECT_TRUE(store_->ReadPeriods().value()[0].destroyed);
    EXPECT_FALSE(store_->ReadPeriods().value()[1].destroyed);
    ASSERT_TRUE(database_->Compact().ok());
    Reopen();
  }
}

TEST_F(ErasedPeriodTest, WhatIsKeptOnOutlivesItsYearUntilItIsDropped) {
  storage::Batch keep = store_->NewBatch();
  store_->KeepOn(3, store_->ReadEntry(3).value(), keep);
  ASSERT_TRUE(database_->Commit(std::move(keep)).ok());
  ASSERT_TRUE(database_->DestroyPeriod(kYear).ok());
  EXPECT_EQ(Salts(), (std::vector<size_t>{0, 32, 0, 32, 0, 32, 32, 32}));
  storage::Batch drop = store_->NewBatch();
  store_->Drop(3, drop);
  ASSERT_TRUE(database_->Commit(std::move(drop)).ok());
  EXPECT_EQ(Salts(), (std::vector<size_t>{0, 32, 0, 0, 0, 32, 32, 32}));
}

TEST_F(ErasedPeriodTest, AStatementOfAnotherYearIsLostNotErased) {
  ASSERT_TRUE(database_->DestroyPeriod(kYear).ok());
  Lose(kEnd, kFamilies.statements);
  EXPECT_EQ(store_->ReadEntry(kEnd).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->ReadEntry(kEnd - 1).status(), absl::OkStatus());
}

TEST_F(RocksLedgerStoreTest, ALostStatementIsNotAnErasedOne) {
  ASSERT_TRUE(store_->Commit(Commitment(0, 5)).ok());
  const auto any = [](uint64_t, const StoredEntry&) { return true; };
  for (const uint64_t index : {uint64_t{2}, uint64_t{4}}) {
    Lose(index, kFamilies.statements);
    EXPECT_EQ(store_->ReadEntry(index).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(store_->ReadEntries(index, index + 1, any).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(store_->ReadEntries(0, 5, any).code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_TRUE(store_->ReadEntries(0, 2, any).ok());
}

TEST_F(RocksLedgerStoreTest, ALostStatementHidesNoOther) {
  ASSERT_TRUE(store_->Commit(Commitment(0, 7)).ok());
  for (const uint64_t index : {0, 3, 4, 6}) Lose(index, kFamilies.statements);
  for (const auto& [start, end] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 7}, {1, 3}, {3, 5}, {2, 6}, {6, 7}, {7, 7}, {4, 4}}) {
    uint64_t next = start;
    const auto visit = [&](uint64_t index, const StoredEntry& entry, const absl::Status& body) {
      EXPECT_EQ(index, next++);
      EXPECT_EQ(entry.commitment, Entry(index).commitment);
      const bool lost = index == 0 || index == 3 || index == 4 || index == 6;
      EXPECT_EQ(body.code(), lost ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk);
      EXPECT_EQ(entry.statement, lost ? "" : Entry(index).statement);
      return true;
    };
    EXPECT_TRUE(ReadEveryEntry(*store_, start, end, visit).ok());
    EXPECT_EQ(next, end);
  }
  for (const uint64_t last : {0, 2, 3, 5}) {  // stops where it is told to
    uint64_t visited = 0;
    EXPECT_TRUE(
        ReadEveryEntry(*store_, 0, 7, [&](uint64_t index, const StoredEntry&, const absl::Status&) {
          ++visited;
          return index < last;
        }).ok());
    EXPECT_EQ(visited, last + 1);
  }
  const auto any = [](uint64_t, const StoredEntry&, const absl::Status&) { return true; };
  EXPECT_EQ(ReadEveryEntry(*store_, 5, 8, any).code(), absl::StatusCode::kOutOfRange);
  storage::Batch batch(*database_);
  batch.Put(kFamilies.commitments, storage::KeyU64(5), "short");
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  const absl::Status status = ReadEveryEntry(*store_, 0, 7, any);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(GetFieldRule(status).field, testing::StartsWith("entry 5"));
}

TEST_F(RocksLedgerStoreTest, APageHasWhatFitsAndSaysWhatIsLost) {
  ASSERT_TRUE(store_->Commit(Commitment(0, 5)).ok());
  Lose(1, kFamilies.statements);
  for (const bool with_statements : {true, false}) {
    v1::GetEntriesRequest request;
    request.set_start(1);
    request.set_limit(3);
    request.set_with_statements(with_statements);
    v1::GetEntriesResponse page;
    ASSERT_TRUE(ReadEntryPage(*store_, 5, request, &page).ok());
    EXPECT_EQ(page.size(), 5u);
    ASSERT_EQ(page.entries_size(), 3);
    for (int i = 0; i < 3; ++i) {
      const v1::LedgerEntry& entry = page.entries(i);
      EXPECT_EQ(entry.index(), static_cast<uint64_t>(i) + 1);
      EXPECT_EQ(entry.commitment(), AsView(Entry(entry.index()).commitment));
      EXPECT_EQ(entry.unreadable(), i == 0);
      EXPECT_FALSE(entry.erased());
      EXPECT_EQ(entry.statement(),
                with_statements && i > 0 ? Entry(entry.index()).statement : std::string());
    }
  }
  struct Case {
    uint64_t start;
    uint32_t limit;
    absl::StatusCode code;
    int entries;
  };
  for (const Case& c : {Case{0, 0, absl::StatusCode::kOk, 5},
                        {4, 1024, absl::StatusCode::kOk, 1},
                        {5, 1, absl::StatusCode::kOk, 0},
                        {6, 1, absl::StatusCode::kOutOfRange, 0},
                        {0, 1025, absl::StatusCode::kInvalidArgument, 0}}) {
    v1::GetEntriesRequest request;
    request.set_start(c.start);
    request.set_limit(c.limit);
    v1::GetEntriesResponse page;
    EXPECT_EQ(ReadEntryPage(*store_, 5, request, &page).code(), c.code) << c.start;
    EXPECT_EQ(page.entries_size(), c.entries) << c.start;
  }
}

TEST_F(RocksLedgerStoreTest, APageIsNoLargerThanAMessage) {
  LedgerCommit commit = Commitment(0, 10);
  for (StoredEntry& entry : commit.entries) entry.statement = std::string(1 << 20, 's');
  ASSERT_TRUE(store_->Commit(std::move(commit)).ok());
  v1::GetEntriesRequest request;
  request.set_with_statements(true);
  v1::GetEntriesResponse page;
  ASSERT_TRUE(ReadEntryPage(*store_, 10, request, &page).ok());
  EXPECT_EQ(page.entries_size(), 2);
  request.set_with_statements(false);
  page.Clear();
  ASSERT_TRUE(ReadEntryPage(*store_, 10, request, &page).ok());
  EXPECT_EQ(page.entries_size(), 10);
}

TEST_F(RocksLedgerStoreTest, ALargeEntryHasAPageOfItsOwn) {
  constexpr size_t kSizes[] = {2, 3, 1, 1};
  LedgerCommit commit = Commitment(0, 4);
  for (size_t i = 0; i < 4; ++i) commit.entries[i].statement.assign(kSizes[i] << 20, 's');
  ASSERT_TRUE(store_->Commit(std::move(commit)).ok());
  v1::GetEntriesRequest request;
  request.set_with_statements(true);
  for (const auto& [start, entries] : {std::pair{0, 1}, {1, 1}, {2, 2}}) {
    request.set_start(start);
    v1::GetEntriesResponse page;
    ASSERT_TRUE(ReadEntryPage(*store_, 4, request, &page).ok());
    EXPECT_EQ(page.entries_size(), entries) << start;
  }
}

TEST_F(RocksLedgerStoreTest, DetectsWhatIsNotInItsForm) {
  ASSERT_TRUE(store_->Commit(Commitment(0, 5)).ok());
  storage::Batch batch(*database_);
  batch.Put(kFamilies.commitments, storage::KeyU64(0), "short");
  batch.Put(kFamilies.statements, storage::KeyU64(1), std::string(31, 's'));
  batch.Put(kFamilies.tiles, std::string(1, '\0') + storage::KeyU64(0), std::string(33, 't'));
  batch.Put(kMeta, "ledger/head", std::string(47, 'h'));
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  const auto any = [](uint64_t, const StoredEntry&) { return true; };
  for (const absl::Status& status :
       {store_->ReadEntry(0).status(), store_->ReadEntry(1).status(),
        store_->ReadTile({0, 0}).status(), store_->ReadHead().status(),
        store_->ReadEntries(0, 1, any), store_->ReadEntries(1, 2, any)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(Rule(status), "corrupt");
  }
  Lose(3, kFamilies.commitments);
  EXPECT_EQ(store_->ReadEntries(2, 5, any).code(), absl::StatusCode::kOutOfRange);
}

TEST_F(RocksLedgerStoreTest, CarriesALedger) {
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(SystemRandom());
  ManualClock clock(absl::FromUnixMillis(1711929600000));
  Options options;
  options.author = Aizu();
  options.key = &key;
  options.clock = &clock;
  constexpr int kRounds = 3;
  constexpr int kStatements = 200;
  for (int round = 0; round < kRounds; ++round) {
    options.store = store_.get();
    auto ledger = Ledger::Open(options);
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    EXPECT_EQ((*ledger)->Head().size, static_cast<uint64_t>(round * kStatements));
    for (int i = 0; i < kStatements; ++i) {
      const std::string detail = absl::StrCat(round, "/", i);
      const auto also = [&](uint64_t leaf_index, storage::Batch& batch) {
        batch.Put(kMeta, "detail/" + detail, storage::KeyU64(leaf_index));
      };
      const auto recorded =
          (*ledger)->AppendAndWait(Prepare(MakeStatement(Aizu(), detail), SystemRandom()), also);
      ASSERT_TRUE(recorded.ok()) << recorded.status();
      EXPECT_EQ(storage::U64FromKey(*database_->Get(kMeta, "detail/" + detail).value()),
                static_cast<uint64_t>(round * kStatements + i));
    }
    ledger->reset();
    Reopen();
  }
  const auto verified = VerifyStore(*store_, Aizu(), {key.public_key()}, nullptr);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->entries, static_cast<uint64_t>(kRounds * kStatements));
  EXPECT_EQ(verified->erased, 0u);
}

// ---- Damaged stores ----------------------------------------------------------------------------

class DamagedLedgerTest : public RocksLedgerStoreTest {
 protected:
  static constexpr uint64_t kSize = 300;  // 44 entries behind the last full tile

  void SetUp() override {
    ASSERT_TRUE(OpenLedger().ok());
    for (uint64_t i = 0; i < kSize; ++i) ASSERT_TRUE(Append().ok());
    ledger_.reset();
  }
  void TearDown() override { ledger_.reset(); }

  absl::Status OpenLedger() {
    ledger_.reset();
    Options options;
    options.author = Aizu();
    options.key = &key_;
    options.clock = &clock_;
    options.store = store_.get();
    NAKADACHI_ASSIGN_OR_RETURN(ledger_, Ledger::Open(options));
    return absl::OkStatus();
  }
  absl::Status Append() {
    return ledger_
        ->AppendAndWait(Prepare(MakeStatement(Aizu(), SystemRandom().String(700)), SystemRandom()))
        .status();
  }
  absl::Status Verify() {
    return VerifyStore(*store_, Aizu(), {key_.public_key()}, nullptr).status();
  }
  // Those that cannot be proven, each with the right error.
  std::vector<uint64_t> Unprovable() {
    std::vector<uint64_t> unprovable;
    for (uint64_t i = 0; i < kSize; ++i) {
      const absl::Status status = ledger_->Prove(i).status();
      if (status.ok()) continue;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      unprovable.push_back(i);
    }
    return unprovable;
  }
  void Put(int family, const std::string& key, const std::string& value) {
    storage::Batch batch(*database_);
    batch.Put(family, key, value);
    ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  }

  const Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  ManualClock clock_{absl::FromUnixMillis(1711929600000)};
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(DamagedLedgerTest, ALostStatementKeepsNoOtherFromBeingServed) {
  const std::vector<uint64_t> lost = {40, 280, kSize - 1};
  for (const uint64_t index : lost) Lose(index, kFamilies.statements);
  Reopen();
  ASSERT_TRUE(OpenLedger().ok());
  EXPECT_EQ(Unprovable(), lost);
  const auto all = [](absl::string_view) { return true; };
  EXPECT_EQ(ledger_->ProveMany(0, kSize, 40, all)->size(), 40u);  // before the first
  EXPECT_EQ(ledger_->ProveMany(41, 280, kSize, all)->size(), 239u);
  EXPECT_TRUE(absl::IsDataLoss(ledger_->ProveMany(41, 281, kSize, all).status()));
  ASSERT_TRUE(Append().ok());
  EXPECT_TRUE(ledger_->Prove(kSize).ok());
  const absl::Status verified = Verify();
  EXPECT_TRUE(absl::IsDataLoss(verified)) << verified;
  EXPECT_NE(verified.message().find("3 damaged or lost, the first of them that of entry 40;"),
            std::string::npos)
      << verified;
}

TEST_F(DamagedLedgerTest, AnAlteredStatementIsLikeALostOne) {
  Put(kFamilies.statements, storage::KeyU64(kSize - 2), std::string(32, 's') + "another");
  Put(kFamilies.statements, storage::KeyU64(kSize - 1), "short");
  Reopen();
  ASSERT_TRUE(OpenLedger().ok());
  EXPECT_EQ(Unprovable(), (std::vector<uint64_t>{kSize - 2, kSize - 1}));
  EXPECT_EQ(Rule(Verify()), "commitment");
}

TEST_F(DamagedLedgerTest, ADamagedTreeDoesNotOpen) {
  const std::string last = storage::KeyU64(kSize - 1);
  const std::string commitment = database_->Get(kFamilies.commitments, last)->value();
  std::string altered = commitment;
  altered[7] = static_cast<char>(altered[7] ^ 1);
  const std::string tile = std::string(1, '\x01') + storage::KeyU64(0);
  const std::string hashes = database_->Get(kFamilies.tiles, tile)->value();
  const auto expect = [&](const std::string& rule, const char* what) {
    Reopen();
    EXPECT_EQ(Rule(OpenLedger()), rule) << what;
    EXPECT_TRUE(absl::IsDataLoss(Verify())) << what;
  };
  Lose(kSize - 1, kFamilies.statements);  // which must not hide any of it
  Lose(kSize - 1, kFamilies.commitments);
  expect("missing", "commitment lost");
  Put(kFamilies.commitments, last, altered);
  expect("root", "commitment altered");
  Put(kFamilies.commitments, last, "short");
  expect("corrupt", "commitment not in its form");
  Put(kFamilies.commitments, last, commitment);
  Put(kFamilies.tiles, tile, altered);
  expect("root", "tile altered");
  Put(kFamilies.tiles, tile, hashes);
  // An entry behind the head, with and without its statement.
  Put(kFamilies.commitments, storage::KeyU64(kSize), commitment);
  expect("size", "behind the head");
  Lose(kSize, kFamilies.commitments);
  Reopen();
  EXPECT_TRUE(OpenLedger().ok());
}

// Flips a byte at a time all over the largest table, which is that of the statements.
TEST_F(DamagedLedgerTest, ABadBlockCostsOnlyTheStatementsInIt) {
  namespace fs = std::filesystem;
  ASSERT_TRUE(database_->Compact().ok());
  store_.reset();
  database_.reset();
  const std::string path = folder_ / "db";
  const std::string image = folder_ / "image";
  fs::copy(path, image, fs::copy_options::recursive);
  fs::path table;
  for (const auto& file : fs::recursive_directory_iterator(image)) {
    if (file.path().extension() != ".sst") continue;
    if (table.empty() || file.file_size() > fs::file_size(table)) table = file.path();
  }
  ASSERT_GT(fs::file_size(table), kSize * 700);
  std::set<uint64_t> damaged;
  constexpr uint64_t kPlaces = 24;
  for (uint64_t place = 0; place < kPlaces; ++place) {
    store_.reset();
    database_.reset();
    environment_ = storage::Environment::Create(32 << 20);  // with nothing in its cache
    fs::remove_all(path);
    fs::copy(image, path, fs::copy_options::recursive);
    std::fstream file(path / fs::relative(table, image),
                      std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(kSize * 700 * place / kPlaces);
    file.seekg(at);
    const char byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 4));
    file.close();
    Reopen();
    ASSERT_TRUE(OpenLedger().ok()) << place;
    const std::vector<uint64_t> unprovable = Unprovable();
    EXPECT_FALSE(unprovable.empty()) << place;
    EXPECT_LT(unprovable.size(), 60u) << place;
    damaged.insert(unprovable.begin(), unprovable.end());
    EXPECT_TRUE(Append().ok());
    const absl::Status verified = Verify();
    EXPECT_TRUE(absl::IsDataLoss(verified)) << verified;
    EXPECT_NE(verified.message().find(absl::StrCat(unprovable.size(), " damaged or lost")),
              std::string::npos)
        << verified;
    ledger_.reset();
  }
  EXPECT_GE(*damaged.rbegin(), uint64_t{256});  // of those that opening used to read
}

}  // namespace
}  // namespace nakadachi::ledger
