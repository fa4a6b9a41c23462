#include "common/inspection/inspection_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/fiscal_year.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/rpc/channel.h"
#include "common/storage/database.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::inspection {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kStart = 1'711'897'200'000;
constexpr int64_t kHour = 3'600'000;
enum Family : int { kMeta, kCommitments, kStatements, kTiles };

// A city's ledger with a statement an hour, in a database of its own.
class InspectionDeskTest : public ::testing::Test {
 protected:
  InspectionDeskTest() : clock_(absl::FromUnixMillis(kStart)) {
    Open();
    inspector_.role = rpc::Role::kInspector;
    inspector_.staff_pseudonym = "i-3";
    inspector_.inspection.all = true;
    inspector_.inspection.statements = true;
  }
  ~InspectionDeskTest() override { Close(); }

  void Open() {
    storage::OpenOptions open;
    open.path = folder_ / "data";
    open.owner = "072028";
    open.families = {{"meta", storage::Form::kSealed},
                     {"commitments", storage::Form::kPlain},
                     {"statements", storage::Form::kPeriod},
                     {"tiles", storage::Form::kPlain}};
    open.environment = storage::Environment::Create(32 << 20);
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
    log_ = std::make_unique<AccessLog>(
        AccessLog::Parts{ledger_.get(), database_.get(), kMeta, &clock_, &SystemRandom()});
    desk_ = std::make_unique<InspectionDesk>(
        InspectionDesk::Parts{log_.get(), ledger_.get(), store_.get(), person_of_});
  }
  void Close() {
    desk_.reset();
    log_.reset();
    ledger_.reset();
    store_.reset();
    database_.reset();
  }
  void Restart() {
    Close();
    Open();
  }

  // `count` Queries, an hour apart; the clock stands at the next hour then.
  void Append(int count, size_t size = 10) {
    for (int i = 0; i < count; ++i) {
      v1::Statement statement;
      statement.set_author("072028");
      statement.set_time_ms(clock_.NowMs());
      statement.mutable_query()->set_department(std::string(size, 'd'));
      ASSERT_TRUE(ledger_->AppendAndWait(ledger::Prepare(statement, SystemRandom())).ok());
      clock_.Advance(absl::Hours(1));
    }
  }
  static v1::OpenInspectionRequest Request(char id, uint64_t first = 0) {
    v1::OpenInspectionRequest request;
    request.set_inspection_id(std::string(16, id));
    request.set_institution("072028");
    request.set_first(first);
    request.set_statements(true);
    return request;
  }
  v1::ReadInspectionRequest Page(char id, uint64_t start, uint32_t limit = 0) {
    v1::ReadInspectionRequest request;
    request.set_inspection_id(std::string(16, id));
    request.set_institution("072028");
    request.set_start(start);
    request.set_limit(limit);
    return request;
  }
  // The size of the tree that an inspection ends with.
  static uint64_t EndOf(const v1::OpenInspectionResponse& response) {
    return ledger::ParseCheckpoint(response.inspection().checkpoint()).value().checkpoint.size;
  }
  std::string RuleOf(const absl::Status& status) { return GetFieldRule(status).rule; }

  TemporaryFolder folder_;
  ManualClock clock_;
  const std::unique_ptr<storage::KeyProvider> key_provider_ =
      storage::MakeMemoryKeyProvider(Secret::Generate(SystemRandom(), 32));
  const Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(SystemRandom());
  InspectionDesk::PersonOf person_of_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ledger::LedgerStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<AccessLog> log_;
  std::unique_ptr<InspectionDesk> desk_;
  rpc::Peer inspector_;
};

