#include "common/crypto/tree_hash.h"

#include <openssl/sha.h>

#include <cstring>

namespace nakadachi {
namespace {

// A message of a fixed size with its padding.
template <size_t kSize>
struct PaddedMessage {
  static constexpr size_t kBlocks = (kSize + 1 + 8 + SHA256_CBLOCK - 1) / SHA256_CBLOCK;
  static_assert(8 * kSize < 1 << 16);
  uint8_t bytes[kBlocks * SHA256_CBLOCK];

  PaddedMessage() {
    std::memset(bytes + kSize, 0, sizeof(bytes) - kSize);
    bytes[kSize] = 0x80;
    bytes[sizeof(bytes) - 2] = 8 * kSize >> 8;
    bytes[sizeof(bytes) - 1] = 8 * kSize & 0xff;
  }
  Hash Digest() const {
    SHA256_CTX context;
    SHA256_Init(&context);
    for (size_t i = 0; i < kBlocks; ++i) SHA256_Transform(&context, bytes + i * SHA256_CBLOCK);
    Hash hash;
    for (size_t i = 0; i < hash.size(); i += 4) {
      const uint32_t word = context.h[i / 4];
      hash[i] = static_cast<uint8_t>(word >> 24);
      hash[i + 1] = static_cast<uint8_t>(word >> 16);
      hash[i + 2] = static_cast<uint8_t>(word >> 8);
      hash[i + 3] = static_cast<uint8_t>(word);
    }
    return hash;
  }
};

}  // namespace

Hash Sha256OfHash(uint8_t prefix, const Hash& hash) {
  PaddedMessage<1 + sizeof(Hash)> message;
  message.bytes[0] = prefix;
  std::memcpy(message.bytes + 1, hash.data(), hash.size());
  return message.Digest();
}

Hash Sha256OfPair(uint8_t prefix, const Hash& left, const Hash& right) {
  PaddedMessage<1 + 2 * sizeof(Hash)> message;
  message.bytes[0] = prefix;
  std::memcpy(message.bytes + 1, left.data(), left.size());
  std::memcpy(message.bytes + 1 + left.size(), right.data(), right.size());
  return message.Digest();
}

}  // namespace nakadachi
