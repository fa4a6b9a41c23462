#include "common/base/ids.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

// Messages name the rule only: the offending value may be a person's.
absl::Status CheckDigits(absl::string_view text, size_t length, absl::string_view field) {
  if (text.size() != length) {
    return InvalidField(field, "length", absl::StrCat("must have ", length, " digits"));
  }
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) {
    return InvalidField(field, "digits", "must have ASCII digits only");
  }
  return absl::OkStatus();
}

absl::Status WrongCheckDigit(absl::string_view field) {
  return InvalidField(field, "check-digit", "its check digit is wrong");
}

int Digit(char c) { return c - '0'; }
char DigitChar(int digit) { return static_cast<char>('0' + digit); }

template <typename Weights>
int WeightedSum(absl::string_view digits, const Weights& weights) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) sum += Digit(digits[i]) * weights[i];
  return sum;
}

char LocalGovernmentCheckDigit(absl::string_view first_five) {
  constexpr std::array<int, 5> kWeights = {6, 5, 4, 3, 2};
  return DigitChar((11 - WeightedSum(first_five, kWeights) % 11) % 10);
}

char IndividualCheckDigit(absl::string_view first_eleven) {
  constexpr std::array<int, 11> kWeights = {6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
  const int remainder = WeightedSum(first_eleven, kWeights) % 11;
  return DigitChar(remainder <= 1 ? 0 : 11 - remainder);
}

char CorporateCheckDigit(absl::string_view last_twelve) {
  constexpr std::array<int, 12> kWeights = {2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1};
  return DigitChar(9 - WeightedSum(last_twelve, kWeights) % 9);
}

char ResidentCheckDigit(absl::string_view first_ten, const ResidentCodeRule& rule) {
  NAKADACHI_CHECK(rule.weights.size() == first_ten.size() && rule.modulus > 0);
  return DigitChar((rule.modulus - WeightedSum(first_ten, rule.weights) % rule.modulus) % 10);
}

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }

}  // namespace

absl::StatusOr<LocalGovernmentCode> LocalGovernmentCode::Parse(absl::string_view text,
                                                               absl::string_view field) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 6, field));
  const int prefecture = Digit(text[0]) * 10 + Digit(text[1]);
  if (prefecture < 1 || prefecture > 47) {
    return InvalidField(field, "prefecture", "must begin with a prefecture's number, 01 to 47");
  }
  if (text[5] != LocalGovernmentCheckDigit(text.substr(0, 5))) return WrongCheckDigit(field);
  return LocalGovernmentCode(text);
}

bool LocalGovernmentCode::IsPrefecture() const { return text().compare(2, 3, "000") == 0; }

absl::StatusOr<CorporateNumber> CorporateNumber::Parse(absl::string_view text,
                                                       absl::string_view field) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 13, field));
  if (text[0] != CorporateCheckDigit(text.substr(1))) return WrongCheckDigit(field);
  return CorporateNumber(text);
}

absl::StatusOr<IndividualNumber> IndividualNumber::Parse(absl::string_view text,
                                                         absl::string_view field) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 12, field));
  if (text[11] != IndividualCheckDigit(text.substr(0, 11))) return WrongCheckDigit(field);
  return IndividualNumber(text);
}

IndividualNumber IndividualNumber::FromSerial(uint64_t serial) {
  NAKADACHI_CHECK(serial < 100'000'000'000);
  std::string text = absl::StrFormat("%011d", serial);
  text += IndividualCheckDigit(text);
  return IndividualNumber(text);
}

absl::StatusOr<ResidentCode> ResidentCode::Parse(absl::string_view text, absl::string_view field,
                                                 const ResidentCodeRule& rule) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 11, field));
  if (rule.checked && text[10] != ResidentCheckDigit(text.substr(0, 10), rule)) {
    return WrongCheckDigit(field);
  }
  return ResidentCode(text);
}

ResidentCode ResidentCode::FromSerial(uint64_t serial, const ResidentCodeRule& rule) {
  NAKADACHI_CHECK(serial < 10'000'000'000);
  std::string text = absl::StrFormat("%010d", serial);
  text += ResidentCheckDigit(text, rule);
  return ResidentCode(text);
}

absl::StatusOr<AddresseeNumber> AddresseeNumber::Parse(absl::string_view text,
                                                       absl::string_view field) {
  if (text.empty() || text.size() > 15) {
    return InvalidField(field, "length", "must have one to fifteen digits");
  }
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, text.size(), field));
  return AddresseeNumber(text);
}

absl::StatusOr<AcquisitionNumber> AcquisitionNumber::Parse(absl::string_view text,
                                                           absl::string_view field) {
  if (text.size() != 32) {
    return InvalidField(field, "length", "must have 32 hexadecimal digits");
  }
  if (!std::all_of(text.begin(), text.end(), IsLowerHex)) {
    return InvalidField(field, "hex", "must have lower-case hexadecimal digits only");
  }
  return AcquisitionNumber(text);
}

AcquisitionNumber AcquisitionNumber::FromBytes(const std::array<uint8_t, 16>& bytes) {
  constexpr absl::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return AcquisitionNumber(text);
}

absl::StatusOr<TicketNumber> TicketNumber::Parse(absl::string_view text, absl::string_view field) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 10, field));
  return TicketNumber(text);
}

absl::StatusOr<TicketLine> TicketLine::Parse(absl::string_view text, absl::string_view field) {
  NAKADACHI_RETURN_IF_ERROR(CheckDigits(text, 18, field));
  NAKADACHI_ASSIGN_OR_RETURN(LocalGovernmentCode municipality,
                             LocalGovernmentCode::Parse(text.substr(2, 6), field));
  NAKADACHI_ASSIGN_OR_RETURN(TicketNumber number, TicketNumber::Parse(text.substr(8), field));
  return TicketLine{Digit(text[0]), Digit(text[1]), std::move(municipality), std::move(number)};
}

absl::StatusOr<LinkageCode> LinkageCode::FromBytes(absl::string_view bytes,
                                                   absl::string_view field) {
  LinkageCode code;
  if (bytes.size() != code.bytes_.size()) {
    return InvalidField(field, "length", "must have 16 bytes");
  }
  std::memcpy(code.bytes_.data(), bytes.data(), bytes.size());
  return code;
}

absl::StatusOr<Author> Author::Parse(absl::string_view text, absl::string_view field) {
  if (text == Broker().text()) return Broker();
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                             LocalGovernmentCode::Parse(text, field));
  return Of(code);
}

Author Author::Broker() { return Author("broker"); }

Author Author::Of(const LocalGovernmentCode& code) { return Author(code.ToString()); }

bool Author::IsBroker() const { return text() == "broker"; }

}  // namespace nakadachi
