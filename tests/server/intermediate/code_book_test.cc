#include "server/intermediate/code_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "server/intermediate/layout.h"
#include "tests/server/intermediate/institution_fixture.h"

namespace nakadachi::intermediate {
namespace {

std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

class CodeBookTest : public InstitutionTest {
 protected:
  CodeBookTest() : book_(std::make_unique<CodeBook>(institution_)) {}

  AcquisitionNumber Issue(int person) {
    return book_->IssueAcquisitionNumbers({Person(person)})[0].value();
  }
  absl::Status Receive(const AcquisitionNumber& number, int code) {
    return book_->ReceiveCodes({{number, Code(code)}})[0];
  }
  void Acquire(int person, int code) { ASSERT_TRUE(Receive(Issue(person), code).ok()); }
  uint64_t Count(absl::string_view counter) {
    return ReadCount(institution_->database(), counter).value();
  }
  void Reopen() {
    book_.reset();
    CloseInstitution();
    OpenInstitution("sendai");
    book_ = std::make_unique<CodeBook>(institution_);
  }

  std::unique_ptr<CodeBook> book_;
};

TEST_F(CodeBookTest, APendingNumberIsIssuedAgain) {
  const AcquisitionNumber first = Issue(1);
  EXPECT_EQ(Issue(1), first);
  EXPECT_NE(Issue(2), first);
  Reopen();
  EXPECT_EQ(Issue(1), first);
  EXPECT_EQ(Count(kCountPending), 2u);
}

TEST_F(CodeBookTest, OnePersonTwiceInACallGetsOneNumber) {
  const auto numbers = book_->IssueAcquisitionNumbers({Person(1), Person(2), Person(1)});
  ASSERT_EQ(numbers.size(), 3u);
  EXPECT_EQ(*numbers[0], *numbers[2]);
  EXPECT_NE(*numbers[0], *numbers[1]);
  EXPECT_EQ(Count(kCountPending), 2u);
}

TEST_F(CodeBookTest, ACodeBelongsToThePersonOfItsNumber) {
  Acquire(1, 11);
  Acquire(2, 12);
  Reopen();
  EXPECT_EQ(book_->CodeOf(Person(1)).value(), Code(11));
  EXPECT_EQ(book_->PersonOf(Code(12)).value()->addressee_number(), Person(2).Reveal());
  EXPECT_FALSE(book_->PersonOf(Code(13)).value().has_value());
  EXPECT_EQ(Rule(book_->CodeOf(Person(3)).status()), "no-linkage-code");
  EXPECT_EQ(Count(kCountCodes), 2u);
  EXPECT_EQ(Count(kCountPending), 0u);
}

TEST_F(CodeBookTest, APersonWithACodeGetsNoNumber) {
  Acquire(1, 11);
  const auto numbers = book_->IssueAcquisitionNumbers({Person(1), Person(2)});
  EXPECT_TRUE(absl::IsAlreadyExists(numbers[0].status()));
  EXPECT_EQ(Rule(numbers[0].status()), "already-acquired");
  // By which it is told from juki net's, which is about the individual number.
  EXPECT_EQ(GetFieldRule(numbers[0].status()).field, "addressee_number");
  EXPECT_TRUE(numbers[1].ok());
}

TEST_F(CodeBookTest, TheSameCodeMayArriveAgainAndNoOther) {
  const AcquisitionNumber number = Issue(1);
  ASSERT_TRUE(Receive(number, 11).ok());
  EXPECT_TRUE(Receive(number, 11).ok());
  EXPECT_TRUE(absl::IsNotFound(Receive(number, 12)));
  EXPECT_EQ(book_->CodeOf(Person(1)).value(), Code(11));
  EXPECT_EQ(Count(kCountCodes), 1u);
}

TEST_F(CodeBookTest, UnknownAndLateNumbersAreRefused) {
  const AcquisitionNumber unknown = AcquisitionNumber::FromBytes({});
  EXPECT_EQ(Rule(Receive(unknown, 11)), "acquisition-number");
  const AcquisitionNumber late = Issue(1);
  clock_.Advance(absl::Milliseconds(platform_.acquisition_lifetime_ms) - absl::Milliseconds(1));
  const AcquisitionNumber in_time = Issue(2);
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Rule(Receive(late, 11)), "acquisition-number");
  EXPECT_TRUE(Receive(in_time, 12).ok());
  EXPECT_NE(Issue(1), late);
  EXPECT_EQ(Rule(Receive(late, 11)), "acquisition-number");
}

TEST_F(CodeBookTest, TwoPersonsCannotHaveOneCode) {
  Acquire(1, 11);
  EXPECT_EQ(Rule(Receive(Issue(2), 11)), "code-held");
  EXPECT_TRUE(absl::IsAlreadyExists(Receive(Issue(2), 11)));
  EXPECT_EQ(book_->PersonOf(Code(11)).value()->addressee_number(), Person(1).Reveal());
  EXPECT_EQ(Rule(book_->CodeOf(Person(2)).status()), "no-linkage-code");
}

TEST_F(CodeBookTest, EachArrivalOfACallIsDecidedByItself) {
  const AcquisitionNumber one = Issue(1);
  const AcquisitionNumber two = Issue(2);
  const auto results = book_->ReceiveCodes({{one, Code(11)},
                                            {AcquisitionNumber::FromBytes({}), Code(13)},
                                            {one, Code(11)},
                                            {two, Code(11)},
                                            {two, Code(12)}});
  ASSERT_EQ(results.size(), 5u);
  EXPECT_TRUE(results[0].ok());
  EXPECT_TRUE(absl::IsNotFound(results[1]));
  EXPECT_TRUE(results[2].ok());
  EXPECT_TRUE(absl::IsAlreadyExists(results[3]));
  EXPECT_TRUE(results[4].ok());
}

TEST_F(CodeBookTest, ProtectionMayComeBeforeTheCodeAndOutlivesIt) {
  ASSERT_TRUE(book_->SetProtection(Person(1), true, {"local-tax", "local-tax"}).ok());
  Acquire(1, 11);
  Reopen();
  const stored::v1::PersonCode person = *book_->PersonOf(Code(11)).value();
  EXPECT_TRUE(person.automatic_reply_disabled());
  EXPECT_THAT(person.withheld_items(), testing::ElementsAre("local-tax"));
  ASSERT_TRUE(book_->SetProtection(Person(1), false, {}).ok());
  EXPECT_FALSE(book_->PersonOf(Code(11)).value()->automatic_reply_disabled());
  EXPECT_TRUE(book_->PersonOf(Code(11)).value()->withheld_items().empty());
  EXPECT_EQ(book_->CodeOf(Person(1)).value(), Code(11));
}

TEST_F(CodeBookTest, OnlyItemsOfTheListAreWithheld) {
  Acquire(1, 11);
  ASSERT_TRUE(book_->SetProtection(Person(1), true, {"benefits"}).ok());
  const absl::Status status = book_->SetProtection(Person(1), false, {"immunization", "nonsense"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(GetFieldRule(status).field, "withheld_items[1]");
  EXPECT_EQ(Rule(status), "unknown-item");
  // What was set before stands.
  const stored::v1::PersonCode person = *book_->PersonOf(Code(11)).value();
  EXPECT_TRUE(person.automatic_reply_disabled());
  EXPECT_THAT(person.withheld_items(), testing::ElementsAre("benefits"));
}

TEST_F(CodeBookTest, SweepForgetsNumbersPastTheirTimeOnly) {
  const AcquisitionNumber old = Issue(1);
  ASSERT_TRUE(book_->SetProtection(Person(1), true, {}).ok());
  clock_.Advance(absl::Milliseconds(platform_.acquisition_lifetime_ms) - absl::Milliseconds(1));
  const AcquisitionNumber young = Issue(2);
  ASSERT_TRUE(book_->Sweep().ok());
  EXPECT_EQ(Count(kCountPending), 2u);
  clock_.Advance(absl::Milliseconds(1));
  ASSERT_TRUE(book_->Sweep().ok());
  EXPECT_EQ(Count(kCountPending), 1u);
  EXPECT_EQ(Issue(2), young);
  EXPECT_NE(Issue(1), old);
  Acquire(1, 11);
  EXPECT_TRUE(book_->PersonOf(Code(11)).value()->automatic_reply_disabled());
}

TEST_F(CodeBookTest, ConcurrentCallersAgreeOnANumber) {
  std::vector<std::string> numbers(8);
  std::vector<std::thread> threads;
  for (std::string& number : numbers) {
    threads.emplace_back([this, &number] { number = Issue(1).Reveal(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(numbers, testing::Each(numbers[0]));
  EXPECT_EQ(Count(kCountPending), 1u);
}

TEST_F(CodeBookTest, KeysSayNothingOfPersons) {
  Acquire(123456789, 11);
  const AcquisitionNumber number = Issue(987654321);
  const absl::Status scanned =
      institution_->database().Scan(kCodes, {}, {}, [&](absl::string_view key, absl::string_view) {
        EXPECT_EQ(key.find("123456789"), absl::string_view::npos);
        EXPECT_EQ(key.find("987654321"), absl::string_view::npos);
        EXPECT_EQ(key.find(Code(11).RevealBytes()), absl::string_view::npos);
        EXPECT_EQ(key.find(number.Reveal()), absl::string_view::npos);
        return true;
      });
  EXPECT_TRUE(scanned.ok());
}

}  // namespace
}  // namespace nakadachi::intermediate
