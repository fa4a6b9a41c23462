// No code crosses: of all that the parties of a long scenario received and stored, nothing joins a
// person across two institutions. DESIGN.md section 3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/key_file.h"
#include "server/broker/model/code_deriver.h"
#include "tests/integration/findings.h"
#include "tests/integration/town.h"
#include "tests/integration/wire_tap.h"

namespace nakadachi::integration {
namespace {

using simulator::Mode;
using testing::ElementsAre;
using testing::IsEmpty;

const std::set<std::string>& Institutions() {
  static const auto* const all = new std::set<std::string>{kAizu, kSendai, kKoriyama, kFukushima};
  return *all;
}

Pair Both(const std::string& a, const std::string& b) { return a < b ? Pair(a, b) : Pair(b, a); }

// The scenario runs once; its tests look at what came of it.
class NoCodeCrossesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    StartTapping();
    town_ = new Town(Mode::kInProcess);
    for (const std::string& code : Institutions()) town_->AddPlatform("of-" + code, {code});
    Settle();
    Ask();
    Review();
    ASSERT_TRUE(Eventually([] {
      const auto status = town_->network().BrokerOperator().GetStatus();
      return status.ok() && status->open_permits() == 0;
    }));
    ASSERT_TRUE(town_->network().VerifyLedgers(/*leave_stopped=*/true).ok());
    holdings_ = new std::map<std::string, Holding>(ByReceiver(TakeTapped()));
    for (const std::string& code : Institutions()) AddDatabase(code);
  }
  static void TearDownTestSuite() {
    delete holdings_;
    delete town_;
  }

  static constexpr size_t kPersons = 6;
  enum : size_t { kPlain, kEmpty, kSheltered, kWithheld, kNotTaken, kUnknownAtKoriyama };

  // All four know everyone, but that Koriyama has no code of one.
  static void Settle() {
    for (size_t i = 0; i < kPersons; ++i) {
      const size_t person = town_->AddPerson(kAizu);
      for (const std::string& code : Institutions()) {
        if (person == kUnknownAtKoriyama && code == kKoriyama) continue;
        town_->Enroll(person, code);
        if (person != kEmpty && code != kFukushima) town_->Register(person, code, 2);
      }
    }
    v1::SetProtectionRequest protection;
    protection.set_municipality(kAizu);
    protection.set_addressee_number(town_->person(kSheltered).numbers.at(kAizu).Reveal());
    protection.set_automatic_reply_disabled(true);
    ASSERT_TRUE(Connection(kAizu).SetProtection(protection).ok());
    protection.set_addressee_number(town_->person(kNotTaken).numbers.at(kAizu).Reveal());
    ASSERT_TRUE(Connection(kAizu).SetProtection(protection).ok());
    protection.set_automatic_reply_disabled(false);
    protection.set_addressee_number(town_->person(kWithheld).numbers.at(kAizu).Reveal());
    protection.add_withheld_items("immunization");
    ASSERT_TRUE(Connection(kAizu).SetProtection(protection).ok());
  }

  static client::MunicipalConnection& Connection(const std::string& code) {
    return town_->network().Municipality(City(code))->connection();
  }

  static v1::QueryResponse Answer(size_t person, const std::string& requester,
                                  const std::string& provider) {
    exchanged_->insert(Both(requester, provider));
    return town_->Ask(town_->Question(person, requester, provider)).value();
  }

  // Each asks each, about the same persons, so that there is something to join.
  static void Ask() {
    for (const char* requester : {kSendai, kFukushima, kKoriyama}) {
      for (size_t person = 0; person < kPersons; ++person) {
        if (person == kUnknownAtKoriyama && requester == std::string(kKoriyama)) continue;
        const v1::QueryResponse answer = Answer(person, requester, kAizu);
        outcomes_->insert(answer.outcome());
      }
    }
    ASSERT_EQ(Answer(kPlain, kSendai, kKoriyama).outcome(), v1::PROVIDED);
    ASSERT_EQ(Answer(kPlain, kAizu, kKoriyama).outcome(), v1::PROVIDED);
    ASSERT_EQ(Answer(kPlain, kFukushima, kSendai).outcome(), v1::PROVIDED);
    outcomes_->insert(Answer(kUnknownAtKoriyama, kSendai, kKoriyama).outcome());
    v1::QueryRequest forbidden = town_->Question(kPlain, kSendai, kAizu);
    forbidden.set_items(0, "local-tax-or-residence");
    ASSERT_EQ(town_->Ask(forbidden)->state(), v1::REFUSED_BY_BROKER);

    v1::QueryRequest again = town_->Question(kPlain, kSendai, kAizu);
    ASSERT_EQ(town_->Ask(again)->permit_number(), town_->Ask(again)->permit_number());
  }

