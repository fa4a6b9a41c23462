#include <gtest/gtest.h>

#include <string>

#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi {
namespace {

TEST(Base64Test, Rfc4648KnownAnswers) {
  const struct {
    const char* bytes;
    const char* text;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};
  for (const auto& c : cases) {
    EXPECT_EQ(Base64Encode(c.bytes), c.text);
    const auto decoded = Base64Decode(c.text, "root");
    ASSERT_TRUE(decoded.ok()) << c.text;
    EXPECT_EQ(*decoded, c.bytes);
  }
}

TEST(Base64Test, OneTextPerValue) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9", "Zm8", " Zg==", "Zg==\n", "Zm 9v",
                           "Zm9v=", "=", "====", "-_-_", "Zm9v\x80", "Zg==Zg=="}) {
    const auto decoded = Base64Decode(text, "root");
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(GetFieldRule(decoded.status()).field, "root");
    EXPECT_EQ(GetFieldRule(decoded.status()).rule, "base64");
  }
}

TEST(EncodingTest, RandomBytesComeBack) {
  for (size_t size = 0; size < 200; ++size) {
    const std::string bytes = SystemRandom().String(size);
    EXPECT_EQ(*Base64Decode(Base64Encode(bytes), "x"), bytes);
    EXPECT_EQ(*HexDecode(HexEncode(bytes), "x"), bytes);
  }
}

TEST(HexTest, WritesLowerCaseAndReadsBoth) {
  EXPECT_EQ(HexEncode(std::string("\x00\x7f\xff\xa0", 4)), "007fffa0");
  EXPECT_EQ(*HexDecode("007FffA0", "key"), std::string("\x00\x7f\xff\xa0", 4));
}

TEST(HexTest, RefusesTheRest) {
  for (const char* text : {"0ZZ", "abc", "0g", "0x", " 0", "00 ", "\xff\xff"}) {
    const auto decoded = HexDecode(text, "key");
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(GetFieldRule(decoded.status()).field, "key");
    EXPECT_EQ(GetFieldRule(decoded.status()).rule, "hex");
    EXPECT_EQ(decoded.status().message().find(text), absl::string_view::npos)
        << "what may be a secret must not be repeated";
  }
}

}  // namespace
}  // namespace nakadachi
