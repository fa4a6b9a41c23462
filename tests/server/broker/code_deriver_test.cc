#include "server/broker/model/code_deriver.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

LocalGovernmentCode Code(const std::string& text) { return *LocalGovernmentCode::Parse(text); }

ResidentCode Person(const std::string& digits) {
  ResidentCodeRule any;
  any.checked = false;
  return *ResidentCode::Parse(digits, "resident_code", any);
}

Secret Root(uint8_t first = 0) {
  std::string bytes(32, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(first + i);
  return Secret(bytes);
}

std::string Hex(const LinkageCode& code) { return HexEncode(code.RevealBytes()); }

// Computed apart from this code, by the definitions of RFC 2104, RFC 5869 and FIPS 197.
TEST(CodeDeriverTest, KnownAnswers) {
  const CodeDeriver codes(Root());
  const LinkId person = codes.Identify(Person("12345678901"));
  EXPECT_EQ(Hex(codes.CodeFor(person, Code("072028"))), "7f31718a801c716f53208aabf5398288");
  EXPECT_EQ(Hex(codes.CodeFor(person, Code("131016"))), "e9a48e08739b58f3644d9b9bf78e6273");
  const RecordManagementCode record = codes.RecordManagementCodeOf(person);
  EXPECT_EQ(
      HexEncode(absl::string_view(reinterpret_cast<const char*>(record.data()), record.size())),
      "f6e1adeef2c4ceec0f2917dbeedc80ec");
}

TEST(CodeDeriverTest, TranslationIsTheSameAsDerivation) {
  const CodeDeriver codes(Root());
  const LocalGovernmentCode a = Code("072028");
  const LocalGovernmentCode b = Code("041009");
  for (uint64_t serial = 0; serial < 500; ++serial) {
    const LinkId person = codes.Identify(ResidentCode::FromSerial(serial));
    const LinkageCode of_a = codes.CodeFor(person, a);
    auto translated = codes.Identify(of_a, a);
    ASSERT_TRUE(translated.ok()) << translated.status();
    EXPECT_EQ(codes.CodeFor(*translated, b), codes.CodeFor(person, b));
    EXPECT_EQ(codes.CodeFor(*translated, a), of_a);
    EXPECT_EQ(codes.RecordManagementCodeOf(*translated), codes.RecordManagementCodeOf(person));
  }
}

// Not a byte of a person's code at one institution stands in the same place at another more often
// than chance has it, and no code occurs twice.
TEST(CodeDeriverTest, CodesOfTwoInstitutionsAreUnrelated) {
  const CodeDeriver codes(Root());
  constexpr int kPersons = 4000;
  std::set<std::string> all;
  int equal_bytes = 0;
  for (uint64_t serial = 0; serial < kPersons; ++serial) {
    const LinkId person = codes.Identify(ResidentCode::FromSerial(serial));
    const std::string a(codes.CodeFor(person, Code("072028")).RevealBytes());
    const std::string b(codes.CodeFor(person, Code("041009")).RevealBytes());
    for (size_t i = 0; i < a.size(); ++i) equal_bytes += a[i] == b[i] ? 1 : 0;
    EXPECT_TRUE(all.insert(a).second);
    EXPECT_TRUE(all.insert(b).second);
  }
  // 64,000 bytes, one in 256 equal: 250, with a standard deviation of 16.
  EXPECT_GT(equal_bytes, 250 - 6 * 16);
  EXPECT_LT(equal_bytes, 250 + 6 * 16);
}

TEST(CodeDeriverTest, InventedCodesAreNoticed) {
  const CodeDeriver codes(Root());
  std::mt19937 random(20240401);
  for (int i = 0; i < 10000; ++i) {
    std::string bytes(16, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    auto person = codes.Identify(*LinkageCode::FromBytes(bytes), Code("072028"));
    ASSERT_FALSE(person.ok());
    EXPECT_EQ(GetFieldRule(person.status()).rule, "invented-code");
  }
}

TEST(CodeDeriverTest, AnyAlteredBitMakesAnInventedCode) {
  const CodeDeriver codes(Root());
  const LinkId person = codes.Identify(Person("12345678901"));
  const std::string code(codes.CodeFor(person, Code("072028")).RevealBytes());
  for (size_t bit = 0; bit < code.size() * 8; ++bit) {
    std::string altered = code;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(codes.Identify(*LinkageCode::FromBytes(altered), Code("072028")).ok());
  }
}

TEST(CodeDeriverTest, ACodeIsGoodAtItsInstitutionAndUnderItsRootOnly) {
  const CodeDeriver codes(Root());
  const CodeDeriver others(Root(1));
  const LinkId person = codes.Identify(Person("12345678901"));
  const LinkageCode code = codes.CodeFor(person, Code("072028"));
  EXPECT_FALSE(codes.Identify(code, Code("041009")).ok());
  EXPECT_FALSE(others.Identify(code, Code("072028")).ok());
}

}  // namespace
}  // namespace nakadachi::broker
