#include "common/evidence/bundle.h"

#include "common/evidence/log_reader.h"
#include "tests/common/evidence/evidence_fixture.h"

namespace nakadachi::evidence {
namespace {

class BundleTest : public ::testing::Test {
 protected:
  std::string Make(uint64_t index) {
    absl::StatusOr<std::string> bundle =
        MakeBundle(temp_.path(), Aizu(), index, network_.founding_key);
    EXPECT_TRUE(bundle.ok()) << bundle.status();
    return bundle.value_or("");
  }

  TemporaryFolder temp_;
  TestNetwork network_;
};

TEST_F(BundleTest, ProvesEveryEntryByTheFoundingKeyAlone) {
  network_.member.AddOperations(700);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  for (const uint64_t index : {0u, 1u, 255u, 256u, 600u, 699u}) {
    const absl::StatusOr<VerifiedBundle> verified =
        VerifyBundle(Make(index), network_.founding_key);
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->record.leaf_index, index);
    EXPECT_EQ(verified->record.commitment, network_.member.entries()[index].commitment);
    EXPECT_EQ(verified->record.author, Aizu());
    EXPECT_EQ(verified->root, network_.member.Root(700));
    EXPECT_EQ(verified->verifier_key, network_.member.VerifierKey());
    EXPECT_EQ(verified->directory_size, 2u);
    EXPECT_EQ(verified->directory_ms, kStartMs + 1);
    EXPECT_EQ(verified->revoked_from_ms, 0);
  }
}

TEST_F(BundleTest, NoOtherKeyWillDo) {
  network_.member.AddOperations(3);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  const absl::StatusOr<VerifiedBundle> verified =
      VerifyBundle(Make(1), network_.member.key().public_key());
  EXPECT_EQ(verified.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(GetFieldRule(verified.status()).field, "directory[0].checkpoint");
}

TEST_F(BundleTest, AnyChangeSpoilsIt) {
  network_.member.AddOperations(3);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  const std::string bundle = Make(1);
  const Hash commitment = network_.member.entries()[1].commitment;
  for (size_t i = 0; i < bundle.size(); ++i) {
    std::string changed = bundle;
    changed[i] = static_cast<char>(changed[i] ^ 4);
    const absl::StatusOr<VerifiedBundle> verified = VerifyBundle(changed, network_.founding_key);
    // A tag may turn into one that is unknown and passed over; what is proven stays the same.
    if (verified.ok()) {
      EXPECT_EQ(verified->record.commitment, commitment) << i;
    }
  }
  // A change left out of the directory leaves a gap.
  v1::EvidenceBundle parsed;
  ASSERT_TRUE(parsed.ParseFromString(bundle));
  parsed.mutable_directory()->DeleteSubrange(0, 1);
  const absl::StatusOr<VerifiedBundle> gap =
      VerifyBundle(parsed.SerializeAsString(), network_.founding_key);
  EXPECT_EQ(Rule(gap.status()), "sequence");
  EXPECT_EQ(Rule(VerifyBundle("", network_.founding_key).status()), "bundle-format");
}

TEST_F(BundleTest, AKeyRevokedLaterIsTold) {
  network_.member.AddOperations(3);
  network_.RevokeKey("072028", network_.member.key().public_key(), kStartMs + 1000);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  const absl::StatusOr<VerifiedBundle> verified = VerifyBundle(Make(2), network_.founding_key);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->revoked_from_ms, kStartMs + 1000);

  // Signed when it was revoked already.
  const std::string note = network_.member.Note(3, kStartMs + 1000);
  WriteAll(LogFolder(temp_.path(), Aizu()) + "/checkpoint", note);
  const absl::StatusOr<std::string> late =
      MakeBundle(temp_.path(), Aizu(), 2, network_.founding_key);
  EXPECT_EQ(Rule(late.status()), "key-not-valid");
}

// After a change of the broker's key the announcement is proven under the former one.
TEST_F(BundleTest, FollowsTheBrokersKeys) {
  SeededRandom random(5);
  const Ed25519PrivateKey next = Ed25519PrivateKey::Generate(random);
  network_.AddKey("broker", next);
  const std::string former = network_.broker.Note(network_.broker.size());
  network_.broker.set_key(next);
  network_.broker.AddOperations(300);
  network_.member.AddOperations(3);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  EXPECT_EQ(Rule(MakeBundle(temp_.path(), Aizu(), 0, network_.founding_key).status()), "key-chain");
  HastyDisk disk;
  const std::string broker = LogFolder(temp_.path(), Author::Broker());
  ASSERT_TRUE(LogWriter::Open({broker, Author::Broker(), &disk}).value()->Keep(former).ok());
  EXPECT_TRUE(VerifyBundle(Make(0), network_.founding_key).ok());
}

// Judges logs by the Directory statements that it is told of.
class ProvenDirectoryTest : public BundleTest {
 protected:
  static LogReader Open(const std::string& root, const Author& author) {
    return LogReader::Open(LogFolder(root, author)).value();
  }
  // By all of the broker's leaves but the last `left_out`.
  absl::StatusOr<std::unique_ptr<ProvenDirectory>> Create(uint64_t left_out = 0) {
    std::vector<uint64_t> leaves;
    for (uint64_t i = 0; i + left_out < network_.broker.size(); ++i) leaves.push_back(i);
    return ProvenDirectory::Create(Open(temp_.path(), Author::Broker()), network_.founding_key,
                                   leaves);
  }
  std::string Judged(uint64_t left_out = 0) {
    const auto directory = Create(left_out);
    if (!directory.ok()) return Rule(directory.status());
    return Rule((*directory)->CheckSigned(Open(temp_.path(), Aizu())));
  }
};

TEST_F(ProvenDirectoryTest, KnowsWhatItIsToldOf) {
  network_.member.AddOperations(3);
  network_.broker.AddOperations(600);
  network_.RevokeKey("072028", network_.member.key().public_key(), kStartMs + 1000);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  EXPECT_EQ(Judged(), "");
  const auto none =
      ProvenDirectory::Create(Open(temp_.path(), Author::Broker()), network_.founding_key, {});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE((*none)->CheckSigned(Open(temp_.path(), Author::Broker())).ok());
  EXPECT_EQ(Rule((*none)->CheckSigned(Open(temp_.path(), Aizu()))), "key-not-valid");

  // Signed when it was revoked already: by who knows of that.
  const std::string note = network_.member.Note(3, kStartMs + 1000);
  WriteAll(LogFolder(temp_.path(), Aizu()) + "/checkpoint", note);
  EXPECT_EQ(Judged(), "key-not-valid");
  EXPECT_EQ(Judged(/*left_out=*/1), "");
}

TEST_F(ProvenDirectoryTest, WhatItCannotBeToldOf) {
  network_.member.AddOperations(3);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  const auto rule = [this](const Ed25519PublicKey& key, const std::vector<uint64_t>& leaves) {
    return Rule(
        ProvenDirectory::Create(Open(temp_.path(), Author::Broker()), key, leaves).status());
  };
  EXPECT_EQ(rule(network_.founding_key, {0, 1, network_.broker.size()}), "index");
  EXPECT_EQ(rule(network_.founding_key, {1}), "sequence");
  EXPECT_EQ(rule(network_.member.key().public_key(), {0, 1}), "key-chain");
  const std::string tile = LogFolder(temp_.path(), Author::Broker()) + "/tile/0";
  for (const auto& [name, bytes] : FilesOf(tile)) {
    std::string changed = bytes;
    changed[3] = static_cast<char>(changed[3] ^ 1);
    WriteAll(absl::StrCat(tile, "/", name), changed);
  }
  EXPECT_EQ(rule(network_.founding_key, {0, 1}), "inclusion");
}

TEST_F(ProvenDirectoryTest, FollowsTheBrokersKeys) {
  SeededRandom random(5);
  const Ed25519PrivateKey next = Ed25519PrivateKey::Generate(random);
  network_.AddKey("broker", next);
  const std::string former = network_.broker.Note(network_.broker.size());
  network_.broker.set_key(next);
  network_.broker.AddOperations(3);
  network_.member.AddOperations(3);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  EXPECT_EQ(Judged(), "key-chain");
  HastyDisk disk;
  const std::string broker = LogFolder(temp_.path(), Author::Broker());
  ASSERT_TRUE(LogWriter::Open({broker, Author::Broker(), &disk}).value()->Keep(former).ok());
  EXPECT_EQ(Judged(), "");
  const auto directory = Create();
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_TRUE((*directory)->CheckSigned(Open(temp_.path(), Author::Broker())).ok());
}

TEST_F(BundleTest, WhatTheExportDoesNotHold) {
  network_.member.AddOperations(3);
  network_.member.entries()[1].state = BodyState::kErased;
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  const auto rule = [this](const Author& author, uint64_t index) {
    return Rule(MakeBundle(temp_.path(), author, index, network_.founding_key).status());
  };
  EXPECT_EQ(rule(Aizu(), 1), "erased");
  EXPECT_EQ(rule(Aizu(), 3), "index");
  EXPECT_EQ(rule(Sendai(), 0), "missing");
}

TEST(Manifests, ReadBack) {
  TemporaryFolder temp;
  Manifest manifest;
  manifest.network = "試験";
  manifest.logs = {Author::Broker(), Aizu()};
  manifest.from_ms = kStartMs;
  manifest.until_ms = kStartMs + 5;
  manifest.bodies = false;
  manifest.commitments_only = {"072028"};
  manifest.exported_ms = kStartMs + 6;
  manifest.exported_by = "audit office";
  ASSERT_TRUE(WriteManifest(temp.path(), manifest).ok());
  const absl::StatusOr<Manifest> read = ReadManifest(temp.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->ToJson(), manifest.ToJson());
  EXPECT_EQ(read->logs, manifest.logs);
  EXPECT_FALSE(read->bodies);
  EXPECT_EQ(read->commitments_only, manifest.commitments_only);
  EXPECT_EQ(Rule(ReadManifest(temp.path() + "/none").status()), "missing");
}

TEST(Manifests, MayNotSayWhichLogsAreWithoutBodies) {
  const auto read = Manifest::FromJson(Manifest().ToJson());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->commitments_only, std::nullopt);
}

