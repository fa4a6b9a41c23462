#include "common/retention/retention_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::retention {
namespace {

using ::testing::ElementsAre;

constexpr int kYear = 2017;
constexpr int64_t kHour = 3'600'000;
enum Family : int { kMeta, kCommitments, kStatements, kTiles, kCopies };

std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }
std::string Number(int n) { return std::string(kPermitNumberBytes, static_cast<char>(n)); }

// A city's ledger: in each of two fiscal years a start, a query and, of permit n, a provision and a
// receipt, with a working copy beside the provision; and where the query of permit n is.
class RetentionDeskTest : public ::testing::Test {
 protected:
  // Of a year's entries, from its first: the start, then these for each permit.
  enum Offset : uint64_t { kStart, kQuery, kProvision, kReceipt };
  static constexpr uint64_t kOfAYear = 7;
  static constexpr uint64_t kOfAPermit = 3;

  RetentionDeskTest() : clock_(absl::FromUnixMillis(FiscalYearStartMs(kYear) + kHour)) {
    Open();
    FillYear(1);
    clock_.Set(absl::FromUnixMillis(FiscalYearStartMs(kYear + 1) + kHour));
    FillYear(3);
  }
  ~RetentionDeskTest() override { Close(); }

  void Open() {
    storage::OpenOptions open;
    open.path = path_;
    open.owner = "072028";
    open.families = {{"meta", storage::Form::kSealed},
                     {"commitments", storage::Form::kPlain},
                     {"statements", storage::Form::kPeriod},
                     {"tiles", storage::Form::kPlain},
                     {"copies", storage::Form::kPeriod}};
    open.environment = environment_;
    open.key_provider = key_provider_.get();
    open.random = &SystemRandom();
    database_ = storage::Database::Open(open).value();
    store_ = ledger::MakeRocksLedgerStore(database_.get(),
                                          {/*commitments=*/kCommitments, /*statements=*/kStatements,
                                           /*tiles=*/kTiles, /*head=*/kMeta});
    ledger::Options options;
    options.author = Author::Parse("072028").value();
    options.key = &key_;
    options.store = store_.get();
    options.clock = &clock_;
    ledger_ = ledger::Ledger::Open(options).value();
    RetentionDesk::Parts parts;
    parts.ledger = ledger_.get();
    parts.store = store_.get();
    parts.database = database_.get();
    parts.family = kMeta;
    parts.clock = &clock_;
    parts.random = &SystemRandom();
    parts.entries_of = [this](const std::set<std::string>& permit_numbers) {
      std::set<uint64_t> entries;
      for (const std::string& number : permit_numbers) {
        const auto copy = database_->Get(kCopies, number);
        if (copy.ok() && copy->has_value()) entries.insert(storage::U64FromKey(**copy));
      }
      return entries;
    };
    desk_ = std::make_unique<RetentionDesk>(parts);
    ASSERT_TRUE(desk_->Resume().ok());
  }
  void Close() {
    desk_.reset();
    ledger_.reset();
    store_.reset();
    database_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  v1::Statement New() {
    v1::Statement statement;
    statement.set_author("072028");
    statement.set_time_ms(clock_.NowMs());
    return statement;
  }
  uint64_t Record(const v1::Statement& statement, const std::string& copy = "") {
    auto recorded = ledger_->AppendAndWait(ledger::Prepare(statement, SystemRandom()),
                                           [&copy](uint64_t, storage::Batch& batch) {
                                             if (!copy.empty()) batch.Put(kCopies, copy, "payload");
                                           });
    EXPECT_TRUE(recorded.ok()) << recorded.status();
    return recorded->leaf_index();
  }
  void FillYear(int first_permit) {
    v1::Statement start = New();
    start.mutable_operation()->set_kind("start");
    Record(start);
    for (int permit = first_permit; permit < first_permit + 2; ++permit) {
      v1::Statement query = New();
      query.mutable_query()->set_provider("041009");
      const uint64_t index = Record(query);
      storage::Batch known(*database_);
      known.Put(kCopies, Number(permit), storage::KeyU64(index));
      ASSERT_TRUE(database_->Commit(std::move(known)).ok());
      v1::Statement provision = New();
      provision.mutable_provision()->set_permit_number(Number(permit));
      Record(provision, absl::StrCat("copy ", permit));
      v1::Statement receipt = New();
      receipt.mutable_receipt()->set_permit_number(Number(permit));
      Record(receipt);
    }
  }
  // The statement alone; its commitment stays.
  void Lose(uint64_t index) {
    storage::Batch batch(*database_);
    batch.Delete(kStatements, storage::KeyU64(index));
    ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  }
  void Damage(uint64_t index) {
    storage::Batch batch(*database_);
    batch.Put(kStatements, storage::KeyU64(index), "short");
    ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  }
  // What a crash leaves that came between the Operation and the end: what a stop of the disk
  // leaves, copied while the first erasure has recorded what will go.
  void Begin(const v1::Erasure& planned) {
    v1::Statement begun = New();
    begun.mutable_operation()->set_kind("erasure");
    *begun.mutable_operation()->mutable_erasure() = planned;
    stored::v1::ErasedPeriod state;
    *state.mutable_erasure() = planned;
    ASSERT_TRUE(ledger_
                    ->AppendAndWait(ledger::Prepare(begun, SystemRandom()),
                                    [&](uint64_t leaf_index, storage::Batch& batch) {
                                      state.set_leaf_index(leaf_index);
                                      batch.Put(kMeta,
                                                "retention/erasure/" + storage::KeyU64(kYear),
                                                state.SerializeAsString());
                                    })
                    .ok());
  }
  void ToTheEndOf(int year) {
    clock_.Set(absl::FromUnixMillis(RetentionEndMs(year, kMinRetentionYears)));
  }

  absl::StatusOr<v1::Erasure> Erase(int year, bool dry_run = false) {
    v1::ErasePeriodRequest request;
    request.set_institution("072028");
    request.set_fiscal_year(year);
    request.set_dry_run(dry_run);
    request.set_staff_pseudonym("s-1");
    auto response = desk_->Erase(request);
    if (!response.ok()) return response.status();
    EXPECT_EQ(response->has_operation(), !dry_run);
    return response->erasure();
  }
  v1::PlaceHoldRequest HoldRequest(int id, const std::vector<int>& permits,
                                   const std::vector<uint64_t>& entries = {}) {
    v1::PlaceHoldRequest request;
    request.mutable_hold()->set_hold_id(std::string(kHoldIdBytes, static_cast<char>(id)));
    for (const int permit : permits) request.mutable_hold()->add_permit_numbers(Number(permit));
    for (const uint64_t entry : entries) request.mutable_hold()->add_entries(entry);
    request.set_staff_pseudonym("s-1");
    request.set_reason("case 12");
    return request;
  }
  void Hold(int id, const std::vector<int>& permits, const std::vector<uint64_t>& entries = {}) {
    const auto placed = desk_->PlaceHold(HoldRequest(id, permits, entries));
    ASSERT_TRUE(placed.ok()) << placed.status();
  }
  void Release(int id) {
    v1::ReleaseHoldRequest request;
    request.set_hold_id(std::string(kHoldIdBytes, static_cast<char>(id)));
    request.set_reason("case 12 is over");
    const auto released = desk_->ReleaseHold(request);
    ASSERT_TRUE(released.ok()) << released.status();
  }

  // Entries below `end` whose bodies are there; all others must be erased, nothing else.
  std::vector<uint64_t> Bodies(uint64_t end) {
    std::vector<uint64_t> bodies;
    for (uint64_t i = 0; i < end; ++i) {
      const auto recorded = ledger_->Prove(i);
      if (recorded.ok())
        bodies.push_back(i);
      else
        EXPECT_EQ(Rule(recorded.status()), "erased") << i;
    }
    return bodies;
  }
  std::vector<std::string> Copies() {
    std::vector<std::string> copies;
    EXPECT_TRUE(database_
                    ->Scan(kCopies, {}, {},
                           [&](absl::string_view key, absl::string_view) {
                             if (key.size() != kPermitNumberBytes) copies.emplace_back(key);
                             return true;
                           })
                    .ok());
    return copies;
  }
  std::vector<std::string> OperationsFrom(uint64_t index) {
    std::vector<std::string> kinds;
    for (; index < ledger_->Head().size; ++index) {
      v1::Statement statement;
      EXPECT_TRUE(statement.ParseFromString(ledger_->Prove(index).value().statement()));
      kinds.push_back(statement.operation().kind());
    }
    return kinds;
  }
  void ExpectSound() {
    const auto verified = ledger::VerifyStore(*store_, ledger_->author(), {key_.public_key()}, {});
    EXPECT_TRUE(verified.ok()) << verified.status();
  }
  v1::Period::State StateOf(size_t period) {
    return desk_->Get().value().periods(static_cast<int>(period)).state();
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_ / "data";
  const std::shared_ptr<storage::Environment> environment_ = storage::Environment::Create(32 << 20);
  const std::unique_ptr<storage::KeyProvider> key_provider_ =
      storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  const Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  ManualClock clock_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ledger::LedgerStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<RetentionDesk> desk_;
};

TEST_F(RetentionDeskTest, TellsPeriodsAndWhenTheyAreOver) {
  const v1::GetRetentionResponse before = desk_->Get().value();
  ASSERT_EQ(before.periods_size(), 2);
  EXPECT_EQ(before.retention_years(), 7u);
  EXPECT_EQ(before.periods(0).fiscal_year(), kYear);
  EXPECT_EQ(before.periods(0).first_index(), 0u);
  EXPECT_EQ(before.periods(0).end_index(), kOfAYear);
  EXPECT_EQ(before.periods(0).expires_ms(), FiscalYearStartMs(kYear + 8));
  EXPECT_EQ(before.periods(0).state(), v1::Period::KEPT);
  EXPECT_EQ(before.periods(1).end_index(), 2 * kOfAYear);
  ToTheEndOf(kYear);
  EXPECT_EQ(StateOf(0), v1::Period::EXPIRED);
  EXPECT_EQ(StateOf(1), v1::Period::KEPT);
}

TEST_F(RetentionDeskTest, ErasesNothingBeforeItsTime) {
  ToTheEndOf(kYear);
  clock_.Advance(-absl::Milliseconds(1));
  const absl::Status early = Erase(kYear).status();
  EXPECT_EQ(early.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetFieldRule(early).field, "fiscal_year");
  EXPECT_EQ(Rule(early), "not-expired");
  EXPECT_EQ(Rule(Erase(kYear, /*dry_run=*/true).status()), "not-expired");
  EXPECT_EQ(Rule(Erase(kYear - 1).status()), "unknown-period");
  EXPECT_EQ(ledger_->Head().size, 2 * kOfAYear);
  EXPECT_EQ(Bodies(2 * kOfAYear).size(), 2 * kOfAYear);
}

TEST_F(RetentionDeskTest, ErasesAYearAndItsCopiesAndNothingElse) {
  ToTheEndOf(kYear);
  EXPECT_EQ(Erase(kYear, /*dry_run=*/true).value().erased(), kOfAYear - 1);
  EXPECT_EQ(ledger_->Head().size, 2 * kOfAYear);

  const v1::Erasure erasure = Erase(kYear).value();
  EXPECT_EQ(erasure.fiscal_year(), kYear);
  EXPECT_EQ(erasure.first_index(), 0u);
  EXPECT_EQ(erasure.end_index(), kOfAYear);
  EXPECT_EQ(erasure.erased(), kOfAYear - 1);  // all but the start
  EXPECT_EQ(erasure.held(), 0u);
  EXPECT_GT(erasure.freed_bytes(), 0u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart));
    EXPECT_EQ(Bodies(2 * kOfAYear).size(), 1 + kOfAYear);
    EXPECT_THAT(Copies(), ElementsAre("copy 3", "copy 4"));
    EXPECT_THAT(OperationsFrom(2 * kOfAYear), ElementsAre("erasure", "erased"));
    EXPECT_EQ(StateOf(0), v1::Period::ERASED);
    ExpectSound();
    Reopen();
  }
}

