#include "common/sealing/sealed_code.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/directory/directory.h"

namespace nakadachi::sealing {
namespace {

constexpr size_t kKeySize = 32;
const absl::string_view kInfo("nakadachi/sealed-code/v1\0", 25);
const absl::string_view kZero("\0", 1);

std::string AssociatedData(const Binding& binding) {
  return absl::StrCat(binding.requester.ToString(), kZero, binding.provider.ToString(), kZero,
                      AsView(binding.query_commitment));
}

}  // namespace

SharedKeys::SharedKeys(X25519PrivateKey own, Side side)
    : own_(std::move(own)), side_(side), own_key_id_(SealingKeyId(own_.public_key())) {}

absl::StatusOr<std::shared_ptr<const Aead>> SharedKeys::With(const X25519PublicKey& counterpart) {
  absl::MutexLock lock(&mutex_);
  auto found = derived_.find(counterpart);
  if (found != derived_.end()) return found->second;
  NAKADACHI_ASSIGN_OR_RETURN(Secret shared, own_.Agree(counterpart));
  const std::string other = SealingKeyId(counterpart);
  const std::string info = side_ == Side::kBroker ? absl::StrCat(kInfo, own_key_id_, other)
                                                  : absl::StrCat(kInfo, other, own_key_id_);
  auto aead = std::make_shared<const Aead>(HkdfSha256(shared, "", info, kKeySize));
  derived_.emplace(counterpart, aead);
  return std::shared_ptr<const Aead>(std::move(aead));
}

CodeSealer::CodeSealer(X25519PrivateKey broker_key)
    : keys_(std::move(broker_key), SharedKeys::Side::kBroker) {}

absl::StatusOr<v1::SealedCode> CodeSealer::Seal(const LinkageCode& code,
                                                const X25519PublicKey& provider_key,
                                                const Binding& binding, Random& random) {
  NAKADACHI_ASSIGN_OR_RETURN(std::shared_ptr<const Aead> aead, keys_.With(provider_key));
  v1::SealedCode sealed;
  sealed.set_broker_key_id(keys_.own_key_id());
  sealed.set_provider_key_id(SealingKeyId(provider_key));
  sealed.set_nonce(random.String(Aead::kNonceSize));
  sealed.set_ciphertext(aead->Seal(sealed.nonce(), code.RevealBytes(), AssociatedData(binding)));
  return sealed;
}

CodeOpener::CodeOpener(X25519PrivateKey provider_key)
    : keys_(std::move(provider_key), SharedKeys::Side::kProvider) {}

absl::StatusOr<LinkageCode> CodeOpener::Open(const v1::SealedCode& sealed,
                                             const X25519PublicKey& broker_key,
                                             const Binding& binding) {
  if (sealed.provider_key_id() != keys_.own_key_id()) {
    return InvalidField("sealed_code.provider_key_id", "key-id", "names another key");
  }
  if (sealed.broker_key_id() != SealingKeyId(broker_key)) {
    return InvalidField("sealed_code.broker_key_id", "key-id", "names another key");
  }
  if (sealed.nonce().size() != Aead::kNonceSize) {
    return InvalidField("sealed_code.nonce", "length", "must have 12 bytes");
  }
  NAKADACHI_ASSIGN_OR_RETURN(std::shared_ptr<const Aead> aead, keys_.With(broker_key));
  NAKADACHI_ASSIGN_OR_RETURN(
      std::string code, aead->Open(sealed.nonce(), sealed.ciphertext(), AssociatedData(binding)));
  return LinkageCode::FromBytes(code, "sealed_code.ciphertext");
}

}  // namespace nakadachi::sealing
