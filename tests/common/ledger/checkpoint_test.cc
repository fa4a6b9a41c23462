#include "common/ledger/checkpoint.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/merkle/merkle.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::ledger {
namespace {

// The well-known example key and note of the signed-note format's first implementation.
constexpr char kKnownVkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr char kKnownText[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr char kKnownSignature[] =
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

class CheckpointTest : public ::testing::Test {
 protected:
  std::string Sign(const Checkpoint& checkpoint) { return SignCheckpoint(checkpoint, key_); }
  std::string Good() { return Sign({Origin(Aizu()), 1234, root_, 1711929600000}); }
  // A note around a body, signed by the key.
  std::string Note(const std::string& body, const std::string& name) {
    const Ed25519Signature signature = key_.Sign(body);
    const KeyId id = SignedNoteKeyId(name, key_.public_key());
    std::string bytes(id.begin(), id.end());
    bytes.append(signature.begin(), signature.end());
    return absl::StrCat(body, "\n\u2014 ", name, " ", Base64Encode(bytes), "\n");
  }
  bool Verifies(const absl::StatusOr<SignedCheckpoint>& parsed) {
    return parsed.ok() && VerifyCheckpointSignature(*parsed, key_.public_key());
  }

  SeededRandom random_{5};
  Ed25519PrivateKey key_ = Ed25519PrivateKey::Generate(random_);
  Hash root_ = merkle::LeafHash("root");
};

TEST_F(CheckpointTest, KnownVerifierKey) {
  const absl::StatusOr<NamedKey> named = ParseVerifierKey(kKnownVkey);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->name, "PeterNeumann");
  EXPECT_EQ(VerifierKey(named->name, named->key), kKnownVkey);
  const KeyId id = SignedNoteKeyId("PeterNeumann", named->key);
  EXPECT_EQ(id, (KeyId{0xc7, 0x4f, 0x20, 0xa3}));
  const std::string signature = Base64Decode(kKnownSignature, "signature").value();
  EXPECT_EQ(signature.substr(0, 4), std::string(id.begin(), id.end()));
  EXPECT_TRUE(Ed25519Verify(named->key, kKnownText, signature.substr(4)));
}

TEST_F(CheckpointTest, VerifierKeysThatAreNone) {
  const std::string good = VerifierKey(Origin(Aizu()), key_.public_key());
  ASSERT_TRUE(ParseVerifierKey(good).ok());
  // Every altered character is found: the id is a digest of the rest.
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = good;
      altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
      EXPECT_FALSE(ParseVerifierKey(altered).ok()) << i;
    }
  }
  const struct {
    std::string text, rule;
  } kCases[] = {{"", "vkey-format"},
                {"name", "vkey-format"},
                {"name+c74f20a3", "vkey-format"},
                {"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "vkey-format"},
                {"a b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "vkey-format"},
                {"a\u3000b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "vkey-format"},
                {"a\xff+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "vkey-format"},
                {"PeterNeumann+c74f20a3+ARpc", "key-type"},
                {"PeterNeumann+c74f20a3+", "key-type"},
                {"PeterNeumann+c74f20a3+AhpcAhpcAhpcAhpcAhpcAhpcAhpcAhpcAhpcAhpcAhpc", "key-type"},
                {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", "base64"},
                {"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key-id"},
                {"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "key-id"}};
  for (const auto& known : kCases)
    EXPECT_EQ(Rule(ParseVerifierKey(known.text).status()), known.rule) << known.text;
}

TEST_F(CheckpointTest, Origins) {
  EXPECT_EQ(Origin(Aizu()), "nakadachi/072028/statements");
  EXPECT_EQ(Origin(Author::Broker()), "nakadachi/broker/statements");
  for (const Author& author : {Aizu(), Author::Broker()})
    EXPECT_EQ(AuthorOfOrigin(Origin(author)).value(), author);
  for (const char* origin :
       {"", "nakadachi/", "nakadachi/072028", "nakadachi/072029/statements", "072028/statements",
        "nakadachi//statements", "nakadachi/072028/statements/", "Nakadachi/072028/statements",
        "nakadachi/072028/statements "})
    EXPECT_EQ(Rule(AuthorOfOrigin(origin).status()), "origin") << origin;
}

TEST_F(CheckpointTest, SignedAndReadBack) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1234}, ~uint64_t{0}}) {
    const std::string note = Sign({Origin(Aizu()), size, root_, 1711929600000});
    const absl::StatusOr<SignedCheckpoint> parsed = ParseCheckpoint(note);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->checkpoint.origin, Origin(Aizu()));
    EXPECT_EQ(parsed->checkpoint.size, size);
    EXPECT_EQ(parsed->checkpoint.root, root_);
    EXPECT_EQ(parsed->checkpoint.time_ms, 1711929600000);
    EXPECT_EQ(parsed->body, CheckpointBody(parsed->checkpoint));
    EXPECT_TRUE(Verifies(parsed));
    EXPECT_FALSE(
        VerifyCheckpointSignature(*parsed, Ed25519PrivateKey::Generate(random_).public_key()));
  }
}

TEST_F(CheckpointTest, AcceptsUnknownExtensionsAndOtherSignatures) {
  const std::string good = Good();
  const std::string body = good.substr(0, good.find("\n\n") + 1);
  const std::string name = Origin(Aizu());
  EXPECT_TRUE(Verifies(ParseCheckpoint(Note(body + "another extension\n", name))));
  EXPECT_TRUE(
      Verifies(ParseCheckpoint(Note(absl::StrReplaceAll(body, {{"time", "before\ntime"}}), name))));
  const std::string other =
      absl::StrCat("\u2014 witness.example/w1 ", Base64Encode("abcdefghi"), "\n");
  EXPECT_TRUE(Verifies(ParseCheckpoint(good + other)));
  const size_t lines = good.find("\u2014");
  EXPECT_TRUE(Verifies(ParseCheckpoint(good.substr(0, lines) + other + good.substr(lines))));
  std::string sixteen = good;
  for (int i = 0; i < 15; ++i) sixteen += other;
  EXPECT_TRUE(Verifies(ParseCheckpoint(sixteen)));
  EXPECT_FALSE(ParseCheckpoint(sixteen + other).ok());
  EXPECT_FALSE(Verifies(ParseCheckpoint(good.substr(0, lines) + other)));
}

TEST_F(CheckpointTest, OneBadSignatureOfAKnownKeySpoilsTheNote) {
  const std::string good = Good();
  const std::string elsewhere = Sign({Origin(Aizu()), 1235, root_, 1711929600000});
  EXPECT_FALSE(Verifies(ParseCheckpoint(good + elsewhere.substr(elsewhere.find("\u2014")))));
}

TEST_F(CheckpointTest, TheSignatureMustBeNamedAsTheOrigin) {
  const std::string good = Good();
  const std::string body = good.substr(0, good.find("\n\n") + 1);
  EXPECT_FALSE(Verifies(ParseCheckpoint(Note(body, Origin(Sendai())))));
}

TEST_F(CheckpointTest, NotesThatAreNoCheckpoint) {
  const std::string good = Good();
  const auto with = [&](absl::string_view from, absl::string_view to) {
    return absl::StrReplaceAll(good, {{from, to}});
  };
  const std::string root = Base64Encode(AsView(root_));
  const std::string cases[] = {"",
                               "\n",
                               "\n\n",
                               "\n\n\n",
                               good.substr(0, good.size() - 1),
                               good.substr(0, good.find("\n\n") + 1),
                               good.substr(0, good.find("\n\n") + 2),
                               good + "\n",
                               good + "x\n",
                               good + good,
                               with("\n1234\n", "\n01234\n"),
                               with("\n1234\n", "\n+1234\n"),
                               with("\n1234\n", "\n-1\n"),
                               with("\n1234\n", "\n1234 \n"),
                               with("\n1234\n", "\n\n"),
                               with("\n1234\n", "\n18446744073709551616\n"),
                               with("\n1234\n", "\n0x12\n"),
                               with("1711929600000", "9223372036854775808"),
                               with("1711929600000", ""),
                               with("1711929600000", "007"),
                               with("time 1711929600000", "time 1\ntime 1"),
                               with("time 1711929600000\n", ""),
                               with("time ", "clock "),
                               with(root, root.substr(4)),
                               with(root, root + root),
                               with(root, absl::StrCat(root, " ")),
                               with("nakadachi/072028/statements\n", "\n"),
                               with("\u2014 ", "\u2014"),
                               with("\u2014 ", "- "),
                               with("\u2014 ", "\u2013 "),
                               with("\u2014 nakadachi/072028/statements ", "\u2014  "),
                               with("\u2014 nakadachi/072028/statements ", "\u2014 a+b "),
                               with("\u2014 nakadachi/072028/statements ", "\u2014 a\u00a0b "),
                               with("\u2014 nakadachi/072028/statements ", "\u2014 a\u2028b "),
                               with("1234", "12\t34"),
                               with("1234\n", "1234\r\n"),
                               with("1234", std::string("12\0", 3)),
                               with("072028", "07202\xff"),
                               with("072028", "07202\xc0\x80"),
                               std::string(1 << 20, 'a'),
                               std::string(1 << 20, '\n')};
  for (const std::string& note : cases) {
    ASSERT_NE(note, good);
    EXPECT_EQ(Rule(ParseCheckpoint(note).status()), "checkpoint-format") << note.substr(0, 400);
  }
}

TEST_F(CheckpointTest, EveryFlippedBitIsFound) {
  const std::string good = Good();
  ASSERT_TRUE(Verifies(ParseCheckpoint(good)));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string altered = good;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(Verifies(ParseCheckpoint(altered))) << bit;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    std::string altered = good;
    altered.erase(i, 1);
    EXPECT_FALSE(Verifies(ParseCheckpoint(altered))) << i;
    EXPECT_FALSE(Verifies(ParseCheckpoint(good.substr(0, i)))) << i;
  }
}

}  // namespace
}  // namespace nakadachi::ledger
