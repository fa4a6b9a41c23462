#include "common/base/ids.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <type_traits>

#include "absl/hash/hash_testing.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/csv.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nakadachi {
namespace {

constexpr char kFullWidthDigits[] = "１２";

std::string RuleOf(const absl::Status& status) {
  if (status.ok()) return "ok";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return GetFieldRule(status).rule;
}

struct Case {
  std::string text;
  std::string rule;  // "ok" where valid
};

// Parses each case and looks at the rule, the field and that the error does not repeat the text.
template <typename Id>
void ExpectRules(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const absl::StatusOr<Id> id = Id::Parse(c.text, "some.field");
    EXPECT_EQ(RuleOf(id.status()), c.rule) << c.text;
    if (id.ok()) continue;
    EXPECT_EQ(GetFieldRule(id.status()).field, "some.field");
    if (c.text.size() > 3) {
      EXPECT_THAT(std::string(id.status().message()), testing::Not(testing::HasSubstr(c.text)));
    }
  }
}

TEST(LocalGovernmentCodeTest, Rules) {
  ExpectRules<LocalGovernmentCode>({
      {"072028", "ok"},  // Aizuwakamatsu
      {"131016", "ok"},  // Chiyoda
      {"070009", "ok"},
      {"010006", "ok"},
      {"473821", "ok"},
      {"072029", "check-digit"},
      {"072018", "check-digit"},
      {"480002", "prefecture"},
      {"002020", "prefecture"},
      {"", "length"},
      {"07202", "length"},
      {"0720280", "length"},
      {"07202a", "digits"},
      {"-72028", "digits"},
      {" 72028", "digits"},
      {std::string("07\0"
                   "028",
                   6),
       "digits"},
      {kFullWidthDigits, "digits"},  // two characters, six bytes
  });
}

TEST(LocalGovernmentCodeTest, PrefecturesEndIn000) {
  EXPECT_TRUE(LocalGovernmentCode::Parse("070009")->IsPrefecture());
  EXPECT_FALSE(LocalGovernmentCode::Parse("072028")->IsPrefecture());
}

TEST(CorporateNumberTest, Rules) {
  ExpectRules<CorporateNumber>({
      {"7123456789012", "ok"},
      {"4011001098993", "ok"},
      {"8123456789012", "check-digit"},
      {"7123456789013", "check-digit"},
      {"0123456789012", "check-digit"},
      {"712345678901", "length"},
      {"71234567890123", "length"},
      {"712345678901x", "digits"},
  });
}

TEST(IndividualNumberTest, Rules) {
  ExpectRules<IndividualNumber>({
      {"983205673214", "ok"},
      {"123456789018", "ok"},
      {"983205673210", "check-digit"},
      {"983205673215", "check-digit"},
      {"", "length"},
      {"98320567321", "length"},
      {"9832056732144", "length"},
      {"98320567321x", "digits"},
      {"9832-5673214", "digits"},
  });
}

TEST(IndividualNumberTest, RemainderZeroAndOneGiveZero) {
  EXPECT_EQ(IndividualNumber::FromSerial(0).Reveal(), "000000000000");  // sum 0
  EXPECT_EQ(IndividualNumber::FromSerial(6).Reveal(), "000000000060");  // 6 * 2 mod 11 = 1
  EXPECT_EQ(IndividualNumber::FromSerial(1).Reveal(), "000000000019");  // 2
}

TEST(ResidentCodeTest, Rules) {
  ExpectRules<ResidentCode>({
      {"00000000001", "ok"},  // remainder 0: 11 - 0, its last digit
      {"00000000019", "ok"},  // remainder 2
      {"00000000060", "ok"},  // remainder 1: 10, its last digit
      {"00000000018", "check-digit"},
      {"0000000001", "length"},
      {"000000000019", "length"},
      {"0000000001a", "digits"},
  });
}