TEST(Manifests, SayWhatIsWrong) {
  Manifest manifest;
  manifest.commitments_only.emplace();
  const std::string good = manifest.ToJson();
  const struct {
    std::string from, to;
    const char* rule;
  } cases[] = {
      {"{", "[", "json"},
      {"\"format\": 1", "\"format\": 2", "format"},
      {"\"format\": 1", "\"format\": \"1\"", "member"},
      {"\"logs\": []", "\"logs\": {}", "member"},
      {"\"logs\": []", "\"logs\": [7]", "author"},
      {"\"logs\": []", "\"logs\": [\"../x\"]", "author"},
      {"\"commitments_only\": []", "\"commitments_only\": 1", "member"},
      {"\"commitments_only\": []", "\"commitments_only\": [\"..\"]", "author"},
      {"\"bodies\": true", "\"bodies\": 1", "member"},
      {"\"from_ms\"", "\"from\"", "member"},
      {"\"from_ms\": 0", "\"from_ms\": 0.5", "member"},
      {"\"network\": \"\"", "\"network\": null", "member"},
  };
  for (const auto& c : cases) {
    std::string text = good;
    const size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.from;
    text.replace(at, c.from.size(), c.to);
    EXPECT_EQ(Rule(Manifest::FromJson(text).status()), c.rule) << c.to;
  }
  EXPECT_TRUE(Manifest::FromJson(good).ok());
}

