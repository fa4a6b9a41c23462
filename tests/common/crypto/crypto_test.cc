#include "common/crypto/crypto.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/sha256_stream.h"
#include "common/crypto/tree_hash.h"

namespace nakadachi {
namespace {

std::string Unhex(absl::string_view hex) { return *HexDecode(hex, "test"); }
Secret SecretHex(absl::string_view hex) { return Secret(Unhex(hex)); }
template <typename Bytes>
std::string Hex(const Bytes& bytes) {
  return HexEncode(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}
template <size_t N>
std::array<uint8_t, N> ArrayHex(absl::string_view hex) {
  const std::string bytes = Unhex(hex);
  std::array<uint8_t, N> out{};
  EXPECT_EQ(bytes.size(), N);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}
std::string Repeat(uint8_t byte, size_t count) {
  return std::string(count, static_cast<char>(byte));
}

// Calls `f` with each text that differs from `text` in one bit.
template <typename F>
void ForEachBitFlip(const std::string& text, F f) {
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string altered = text;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    f(altered);
  }
}

TEST(Sha256Test, Fips180KnownAnswers) {
  const struct {
    std::string message;
    const char* digest;
  } cases[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& c : cases) EXPECT_EQ(Hex(Sha256(c.message)), c.digest) << c.message.size();
}

TEST(Sha256Test, PartsAreHashedOneAfterTheOther) {
  const std::string text =
      "the parts of a longer message that spans more than one block of SHA-256";
  const Hash whole = Sha256(text);
  for (size_t i = 0; i <= text.size(); i += 7) {
    for (size_t j = i; j <= text.size(); j += 5) {
      EXPECT_EQ(Sha256(text.substr(0, i), text.substr(i, j - i), text.substr(j)), whole);
      EXPECT_EQ(Sha256(text.substr(0, i), {}, text.substr(i, j - i), text.substr(j)), whole);
    }
  }
}

TEST(Sha256Test, HashesOfATreeAreThoseOfTheirBytes) {
  Hash left = Sha256("left");
  Hash right = Sha256("right");
  for (int i = 0; i < 300; ++i) {
    const auto prefix = static_cast<uint8_t>(i);
    const std::string byte(1, static_cast<char>(prefix));
    EXPECT_EQ(Sha256OfHash(prefix, left), Sha256(byte, AsView(left)));
    EXPECT_EQ(Sha256OfPair(prefix, left, right), Sha256(byte, AsView(left), AsView(right)));
    left = Sha256OfHash(prefix, right);
    right = Sha256OfPair(prefix, left, right);
  }
}

TEST(HashFromBytesTest, WantsThirtyTwoBytes) {
  const std::string bytes = Repeat(7, 32);
  ASSERT_TRUE(HashFromBytes(bytes, "root").ok());
  EXPECT_EQ(AsView(*HashFromBytes(bytes, "root")), bytes);
  for (const size_t size : {0, 31, 33}) {
    const auto hash = HashFromBytes(Repeat(7, size), "root");
    EXPECT_EQ(hash.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetFieldRule(hash.status()).field, "root");
    EXPECT_EQ(GetFieldRule(hash.status()).rule, "length");
  }
}

TEST(SystemRandomTest, DoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(SystemRandom().String(16));
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_NE(SystemRandom().Bytes<32>(), SystemRandom().Bytes<32>());
}

TEST(Sha256Test, PiecesOfAnySizeMakeTheSame) {
  std::string text;
  for (int i = 0; i < 30'000; ++i) text += std::to_string(i);
  for (const size_t length : {size_t{0}, size_t{1}, size_t{65'536}, text.size()}) {
    const std::string message = text.substr(0, length);
    for (const size_t piece : {7, 64, 1000, 70'000}) {
      Sha256Stream stream;
      for (size_t at = 0; at < length; at += piece) stream.Add(message.substr(at, piece));
      EXPECT_EQ(stream.Finish(), Sha256(message));
      EXPECT_EQ(stream.Finish(), Sha256("")) << "the next begins anew";
    }
    std::istringstream in(message);
    EXPECT_EQ(Sha256OfStream(in), Sha256(message)) << length;
  }
}

TEST(HmacSha256Test, Rfc4231KnownAnswers) {
  const struct {
    std::string key;
    std::string message;
    const char* mac;
  } cases[] = {
      {Repeat(0x0b, 20), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Repeat(0xaa, 20), Repeat(0xdd, 50),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {Repeat(0xaa, 131), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Hex(HmacSha256(Secret(c.key), c.message)), c.mac);
    EXPECT_EQ(Hex(HmacSha256(Secret(c.key), c.message.substr(0, 3), c.message.substr(3))), c.mac);
  }
}

TEST(HkdfSha256Test, Rfc5869KnownAnswers) {
  const struct {
    std::string key;
    const char* salt;
    const char* info;
    const char* out;
  } cases[] = {
      {Repeat(0x0b, 22), "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {Repeat(0x0b, 22), "", "",
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const auto& c : cases) {
    const Secret out = HkdfSha256(Secret(c.key), Unhex(c.salt), Unhex(c.info), 42);
    EXPECT_EQ(HexEncode(out.Expose()), c.out);
  }
}

struct AeadCase {
  const char* key;
  const char* nonce;
  const char* plaintext;
  const char* associated;
  const char* sealed;
};

// RFC 8452 appendix C.2: empty, part of a block, one block, several, with associated data.
const AeadCase kAeadCases[] = {
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "", "", "07f5f4169bbf55a8400cd47ea6fd400f"},
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "0100000000000000", "", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"},
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "01000000000000000000000000000000", "",
     "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366"},
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "010000000000000000000000000000000200000000000000000000000000000003000000000000000000000000"
     "000000",
     "",
     "c00d121893a9fa603f48ccc1ca3c57ce7499245ea0046db16c53c7c66fe717e39cf6c748837b61f6ee3adcee17"
     "534ed5790bc96880a99ba804bd12c0e6a22cc4"},
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "02000000000000000000000000000000", "01",
     "c91545823cc24f17dbb0e9e807d5ec17b292d28ff61189e8e49f3875ef91aff7"},
    {"0100000000000000000000000000000000000000000000000000000000000000", "030000000000000000000000",
     "02000000", "010000000000000000000000", "22b3f4cd1835e517741dfddccfa07fa4661b74cf"},
    {"bae8e37fc83441b16034566b7a806c46bb91c3c5aedb64a6c590bc84d1a5e269", "e4b47801afc0577e34699b9e",
     "671fdd4fbdc66f146545fc880c94a95198", "874296d5cc1fd16132",
     "9209cfae7372e0a3ec2e5d072d5e26b7b9f3acb73908e54cddf7be1864914e13cf"},
};

TEST(AeadTest, Rfc8452KnownAnswers) {
  for (const AeadCase& c : kAeadCases) {
    const Aead aead(SecretHex(c.key));
    const std::string sealed = aead.Seal(Unhex(c.nonce), Unhex(c.plaintext), Unhex(c.associated));
    EXPECT_EQ(HexEncode(sealed), c.sealed);
    const auto opened = aead.Open(Unhex(c.nonce), sealed, Unhex(c.associated));
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(HexEncode(*opened), c.plaintext);
  }
}

void ExpectBroken(const absl::StatusOr<std::string>& opened) {
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(GetFieldRule(opened.status()).rule, "seal");
}

TEST(AeadTest, EveryAlteredBitIsNoticed) {
  for (const AeadCase& c : kAeadCases) {
    const Aead aead(SecretHex(c.key));
    const std::string nonce = Unhex(c.nonce);
    const std::string sealed = Unhex(c.sealed);
    const std::string associated = Unhex(c.associated);
    ForEachBitFlip(sealed,
                   [&](const std::string& x) { ExpectBroken(aead.Open(nonce, x, associated)); });
    ForEachBitFlip(nonce,
                   [&](const std::string& x) { ExpectBroken(aead.Open(x, sealed, associated)); });
    ForEachBitFlip(associated,
                   [&](const std::string& x) { ExpectBroken(aead.Open(nonce, sealed, x)); });
    ForEachBitFlip(Unhex(c.key), [&](const std::string& x) {
      ExpectBroken(Aead(Secret(x)).Open(nonce, sealed, associated));
    });
  }
}

TEST(AeadTest, EveryTruncationIsNoticed) {
  const Aead aead(Secret(Repeat(1, 32)));
  const std::string sealed = aead.SealWithRandomNonce(SystemRandom(), Repeat('x', 40), "where");
  for (size_t size = 0; size < sealed.size(); ++size) {
    ExpectBroken(aead.OpenWithNonce(sealed.substr(0, size), "where"));
  }
  ExpectBroken(aead.OpenWithNonce(sealed + "x", "where"));
  ExpectBroken(aead.Open(Repeat(0, 11), sealed, "where"));
}

TEST(AeadTest, RandomNoncesOpenAgainAtEveryLength) {
  Aead aead(Secret::Generate(SystemRandom(), 32));
  for (size_t size = 0; size < 300; ++size) {
    const std::string plaintext = SystemRandom().String(size);
    const std::string sealed = aead.SealWithRandomNonce(SystemRandom(), plaintext, "ad");
    EXPECT_EQ(sealed.size(), size + Aead::kNonceSize + Aead::kOverhead);
    EXPECT_NE(sealed, aead.SealWithRandomNonce(SystemRandom(), plaintext, "ad"));
    const auto opened = aead.OpenWithNonce(sealed, "ad");
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(*opened, plaintext);
    ExpectBroken(aead.OpenWithNonce(sealed, "other"));
  }
}

TEST(AeadTest, OneKeyServesManyThreads) {
  Aead made(Secret(Repeat(9, 32)));
  const Aead aead = std::move(made);
  std::atomic<int> opened{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&aead, &opened, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string text = std::to_string(t * 1000 + i);
        const std::string sealed = aead.SealWithRandomNonce(SystemRandom(), text, "ad");
        const auto again = aead.OpenWithNonce(sealed, "ad");
        if (again.ok() && *again == text) ++opened;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 2000);
}

TEST(BlockCipherTest, Fips197KnownAnswer) {
  const BlockCipher cipher(
      SecretHex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  const auto plain = ArrayHex<16>("00112233445566778899aabbccddeeff");
  EXPECT_EQ(Hex(cipher.Encrypt(plain)), "8ea2b7ca516745bfeafc49904b496089");
  EXPECT_EQ(cipher.Decrypt(cipher.Encrypt(plain)), plain);
}

TEST(BlockCipherTest, IsAPermutation) {
  const BlockCipher cipher(Secret::Generate(SystemRandom(), 32));
  std::set<std::array<uint8_t, 16>> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto block = SystemRandom().Bytes<16>();
    const auto encrypted = cipher.Encrypt(block);
    EXPECT_EQ(cipher.Decrypt(encrypted), block);
    seen.insert(encrypted);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

struct Ed25519Case {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032 section 7.1: tests 1, 2, 3 and SHA(abc).
const Ed25519Case kEd25519Cases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
     "f9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
     "f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
     "4dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
     "feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c664"
     "31e0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519Test, Rfc8032KnownAnswers) {
  for (const Ed25519Case& c : kEd25519Cases) {
    const auto key = Ed25519PrivateKey::FromSeed(SecretHex(c.seed));
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(Hex(key->public_key()), c.public_key);
    EXPECT_EQ(HexEncode(key->seed().Expose()), c.seed);
    EXPECT_EQ(Hex(key->Sign(Unhex(c.message))), c.signature);
    EXPECT_TRUE(Ed25519Verify(key->public_key(), Unhex(c.message), Unhex(c.signature)));
  }
}

TEST(Ed25519Test, EveryAlteredBitIsNoticed) {
  for (const Ed25519Case& c : kEd25519Cases) {
    const auto key = ArrayHex<32>(c.public_key);
    const std::string message = Unhex(c.message);
    const std::string signature = Unhex(c.signature);
    ForEachBitFlip(signature,
                   [&](const std::string& x) { EXPECT_FALSE(Ed25519Verify(key, message, x)); });
    ForEachBitFlip(message,
                   [&](const std::string& x) { EXPECT_FALSE(Ed25519Verify(key, x, signature)); });
    ForEachBitFlip(Unhex(c.public_key), [&](const std::string& x) {
      EXPECT_FALSE(Ed25519Verify(ArrayHex<32>(HexEncode(x)), message, signature));
    });
  }
}

TEST(Ed25519Test, RefusesSignaturesOfAnotherLength) {
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(SystemRandom());
  const Ed25519Signature signature = key.Sign("message");
  const std::string text(signature.begin(), signature.end());
  EXPECT_TRUE(Ed25519Verify(key.public_key(), "message", text));
  EXPECT_FALSE(Ed25519Verify(key.public_key(), "message", ""));
  EXPECT_FALSE(Ed25519Verify(key.public_key(), "message", text.substr(0, 63)));
  EXPECT_FALSE(Ed25519Verify(key.public_key(), "message", text + "x"));
}

// RFC 8032 section 5.1.7: S must be below the group's order, else a signature has two forms.
TEST(Ed25519Test, RefusesASecondFormOfASignature) {
  const Ed25519PrivateKey key = Ed25519PrivateKey::Generate(SystemRandom());
  Ed25519Signature signature = key.Sign("message");
  const auto order =
      ArrayHex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + order[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(
      Ed25519Verify(key.public_key(), "message", std::string(signature.begin(), signature.end())));
}

TEST(Ed25519Test, RefusesSeedsOfAnotherLength) {
  for (const size_t size : {0, 31, 33, 64}) {
    const auto key = Ed25519PrivateKey::FromSeed(Secret(Repeat(1, size)));
    EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetFieldRule(key.status()).rule, "length");
  }
}

TEST(X25519Test, Rfc7748KnownAnswers) {
  const struct {
    const char* scalar;
    const char* point;
    const char* shared;
  } cases[] = {
      // Section 5.2.
      {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
       "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
       "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
      {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
       "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
       "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
      // Section 6.1: Bob with Alice's public key.
      {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
       "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
       "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
  };
  for (const auto& c : cases) {
    const auto key = X25519PrivateKey::FromBytes(SecretHex(c.scalar));
    ASSERT_TRUE(key.ok());
    const auto shared = key->Agree(ArrayHex<32>(c.point));
    ASSERT_TRUE(shared.ok());
    EXPECT_EQ(HexEncode(shared->Expose()), c.shared);
  }
  const auto bob = X25519PrivateKey::FromBytes(SecretHex(cases[2].scalar));
  EXPECT_EQ(Hex(bob->public_key()),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST(X25519Test, BothSidesAgree) {
  for (int i = 0; i < 50; ++i) {
    const X25519PrivateKey a = X25519PrivateKey::Generate(SystemRandom());
    const X25519PrivateKey b = X25519PrivateKey::Generate(SystemRandom());
    EXPECT_EQ(a.Agree(b.public_key())->Expose(), b.Agree(a.public_key())->Expose());
    const auto copy = X25519PrivateKey::FromBytes(a.bytes());
    EXPECT_EQ(copy->public_key(), a.public_key());
  }
}

// The points of order 1, 2, 4 and 8 in their canonical forms, and p itself.
TEST(X25519Test, RefusesPointsOfSmallOrder) {
  const X25519PrivateKey key = X25519PrivateKey::Generate(SystemRandom());
  for (const char* point : {
           "0000000000000000000000000000000000000000000000000000000000000000",
           "0100000000000000000000000000000000000000000000000000000000000000",
           "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
           "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
       }) {
    const auto shared = key.Agree(ArrayHex<32>(point));
    ASSERT_FALSE(shared.ok()) << point;
    EXPECT_EQ(GetFieldRule(shared.status()).rule, "small-order");
  }
}

TEST(X25519Test, RefusesKeysOfAnotherLength) {
  for (const size_t size : {0, 31, 33}) {
    const auto key = X25519PrivateKey::FromBytes(Secret(Repeat(1, size)));
    EXPECT_EQ(GetFieldRule(key.status()).rule, "length");
  }
}

}  // namespace
}  // namespace nakadachi
