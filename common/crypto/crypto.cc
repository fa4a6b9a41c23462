#include "common/crypto/crypto.h"

#include <openssl/aead.h>
#include <openssl/aes.h>
#include <openssl/curve25519.h>
#include <openssl/digest.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

uint8_t* MutableBytes(std::string* text) { return reinterpret_cast<uint8_t*>(text->data()); }

template <size_t N>
absl::string_view View(const std::array<uint8_t, N>& bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), N);
}

class BoringRandom final : public Random {
 public:
  void Fill(uint8_t* out, size_t size) override { NAKADACHI_CHECK(RAND_bytes(out, size) == 1); }
};

}  // namespace

absl::StatusOr<Hash> HashFromBytes(absl::string_view bytes, absl::string_view field) {
  Hash hash;
  if (bytes.size() != hash.size()) return InvalidField(field, "length", "must have 32 bytes");
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  return hash;
}

Random& SystemRandom() {
  static BoringRandom& random = *new BoringRandom;
  return random;
}

Hash Sha256(absl::string_view a, absl::string_view b, absl::string_view c, absl::string_view d) {
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const absl::string_view part : {a, b, c, d}) {
    SHA256_Update(&context, part.data(), part.size());
  }
  Hash hash;
  SHA256_Final(hash.data(), &context);
  return hash;
}

void Wipe(std::string* bytes) {
  OPENSSL_cleanse(bytes->data(), bytes->size());
  bytes->clear();
}

// Contents are kept out of std::string's in-object buffer: moving from that one would leave a
// copy behind.
Secret::Secret(absl::string_view bytes) {
  bytes_.reserve(std::max<size_t>(bytes.size(), sizeof(std::string)));
  bytes_.assign(bytes.data(), bytes.size());
}

Secret Secret::Generate(Random& random, size_t size) {
  Secret secret;
  secret.bytes_.reserve(std::max(size, sizeof(std::string)));
  secret.bytes_.resize(size);
  random.Fill(MutableBytes(&secret.bytes_), size);
  return secret;
}

Secret::~Secret() { Wipe(&bytes_); }

Secret::Secret(const Secret& other) : Secret(other.Expose()) {}

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) *this = Secret(other);
  return *this;
}

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  Wipe(&bytes_);
  bytes_ = std::move(other.bytes_);
  // A moved-from string may have taken our old buffer; it is wiped already.
  other.bytes_.clear();
  return *this;
}

Hash HmacSha256(const Secret& key, absl::string_view a, absl::string_view b) {
  bssl::ScopedHMAC_CTX context;
  NAKADACHI_CHECK(
      HMAC_Init_ex(context.get(), key.Expose().data(), key.size(), EVP_sha256(), nullptr) == 1);
  HMAC_Update(context.get(), Bytes(a), a.size());
  HMAC_Update(context.get(), Bytes(b), b.size());
  Hash mac;
  unsigned size = 0;
  NAKADACHI_CHECK(HMAC_Final(context.get(), mac.data(), &size) == 1 && size == mac.size());
  return mac;
}

Secret HkdfSha256(const Secret& key, absl::string_view salt, absl::string_view info, size_t size) {
  std::string out(size, '\0');
  NAKADACHI_CHECK(HKDF(MutableBytes(&out), size, EVP_sha256(), Bytes(key.Expose()), key.size(),
                       Bytes(salt), salt.size(), Bytes(info), info.size()) == 1);
  Secret derived(out);
  Wipe(&out);
  return derived;
}

struct Aead::Impl {
  EVP_AEAD_CTX context;
  ~Impl() {
    EVP_AEAD_CTX_cleanup(&context);
    OPENSSL_cleanse(&context, sizeof(context));
  }
};

Aead::Aead(const Secret& key) : impl_(std::make_unique<Impl>()) {
  NAKADACHI_CHECK(EVP_AEAD_CTX_init(&impl_->context, EVP_aead_aes_256_gcm_siv(),
                                    Bytes(key.Expose()), key.size(), kOverhead, nullptr) == 1);
}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;

std::string Aead::Seal(absl::string_view nonce, absl::string_view plaintext,
                       absl::string_view associated) const {
  std::string sealed(plaintext.size() + kOverhead, '\0');
  size_t size = 0;
  NAKADACHI_CHECK(EVP_AEAD_CTX_seal(&impl_->context, MutableBytes(&sealed), &size, sealed.size(),
                                    Bytes(nonce), nonce.size(), Bytes(plaintext), plaintext.size(),
                                    Bytes(associated), associated.size()) == 1);
  NAKADACHI_CHECK(size == sealed.size());
  return sealed;
}

absl::StatusOr<std::string> Aead::Open(absl::string_view nonce, absl::string_view sealed,
                                       absl::string_view associated) const {
  const auto altered = [] {
    return FieldError(absl::StatusCode::kDataLoss, "sealed", "seal",
                      "the seal is broken: bytes, key or associated data are not those sealed");
  };
  if (nonce.size() != kNonceSize || sealed.size() < kOverhead) return altered();
  std::string plaintext(sealed.size() - kOverhead, '\0');
  size_t size = 0;
  if (EVP_AEAD_CTX_open(&impl_->context, MutableBytes(&plaintext), &size, plaintext.size(),
                        Bytes(nonce), nonce.size(), Bytes(sealed), sealed.size(), Bytes(associated),
                        associated.size()) != 1)
    return altered();
  return plaintext;
}

