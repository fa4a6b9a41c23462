#include "server/broker/model/code_deriver.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi::broker {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kLinkBytes = 12;
const absl::string_view kInstitutionInfo("nakadachi/institution/v1\0", 25);

std::array<uint8_t, 16> Block(absl::string_view bytes) {
  std::array<uint8_t, 16> block;
  NAKADACHI_CHECK(bytes.size() == block.size());
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

}  // namespace

CodeDeriver::CodeDeriver(const Secret& root)
    : root_(root),
      link_key_(HkdfSha256(root, "", "nakadachi/link/v1", kKeySize)),
      record_management_key_(HkdfSha256(root, "", "nakadachi/record-management/v1", kKeySize)) {
  NAKADACHI_CHECK(root.size() == kRootSize);
}

LinkId CodeDeriver::Identify(const ResidentCode& person) const {
  const Hash mac = HmacSha256(link_key_, person.Reveal());
  LinkId id;
  std::copy_n(mac.begin(), kLinkBytes, id.bytes_.begin());
  return id;
}

absl::StatusOr<LinkId> CodeDeriver::Identify(const LinkageCode& code,
                                             const LocalGovernmentCode& institution) const {
  LinkId id;
  id.bytes_ = CipherOf(institution)->Decrypt(Block(code.RevealBytes()));
  const bool derived_here = std::all_of(id.bytes_.begin() + kLinkBytes, id.bytes_.end(),
                                        [](uint8_t byte) { return byte == 0; });
  if (!derived_here) {
    return InvalidField("linkage_code", "invented-code", "was never derived for this institution");
  }
  return id;
}

LinkageCode CodeDeriver::CodeFor(const LinkId& person,
                                 const LocalGovernmentCode& institution) const {
  const std::array<uint8_t, 16> block = CipherOf(institution)->Encrypt(person.bytes_);
  auto code = LinkageCode::FromBytes(
      absl::string_view(reinterpret_cast<const char*>(block.data()), block.size()));
  NAKADACHI_CHECK(code.ok());
  return *std::move(code);
}

RecordManagementCode CodeDeriver::RecordManagementCodeOf(const LinkId& person) const {
  const Hash mac = HmacSha256(
      record_management_key_,
      absl::string_view(reinterpret_cast<const char*>(person.bytes_.data()), person.bytes_.size()));
  RecordManagementCode code;
  std::copy_n(mac.begin(), code.size(), code.begin());
  return code;
}

std::shared_ptr<const BlockCipher> CodeDeriver::CipherOf(
    const LocalGovernmentCode& institution) const {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<const BlockCipher>& cipher = ciphers_[institution];
  if (cipher == nullptr) {
    const std::string info = absl::StrCat(kInstitutionInfo, institution.ToString());
    cipher = std::make_shared<const BlockCipher>(HkdfSha256(root_, "", info, kKeySize));
  }
  return cipher;
}

}  // namespace nakadachi::broker
