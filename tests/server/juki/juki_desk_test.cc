#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"
#include "server/juki/desk/acquisition_desk.h"
#include "server/juki/desk/resident_desk.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::juki {
namespace {

constexpr int64_t kLifetimeMs = 60'000;

std::string Number(uint64_t person) { return IndividualNumber::FromSerial(person).Reveal(); }

std::string NewAcquisition() {
  return AcquisitionNumber::FromBytes(SystemRandom().Bytes<16>()).Reveal();
}

class JukiDeskTest : public ::testing::Test {
 protected:
  JukiDeskTest()
      : clock_(absl::FromUnixMillis(1'711'929'600'000)),
        keys_(storage::MakeMemoryKeyProvider(Secret(std::string(32, 'k')))),
        city_(*LocalGovernmentCode::Parse("072028")),
        other_city_(*LocalGovernmentCode::Parse("041009")) {
    Open();
  }
  ~JukiDeskTest() override { store_.reset(); }

  void Open(const ResidentCodeRule& rule = {}) {
    store_.reset();
    storage::OpenOptions options;
    options.path = folder_ / "data";
    options.environment = storage::Environment::Create(32 << 20);
    options.key_provider = keys_.get();
    options.random = &SystemRandom();
    auto store = JukiStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    residents_ = std::make_unique<ResidentDesk>(store_.get(), &SystemRandom(), rule);
    acquisitions_ = std::make_unique<AcquisitionDesk>(store_.get(), &clock_, kLifetimeMs);
  }

  static std::vector<std::string> Rules(
      const google::protobuf::RepeatedPtrField<std::string>& all) {
    std::vector<std::string> rules;
    for (const std::string& error : all) {
      rules.push_back(error.empty() ? "" : GetFieldRule(rpc::FromBytes(error)).rule);
    }
    return rules;
  }