TEST_F(InspectionDeskTest, IsRecordedOnceAndFirst) {
  Append(3);
  const auto opened = desk_->Open(inspector_, Request('a'));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->inspection().leaf_index(), 3u);
  EXPECT_EQ(EndOf(*opened), 4u);
  v1::Statement statement;
  ASSERT_TRUE(statement.ParseFromString(opened->inspection().statement()));
  EXPECT_EQ(statement.author(), "072028");
  EXPECT_EQ(statement.time_ms(), kStart + 3 * kHour);
  EXPECT_EQ(statement.operation().kind(), "inspection");
  EXPECT_EQ(statement.operation().staff_pseudonym(), "i-3");
  EXPECT_THAT(statement.operation().detail(), HasSubstr("entries from 0, statements"));

  // Asked again, while the ledger goes on, and after a restart: the same answer, no new entry.
  Append(2);
  for (const bool restart : {false, true}) {
    if (restart) Restart();
    const auto again = desk_->Open(inspector_, Request('a'));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->SerializeAsString(), opened->SerializeAsString());
    EXPECT_EQ(ledger_->Head().size, 6u);
  }
  // Another id is another inspection.
  ASSERT_TRUE(desk_->Open(inspector_, Request('b', 4)).ok());
  EXPECT_EQ(ledger_->Head().size, 7u);
}

TEST_F(InspectionDeskTest, AnIdStandsForOneRequestOfOneInspector) {
  Append(1);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  v1::OpenInspectionRequest other = Request('a');
  other.set_from_ms(1);
  EXPECT_EQ(RuleOf(desk_->Open(inspector_, other).status()), "inspection-id-reused");
  rpc::Peer colleague = inspector_;
  colleague.staff_pseudonym = "i-4";
  EXPECT_EQ(RuleOf(desk_->Open(colleague, Request('a')).status()), "inspection-id-reused");
  EXPECT_EQ(RuleOf(desk_->Read(colleague, Page('a', 0)).status()), "unknown-inspection");
  EXPECT_EQ(ledger_->Head().size, 2u);
}

TEST_F(InspectionDeskTest, ManyAtOnceRecordOnce) {
  Append(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] { EXPECT_TRUE(desk_->Open(inspector_, Request('a')).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger_->Head().size, 2u);
}

// A crash between the Operation and the note of what was answered.
TEST_F(InspectionDeskTest, AnswersAfterACrashInBetween) {
  Append(2);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  const std::string key = absl::StrCat("access/inspection/", std::string(16, 'a'));
  stored::v1::Access access;
  ASSERT_TRUE(access.ParseFromString(**database_->Get(kMeta, key)));
  access.clear_operation();
  storage::Batch batch(*database_);
  batch.Put(kMeta, key, access.SerializeAsString());
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  Append(2);
  EXPECT_EQ(RuleOf(desk_->Read(inspector_, Page('a', 0)).status()), "unknown-inspection");

  const auto opened = desk_->Open(inspector_, Request('a'));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->inspection().leaf_index(), 2u);
  EXPECT_EQ(EndOf(*opened), 5u);
  EXPECT_EQ(ledger_->Head().size, 5u) << "recorded once";
  EXPECT_TRUE(desk_->Read(inspector_, Page('a', 4)).ok());
}

TEST_F(InspectionDeskTest, GivesWhatIsInTheRange) {
  Append(5);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a', 2)).ok());
  Append(1);
  const auto page = desk_->Read(inspector_, Page('a', 2));
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->start(), 2u);
  ASSERT_EQ(page->entries_size(), 4);
  for (const v1::InspectedEntry& entry : page->entries()) {
    EXPECT_EQ(entry.body(), v1::InspectedEntry::GIVEN);
    EXPECT_EQ(entry.commitment(), AsView(ledger::Commit(entry.salt(), entry.statement())));
    EXPECT_TRUE(entry.person().empty());
  }
  EXPECT_EQ(desk_->Read(inspector_, Page('a', 3, 2))->entries_size(), 2);
  for (const uint64_t start : {uint64_t{1}, uint64_t{6}, UINT64_MAX}) {
    const absl::Status status = desk_->Read(inspector_, Page('a', start)).status();
    EXPECT_TRUE(absl::IsOutOfRange(status)) << start;
    EXPECT_EQ(RuleOf(status), "range");
  }
  EXPECT_EQ(RuleOf(desk_->Read(inspector_, Page('a', 2, 1025)).status()), "range");
  EXPECT_EQ(RuleOf(desk_->Read(inspector_, Page('z', 2)).status()), "unknown-inspection");
  EXPECT_EQ(RuleOf(desk_->Open(inspector_, Request('c', 8)).status()), "range");
  v1::ReadInspectionRequest short_id = Page('a', 2);
  short_id.set_inspection_id("a");
  EXPECT_EQ(RuleOf(desk_->Read(inspector_, short_id).status()), "length");
}

