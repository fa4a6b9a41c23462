#include "common/sealing/sealed_code.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/directory/directory.h"

namespace nakadachi::sealing {
namespace {

constexpr char kRequester[] = "072028";
constexpr char kProvider[] = "131016";

LocalGovernmentCode Code(const std::string& text) { return *LocalGovernmentCode::Parse(text); }

Secret FromHex(const std::string& hex) { return Secret(*HexDecode(hex, "hex")); }

class SealedCodeTest : public ::testing::Test {
 protected:
  SealedCodeTest()
      : broker_(X25519PrivateKey::Generate(SystemRandom())),
        provider_(X25519PrivateKey::Generate(SystemRandom())),
        sealer_(broker_),
        opener_(provider_),
        code_(*LinkageCode::FromBytes("0123456789abcdef")),
        binding_{Code(kRequester), Code(kProvider), Sha256("a query")} {}

  v1::SealedCode Seal() {
    return *sealer_.Seal(code_, provider_.public_key(), binding_, SystemRandom());
  }

  X25519PrivateKey broker_;
  X25519PrivateKey provider_;
  CodeSealer sealer_;
  CodeOpener opener_;
  LinkageCode code_;
  Binding binding_;
};

TEST_F(SealedCodeTest, TheProviderOpensWhatTheBrokerSealed) {
  auto opened = opener_.Open(Seal(), broker_.public_key(), binding_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, code_);
}

TEST_F(SealedCodeTest, TwoSealsOfOneCodeHaveNothingInCommon) {
  const v1::SealedCode first = Seal();
  const v1::SealedCode second = Seal();
  EXPECT_NE(first.nonce(), second.nonce());
  EXPECT_NE(first.ciphertext(), second.ciphertext());
  EXPECT_EQ(first.ciphertext().find("0123456789abcdef"), std::string::npos);
}

// Private keys 00 01 … 1f (broker) and 20 21 … 3f (provider). The shared key was computed apart
// from this code, by the definitions of RFC 7748 and RFC 5869.
TEST(SealedCodeKnownAnswerTest, KeyAndAssociatedDataAreAsSpecified) {
  std::string ascending(64, '\0');
  for (size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<char>(i);
  auto broker = *X25519PrivateKey::FromBytes(Secret(ascending.substr(0, 32)));
  auto provider = *X25519PrivateKey::FromBytes(Secret(ascending.substr(32)));
  const Aead shared(FromHex("b9759c996b616add693be017dcc6f6dccf33a0150bc11e226265c9fcf02886c8"));
  const Binding binding{Code(kRequester), Code(kProvider), Sha256("a query")};
  const std::string associated = std::string(
                                     "072028\0"
                                     "131016\0",
                                     14) +
                                 std::string(AsView(binding.query_commitment));
  const auto code = *LinkageCode::FromBytes("0123456789abcdef");

  CodeSealer sealer(broker);
  const v1::SealedCode sealed = *sealer.Seal(code, provider.public_key(), binding, SystemRandom());
  EXPECT_EQ(HexEncode(sealed.broker_key_id()), "eedd883da0a94515");
  EXPECT_EQ(HexEncode(sealed.provider_key_id()), "a0289810032eb417");
  auto plain = shared.Open(sealed.nonce(), sealed.ciphertext(), associated);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain, code.RevealBytes());
}

TEST_F(SealedCodeTest, AnyAlteredBitIsNoticed) {
  const v1::SealedCode sealed = Seal();
  const std::vector<std::string* (v1::SealedCode::*)()> fields = {
      &v1::SealedCode::mutable_broker_key_id, &v1::SealedCode::mutable_provider_key_id,
      &v1::SealedCode::mutable_nonce, &v1::SealedCode::mutable_ciphertext};
  for (auto field : fields) {
    v1::SealedCode measured = sealed;
    const size_t bits = (measured.*field)()->size() * 8;
    for (size_t bit = 0; bit < bits; ++bit) {
      v1::SealedCode altered = sealed;
      char& byte = (*(altered.*field)())[bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
      EXPECT_FALSE(opener_.Open(altered, broker_.public_key(), binding_).ok());
    }
  }
}

TEST_F(SealedCodeTest, OpensUnderItsOwnBindingOnly) {
  const v1::SealedCode sealed = Seal();
  std::vector<Binding> others(3, binding_);
  others[0].requester = Code("041009");
  others[1].provider = Code("041009");
  others[2].query_commitment[31] ^= 1;
  for (const Binding& other : others) {
    auto opened = opener_.Open(sealed, broker_.public_key(), other);
    EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(GetFieldRule(opened.status()).rule, "seal");
  }
}

TEST_F(SealedCodeTest, IsForOneProviderAndOneKeyOfIt) {
  const v1::SealedCode sealed = Seal();
  CodeOpener stranger(X25519PrivateKey::Generate(SystemRandom()));
  EXPECT_EQ(GetFieldRule(stranger.Open(sealed, broker_.public_key(), binding_).status()).rule,
            "key-id");
  // Also where the stranger claims that it is the one meant.
  v1::SealedCode claimed = sealed;
  claimed.set_provider_key_id(stranger.key_id());
  EXPECT_EQ(GetFieldRule(stranger.Open(claimed, broker_.public_key(), binding_).status()).rule,
            "seal");
  const auto other_broker = X25519PrivateKey::Generate(SystemRandom());
  EXPECT_EQ(GetFieldRule(opener_.Open(sealed, other_broker.public_key(), binding_).status()).rule,
            "key-id");
}

TEST_F(SealedCodeTest, TruncatedPartsAreErrors) {
  for (size_t size = 0; size < 32; ++size) {
    v1::SealedCode sealed = Seal();
    sealed.mutable_ciphertext()->resize(size);
    EXPECT_FALSE(opener_.Open(sealed, broker_.public_key(), binding_).ok());
  }
  v1::SealedCode sealed = Seal();
  sealed.mutable_nonce()->resize(11);
  EXPECT_EQ(GetFieldRule(opener_.Open(sealed, broker_.public_key(), binding_).status()).rule,
            "length");
  EXPECT_FALSE(opener_.Open(v1::SealedCode(), broker_.public_key(), binding_).ok());
}

TEST_F(SealedCodeTest, AKeyOfSmallOrderIsRefused) {
  EXPECT_FALSE(sealer_.Seal(code_, X25519PublicKey{}, binding_, SystemRandom()).ok());
}

}  // namespace
}  // namespace nakadachi::sealing