TEST(Reader, NamesFileAndByte) {
  TemporaryFolder temp;
  TestLog log(Aizu());
  log.AddOperations(300);
  const std::string folder = temp.path() + "/072028";
  ASSERT_TRUE(log.Export(folder, 300).ok());
  const LogReader reader = LogReader::Open(folder).value();
  std::string bytes = ReadAll(folder + "/tile/entries/000");
  bytes[34] = 1;
  WriteAll(folder + "/tile/entries/000", bytes);
  EntryBundle entries;
  const absl::Status status = reader.ReadEntries(0, &entries);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(GetFieldRule(status).field, "072028/tile/entries/000, byte 34");
  EXPECT_EQ(Rule(status), "entry-length");
  EXPECT_EQ(entries.size(), 1u);

  std::filesystem::remove(folder + "/tile/1/000.p/1");
  HashTile tile;
  EXPECT_EQ(Rule(reader.ReadTile(1, 0, &tile)), "missing");
  std::filesystem::create_directory(folder + "/tile/1/000.p/1");
  EXPECT_EQ(Rule(reader.ReadTile(1, 0, &tile)), "io");
  WriteAll(folder + "/vkey", "no key\n");
  const auto without_keys = LogReader::Open(folder);
  ASSERT_TRUE(without_keys.ok()) << without_keys.status();
  EXPECT_EQ(Rule(without_keys->keys_status()), "vkey-format");
  WriteAll(folder + "/vkey", "");
  EXPECT_TRUE(LogReader::Open(folder).ok());
}

}  // namespace
}  // namespace nakadachi::evidence
