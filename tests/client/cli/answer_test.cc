// The wording of answers: what is different must read differently.
#include "client/cli/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace nakadachi::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::QueryResponse Answered(v1::Outcome outcome) {
  v1::QueryResponse response;
  response.set_request_id(std::string(16, '\x01'));
  response.set_state(v1::ANSWERED);
  response.set_outcome(outcome);
  response.set_verified(true);
  return response;
}

v1::QueryResponse InState(v1::ExchangeState state) {
  v1::QueryResponse response;
  response.set_request_id(std::string(16, '\x01'));
  response.set_state(state);
  return response;
}

v1::QueryResponse Provided() {
  v1::QueryResponse response = Answered(v1::PROVIDED);
  v1::ReplicaSet& set = *response.add_sets();
  set.set_item("immunization");
  set.set_source_version(7);
  set.set_source_time_ms(1711929600000);
  v1::ReplicaRecord& record = *set.add_records();
  record.set_record_id("r1");
  v1::Vaccination& dose = *record.mutable_vaccination();
  dose.set_vaccine_kind("30001");
  dose.set_dose(2);
  dose.mutable_date()->set_yyyymmdd("20210602");
  dose.set_manufacturer("ファイザー");
  dose.set_lot("FA1");
  dose.set_volume_ml("0.30");
  dose.set_place("福島市保健センター");
  dose.set_done(true);
  return response;
}

TEST(AnswerTest, EachResultHasItsWordItsCodeAndItsSentence) {
  v1::QueryResponse unverified = Answered(v1::PROVIDED);
  unverified.set_verified(false);
  v1::QueryResponse by_provider = Answered(v1::REFUSED);
  by_provider.set_refusal_reason(v1::STAFF_DECISION);
  struct Case {
    v1::QueryResponse response;
    const char* word;
    int code;
    const char* sentence;
    bool final;
  };
  const Case cases[] = {
      {Answered(v1::PROVIDED), "provided", kOk, "Provided: 0 records", true},
      {Answered(v1::NOT_HELD), "not-held", kOk, "None held", true},
      {Answered(v1::NOT_REGISTERED), "not-registered", kOk, "Not registered there", true},
      {Answered(v1::WITHHELD), "withheld", kOk, "Withheld", true},
      {by_provider, "refused", kFailed, "Refused by the provider: staff-decision", true},
      {InState(v1::AWAITING), "awaiting-review", kPartly, "Awaiting review", false},
      {InState(v1::REFUSED_BY_BROKER), "refused", kFailed, "Refused by the network", true},
      {InState(v1::REFUSED_BY_PROVIDER), "refused", kFailed, "Refused by the provider", true},
      {InState(v1::LAPSED), "lapsed", kFailed, "Lapsed", true},
      {InState(v1::RECORDED), "under-way", kPartly, "Under way", false},
      {InState(v1::PERMITTED), "under-way", kPartly, "Under way", false},
      {unverified, "unverified", kFailed, "Not verified", true},
  };
  std::set<std::string> sentences;
  for (const Case& c : cases) {
    EXPECT_EQ(ResultWord(c.response), c.word);
    EXPECT_EQ(ExitCodeOf(c.word), c.code) << c.word;
    EXPECT_EQ(IsFinalResult(c.word), c.final) << c.word;
    EXPECT_THAT(AnswerText(c.response, {}), HasSubstr(c.sentence));
    EXPECT_EQ(AnswerJson(c.response)["result"], c.word);
    sentences.insert(AnswerText(c.response, {}));
  }
  // RECORDED and PERMITTED read alike; and nothing else does.
  EXPECT_EQ(sentences.size(), std::size(cases) - 1);
}

TEST(AnswerTest, ARefusalNamesWhoWhyAndWhat) {
  v1::QueryResponse response = InState(v1::REFUSED_BY_BROKER);
  response.set_refusal_reason(v1::NOT_PERMITTED);
  response.set_refusal_detail("query.items[0]: wrong-provider");
  EXPECT_EQ(AnswerText(response, {}),
            "Refused by the network: not-permitted (query.items[0]: wrong-provider).\n");
  const Json json = AnswerJson(response);
  EXPECT_EQ(json["refused_by"], "network");
  EXPECT_EQ(json["reason"], "not-permitted");
  EXPECT_EQ(json["detail"], "query.items[0]: wrong-provider");
}

TEST(AnswerTest, EveryReasonHasAWord) {
  for (int reason = v1::NOT_PERMITTED; reason <= v1::RefusalReason_MAX; ++reason) {
    const std::string word = ReasonWord(static_cast<v1::RefusalReason>(reason));
    EXPECT_THAT(word, testing::MatchesRegex("[a-z-]+")) << reason;
  }
  EXPECT_EQ(ReasonWord(v1::REFUSAL_REASON_UNSPECIFIED), "");
  EXPECT_EQ(ReasonWord(static_cast<v1::RefusalReason>(99)), "99");
}

TEST(AnswerTest, RecordsAreATableWithTheirFreshness) {
  const std::string text = AnswerText(Provided(), {"immunization", "child-allowance"});
  EXPECT_THAT(text, HasSubstr("Provided: 1 record, "));
  EXPECT_THAT(text, HasSubstr("immunization: 1 record, state of 2024-04-01T09:00:00+09:00, source "
                              "version 7\n"));
  EXPECT_THAT(text, HasSubstr("2021-06-02  30001 新型コロナ  2     yes   ファイザー"));
  EXPECT_THAT(text, HasSubstr("child-allowance: none held there\n"));
}

TEST(AnswerTest, AwaitingReviewSaysHowToSeeItLater) {
  EXPECT_THAT(AnswerText(InState(v1::AWAITING), {}),
              HasSubstr("nakadachi query --show 01010101010101010101010101010101"));
}

TEST(AnswerTest, JsonHasEveryFieldOfARecord) {
  const Json json = AnswerJson(Provided());
  EXPECT_EQ(json["request_id"], "01010101010101010101010101010101");
  EXPECT_EQ(json["verified"], true);
  ASSERT_EQ(json["sets"].size(), 1u);
  EXPECT_EQ(json["sets"][0]["source_version"], 7);
  EXPECT_EQ(json["sets"][0]["source_time"], "2024-04-01T09:00:00+09:00");
  const Json& record = json["sets"][0]["records"][0];
  EXPECT_EQ(record["dose"], 2);
  EXPECT_EQ(record["date"], "20210602");
  EXPECT_EQ(record["manufacturer"], "ファイザー");
  EXPECT_EQ(record["done"], true);
}

TEST(AnswerTest, CellsFillTheColumns) {
  const v1::QueryResponse response = Provided();
  EXPECT_EQ(RecordCells(response.sets(0), response.sets(0).records(0)).size(),
            RecordColumns().size());
  v1::ReplicaRecord other;
  auto& entry = *other.mutable_other()->add_entries();
  entry.set_name("class");
  entry.set_value("2");
  const auto cells = RecordCells(response.sets(0), other);
  ASSERT_EQ(cells.size(), RecordColumns().size());
  EXPECT_EQ(cells.back(), "class=2");
}

TEST(AnswerTest, TextFromElsewhereSteersNoTerminal) {
  v1::QueryResponse response = Provided();
  response.mutable_sets(0)->mutable_records(0)->mutable_vaccination()->set_place("\x1B[2J");
  response.mutable_sets(0)->set_item("\x1B[1m");
  EXPECT_THAT(AnswerText(response, {}), Not(HasSubstr("\x1B")));
}

}  // namespace
}  // namespace nakadachi::cli
