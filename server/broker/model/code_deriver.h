// Linkage codes without a table. Pure, but for a cache of derived keys.
//
//   link key   = HKDF-SHA-256(root, info "nakadachi/link/v1")
//   link id    = first 12 bytes of HMAC-SHA-256(link key, the resident code's digits) || 4 zeros
//   inst. key  = HKDF-SHA-256(root, info "nakadachi/institution/v1" || 0x00 || institution code)
//   link. code = AES-256(inst. key, link id), one block
//   record-management code = first 16 bytes of HMAC-SHA-256(HKDF-SHA-256(root,
//                info "nakadachi/record-management/v1"), link id)
//
// So a code is irreversible to everyone without the root, unique within an institution, unrelated
// between institutions; and of 2^32 invented codes one passes the check of the zero bits.
#ifndef NAKADACHI_SERVER_BROKER_MODEL_CODE_DERIVER_H_
#define NAKADACHI_SERVER_BROKER_MODEL_CODE_DERIVER_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"

namespace nakadachi::broker {

// A person inside the broker, for the length of a call. Does not print, is never stored.
class LinkId {
 private:
  friend class CodeDeriver;
  LinkId() = default;
  std::array<uint8_t, 16> bytes_{};
};

// What the broker's index of records calls a person by (記録管理用の符号). Never travels.
using RecordManagementCode = std::array<uint8_t, 16>;

// Thread-safe.
class CodeDeriver {
 public:
  static constexpr size_t kRootSize = 32;
  // `root` has kRootSize bytes.
  explicit CodeDeriver(const Secret& root);

  LinkId Identify(const ResidentCode& person) const;
  // INVALID_ARGUMENT, rule "invented-code", where the broker never derived `code` for
  // `institution`.
  absl::StatusOr<LinkId> Identify(const LinkageCode& code,
                                  const LocalGovernmentCode& institution) const;
  LinkageCode CodeFor(const LinkId& person, const LocalGovernmentCode& institution) const;
  RecordManagementCode RecordManagementCodeOf(const LinkId& person) const;

 private:
  std::shared_ptr<const BlockCipher> CipherOf(const LocalGovernmentCode& institution) const;

  const Secret root_;
  const Secret link_key_;
  const Secret record_management_key_;
  mutable absl::Mutex mutex_;
  mutable std::map<LocalGovernmentCode, std::shared_ptr<const BlockCipher>> ciphers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_MODEL_CODE_DERIVER_H_
