#include "common/crypto/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi {
namespace {

constexpr char kName[] = "nakadachi/072028/statements";

class KeyFileTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_ / name; }
  static std::string Content(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  static void Put(const std::string& path, const std::string& content, mode_t mode = 0600) {
    std::ofstream(path) << content;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  size_t FilesInFolder() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

  TemporaryFolder folder_;
};

template <typename T>
void ExpectError(const absl::StatusOr<T>& result, absl::StatusCode code, const std::string& rule,
                 const std::string& field) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), code) << result.status();
  EXPECT_EQ(GetFieldRule(result.status()).rule, rule) << result.status();
  EXPECT_EQ(GetFieldRule(result.status()).field, field);
}

TEST_F(KeyFileTest, KeysComeBack) {
  const auto made = MakeMemberKeys(Path("keys"), kName);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto loaded = LoadMemberKeys(Path("keys"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->signing.public_key(), made->signing);
  EXPECT_EQ(loaded->sealing.public_key(), made->sealing);
  EXPECT_EQ(made->name, kName);
  EXPECT_TRUE(LoadMemberKeys(Path("keys"), kName).ok());
  ExpectError(LoadMemberKeys(Path("keys"), "nakadachi/another/statements"),
              absl::StatusCode::kInvalidArgument, "name", Path("keys"));
  for (const char* file : {"keys", "keys.pub"}) {
    const auto public_part = LoadPublicMemberKeys(Path(file));
    ASSERT_TRUE(public_part.ok()) << public_part.status();
    EXPECT_EQ(public_part->name, made->name);
    EXPECT_EQ(public_part->vkey, made->vkey);
    EXPECT_EQ(public_part->signing, made->signing);
    EXPECT_EQ(public_part->sealing, made->sealing);
  }
}

// The seed of RFC 8032's first test for both keys.
class FixedRandom final : public Random {
 public:
  void Fill(uint8_t* out, size_t size) override {
    const std::string seed =
        *HexDecode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "seed");
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(seed[i % seed.size()]);
  }
};

TEST_F(KeyFileTest, VerifierKeyIsThatOfSignedNotes) {
  FixedRandom random;
  const auto made = MakeMemberKeys(Path("keys"), "example.org/log", random);
  ASSERT_TRUE(made.ok());
  const std::string typed_key =
      *HexDecode("01d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "key");
  const Hash id = Sha256(absl::string_view("example.org/log\n"), typed_key);
  EXPECT_EQ(made->vkey, "example.org/log+" + HexEncode(AsView(id).substr(0, 4)) + "+" +
                            Base64Encode(typed_key));
}

TEST_F(KeyFileTest, OnlyTheOwnerMayReadWhateverTheUmask) {
  const mode_t umask_before = ::umask(0);
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  ASSERT_TRUE(MakeHexSecret(Path("secret")).ok());
  ::umask(umask_before);
  EXPECT_EQ(ModeOf(Path("keys")), 0600u);
  EXPECT_EQ(ModeOf(Path("secret")), 0600u);
  EXPECT_EQ(ModeOf(Path("keys.pub")), 0644u);
}

TEST_F(KeyFileTest, PublicFileHoldsNothingPrivate) {
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  const auto keys = LoadMemberKeys(Path("keys"));
  ASSERT_TRUE(keys.ok());
  const std::string content = Content(Path("keys.pub"));
  EXPECT_EQ(content.find(HexEncode(keys->signing.seed().Expose())), std::string::npos);
  EXPECT_EQ(content.find(HexEncode(keys->sealing.bytes().Expose())), std::string::npos);
  EXPECT_NE(content.find("\"vkey\""), std::string::npos);
}

TEST_F(KeyFileTest, FilesThatOthersMayTouchAreRefused) {
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  ASSERT_TRUE(MakeHexSecret(Path("secret")).ok());
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610, 0601, 0666, 0777}) {
    ASSERT_EQ(::chmod(Path("keys").c_str(), mode), 0);
    ASSERT_EQ(::chmod(Path("secret").c_str(), mode), 0);
    ExpectError(LoadMemberKeys(Path("keys")), absl::StatusCode::kFailedPrecondition, "mode",
                Path("keys"));
    ExpectError(LoadHexSecret(Path("secret")), absl::StatusCode::kFailedPrecondition, "mode",
                Path("secret"));
  }
  for (const mode_t mode : {0600, 0400, 0700}) {
    ASSERT_EQ(::chmod(Path("keys").c_str(), mode), 0);
    EXPECT_TRUE(LoadMemberKeys(Path("keys")).ok());
  }
}

TEST_F(KeyFileTest, NothingIsOverwrittenUnlessAskedFor) {
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  ASSERT_TRUE(MakeHexSecret(Path("secret")).ok());
  const std::string keys = Content(Path("keys"));
  const std::string public_keys = Content(Path("keys.pub"));
  const std::string secret = Content(Path("secret"));

  ExpectError(MakeMemberKeys(Path("keys"), kName), absl::StatusCode::kAlreadyExists, "exists",
              Path("keys"));
  EXPECT_EQ(MakeHexSecret(Path("secret")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Content(Path("keys")), keys);
  EXPECT_EQ(Content(Path("keys.pub")), public_keys);
  EXPECT_EQ(Content(Path("secret")), secret);

  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName, SystemRandom(), Overwrite::kAllowed).ok());
  ASSERT_TRUE(MakeHexSecret(Path("secret"), SystemRandom(), Overwrite::kAllowed).ok());
  EXPECT_NE(Content(Path("keys")), keys);
  EXPECT_NE(Content(Path("secret")), secret);
  EXPECT_EQ(ModeOf(Path("keys")), 0600u);
  EXPECT_TRUE(LoadMemberKeys(Path("keys")).ok());
  EXPECT_EQ(FilesInFolder(), 3u) << "no temporary file may stay";
}