  // Staff release one person's records and refuse the other's; both are delivered.
  static void Review() {
    v1::ListReviewsRequest list;
    list.set_municipality(kAizu);
    auto& staff = town_->network().Staff(City(kAizu))->connection();
    const auto reviews = staff.ListReviews(list);
    ASSERT_TRUE(reviews.ok()) << reviews.status();
    ASSERT_EQ(reviews->reviews_size(), 6);
    const std::string released = town_->person(kSheltered).numbers.at(kAizu).Reveal();
    for (const v1::Review& review : reviews->reviews()) {
      v1::DecideReviewRequest decision;
      decision.set_municipality(kAizu);
      decision.set_permit_number(review.permit_number());
      decision.set_release(review.addressee_number() == released);
      const auto decided = staff.DecideReview(decision);
      ASSERT_TRUE(decided.ok()) << decided.status();
      outcomes_->insert(decided->outcome());
    }
  }

  static void AddDatabase(const std::string& code) {
    const std::string process = "of-" + code;
    const auto database =
        ReadDatabase(absl::StrCat(town_->network().DataFolder(process), "/", code), code,
                     town_->KeyEncryptionKey(process));
    ASSERT_TRUE(database.ok()) << database.status();
    for (const Stored& stored : *database) (*holdings_)[code].AddStored(stored);
  }

  // Every code of every person at every institution but one's own; and what nobody but juki net
  // and the broker may know.
  static Needles ForbiddenAt(const std::string& institution) {
    Needles needles;
    for (size_t i = 0; i < kPersons; ++i) {
      for (const std::string& other : Institutions()) {
        if (other == institution) continue;
        needles.Add(absl::StrCat("code of ", i, " at ", other),
                    town_->CodeOf(i, other).RevealBytes());
      }
      const Person& person = town_->person(i);
      needles.Add(absl::StrCat("individual number of ", i), person.individual_number.Reveal());
      needles.Add(absl::StrCat("resident code of ", i), person.resident_code.Reveal());
      const broker::CodeDeriver deriver(
          LoadHexSecret(absl::StrCat(town_->folder(), "/network/broker/code-key")).value());
      const auto index = deriver.RecordManagementCodeOf(deriver.Identify(person.resident_code));
      needles.Add(absl::StrCat("record-management code of ", i),
                  absl::string_view(reinterpret_cast<const char*>(index.data()), index.size()));
    }
    return needles;
  }

  static Town* town_;
  static std::map<std::string, Holding>* holdings_;
  static std::set<Pair>* exchanged_;
  static std::set<v1::Outcome>* outcomes_;
};

Town* NoCodeCrossesTest::town_ = nullptr;
std::map<std::string, Holding>* NoCodeCrossesTest::holdings_ = nullptr;
std::set<Pair>* NoCodeCrossesTest::exchanged_ = new std::set<Pair>;
std::set<v1::Outcome>* NoCodeCrossesTest::outcomes_ = new std::set<v1::Outcome>;

TEST_F(NoCodeCrossesTest, TheScenarioHasEveryOutcome) {
  EXPECT_THAT(*outcomes_, ElementsAre(v1::PROVIDED, v1::NOT_HELD, v1::NOT_REGISTERED, v1::WITHHELD,
                                      v1::AWAITING_REVIEW, v1::REFUSED));
}