std::string Aead::SealWithRandomNonce(Random& random, absl::string_view plaintext,
                                      absl::string_view associated) const {
  std::string nonce_and_sealed(kNonceSize + plaintext.size() + kOverhead, '\0');
  uint8_t* const nonce = MutableBytes(&nonce_and_sealed);
  random.Fill(nonce, kNonceSize);
  size_t size = 0;
  NAKADACHI_CHECK(EVP_AEAD_CTX_seal(&impl_->context, nonce + kNonceSize, &size,
                                    plaintext.size() + kOverhead, nonce, kNonceSize,
                                    Bytes(plaintext), plaintext.size(), Bytes(associated),
                                    associated.size()) == 1);
  return nonce_and_sealed;
}

absl::StatusOr<std::string> Aead::OpenWithNonce(absl::string_view nonce_and_sealed,
                                                absl::string_view associated) const {
  const absl::string_view nonce = nonce_and_sealed.substr(0, kNonceSize);
  return Open(nonce, nonce_and_sealed.substr(nonce.size()), associated);
}

struct BlockCipher::Impl {
  AES_KEY encrypt;
  AES_KEY decrypt;
  ~Impl() {
    OPENSSL_cleanse(&encrypt, sizeof(encrypt));
    OPENSSL_cleanse(&decrypt, sizeof(decrypt));
  }
};

BlockCipher::BlockCipher(const Secret& key) : impl_(std::make_unique<Impl>()) {
  NAKADACHI_CHECK(key.size() == 32);
  NAKADACHI_CHECK(AES_set_encrypt_key(Bytes(key.Expose()), 256, &impl_->encrypt) == 0);
  NAKADACHI_CHECK(AES_set_decrypt_key(Bytes(key.Expose()), 256, &impl_->decrypt) == 0);
}
BlockCipher::~BlockCipher() = default;
BlockCipher::BlockCipher(BlockCipher&&) noexcept = default;
BlockCipher& BlockCipher::operator=(BlockCipher&&) noexcept = default;

std::array<uint8_t, 16> BlockCipher::Encrypt(const std::array<uint8_t, 16>& block) const {
  std::array<uint8_t, 16> out;
  AES_encrypt(block.data(), out.data(), &impl_->encrypt);
  return out;
}

std::array<uint8_t, 16> BlockCipher::Decrypt(const std::array<uint8_t, 16>& block) const {
  std::array<uint8_t, 16> out;
  AES_decrypt(block.data(), out.data(), &impl_->decrypt);
  return out;
}

absl::StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::FromSeed(const Secret& seed) {
  if (seed.size() != 32) return InvalidField("seed", "length", "must have 32 bytes");
  Ed25519PrivateKey key;
  std::array<uint8_t, ED25519_PRIVATE_KEY_LEN> expanded;
  ED25519_keypair_from_seed(key.public_key_.data(), expanded.data(), Bytes(seed.Expose()));
  key.expanded_ = Secret(View(expanded));
  OPENSSL_cleanse(expanded.data(), expanded.size());
  return key;
}

Ed25519PrivateKey Ed25519PrivateKey::Generate(Random& random) {
  return *FromSeed(Secret::Generate(random, 32));
}

Secret Ed25519PrivateKey::seed() const { return Secret(expanded_.Expose().substr(0, 32)); }

Ed25519Signature Ed25519PrivateKey::Sign(absl::string_view message) const {
  Ed25519Signature signature;
  NAKADACHI_CHECK(ED25519_sign(signature.data(), Bytes(message), message.size(),
                               Bytes(expanded_.Expose())) == 1);
  return signature;
}

bool Ed25519Verify(const Ed25519PublicKey& key, absl::string_view message,
                   absl::string_view signature) {
  return signature.size() == ED25519_SIGNATURE_LEN &&
         ED25519_verify(Bytes(message), message.size(), Bytes(signature), key.data()) == 1;
}

absl::StatusOr<X25519PrivateKey> X25519PrivateKey::FromBytes(const Secret& bytes) {
  if (bytes.size() != X25519_PRIVATE_KEY_LEN)
    return InvalidField("private_key", "length", "must have 32 bytes");
  X25519PrivateKey key;
  key.bytes_ = bytes;
  X25519_public_from_private(key.public_key_.data(), Bytes(bytes.Expose()));
  return key;
}

X25519PrivateKey X25519PrivateKey::Generate(Random& random) {
  return *FromBytes(Secret::Generate(random, X25519_PRIVATE_KEY_LEN));
}

absl::StatusOr<Secret> X25519PrivateKey::Agree(const X25519PublicKey& peer) const {
  std::array<uint8_t, X25519_SHARED_KEY_LEN> shared;
  const bool agreed = X25519(shared.data(), Bytes(bytes_.Expose()), peer.data()) == 1;
  Secret secret(View(shared));
  OPENSSL_cleanse(shared.data(), shared.size());
  if (!agreed) return InvalidField("peer_key", "small-order", "is a point of small order");
  return secret;
}

}  // namespace nakadachi