TEST_F(InspectionDeskTest, MarksWhatIsOutOfThePeriodOrErased) {
  Append(4);
  v1::OpenInspectionRequest request = Request('a');
  request.set_from_ms(kStart + kHour);
  request.set_until_ms(kStart + 3 * kHour);
  ASSERT_TRUE(desk_->Open(inspector_, request).ok());
  ASSERT_TRUE(database_->EnterPeriod(FiscalYearOf(kStart) + 1).ok());
  storage::Batch batch(*database_);
  for (const uint64_t kept : {0, 1, 3, 4})
    store_->KeepOn(kept, store_->ReadEntry(kept).value(), batch);
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  ASSERT_TRUE(database_->DestroyPeriod(FiscalYearOf(kStart)).ok());

  const auto page = desk_->Read(inspector_, Page('a', 0));
  ASSERT_TRUE(page.ok()) << page.status();
  std::vector<int> bodies;
  for (const v1::InspectedEntry& entry : page->entries()) {
    bodies.push_back(entry.body());
    EXPECT_EQ(entry.commitment().size(), 32u);
    EXPECT_EQ(entry.statement().empty(), entry.body() != v1::InspectedEntry::GIVEN);
    EXPECT_EQ(entry.salt().empty(), entry.statement().empty());
  }
  EXPECT_THAT(bodies,
              ::testing::ElementsAre(v1::InspectedEntry::OUT_OF_SCOPE, v1::InspectedEntry::GIVEN,
                                     v1::InspectedEntry::ERASED, v1::InspectedEntry::OUT_OF_SCOPE,
                                     v1::InspectedEntry::OUT_OF_SCOPE));
}

TEST_F(InspectionDeskTest, OutOfScopeLeavesNoTrace) {
  Append(1);
  rpc::Peer city = inspector_;
  city.inspection.all = false;
  city.institutions.insert(LocalGovernmentCode::Parse("041009").value());
  EXPECT_EQ(RuleOf(desk_->Open(city, Request('a')).status()), "scope-institution");
  EXPECT_EQ(ledger_->Head().size, 1u);

  // A narrower certificate of the same inspector does not go on with the wider inspection.
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  EXPECT_EQ(RuleOf(desk_->Read(city, Page('a', 0)).status()), "scope-institution");
}