TEST_F(RetentionDeskTest, AskedAgainItAnswersTheSameAndRecordsNothing) {
  ToTheEndOf(kYear);
  const v1::Erasure first = Erase(kYear).value();
  const uint64_t size = ledger_->Head().size;
  Reopen();
  EXPECT_EQ(Erase(kYear).value().SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(ledger_->Head().size, size);
}

TEST_F(RetentionDeskTest, AHoldKeepsTheNamedRecords) {
  Hold(1, {2}, {kQuery});
  ToTheEndOf(kYear);
  const v1::Erasure erasure = Erase(kYear).value();
  EXPECT_EQ(erasure.held(), 4u);
  EXPECT_EQ(erasure.erased(), kOfAYear - 1 - 4);
  // Of permit 1 only its query, by its index; of permit 2 everything, its query by the requester's
  // own knowledge.
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart, kQuery, kQuery + kOfAPermit,
                                            kProvision + kOfAPermit, kReceipt + kOfAPermit));
  ExpectSound();
}

TEST_F(RetentionDeskTest, AHoldKeepsRecordsOfTheLastYearThatHasAny) {
  Hold(1, {4});
  ToTheEndOf(kYear + 1);
  EXPECT_EQ(Erase(kYear + 1).value().held(), kOfAPermit);
  EXPECT_THAT(Bodies(2 * kOfAYear),
              ::testing::IsSupersetOf(std::vector<uint64_t>{kOfAYear + kQuery + kOfAPermit,
                                                            kOfAYear + kProvision + kOfAPermit,
                                                            kOfAYear + kReceipt + kOfAPermit}));
  EXPECT_THAT(Bodies(2 * kOfAYear), ::testing::SizeIs(kOfAYear + 1 + kOfAPermit));
}

