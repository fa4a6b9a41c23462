// A permit's sealed code: the person by the provider's linkage code, readable by the provider
// alone. The broker seals, the provider opens. Normative text: proto/README.md.
//
//   key  = HKDF-SHA-256(X25519(broker, provider), salt empty,
//          info "nakadachi/sealed-code/v1" || 0x00 || broker key id || provider key id), 32 bytes
//   seal = AES-256-GCM-SIV with a random nonce; associated data
//          requester || 0x00 || provider || 0x00 || query commitment
//
// A key id is the first eight bytes of SHA-256 of an X25519 public key (SealingKeyId).
#ifndef NAKADACHI_COMMON_SEALING_SEALED_CODE_H_
#define NAKADACHI_COMMON_SEALING_SEALED_CODE_H_

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/crypto/crypto.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::sealing {

// What a sealed code belongs to. Opened under another binding, it is an altered one.
struct Binding {
  LocalGovernmentCode requester;
  LocalGovernmentCode provider;
  Hash query_commitment{};
};

// The keys that one side shares with its counterparts, each derived once. Thread-safe.
class SharedKeys {
 public:
  enum class Side { kBroker, kProvider };
  SharedKeys(X25519PrivateKey own, Side side);

  const std::string& own_key_id() const { return own_key_id_; }
  // INVALID_ARGUMENT where the counterpart's key has small order.
  absl::StatusOr<std::shared_ptr<const Aead>> With(const X25519PublicKey& counterpart);

 private:
  const X25519PrivateKey own_;
  const Side side_;
  const std::string own_key_id_;
  absl::Mutex mutex_;
  absl::flat_hash_map<X25519PublicKey, std::shared_ptr<const Aead>> derived_
      ABSL_GUARDED_BY(mutex_);
};

// The broker's side. Thread-safe.
class CodeSealer {
 public:
  explicit CodeSealer(X25519PrivateKey broker_key);
  absl::StatusOr<v1::SealedCode> Seal(const LinkageCode& code, const X25519PublicKey& provider_key,
                                      const Binding& binding, Random& random);

 private:
  SharedKeys keys_;
};

// The provider's side, for one of its sealing keys. Thread-safe.
class CodeOpener {
 public:
  explicit CodeOpener(X25519PrivateKey provider_key);
  // What SealedCode.provider_key_id must be for this opener.
  const std::string& key_id() const { return keys_.own_key_id(); }
  // `broker_key`: the broker's public key with the id that the sealed code names. INVALID_ARGUMENT,
  // rule "length" (nonce) or "key-id" (either id is another's); DATA_LOSS, rule "seal", where the
  // bytes or the binding were altered.
  absl::StatusOr<LinkageCode> Open(const v1::SealedCode& sealed, const X25519PublicKey& broker_key,
                                   const Binding& binding);

 private:
  SharedKeys keys_;
};

}  // namespace nakadachi::sealing

#endif  // NAKADACHI_COMMON_SEALING_SEALED_CODE_H_