TEST_F(NoCodeCrossesTest, NobodyHasAnotherInstitutionsCode) {
  for (const std::string& institution : Institutions()) {
    EXPECT_THAT(ForbiddenAt(institution).FindIn(holdings_->at(institution).bytes), IsEmpty())
        << institution;
  }
  // Juki net never sees a linkage code.
  Needles codes;
  for (const std::string& institution : Institutions()) {
    for (size_t i = 0; i < kPersons; ++i) {
      codes.Add("a code", town_->CodeOf(i, institution).RevealBytes());
    }
  }
  EXPECT_THAT(codes.FindIn(holdings_->at("juki").bytes), IsEmpty());
}

TEST_F(NoCodeCrossesTest, TwoPartiesShareNothingButTheirExchanges) {
  EXPECT_THAT(CommonToTwo(*holdings_, Institutions(), *exchanged_), IsEmpty());
}

// What the search is to look through is there: each institution's own codes, received and stored,
// and every party's messages.
TEST_F(NoCodeCrossesTest, EverythingWasHeard) {
  for (const std::string& institution : Institutions()) {
    const Holding& holding = holdings_->at(institution);
    for (size_t i = 0; i < kPersons; ++i) {
      if (i == kUnknownAtKoriyama && institution == kKoriyama) continue;
      const std::string code(town_->CodeOf(i, institution).RevealBytes());
      ASSERT_EQ(holding.fields.count(code), 1u);
      const std::set<std::string>& fields = holding.fields.at(code);
      EXPECT_EQ(fields.count("v1.ReceiveCodesRequest.Entry.linkage_code"), 1u);
      EXPECT_EQ(fields.count("stored.v1.PersonCode.linkage_code"), 1u);
    }
  }
  const std::string asked(town_->CodeOf(kPlain, kSendai).RevealBytes());
  EXPECT_EQ(holdings_->at("broker").fields.at(asked).count("v1.Query.linkage_code"), 1u);
  EXPECT_EQ(holdings_->at("juki").fields.count(town_->person(kPlain).individual_number.Reveal()),
            1u);
}

TEST_F(NoCodeCrossesTest, APlantedCodeIsFound) {
  const std::string code(town_->CodeOf(kPlain, kSendai).RevealBytes());
  for (const std::string& form :
       {code, HexEncode(code), Base64Encode(code), Base64Encode(absl::StrCat("xy", code))}) {
    const std::string planted = absl::StrCat(holdings_->at(kAizu).bytes, "x", form, "y");
    EXPECT_THAT(ForbiddenAt(kAizu).FindIn(planted), ElementsAre("code of 0 at 041009"));
  }
}

TEST_F(NoCodeCrossesTest, APlantedCommonValueIsFound) {
  struct Case {
    std::string field;
    std::set<std::string> holders;
    size_t findings;
  };
  const std::vector<Case> cases = {
      // Person-specific fields, in two places.
      {"v1.Query.linkage_code", {kAizu, kSendai}, 1},
      {"v1.Review.addressee_number", {kAizu, kSendai}, 1},
      {"v1.QueryRequest.request_id", {kAizu, kSendai}, 1},
      {"a field that nobody has thought of", {kAizu, kSendai}, 1},
      // A permit number that three know joins two exchanges.
      {"v1.Permit.permit_number", {kAizu, kSendai, kKoriyama}, 1},
      // Two that never exchanged.
      {"v1.Permit.permit_number", {kFukushima, kKoriyama}, 1},
      {"v1.Permit.permit_number", {kAizu, kSendai}, 0},
      // A record's id that two requesters know, a member of staff of another's.
      {"v1.ReplicaRecord.record_id", {kAizu, kSendai, kKoriyama}, 1},
      {"v1.ReplicaRecord.record_id", {kAizu, kSendai}, 0},
      {"v1.Operation.staff_pseudonym", {kAizu, kSendai}, 1},
      {"v1.Vaccination.lot", {kAizu, kSendai, kKoriyama}, 0},
      {"v1.Vaccination.lot", {kFukushima, kKoriyama}, 1},
      {"v1.Query.linkage_code", {kAizu}, 0},
  };
  for (const Case& c : cases) {
    std::map<std::string, Holding> planted = *holdings_;
    for (const std::string& holder : c.holders) planted[holder].AddValue(c.field, "planted value");
    EXPECT_EQ(CommonToTwo(planted, Institutions(), *exchanged_).size(), c.findings) << c.field;
  }
}

}  // namespace
}  // namespace nakadachi::integration