TEST_F(RetentionDeskTest, HeldRecordsOutliveTheYearThatKeptThemOn) {
  Hold(1, {2});
  ToTheEndOf(kYear);
  ASSERT_TRUE(Erase(kYear).ok());
  // They are sealed under the running year now; when that is over, under the next.
  const int running = FiscalYearOf(clock_.NowMs());
  ToTheEndOf(running);
  for (const int year : {kYear + 1, running}) ASSERT_TRUE(Erase(year).ok()) << year;
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart, kQuery + kOfAPermit, kProvision + kOfAPermit,
                                            kReceipt + kOfAPermit));
  ExpectSound();
}

TEST_F(RetentionDeskTest, WhatIsReleasedGoesWithTheNextErasureOfItsYear) {
  Hold(1, {1, 2});
  Hold(2, {2});
  ToTheEndOf(kYear);
  EXPECT_EQ(Erase(kYear).value().erased(), 0u);
  Release(1);
  EXPECT_EQ(Bodies(kOfAYear).size(), kOfAYear);
  const v1::Erasure erasure = Erase(kYear).value();
  EXPECT_EQ(erasure.erased(), kOfAPermit);
  EXPECT_EQ(erasure.held(), kOfAPermit);
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart, kQuery + kOfAPermit, kProvision + kOfAPermit,
                                            kReceipt + kOfAPermit));
  ExpectSound();
}