TEST_F(InspectionDeskTest, PagesStayBelowTheMessageLimit) {
  Append(8, 900'000);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  uint64_t at = 0;
  int pages = 0;
  while (at < 9) {
    const auto page = desk_->Read(inspector_, Page('a', at));
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_GT(page->entries_size(), 0);
    EXPECT_LT(page->ByteSizeLong(), size_t{rpc::kMaxMessageBytes});
    at += page->entries_size();
    ++pages;
  }
  EXPECT_EQ(pages, 3);
}

TEST_F(InspectionDeskTest, NamesThePersonsOfPermitsOnlyWhereAllowed) {
  // As at the broker, but for the ledger's name.
  v1::Statement statement;
  statement.set_author("072028");
  statement.set_time_ms(kStart);
  statement.mutable_permit()->set_permit_number("the permit's number");
  const auto permit = ledger_->AppendAndWait(ledger::Prepare(statement, SystemRandom()));
  ASSERT_TRUE(permit.ok());
  Append(1);
  desk_ = std::make_unique<InspectionDesk>(InspectionDesk::Parts{
      log_.get(), ledger_.get(), store_.get(), [](const std::string& permit_number) {
        EXPECT_EQ(permit_number, "the permit's number");
        return std::string(16, 'p');
      }});
  inspector_.inspection.persons = true;
  for (const bool persons : {false, true}) {
    const char id = persons ? 'a' : 'b';
    v1::OpenInspectionRequest request = Request(id);
    request.set_institution("broker");
    request.set_persons(persons);
    ASSERT_TRUE(desk_->Open(inspector_, request).ok());
    const auto page = desk_->Read(inspector_, Page(id, 0, 2));
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->entries(0).person(), persons ? std::string(16, 'p') : "");
    EXPECT_TRUE(page->entries(1).person().empty());
  }
}

// Damaged, lost, and no statement at all: the others are given, and each place is named.
TEST_F(InspectionDeskTest, WhatCannotBeReadIsNamedAndTheRestIsGiven) {
  Append(6);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  const std::vector<Hash> commitments = {store_->ReadCommitment(1).value(),
                                         store_->ReadCommitment(2).value(),
                                         store_->ReadCommitment(4).value()};
  storage::Batch batch(*database_);
  batch.Put(kStatements, storage::KeyU64(1), "too short");
  batch.Delete(kStatements, storage::KeyU64(2));
  batch.Put(kStatements, storage::KeyU64(4), std::string(40, '\xff'));
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  const auto page = desk_->Read(inspector_, Page('a', 0));
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries_size(), 7);
  size_t next = 0;
  for (int i = 0; i < 7; ++i) {
    const v1::InspectedEntry& entry = page->entries(i);
    const bool unreadable = i == 1 || i == 2 || i == 4;
    EXPECT_EQ(entry.body(), unreadable ? v1::InspectedEntry::UNREADABLE : v1::InspectedEntry::GIVEN)
        << i;
    EXPECT_EQ(entry.statement().empty(), unreadable) << i;
    if (unreadable) {
      EXPECT_EQ(entry.commitment(), AsView(commitments[next++])) << i;
      EXPECT_TRUE(entry.salt().empty()) << i;
    } else {
      EXPECT_EQ(AsView(ledger::Commit(entry.salt(), entry.statement())), entry.commitment()) << i;
    }
  }
}

// Pages stay below the largest message also where entries are read one by one.
TEST_F(InspectionDeskTest, PagesOfADamagedLedgerAreBounded) {
  Append(5, 1'500'000);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  storage::Batch batch(*database_);
  batch.Delete(kStatements, storage::KeyU64(3));
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  std::vector<int> bodies;
  while (bodies.size() < 6) {
    const auto page = desk_->Read(inspector_, Page('a', bodies.size()));
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LT(page->ByteSizeLong(), 4u << 20);
    for (const v1::InspectedEntry& entry : page->entries()) bodies.push_back(entry.body());
  }
  const int given = v1::InspectedEntry::GIVEN, unreadable = v1::InspectedEntry::UNREADABLE;
  EXPECT_THAT(bodies, testing::ElementsAre(given, given, given, unreadable, given, given));
}

TEST_F(InspectionDeskTest, WithoutItsCommitmentAnEntryEndsTheReading) {
  Append(3);
  ASSERT_TRUE(desk_->Open(inspector_, Request('a')).ok());
  storage::Batch batch(*database_);
  batch.Put(kCommitments, storage::KeyU64(1), "none");
  ASSERT_TRUE(database_->Commit(std::move(batch)).ok());
  const absl::Status status = desk_->Read(inspector_, Page('a', 0)).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(GetFieldRule(status).field, HasSubstr("entry 1"));
}

}  // namespace
}  // namespace nakadachi::inspection
