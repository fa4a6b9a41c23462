// Hashes, keys and sealing. The only library that includes BoringSSL; no BoringSSL type shows.
// Everything here is thread-safe once made.
#ifndef NAKADACHI_COMMON_CRYPTO_CRYPTO_H_
#define NAKADACHI_COMMON_CRYPTO_CRYPTO_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/random.h"

namespace nakadachi {

using Hash = std::array<uint8_t, 32>;

inline absl::string_view AsView(const Hash& h) {
  return absl::string_view(reinterpret_cast<const char*>(h.data()), h.size());
}
// INVALID_ARGUMENT, rule "length", unless 32 bytes.
absl::StatusOr<Hash> HashFromBytes(absl::string_view bytes, absl::string_view field);

// The system's randomness. Lives as long as the process.
Random& SystemRandom();

// FIPS 180-4. The parts are hashed one after the other.
Hash Sha256(absl::string_view a, absl::string_view b = {}, absl::string_view c = {},
            absl::string_view d = {});

// Overwrites, then empties: for copies of secrets that other libraries made.
void Wipe(std::string* bytes);

// Bytes that are wiped when they go. Read only through Expose(), a name to grep for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(absl::string_view bytes);
  static Secret Generate(Random& random, size_t size);
  ~Secret();
  Secret(const Secret& other);
  Secret& operator=(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  absl::string_view Expose() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

// RFC 2104 with SHA-256.
Hash HmacSha256(const Secret& key, absl::string_view a, absl::string_view b = {});

// RFC 5869 with SHA-256.
Secret HkdfSha256(const Secret& key, absl::string_view salt, absl::string_view info, size_t size);

// AES-256-GCM-SIV (RFC 8452): misuse of a nonce reveals only equality.
class Aead {
 public:
  // A key of 32 bytes.
  explicit Aead(const Secret& key);
  ~Aead();
  Aead(Aead&&) noexcept;
  Aead& operator=(Aead&&) noexcept;
  static constexpr size_t kNonceSize = 12;
  static constexpr size_t kOverhead = 16;
  std::string Seal(absl::string_view nonce, absl::string_view plaintext,
                   absl::string_view associated) const;
  // DATA_LOSS, rule "seal", where the bytes or the associated data were altered.
  absl::StatusOr<std::string> Open(absl::string_view nonce, absl::string_view sealed,
                                   absl::string_view associated) const;
  // Seal with a random nonce in front; Open of the same.
  std::string SealWithRandomNonce(Random& random, absl::string_view plaintext,
                                  absl::string_view associated) const;
  absl::StatusOr<std::string> OpenWithNonce(absl::string_view nonce_and_sealed,
                                            absl::string_view associated) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// AES-256 on single blocks of 16 bytes (FIPS 197): a permutation, for linkage codes only.
class BlockCipher {
 public:
  explicit BlockCipher(const Secret& key);
  ~BlockCipher();
  BlockCipher(BlockCipher&&) noexcept;
  BlockCipher& operator=(BlockCipher&&) noexcept;
  std::array<uint8_t, 16> Encrypt(const std::array<uint8_t, 16>& block) const;
  std::array<uint8_t, 16> Decrypt(const std::array<uint8_t, 16>& block) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Ed25519 (RFC 8032).
using Ed25519PublicKey = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;

class Ed25519PrivateKey {
 public:
  // `seed` of 32 bytes, else INVALID_ARGUMENT.
  static absl::StatusOr<Ed25519PrivateKey> FromSeed(const Secret& seed);
  static Ed25519PrivateKey Generate(Random& random);
  const Ed25519PublicKey& public_key() const { return public_key_; }
  Secret seed() const;
  Ed25519Signature Sign(absl::string_view message) const;

 private:
  Ed25519PrivateKey() = default;
  Secret expanded_;  // 64 bytes
  Ed25519PublicKey public_key_{};
};
bool Ed25519Verify(const Ed25519PublicKey& key, absl::string_view message,
                   absl::string_view signature);

// X25519 (RFC 7748).
using X25519PublicKey = std::array<uint8_t, 32>;

class X25519PrivateKey {
 public:
  static absl::StatusOr<X25519PrivateKey> FromBytes(const Secret& bytes);
  static X25519PrivateKey Generate(Random& random);
  const X25519PublicKey& public_key() const { return public_key_; }
  const Secret& bytes() const { return bytes_; }
  // INVALID_ARGUMENT where the peer's key has small order.
  absl::StatusOr<Secret> Agree(const X25519PublicKey& peer) const;

 private:
  X25519PrivateKey() = default;
  Secret bytes_;
  X25519PublicKey public_key_{};
};

std::string Base64Encode(absl::string_view bytes);
// Standard alphabet with padding, nothing else (RFC 4648 section 4).
absl::StatusOr<std::string> Base64Decode(absl::string_view text, absl::string_view field);
std::string HexEncode(absl::string_view bytes);
absl::StatusOr<std::string> HexDecode(absl::string_view text, absl::string_view field);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_CRYPTO_H_