TEST_F(RetentionDeskTest, HoldsAreRecordedOnceAndListed) {
  Hold(1, {2}, {3});
  const uint64_t size = ledger_->Head().size;
  Hold(1, {2}, {3});
  EXPECT_EQ(ledger_->Head().size, size);
  Reopen();
  Hold(1, {2}, {3});
  EXPECT_EQ(Rule(desk_->PlaceHold(HoldRequest(1, {1})).status()), "hold-id-reused");
  v1::GetRetentionResponse state = desk_->Get().value();
  ASSERT_EQ(state.holds_size(), 1);
  EXPECT_EQ(state.holds(0).hold().permit_numbers(0), Number(2));
  EXPECT_EQ(state.holds(0).leaf_index(), size - 1);
  Release(1);
  Release(1);
  EXPECT_THAT(OperationsFrom(2 * kOfAYear), ElementsAre("hold", "hold-released"));
  EXPECT_EQ(desk_->Get().value().holds_size(), 0);
  EXPECT_EQ(Rule(desk_->PlaceHold(HoldRequest(1, {2}, {3})).status()), "hold-id-reused");
}

TEST_F(RetentionDeskTest, RefusesHoldsThatNameNothingRight) {
  v1::PlaceHoldRequest short_id = HoldRequest(1, {2});
  short_id.mutable_hold()->set_hold_id("short");
  v1::PlaceHoldRequest short_number = HoldRequest(1, {2});
  short_number.mutable_hold()->set_permit_numbers(0, "short");
  v1::PlaceHoldRequest long_reason = HoldRequest(1, {2});
  std::string reason;
  for (int i = 0; i < 200; ++i) reason += "あ";
  long_reason.set_reason(reason + "い");
  v1::PlaceHoldRequest no_reason = HoldRequest(1, {2});
  no_reason.set_reason(" ");
  v1::PlaceHoldRequest two_lines = HoldRequest(1, {2});
  two_lines.set_reason("case\n12");
  v1::PlaceHoldRequest longest_reason = HoldRequest(9, {2});
  longest_reason.set_reason(reason);
  const struct {
    v1::PlaceHoldRequest request;
    std::string field;
    std::string rule;
  } table[] = {
      {short_id, "hold.hold_id", "length"},
      {short_number, "hold.permit_numbers[0]", "length"},
      {long_reason, "reason", "length"},
      {no_reason, "reason", "required"},
      {two_lines, "reason", "characters"},
      {HoldRequest(1, {}), "hold", "required"},
      {HoldRequest(1, std::vector<int>(1001, 1)), "hold", "too-many"},
      {HoldRequest(1, {}, {1, 2 * kOfAYear}), "hold.entries[1]", "index"},
  };
  for (const auto& row : table) {
    const absl::Status status = desk_->PlaceHold(row.request).status();
    EXPECT_EQ(GetFieldRule(status).field, row.field) << status;
    EXPECT_EQ(Rule(status), row.rule) << status;
  }
  EXPECT_TRUE(desk_->PlaceHold(longest_reason).ok());
  v1::ReleaseHoldRequest unknown;
  unknown.set_hold_id(Number(5));
  EXPECT_EQ(Rule(desk_->ReleaseHold(unknown).status()), "required");
  unknown.set_reason("case 12 is over");
  EXPECT_EQ(Rule(desk_->ReleaseHold(unknown).status()), "unknown-hold");
  ToTheEndOf(kYear);
  ASSERT_TRUE(Erase(kYear).ok());
  EXPECT_EQ(Rule(desk_->PlaceHold(HoldRequest(2, {}, {kQuery})).status()), "erased");
}