TEST(ResidentCodeTest, RuleIsConfigurable) {
  const ResidentCodeRule reversed{{6, 5, 4, 3, 2, 7, 6, 5, 4, 3}, 11, true};
  const ResidentCodeRule unchecked{{}, 0, false};
  const ResidentCode code = ResidentCode::FromSerial(1, reversed);
  EXPECT_EQ(code.Reveal(), "00000000018");
  EXPECT_TRUE(ResidentCode::Parse("00000000018", "f", reversed).ok());
  EXPECT_EQ(RuleOf(ResidentCode::Parse("00000000018").status()), "check-digit");
  EXPECT_TRUE(ResidentCode::Parse("00000000018", "f", unchecked).ok());
  EXPECT_EQ(RuleOf(ResidentCode::Parse("0000000001x", "f", unchecked).status()), "digits");
}

TEST(AddresseeNumberTest, Rules) {
  ExpectRules<AddresseeNumber>({
      {"1", "ok"},
      {"000000000000001", "ok"},
      {"", "length"},
      {"0000000000000001", "length"},
      {"12a", "digits"},
      {"1 2", "digits"},
  });
}

TEST(AddresseeNumberTest, KeepsLeadingZeros) {
  EXPECT_NE(*AddresseeNumber::Parse("1"), *AddresseeNumber::Parse("01"));
}

TEST(AcquisitionNumberTest, Rules) {
  ExpectRules<AcquisitionNumber>({
      {"0123456789abcdef0123456789abcdef", "ok"},
      {"0123456789ABCDEF0123456789abcdef", "hex"},
      {"0123456789abcdeg0123456789abcdef", "hex"},
      {"0123456789abcdef0123456789abcde", "length"},
      {"", "length"},
  });
}

