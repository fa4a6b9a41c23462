// What a Merkle tree is made of: SHA-256 of a byte and one hash, or two. Their blocks are laid out
// at once, which is quicker than going through the buffer of a message of any size.
#ifndef NAKADACHI_COMMON_CRYPTO_TREE_HASH_H_
#define NAKADACHI_COMMON_CRYPTO_TREE_HASH_H_

#include <cstdint>

#include "common/crypto/crypto.h"

namespace nakadachi {

Hash Sha256OfHash(uint8_t prefix, const Hash& hash);
Hash Sha256OfPair(uint8_t prefix, const Hash& left, const Hash& right);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_TREE_HASH_H_