TEST_F(RetentionDeskTest, InterruptedErasureIsCompletedAtTheNextStart) {
  Hold(1, {2});
  ToTheEndOf(kYear);
  const v1::Erasure planned = Erase(kYear, /*dry_run=*/true).value();
  Begin(planned);
  EXPECT_EQ(StateOf(0), v1::Period::ERASING);
  EXPECT_EQ(Bodies(kOfAYear).size(), kOfAYear);
  Reopen();
  EXPECT_TRUE(database_->IsDestroyed(kYear));
  EXPECT_EQ(StateOf(0), v1::Period::ERASING);
  const auto left =
      ElementsAre(kStart, kQuery + kOfAPermit, kProvision + kOfAPermit, kReceipt + kOfAPermit);
  EXPECT_THAT(Bodies(kOfAYear), left);
  EXPECT_EQ(Erase(kYear).value().erased(), planned.erased());
  EXPECT_THAT(Bodies(kOfAYear), left);
  EXPECT_THAT(OperationsFrom(2 * kOfAYear), ElementsAre("hold", "erasure", "erased"));
  ExpectSound();
}

TEST_F(RetentionDeskTest, WhatCannotBeReadGoesAndKeepsNothingElse) {
  Hold(1, {2}, {kQuery});
  Lose(kQuery);
  Lose(kProvision + kOfAPermit);
  ToTheEndOf(kYear);
  EXPECT_EQ(Erase(kYear, /*dry_run=*/true).value().erased(), kOfAYear - 1 - 2);
  const v1::Erasure erasure = Erase(kYear).value();
  EXPECT_EQ(erasure.held(), 2u);
  EXPECT_EQ(erasure.erased(), kOfAYear - 1 - 2);
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart, kQuery + kOfAPermit, kReceipt + kOfAPermit));
  ExpectSound();
}