TEST(AcquisitionNumberTest, FromBytesParses) {
  const AcquisitionNumber number = AcquisitionNumber::FromBytes(
      {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  EXPECT_EQ(number.Reveal(), "00017f80feff060708090a0b0c0d0e0f");
  EXPECT_EQ(*AcquisitionNumber::Parse(number.Reveal()), number);
}

TEST(TicketNumberTest, Rules) {
  ExpectRules<TicketNumber>({
      {"0000000001", "ok"},
      {"000000001", "length"},
      {"00000000011", "length"},
      {"000000000a", "digits"},
  });
}

TEST(TicketLineTest, Rules) {
  ExpectRules<TicketLine>({
      {"210720280000000123", "ok"},
      {"210720290000000123", "check-digit"},
      {"214820280000000123", "prefecture"},
      {"21072028000000012", "length"},
      {"2107202800000001233", "length"},
      {"2107202800000001x3", "digits"},
  });
}

TEST(TicketLineTest, Parts) {
  const auto line = TicketLine::Parse("210720280000000123");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->kind, 2);
  EXPECT_EQ(line->dose, 1);
  EXPECT_EQ(line->municipality.ToString(), "072028");
  EXPECT_EQ(line->number.Reveal(), "0000000123");
}

TEST(LinkageCodeTest, SixteenBytesOfAnyValue) {
  const std::string bytes("\0\xFF 2345678901234", 16);
  const auto code = LinkageCode::FromBytes(bytes);
  ASSERT_TRUE(code.ok());
  EXPECT_EQ(code->RevealBytes(), bytes);
  for (const size_t size : {size_t{0}, size_t{15}, size_t{17}, size_t{32}}) {
    const auto wrong = LinkageCode::FromBytes(std::string(size, 'x'), "query.linkage_code");
    EXPECT_EQ(RuleOf(wrong.status()), "length");
    EXPECT_EQ(GetFieldRule(wrong.status()).field, "query.linkage_code");
  }
}

TEST(AuthorTest, MembersAndTheBroker) {
  ExpectRules<Author>({
      {"broker", "ok"},
      {"072028", "ok"},
      {"Broker", "digits"},
      {"brokers", "length"},
      {"", "length"},
      {"072029", "check-digit"},
  });
  EXPECT_TRUE(Author::Parse("broker")->IsBroker());
  EXPECT_EQ(*Author::Parse("broker"), Author::Broker());
  const Author city = Author::Of(*LocalGovernmentCode::Parse("072028"));
  EXPECT_FALSE(city.IsBroker());
  EXPECT_EQ(city.ToString(), "072028");
  EXPECT_EQ(city, *Author::Parse("072028"));
}

TEST(IdTest, ComparesAndHashesByContent) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {IndividualNumber::FromSerial(0), IndividualNumber::FromSerial(1),
       IndividualNumber::FromSerial(99'999'999'999)}));
  EXPECT_LT(IndividualNumber::FromSerial(1), IndividualNumber::FromSerial(2));
}

TEST(IdTest, KindsDoNotMix) {
  static_assert(!std::is_convertible_v<std::string, IndividualNumber>);
  static_assert(!std::is_constructible_v<IndividualNumber, const char*>);
  static_assert(!std::is_constructible_v<IndividualNumber, ResidentCode>);
  static_assert(!std::is_assignable_v<AddresseeNumber&, TicketNumber>);
  static_assert(!std::is_default_constructible_v<LinkageCode>);
}

TEST(FromSerialDeathTest, SerialMustFit) {
  EXPECT_DEATH(IndividualNumber::FromSerial(100'000'000'000), "invariant");
  EXPECT_DEATH(ResidentCode::FromSerial(10'000'000'000), "invariant");
}

// Properties, over random valid numbers.

constexpr int kRounds = 2000;

uint64_t Below(std::mt19937_64& random, uint64_t bound) {
  return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random);
}

TEST(FromSerialTest, AlwaysParsesAndKeepsTheSerial) {
  std::mt19937_64 random(1);
  for (int i = 0; i < kRounds; ++i) {
    const uint64_t serial = Below(random, 100'000'000'000);
    const IndividualNumber number = IndividualNumber::FromSerial(serial);
    ASSERT_EQ(*IndividualNumber::Parse(number.Reveal()), number);
    ASSERT_EQ(number.Reveal().substr(0, 11), absl::StrFormat("%011d", serial));

    ResidentCodeRule rule;
    if (i % 2 == 1) {
      rule.modulus = static_cast<int>(2 + Below(random, 30));
      for (int& weight : rule.weights) weight = static_cast<int>(Below(random, 20));
    }
    const ResidentCode code = ResidentCode::FromSerial(serial / 10, rule);
    ASSERT_EQ(*ResidentCode::Parse(code.Reveal(), "f", rule), code);
    ASSERT_EQ(code.Reveal().substr(0, 10), absl::StrFormat("%010d", serial / 10));
  }
}

// Every text that differs from `text` in one digit.
std::vector<std::string> SingleDigitChanges(const std::string& text) {
  std::vector<std::string> changes;
  for (size_t i = 0; i < text.size(); ++i) {
    for (char digit = '0'; digit <= '9'; ++digit) {
      if (digit == text[i]) continue;
      changes.push_back(text);
      changes.back()[i] = digit;
    }
  }
  return changes;
}

// The remainder mod 11 under the weights of local-government codes, resident codes and of
// individual numbers share: from the right 2, 3, 4, 5, 6, 7, 2, ….
int Remainder11(const std::string& digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t from_right = digits.size() - 1 - i;
    sum += (digits[i] - '0') * static_cast<int>(2 + from_right % 6);
  }
  return sum % 11;
}

// Modulus 11 tells every single-digit change apart by its remainder, but eleven remainders share
// ten check digits: only a change between the two that collide goes unnoticed.
template <typename Id>
void ExpectChangesNoticed(const std::string& valid, int collides_a, int collides_b) {
  const std::string body = valid.substr(0, valid.size() - 1);
  for (const std::string& changed : SingleDigitChanges(valid)) {
    const std::string changed_body = changed.substr(0, changed.size() - 1);
    const int before = Remainder11(body);
    const int after = Remainder11(changed_body);
    const bool collision = changed_body != body && ((before == collides_a && after == collides_b) ||
                                                    (before == collides_b && after == collides_a));
    ASSERT_NE(before == after, changed_body != body);
    const std::string rule = RuleOf(Id::Parse(changed).status());
    if (rule == "prefecture") continue;
    ASSERT_EQ(rule, collision ? "ok" : "check-digit") << valid << " to " << changed;
  }
}

TEST(SingleDigitChangeTest, IndividualNumber) {
  std::mt19937_64 random(2);
  for (int i = 0; i < kRounds; ++i) {
    ExpectChangesNoticed<IndividualNumber>(
        IndividualNumber::FromSerial(Below(random, 100'000'000'000)).Reveal(), 0, 1);
  }
}

TEST(SingleDigitChangeTest, ResidentCode) {
  std::mt19937_64 random(3);
  for (int i = 0; i < kRounds; ++i) {
    ExpectChangesNoticed<ResidentCode>(
        ResidentCode::FromSerial(Below(random, 10'000'000'000)).Reveal(), 0, 10);
  }
}

TEST(SingleDigitChangeTest, CorporateNumberNoticesAllButZeroForNine) {
  std::mt19937_64 random(4);
  for (int i = 0; i < kRounds; ++i) {
    const std::string body = absl::StrFormat("%012d", Below(random, 1'000'000'000'000));
    std::string valid;
    for (char check = '0'; check <= '9'; ++check) {
      if (CorporateNumber::Parse(check + body).ok()) {
        ASSERT_EQ(valid, "") << "two check digits fit";
        valid = check + body;
      }
    }
    ASSERT_NE(valid, "");
    for (const std::string& changed : SingleDigitChanges(valid)) {
      size_t at = 0;
      while (changed[at] == valid[at]) ++at;
      const bool zero_for_nine = at > 0 && std::abs(changed[at] - valid[at]) == 9;
      ASSERT_EQ(CorporateNumber::Parse(changed).ok(), zero_for_nine) << valid << " to " << changed;
    }
  }
}

TEST(LocalGovernmentCodeTest, EveryBodyHasOneCheckDigit) {
  for (int body = 1000; body < 48000; ++body) {
    int fits = 0;
    for (int check = 0; check < 10; ++check) {
      const std::string text = absl::StrFormat("%05d%d", body, check);
      if (LocalGovernmentCode::Parse(text).ok()) ++fits;
    }
    ASSERT_EQ(fits, 1) << body;
  }
}

TEST(ParseTest, ArbitraryBytesNeverCrash) {
  std::mt19937_64 random(5);
  for (int i = 0; i < kRounds; ++i) {
    std::string bytes(Below(random, 40), '\0');
    for (char& c : bytes) c = static_cast<char>(Below(random, 256));
    EXPECT_FALSE(LocalGovernmentCode::Parse(bytes).ok());
    EXPECT_FALSE(IndividualNumber::Parse(bytes).ok());
    EXPECT_FALSE(TicketLine::Parse(bytes).ok());
    EXPECT_EQ(LinkageCode::FromBytes(bytes).ok(), bytes.size() == 16);
  }
}

// The country's codes, where the file is at hand.
TEST(LocalGovernmentCodeTest, EveryMunicipalityOfTheCountryPasses) {
  const char* given = std::getenv("NAKADACHI_TEST_DATA");
  const char* source = std::getenv("NAKADACHI_SOURCE_DIR");
  const std::filesystem::path folder =
      given != nullptr ? given : absl::StrCat(source != nullptr ? source : ".", "/../shared/data");
  std::ifstream in(folder / "municipalities.csv");
  if (!in) GTEST_SKIP() << "no municipalities.csv in NAKADACHI_TEST_DATA (" << folder << ")";

  auto reader = CsvReader::Create(in, {"code", "kind"});
  ASSERT_TRUE(reader.ok()) << reader.status();
  int rows = 0;
  int prefectures = 0;
  CsvRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader->Next(&row);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) break;
    const auto code = LocalGovernmentCode::Parse(reader->Cell(row, "code"));
    ASSERT_TRUE(code.ok()) << reader->Where(row, "code") << code.status();
    EXPECT_EQ(code->IsPrefecture(), reader->Cell(row, "kind") == "prefecture");
    ExpectChangesNoticed<LocalGovernmentCode>(code->ToString(), 0, 10);
    prefectures += code->IsPrefecture() ? 1 : 0;
    ++rows;
  }
  EXPECT_EQ(rows, 1963);
  EXPECT_EQ(prefectures, 47);
}

}  // namespace
}  // namespace nakadachi