  // Entries as "number" or "number code".
  std::vector<std::string> Register(const LocalGovernmentCode& city,
                                    const std::vector<std::pair<std::string, std::string>>& all) {
    v1::RegisterResidentsRequest request;
    for (const auto& [number, code] : all) {
      auto* entry = request.add_entries();
      entry->set_individual_number(number);
      entry->set_resident_code(code);
    }
    auto response = residents_->Register(city, request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? Rules(response->errors()) : std::vector<std::string>();
  }

  using Entries = std::vector<std::pair<std::string, std::string>>;  // acquisition, individual
  Submission Begin(const LocalGovernmentCode& city, const Entries& all) {
    v1::SubmitAcquisitionsRequest request;
    for (const auto& [acquisition, number] : all) {
      auto* entry = request.add_entries();
      entry->set_acquisition_number(acquisition);
      entry->set_individual_number(number);
    }
    auto submission = acquisitions_->Begin(city, request);
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission.ok() ? *std::move(submission) : Submission();
  }
  std::vector<std::string> Complete(Submission submission,
                                    const std::vector<absl::Status>& answers) {
    v1::DeriveCodesResponse response;
    for (const absl::Status& answer : answers) response.add_errors(rpc::ToBytes(answer));
    auto result = acquisitions_->Complete(std::move(submission), response);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? Rules(result->errors()) : std::vector<std::string>();
  }
  std::vector<std::string> Submit(const LocalGovernmentCode& city, const Entries& all) {
    Submission submission = Begin(city, all);
    const std::vector<absl::Status> answers(submission.origins.size());
    return Complete(std::move(submission), answers);
  }
  std::string CodeOf(uint64_t person) {
    const Submission submission = Begin(city_, {{NewAcquisition(), Number(person)}});
    return submission.relayed.entries_size() == 1 ? submission.relayed.entries(0).resident_code()
                                                  : "";
  }

  ManualClock clock_;
  std::unique_ptr<storage::KeyProvider> keys_;
  LocalGovernmentCode city_;
  LocalGovernmentCode other_city_;
  TemporaryFolder folder_;
  std::unique_ptr<JukiStore> store_;
  std::unique_ptr<ResidentDesk> residents_;
  std::unique_ptr<AcquisitionDesk> acquisitions_;
};

using Strings = std::vector<std::string>;

TEST_F(JukiDeskTest, ResidentsGetCodesOfTheirOwnAndKeepThem) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (uint64_t person = 0; person < 300; ++person) entries.push_back({Number(person), ""});
  EXPECT_EQ(Register(city_, entries), Strings(300));
  EXPECT_EQ(*store_->Residents(), 300u);
  std::set<std::string> codes;
  for (uint64_t person = 0; person < 300; ++person) {
    const std::string code = CodeOf(person);
    EXPECT_TRUE(ResidentCode::Parse(code).ok());
    codes.insert(code);
  }
  EXPECT_EQ(codes.size(), 300u);
  const std::string before = CodeOf(7);
  EXPECT_EQ(Register(city_, entries), Strings(300));
  Open();
  EXPECT_EQ(*store_->Residents(), 300u);
  EXPECT_EQ(CodeOf(7), before);
}

TEST_F(JukiDeskTest, RegistrationErrorsAreOneAnEntry) {
  const std::string code = ResidentCode::FromSerial(1).Reveal();
  const std::string other = ResidentCode::FromSerial(2).Reveal();
  EXPECT_EQ(Register(city_, {{Number(1), code}, {Number(2), other}}), Strings(2));
  EXPECT_EQ(Register(city_, {{"983205673210", ""},
                             {Number(3), "12345678900"},
                             {Number(1), ResidentCode::FromSerial(3).Reveal()},
                             {Number(1), other},
                             {Number(1), code},
                             {Number(4), ""}}),
            (Strings{"check-digit", "check-digit", "resident-code-differs", "resident-code-taken",
                     "", ""}));
  EXPECT_EQ(*store_->Residents(), 3u);
}

TEST_F(JukiDeskTest, AMoverIsTheSamePersonAndOnlyTheNewCityCorrects) {
  const std::string code = ResidentCode::FromSerial(1).Reveal();
  Register(city_, {{Number(1), code}});
  EXPECT_EQ(Register(other_city_, {{Number(9), code}}), Strings{"other-municipality"});
  EXPECT_EQ(Register(other_city_, {{Number(1), ""}}), Strings{""});
  EXPECT_EQ(Register(city_, {{Number(9), code}}), Strings{"other-municipality"});
  EXPECT_EQ(Register(other_city_, {{Number(9), code}}), Strings{""});
  EXPECT_EQ(CodeOf(9), code);
  EXPECT_EQ(*store_->Residents(), 1u);
  // The number that was wrong is nobody's.
  EXPECT_EQ(Submit(city_, {{NewAcquisition(), Number(1)}}), Strings{"unknown-individual-number"});
}

TEST_F(JukiDeskTest, TheCheckRuleCanBeChanged) {
  ResidentCodeRule rule;
  rule.weights = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  rule.modulus = 7;
  Open(rule);
  const std::string given = ResidentCode::FromSerial(4711, rule).Reveal();
  EXPECT_EQ(Register(city_, {{Number(1), given}, {Number(2), ""}}), Strings(2));
  EXPECT_TRUE(ResidentCode::Parse(CodeOf(2), "code", rule).ok());
}

TEST_F(JukiDeskTest, AnAcquisitionSucceedsOnceAndMayBeAskedAgain) {
  Register(city_, {{Number(1), ""}});
  const std::string acquisition = NewAcquisition();
  EXPECT_EQ(Submit(city_, {{acquisition, Number(1)}}), Strings{""});
  EXPECT_EQ(*store_->Acquisitions(), 1u);
  for (int round = 0; round < 2; ++round) {
    const Submission again = Begin(city_, {{acquisition, Number(1)}});
    EXPECT_TRUE(again.origins.empty()) << "not relayed a second time";
    EXPECT_EQ(Rules(again.response.errors()), Strings{""});
    const Submission other = Begin(city_, {{NewAcquisition(), Number(1)}});
    const absl::Status refused = rpc::FromBytes(other.response.errors(0));
    EXPECT_TRUE(absl::IsAlreadyExists(refused));
    EXPECT_EQ(GetFieldRule(refused).rule, "already-acquired");
    // By which it is told from the intermediate server's, about the addressee number.
    EXPECT_EQ(GetFieldRule(refused).field, "individual_number");
    Open();
  }
  // Another institution has its own code.
  EXPECT_EQ(Submit(other_city_, {{NewAcquisition(), Number(1)}}), Strings{""});
  EXPECT_EQ(*store_->Acquisitions(), 2u);
}

TEST_F(JukiDeskTest, ACallThatBrokeOffMayBeMadeAgain) {
  Register(city_, {{Number(1), ""}});
  const std::string acquisition = NewAcquisition();
  const Submission first = Begin(city_, {{acquisition, Number(1)}});
  Open();
  const Submission second = Begin(city_, {{acquisition, Number(1)}});
  EXPECT_EQ(second.relayed.SerializeAsString(), first.relayed.SerializeAsString());
  // Both come through after all.
  EXPECT_EQ(Complete(first, {absl::OkStatus()}), Strings{""});
  EXPECT_EQ(Complete(second, {absl::OkStatus()}), Strings{""});
  EXPECT_EQ(*store_->Acquisitions(), 1u);
}

TEST_F(JukiDeskTest, AnAcquisitionNumberIsForOnePersonAndInstitution) {
  Register(city_, {{Number(1), ""}, {Number(2), ""}});
  const std::string acquisition = NewAcquisition();
  Begin(city_, {{acquisition, Number(1)}});
  EXPECT_EQ(Submit(city_, {{acquisition, Number(2)}}), Strings{"acquisition-number-reused"});
  EXPECT_EQ(Submit(other_city_, {{acquisition, Number(1)}}), Strings{"acquisition-number-reused"});
  const std::string fresh = NewAcquisition();
  EXPECT_EQ(Submit(city_, {{fresh, Number(1)}, {fresh, Number(2)}}),
            (Strings{"", "acquisition-number-reused"}));
}

TEST_F(JukiDeskTest, SubmissionErrorsAreOneAnEntry) {
  Register(city_, {{Number(1), ""}, {Number(2), ""}});
  Submission submission = Begin(city_, {{"no number", Number(1)},
                                        {NewAcquisition(), "983205673210"},
                                        {NewAcquisition(), Number(3)},
                                        {NewAcquisition(), Number(1)},
                                        {NewAcquisition(), Number(1)},
                                        {NewAcquisition(), Number(2)}});
  ASSERT_EQ(submission.origins.size(), 2u);
  const absl::Status unknown = FieldError(absl::StatusCode::kNotFound, "acquisition_number",
                                          "unknown-acquisition-number", "was never issued");
  const Strings rules = Complete(std::move(submission), {absl::OkStatus(), unknown});
  EXPECT_EQ(rules, (Strings{"length", "check-digit", "unknown-individual-number", "", "duplicate",
                            "unknown-acquisition-number"}));
  // What the institution did not take may be tried again.
  EXPECT_EQ(Submit(city_, {{NewAcquisition(), Number(2)}}), Strings{""});
}

TEST_F(JukiDeskTest, AcquisitionNumbersDie) {
  Register(city_, {{Number(1), ""}, {Number(2), ""}, {Number(3), ""}});
  const std::string used = NewAcquisition();
  const std::string pending = NewAcquisition();
  EXPECT_EQ(Submit(city_, {{used, Number(1)}}), Strings{""});
  Begin(city_, {{pending, Number(2)}});
  clock_.Advance(absl::Milliseconds(kLifetimeMs));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Rules(Begin(city_, {{used, Number(1)}}).response.errors()),
              Strings{"already-acquired"});
    ASSERT_TRUE(acquisitions_->Sweep().ok());
  }
  // The pending number is bound to nobody any more.
  EXPECT_EQ(Submit(city_, {{pending, Number(3)}}), Strings{""});
  EXPECT_EQ(*store_->Acquisitions(), 2u);
}

