// Watches every block of memory that this program gives back for a pattern that only secrets hold.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "common/crypto/crypto.h"

namespace {

constexpr char kPattern[] = "%%secret-bytes%%";
std::atomic<bool> g_watching{false};
std::atomic<int> g_leaks{0};

void Release(void* block) {
  if (block != nullptr && g_watching &&
      memmem(block, malloc_usable_size(block), kPattern, sizeof(kPattern) - 1) != nullptr)
    ++g_leaks;
  std::free(block);
}

}  // namespace

void* operator new(size_t size) {
  void* block = std::malloc(size > 0 ? size : 1);
  if (block == nullptr) std::abort();
  return block;
}
void operator delete(void* block) noexcept { Release(block); }
void operator delete(void* block, size_t) noexcept { Release(block); }

namespace nakadachi {
namespace {

// Made before watching begins, and never freed while it lasts.
class SecretTest : public testing::Test {
 protected:
  void SetUp() override {
    g_leaks = 0;
    g_watching = true;
  }
  void TearDown() override { g_watching = false; }

  const std::string text_ = std::string(kPattern) + kPattern + kPattern;
  const std::string longer_ = text_ + text_;
};

TEST_F(SecretTest, TheWatchSeesWhatIsNotWiped) {
  { const std::string copy = text_; }
  EXPECT_EQ(g_leaks, 1);
}

TEST_F(SecretTest, IsWipedWhenItGoes) {
  { const Secret secret(text_); }
  EXPECT_EQ(g_leaks, 0);
}

TEST_F(SecretTest, CopiesAreWiped) {
  {
    const Secret secret(text_);
    Secret copy(secret);
    copy = Secret(longer_);
    copy = secret;
    EXPECT_EQ(copy.Expose(), text_);
    const Secret& same = copy;
    copy = same;
    EXPECT_EQ(copy.Expose(), text_);
  }
  EXPECT_EQ(g_leaks, 0);
}

TEST_F(SecretTest, MovesLeaveNothingBehind) {
  {
    Secret a(text_);
    Secret b(std::move(a));
    EXPECT_EQ(a.size(), 0u);  // NOLINT(bugprone-use-after-move)
    Secret c(longer_);
    c = std::move(b);
    EXPECT_EQ(c.Expose(), text_);
    std::vector<Secret> many;
    for (int i = 0; i < 20; ++i) many.emplace_back(text_);
    many.erase(many.begin());
  }
  EXPECT_EQ(g_leaks, 0);
}

// A short secret must not lie inside the object, from where a move would copy it.
TEST_F(SecretTest, ShortSecretsLieOutsideTheObject) {
  Secret secret("abc");
  const char* begin = reinterpret_cast<const char*>(&secret);
  const char* data = secret.Expose().data();
  EXPECT_TRUE(data < begin || data >= begin + sizeof(secret));
  const Secret moved(std::move(secret));
  EXPECT_EQ(moved.Expose().data(), data);
}

TEST_F(SecretTest, DerivedSecretsAndKeysAreWiped) {
  class PatternRandom final : public Random {
   public:
    void Fill(uint8_t* out, size_t size) override {
      for (size_t i = 0; i < size; ++i)
        out[i] = static_cast<uint8_t>(kPattern[i % (sizeof(kPattern) - 1)]);
    }
  } random;
  {
    const Secret secret = Secret::Generate(random, 32);
    const Ed25519PrivateKey signing = Ed25519PrivateKey::Generate(random);
    const X25519PrivateKey sealing = X25519PrivateKey::Generate(random);
    EXPECT_EQ(signing.seed().Expose(), secret.Expose());
    EXPECT_EQ(sealing.bytes().Expose(), secret.Expose());
    const Aead aead(secret);
    const BlockCipher cipher(secret);
    EXPECT_EQ(HkdfSha256(secret, "salt", "info", 64).size(), 64u);
  }
  EXPECT_EQ(g_leaks, 0);
}

TEST_F(SecretTest, WipeEmpties) {
  {
    std::string text = text_;
    Wipe(&text);
    EXPECT_TRUE(text.empty());
  }
  EXPECT_EQ(g_leaks, 0);
}

}  // namespace
}  // namespace nakadachi