TEST_F(KeyFileTest, OfManyWritersOneWins) {
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = MakeHexSecret(Path("secret"));
      if (status.ok()) {
        ++won;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_TRUE(LoadHexSecret(Path("secret")).ok());
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(KeyFileTest, UnusableNamesAreRefused) {
  for (const char* name : {"", "a+b", "a b", "a\nb", "a\tb", "\x01", "\xe4\xbc\x9a"}) {
    ExpectError(MakeMemberKeys(Path("keys"), name), absl::StatusCode::kInvalidArgument, "name",
                "name");
  }
  EXPECT_EQ(FilesInFolder(), 0u);
}

TEST_F(KeyFileTest, SecretsAreSixtyFourDigits) {
  ASSERT_TRUE(MakeHexSecret(Path("secret")).ok());
  const auto secret = LoadHexSecret(Path("secret"));
  ASSERT_TRUE(secret.ok());
  EXPECT_EQ(Content(Path("secret")), HexEncode(secret->Expose()) + "\n");

  const std::string digits(64, 'a');
  const struct {
    std::string content;
    const char* rule;  // nullptr: accepted
  } cases[] = {
      {digits, nullptr},
      {digits + "\r\n", nullptr},
      {"", "length"},
      {digits.substr(2), "length"},
      {digits + "aa", "length"},
      {digits.substr(1), "hex"},
      {digits.substr(2) + "zz", "hex"},
      {digits.substr(0, 32) + "\n" + digits.substr(0, 32), "hex"},
      {std::string(2 << 20, 'a'), "length"},
  };
  for (const auto& c : cases) {
    Put(Path("other"), c.content);
    const auto loaded = LoadHexSecret(Path("other"));
    EXPECT_EQ(GetFieldRule(loaded.status()).rule, c.rule == nullptr ? "" : c.rule);
    EXPECT_EQ(loaded.ok(), c.rule == nullptr);
  }
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST_F(KeyFileTest, DamagedKeyFilesAreRefused) {
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  ASSERT_TRUE(MakeMemberKeys(Path("others"), kName).ok());
  const std::string good = Content(Path("keys"));
  const auto mine = LoadMemberKeys(Path("keys"));
  const auto others = LoadMemberKeys(Path("others"));
  const auto mine_public = LoadPublicMemberKeys(Path("keys"));
  const auto others_public = LoadPublicMemberKeys(Path("others"));
  const std::string seed = HexEncode(mine->signing.seed().Expose());
  const std::string sealing = HexEncode(mine->sealing.bytes().Expose());

  const struct {
    std::string content;
    const char* rule;
  } cases[] = {
      {"", "json"},
      {"[]", "json"},
      {"\"text\"", "json"},
      {good + "x", "json"},
      {good.substr(0, good.size() / 2), "json"},
      {std::string(100000, '['), "json"},
      {Replaced(good, "\"name\"", "\"nom\""), "json"},
      {Replaced(good, "\"signing_seed\"", "\"seed\""), "json"},
      {Replaced(good, "\"" + seed + "\"", "17"), "json"},
      {Replaced(good, seed, seed.substr(2)), "length"},
      {Replaced(good, seed, seed.substr(2) + "xx"), "hex"},
      {Replaced(good, "072028", "072010"), "key-mismatch"},
      {Replaced(good, mine_public->vkey, others_public->vkey), "key-mismatch"},
      {Replaced(good, seed, HexEncode(others->signing.seed().Expose())), "key-mismatch"},
      {Replaced(good, sealing, HexEncode(others->sealing.bytes().Expose())), "key-mismatch"},
  };
  for (const auto& c : cases) {
    Put(Path("damaged"), c.content);
    const auto loaded = LoadMemberKeys(Path("damaged"));
    ExpectError(loaded, absl::StatusCode::kInvalidArgument, c.rule, Path("damaged"));
    EXPECT_EQ(loaded.status().message().find(seed.substr(8, 16)), absl::string_view::npos);
    EXPECT_EQ(loaded.status().message().find(sealing.substr(8, 16)), absl::string_view::npos);
  }
}

TEST_F(KeyFileTest, EveryTruncationIsRefused) {
  ASSERT_TRUE(MakeMemberKeys(Path("keys"), kName).ok());
  const std::string good = Content(Path("keys"));
  // The last two bytes are the closing brace and a newline.
  for (size_t size = 0; size < good.size() - 1; ++size) {
    Put(Path("cut"), good.substr(0, size));
    EXPECT_FALSE(LoadMemberKeys(Path("cut")).ok()) << size;
    EXPECT_FALSE(LoadPublicMemberKeys(Path("cut")).ok()) << size;
  }
}

TEST_F(KeyFileTest, OtherThingsThanFiles) {
  ExpectError(LoadMemberKeys(Path("none")), absl::StatusCode::kNotFound, "missing", Path("none"));
  ExpectError(LoadHexSecret(Path("none")), absl::StatusCode::kNotFound, "missing", Path("none"));
  ExpectError(LoadHexSecret(folder_.path()), absl::StatusCode::kFailedPrecondition, "regular",
              folder_.path());
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  ExpectError(LoadHexSecret(Path("fifo")), absl::StatusCode::kFailedPrecondition, "regular",
              Path("fifo"));
  const absl::Status status = MakeHexSecret(Path("no/such/folder"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetFieldRule(status).rule, "io");
}

}  // namespace
}  // namespace nakadachi