TEST_F(JukiDeskTest, ASweepForgetsAllHoweverMany) {
  constexpr int64_t kOver = 1'711'929'600'000;
  std::vector<std::string> keys;
  for (int call = 0; call < 3; ++call) {
    JukiStore::Round round(*store_);
    for (int i = 0; i < 1000; ++i) {
      keys.push_back("key " + std::to_string(keys.size()));
      stored::v1::Acquisition pending;
      pending.set_expires_ms(kOver);
      round.PutAcquisition(keys.back(), pending);
    }
    ASSERT_TRUE(round.Commit().ok());
  }
  ASSERT_TRUE(acquisitions_->Sweep().ok());
  JukiStore::Round round(*store_);
  for (const std::string& key : keys) EXPECT_FALSE(round.FindAcquisition(key)->has_value()) << key;
}

TEST_F(JukiDeskTest, NothingOfAPersonIsReadableInTheFiles) {
  const std::string code = ResidentCode::FromSerial(4'711'471'147).Reveal();
  const std::string number = Number(98'320'567'321);
  const std::string acquisition = NewAcquisition();
  Register(city_, {{number, code}});
  Submit(city_, {{acquisition, number}});
  const std::string pending = NewAcquisition();
  Begin(other_city_, {{pending, number}});
  for (int round = 0; round < 2; ++round) {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), {});
    }
    ASSERT_NE(all.find("juki/residents"), std::string::npos)
        << "the search looks in the wrong place";
    for (const std::string& planted : {code, number, acquisition, pending}) {
      EXPECT_EQ(all.find(planted), std::string::npos);
    }
    Open();
  }
}

TEST_F(JukiDeskTest, TooLongCallsAreRefusedAsAWhole) {
  v1::RegisterResidentsRequest residents;
  v1::SubmitAcquisitionsRequest acquisitions;
  for (int i = 0; i <= 1000; ++i) {
    residents.add_entries();
    acquisitions.add_entries();
  }
  EXPECT_EQ(GetFieldRule(residents_->Register(city_, residents).status()).rule, "too-many");
  EXPECT_EQ(GetFieldRule(acquisitions_->Begin(city_, acquisitions).status()).rule, "too-many");
}

}  // namespace
}  // namespace nakadachi::juki