TEST_F(RetentionDeskTest, WhatCannotBeReadKeepsNoInterruptedErasureFromItsEnd) {
  ToTheEndOf(kYear);
  Begin(Erase(kYear, /*dry_run=*/true).value());
  Lose(kProvision);
  Reopen();
  EXPECT_TRUE(database_->IsDestroyed(kYear));
  EXPECT_EQ(Erase(kYear).value().erased(), kOfAYear - 1);
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart));
  ExpectSound();
}

// Of what a hold kept on.
TEST_F(RetentionDeskTest, WhatCannotBeReadAnyMoreIsLeftToItsKey) {
  Hold(1, {2});
  ToTheEndOf(kYear);
  ASSERT_TRUE(Erase(kYear).ok());
  Damage(kProvision + kOfAPermit);
  const int running = FiscalYearOf(clock_.NowMs());
  ToTheEndOf(running);
  for (const int year : {kYear + 1, running}) ASSERT_TRUE(Erase(year).ok()) << year;
  EXPECT_THAT(Bodies(kOfAYear), ElementsAre(kStart, kQuery + kOfAPermit, kReceipt + kOfAPermit));
  ExpectSound();
}

TEST_F(RetentionDeskTest, NewRecordsAreKeptAfterAnErasure) {
  ToTheEndOf(kYear);
  ASSERT_TRUE(Erase(kYear).ok());
  const uint64_t first = ledger_->Head().size;
  FillYear(5);
  EXPECT_EQ(Bodies(ledger_->Head().size).size(), 1 + kOfAYear + 2 + kOfAYear);
  EXPECT_EQ(desk_->Get().value().periods_size(), 3);
  EXPECT_EQ(desk_->Get().value().periods(2).first_index(), first - 2);
  EXPECT_THAT(Copies(), ElementsAre("copy 3", "copy 4", "copy 5", "copy 6"));
}

TEST(RetentionYearsTest, SevenIsTheLeast) {
  EXPECT_EQ(RetentionYears(0).value(), 7);
  EXPECT_EQ(RetentionYears(7).value(), 7);
  EXPECT_EQ(RetentionYears(10).value(), 10);
  for (const uint32_t years : {1u, 6u, 1001u, 0xFFFFFFFFu}) {
    const absl::Status status = RetentionYears(years).status();
    EXPECT_EQ(GetFieldRule(status).field, "runtime.retention_years");
    EXPECT_EQ(Rule(status), "range");
  }
}

}  // namespace
}  // namespace nakadachi::retention
