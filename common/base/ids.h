// Identifiers of the field, each made only by a checking Parse. DOMAIN terms in brackets.
//
// Public identifiers print with ToString(). Identifiers of persons do not print: their content
// is read with Reveal(), a name to grep for, and must reach no log and no error text.
// Errors are INVALID_ARGUMENT with the field that the caller names and one of the rules
// "length", "digits", "check-digit", "hex", "prefecture".
#ifndef NAKADACHI_COMMON_BASE_IDS_H_
#define NAKADACHI_COMMON_BASE_IDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nakadachi {

namespace ids_internal {
// The text of one kind of identifier; Tag keeps kinds apart.
template <typename Tag>
class TextId {
 public:
  friend bool operator==(const TextId& a, const TextId& b) { return a.text_ == b.text_; }
  friend bool operator!=(const TextId& a, const TextId& b) { return !(a == b); }
  friend bool operator<(const TextId& a, const TextId& b) { return a.text_ < b.text_; }
  template <typename H>
  friend H AbslHashValue(H h, const TextId& id) {
    return H::combine(std::move(h), id.text_);
  }

 protected:
  explicit TextId(absl::string_view text) : text_(text) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
}  // namespace ids_internal

// Local-government code [全国地方公共団体コード], six digits, the last a check digit; the first
// two name one of the 47 prefectures (01 to 47).
class LocalGovernmentCode : public ids_internal::TextId<LocalGovernmentCode> {
 public:
  static absl::StatusOr<LocalGovernmentCode> Parse(absl::string_view text,
                                                   absl::string_view field = "code");
  const std::string& ToString() const { return text(); }
  bool IsPrefecture() const;  // digits three to five are 000

 private:
  using TextId::TextId;
};

// Corporate number [法人番号], thirteen digits, the check digit first.
class CorporateNumber : public ids_internal::TextId<CorporateNumber> {
 public:
  static absl::StatusOr<CorporateNumber> Parse(absl::string_view text,
                                               absl::string_view field = "corporate_number");
  const std::string& ToString() const { return text(); }

 private:
  using TextId::TextId;
};

// Individual number [個人番号], twelve digits, the last a check digit.
class IndividualNumber : public ids_internal::TextId<IndividualNumber> {
 public:
  static absl::StatusOr<IndividualNumber> Parse(absl::string_view text,
                                                absl::string_view field = "individual_number");
  // The number whose first eleven digits are those of `serial` (below 10^11).
  static IndividualNumber FromSerial(uint64_t serial);
  const std::string& Reveal() const { return text(); }

 private:
  using TextId::TextId;
};

// How a resident code is checked. The official rule is not published, so it can be configured:
// ten weights, none negative, and a modulus above zero; anything else is a broken invariant.
struct ResidentCodeRule {
  std::vector<int> weights = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2};  // over the first ten digits
  int modulus = 11;     // check digit = modulus - (sum mod modulus), taken mod 10
  bool checked = true;  // false: any eleven digits
};

// Resident code [住民票コード], eleven digits. The check rule is the project's own.
class ResidentCode : public ids_internal::TextId<ResidentCode> {
 public:
  static absl::StatusOr<ResidentCode> Parse(absl::string_view text,
                                            absl::string_view field = "resident_code",
                                            const ResidentCodeRule& rule = {});
  // The code whose first ten digits are those of `serial` (below 10^10).
  static ResidentCode FromSerial(uint64_t serial, const ResidentCodeRule& rule = {});
  const std::string& Reveal() const { return text(); }

 private:
  using TextId::TextId;
};

// Integrated addressee number [統合宛名番号]: one to fifteen digits. The length is the project's
// own rule; vendors differ.
class AddresseeNumber : public ids_internal::TextId<AddresseeNumber> {
 public:
  static absl::StatusOr<AddresseeNumber> Parse(absl::string_view text,
                                               absl::string_view field = "addressee_number");
  const std::string& Reveal() const { return text(); }

 private:
  using TextId::TextId;
};

// Acquisition number [取得番号]: 128 random bits as 32 lower-case hexadecimal digits. The form is
// the project's own.
class AcquisitionNumber : public ids_internal::TextId<AcquisitionNumber> {
 public:
  static absl::StatusOr<AcquisitionNumber> Parse(absl::string_view text,
                                                 absl::string_view field = "acquisition_number");
  static AcquisitionNumber FromBytes(const std::array<uint8_t, 16>& bytes);
  const std::string& Reveal() const { return text(); }

 private:
  using TextId::TextId;
};

// Number of a vaccination ticket [接種券番号], ten digits.
class TicketNumber : public ids_internal::TextId<TicketNumber> {
 public:
  static absl::StatusOr<TicketNumber> Parse(absl::string_view text,
                                            absl::string_view field = "ticket_number");
  const std::string& Reveal() const { return text(); }

 private:
  using TextId::TextId;
};

// The printed line of a ticket: kind 1, dose 1, municipality 6, ticket number 10 digits.
struct TicketLine {
  int kind;
  int dose;
  LocalGovernmentCode municipality;
  TicketNumber number;
  static absl::StatusOr<TicketLine> Parse(absl::string_view text,
                                          absl::string_view field = "ticket_line");
};

// Linkage code [情報提供用個人識別符号]: sixteen bytes, one per person and institution.
class LinkageCode {
 public:
  static absl::StatusOr<LinkageCode> FromBytes(absl::string_view bytes,
                                               absl::string_view field = "linkage_code");
  absl::string_view RevealBytes() const {
    return absl::string_view(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  }
  friend bool operator==(const LinkageCode& a, const LinkageCode& b) {
    return a.bytes_ == b.bytes_;
  }
  template <typename H>
  friend H AbslHashValue(H h, const LinkageCode& c) {
    return H::combine(std::move(h), c.bytes_);
  }

 private:
  LinkageCode() = default;
  std::array<uint8_t, 16> bytes_{};
};

// Who speaks in a statement: a member by its local-government code, or the broker.
class Author : public ids_internal::TextId<Author> {
 public:
  static absl::StatusOr<Author> Parse(absl::string_view text, absl::string_view field = "author");
  static Author Broker();
  static Author Of(const LocalGovernmentCode& code);
  bool IsBroker() const;
  const std::string& ToString() const { return text(); }

 private:
  using TextId::TextId;
};

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_IDS_H_
