// Recomputes every example of proto/README.md, which is the specification of the formats.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/evidence/bundle.h"
#include "common/evidence/layout.h"
#include "common/sealing/sealed_code.h"
#include "common/witness/fork_proof.h"
#include "common/witness/quorum.h"
#include "nakadachi/v1/vaccination.pb.h"
#include "tests/common/ledger/ledger_fixture.h"

namespace nakadachi::ledger {
namespace {

constexpr int64_t kTimeMs = 1711929600000;

template <typename Bytes>
std::string ToString(const Bytes& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

template <size_t N>
std::array<uint8_t, N> ToArray(const std::string& bytes) {
  std::array<uint8_t, N> array{};
  EXPECT_EQ(bytes.size(), N);
  std::copy_n(bytes.begin(), std::min(N, bytes.size()), array.begin());
  return array;
}

std::string Zero() { return std::string(1, '\0'); }

std::string Hkdf(const std::string& key, const std::string& info) {
  return std::string(HkdfSha256(Secret(key), "", info, 32).Expose());
}

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::string bytes) : bytes_(std::move(bytes)) {}
  void Fill(uint8_t* out, size_t size) override {
    ASSERT_EQ(size, bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out);
  }

 private:
  std::string bytes_;
};

class FormatTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* source = std::getenv("NAKADACHI_SOURCE_DIR");
    ASSERT_NE(source, nullptr);
    std::ifstream file(absl::StrCat(source, "/proto/README.md"));
    ASSERT_TRUE(file.good());
    bool fenced = false;
    for (std::string line; std::getline(file, line);) {
      if (absl::StartsWith(line, "```")) {
        fenced = !fenced;
        continue;
      }
      if (!fenced) continue;
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      const absl::StatusOr<std::string> bytes = HexDecode(parts.second, parts.first);
      ASSERT_TRUE(bytes.ok()) << line;
      ASSERT_TRUE(examples_.emplace(parts.first, *bytes).second) << line;
    }
  }
  // No example may be left out, where all tests ran.
  static void TearDownTestSuite() {
    if (::testing::GTEST_FLAG(filter) != "*") return;
    EXPECT_GT(examples_.size(), 40u);
    for (const auto& [name, bytes] : examples_) EXPECT_EQ(read_.count(name), 1u) << name;
  }
  static const std::string& Example(const std::string& name) {
    read_.insert(name);
    EXPECT_TRUE(examples_.count(name) == 1) << name;
    return examples_[name];
  }
  static void Expect(const std::string& name, const std::string& computed) {
    EXPECT_EQ(HexEncode(Example(name)), HexEncode(computed)) << name;
  }
  static Hash HashOf(const std::string& name) { return ToArray<32>(Example(name)); }
  static Ed25519PrivateKey SigningKey() {
    return Ed25519PrivateKey::FromSeed(Secret(Example("signing_seed"))).value();
  }
  static X25519PrivateKey SealingKey(const std::string& name) {
    return X25519PrivateKey::FromBytes(Secret(Example(name))).value();
  }

  static std::map<std::string, std::string> examples_;
  static std::set<std::string> read_;
};
std::map<std::string, std::string> FormatTest::examples_;
std::set<std::string> FormatTest::read_;

TEST_F(FormatTest, Statement) {
  v1::Statement statement;
  statement.set_author(Example("requester"));
  statement.set_time_ms(kTimeMs);
  v1::Query* query = statement.mutable_query();
  query->set_provider(Example("provider"));
  query->set_procedure("immunization");
  query->add_items("immunization");
  query->set_linkage_code(Example("requester_linkage_code"));
  query->set_department("健康増進課");
  query->set_staff_pseudonym("staff-17");
  for (int i = 0; i < 16; ++i) query->mutable_nonce()->push_back(static_cast<char>(0xa0 + i));
  Expect("statement", statement.SerializeAsString());
}

TEST_F(FormatTest, CommitmentAndTree) {
  Expect("commitment", ToString(Commit(Example("salt"), Example("statement"))));
  Expect("commitment",
         ToString(Sha256("nakadachi/statement/v1", Zero(), Example("salt"), Example("statement"))));
  const Hash leaf = merkle::LeafHash(Example("commitment"));
  Expect("leaf_hash", ToString(leaf));
  const std::vector<Hash> leaves = {merkle::LeafHash(Example("commitment_0")),
                                    merkle::LeafHash(Example("commitment_1")), leaf};
  Expect("path_0", ToString(merkle::NodeHash(leaves[0], leaves[1])));
  Expect("root", ToString(merkle::RootOfLeaves(leaves)));
  EXPECT_TRUE(merkle::VerifyInclusion(2, 3, leaf, {HashOf("path_0")}, HashOf("root")).ok());
}

TEST_F(FormatTest, Checkpoint) {
  const Ed25519PrivateKey key = SigningKey();
  Expect("signing_key", ToString(key.public_key()));
  Expect("origin", Origin(Aizu()));
  Expect("key_id", ToString(SignedNoteKeyId(Example("origin"), key.public_key())));
  Expect("verifier_key", VerifierKey(Example("origin"), key.public_key()));
  const Checkpoint checkpoint{Example("origin"), 3, HashOf("root"), kTimeMs};
  Expect("body", CheckpointBody(checkpoint));
  Expect("signature", ToString(key.Sign(Example("body"))));
  Expect("checkpoint", SignCheckpoint(checkpoint, key));
}

TEST_F(FormatTest, RecordedIsWhatALedgerAnswersAndAVerifierAccepts) {
  const Ed25519PrivateKey key = SigningKey();
  ManualClock clock(absl::FromUnixMillis(kTimeMs));
  MemoryLedgerStore store;
  Options options;
  options.author = Aizu();
  options.key = &key;
  options.store = &store;
  options.clock = &clock;
  const std::unique_ptr<Ledger> ledger = Ledger::Open(options).value();
  for (const char* before : {"commitment_0", "commitment_1"}) {
    ASSERT_TRUE(
        ledger->AppendAndWait({"some statement", std::string(32, 's'), HashOf(before)}).ok());
  }
  const absl::StatusOr<v1::Recorded> recorded =
      ledger->AppendAndWait({Example("statement"), Example("salt"), HashOf("commitment")});
  ASSERT_TRUE(recorded.ok());
  Expect("recorded", recorded->SerializeAsString());

  KeyTable table;
  table.Add(Aizu(), ToArray<32>(Example("signing_key")));
  v1::Recorded received;
  ASSERT_TRUE(received.ParseFromString(Example("recorded")));
  const absl::StatusOr<Verified> verified = Verifier::Create(&table)->Verify(received, kTimeMs);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->commitment, HashOf("commitment"));
}

TEST_F(FormatTest, Payload) {
  v1::Payload payload;
  ASSERT_TRUE(payload.ParseFromString(Example("payload")));
  EXPECT_EQ(payload.blind().size(), 32u);
  Expect("payload_digest", ToString(PayloadDigest(Example("payload"))));
  Expect("payload_digest", ToString(Sha256("nakadachi/payload/v1", Zero(), Example("payload"))));
}

TEST_F(FormatTest, LinkageCodes) {
  const std::string& root = Example("code_root");
  EXPECT_TRUE(ResidentCode::Parse(Example("resident_code")).ok());
  Expect("link_key", Hkdf(root, "nakadachi/link/v1"));
  const Hash mac = HmacSha256(Secret(Example("link_key")), Example("resident_code"));
  Expect("link_id", ToString(mac).substr(0, 12) + std::string(4, '\0'));
  for (const std::string& side : {std::string("requester"), std::string("provider")}) {
    EXPECT_TRUE(LocalGovernmentCode::Parse(Example(side)).ok());
    Expect(side + "_institution_key",
           Hkdf(root, "nakadachi/institution/v1" + Zero() + Example(side)));
    const BlockCipher cipher{Secret(Example(side + "_institution_key"))};
    const std::array<uint8_t, 16> code = cipher.Encrypt(ToArray<16>(Example("link_id")));
    Expect(side + "_linkage_code", ToString(code));
    EXPECT_EQ(ToString(cipher.Decrypt(code)), Example("link_id"));
  }
  Expect("record_management_key", Hkdf(root, "nakadachi/record-management/v1"));
  Expect("record_management_code",
         ToString(HmacSha256(Secret(Example("record_management_key")), Example("link_id")))
             .substr(0, 16));
}

TEST_F(FormatTest, SealedCode) {
  const X25519PrivateKey broker = SealingKey("broker_sealing_private");
  const X25519PrivateKey provider = SealingKey("provider_sealing_private");
  Expect("broker_sealing_key", ToString(broker.public_key()));
  Expect("provider_sealing_key", ToString(provider.public_key()));
  Expect("broker_key_id", ToString(Sha256(Example("broker_sealing_key"))).substr(0, 8));
  Expect("provider_key_id", ToString(Sha256(Example("provider_sealing_key"))).substr(0, 8));
  Expect("shared_secret", std::string(broker.Agree(provider.public_key())->Expose()));
  Expect("shared_secret", std::string(provider.Agree(broker.public_key())->Expose()));
  Expect("seal_key",
         Hkdf(Example("shared_secret"), "nakadachi/sealed-code/v1" + Zero() +
                                            Example("broker_key_id") + Example("provider_key_id")));
  Expect("seal_associated_data",
         Example("requester") + Zero() + Example("provider") + Zero() + Example("commitment"));
  Expect("seal_ciphertext", Aead(Secret(Example("seal_key")))
                                .Seal(Example("seal_nonce"), Example("provider_linkage_code"),
                                      Example("seal_associated_data")));
}

// The code that broker and provider run agrees with the text.
TEST_F(FormatTest, SealedCodeAsBrokerAndProviderMakeIt) {
  const X25519PrivateKey broker = SealingKey("broker_sealing_private");
  const X25519PrivateKey provider = SealingKey("provider_sealing_private");
  const sealing::Binding binding{LocalGovernmentCode::Parse(Example("requester")).value(),
                                 LocalGovernmentCode::Parse(Example("provider")).value(),
                                 HashOf("commitment")};
  FixedRandom nonce(Example("seal_nonce"));
  const LinkageCode code = LinkageCode::FromBytes(Example("provider_linkage_code")).value();
  const absl::StatusOr<v1::SealedCode> sealed =
      sealing::CodeSealer(broker).Seal(code, provider.public_key(), binding, nonce);
  ASSERT_TRUE(sealed.ok());
  Expect("seal_nonce", sealed->nonce());
  Expect("seal_ciphertext", sealed->ciphertext());
  Expect("broker_key_id", sealed->broker_key_id());
  Expect("provider_key_id", sealed->provider_key_id());
  const absl::StatusOr<LinkageCode> opened =
      sealing::CodeOpener(provider).Open(*sealed, broker.public_key(), binding);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*opened, code);
}

TEST_F(FormatTest, Export) {
  const std::vector<std::string> commitments = {Example("commitment_0"), Example("commitment_1"),
                                                Example("commitment")};
  std::string tile;
  std::string entries;
  for (const std::string& commitment : commitments) {
    tile += ToString(merkle::LeafHash(commitment));
    entries += Zero() + " " + commitment;  // 0x0020 is 32
  }
  Expect("tile_0_000_p_3", tile);
  Expect("tile_entries_000_p_3", entries);
}

TEST_F(FormatTest, ExportedBodies) {
  using evidence::BodyState;
  const evidence::Body present{BodyState::kPresent, Example("salt"), Example("statement"), {}};
  std::string bodies;
  evidence::StatementBundle::Add({BodyState::kErased, {}, {}, {}}, &bodies);
  evidence::StatementBundle::Add({BodyState::kWithheld, {}, {}, {}}, &bodies);
  evidence::StatementBundle::Add(present, &bodies);
  Expect("statements_000_p_3", bodies);
  evidence::Body with_code = present;
  with_code.person = Example("record_management_code");
  std::string body;
  evidence::StatementBundle::Add(with_code, &body);
  Expect("body_with_code", body);
  Expect("kept_name", evidence::KeptName(3, Example("checkpoint")));
}

// The broker's two statements, each with its proof under a checkpoint over both.
std::vector<v1::Recorded> DirectoryOf(const Ed25519PrivateKey& broker,
                                      const v1::PublicKeys& broker_keys,
                                      const v1::PublicKeys& member_keys) {
  v1::Statement founded;
  founded.set_author("broker");
  founded.set_time_ms(kTimeMs - 2000);
  founded.mutable_directory()->set_sequence(1);
  v1::NetworkFounded* const network = founded.mutable_directory()->mutable_network_founded();
  network->set_network_name("example");
  *network->mutable_broker_keys() = broker_keys;
  v1::Statement joined;
  joined.set_author("broker");
  joined.set_time_ms(kTimeMs - 1000);
  joined.mutable_directory()->set_sequence(2);
  v1::MemberJoined* const member = joined.mutable_directory()->mutable_member_joined();
  member->set_code("072028");
  member->set_name("会津若松市");
  member->set_category("municipality");
  *member->mutable_keys() = member_keys;

  std::vector<v1::Recorded> recorded(2);
  std::vector<Hash> leaves;
  for (size_t i = 0; i < recorded.size(); ++i) {
    recorded[i].set_statement((i == 0 ? founded : joined).SerializeAsString());
    recorded[i].set_salt(std::string(32, static_cast<char>('0' + i)));
    recorded[i].set_leaf_index(i);
    leaves.push_back(merkle::LeafHash(AsView(Commit(recorded[i].salt(), recorded[i].statement()))));
  }
  const std::string note = SignCheckpoint(
      {Origin(Author::Broker()), 2, merkle::RootOfLeaves(leaves), kTimeMs - 1000}, broker);
  for (size_t i = 0; i < recorded.size(); ++i) {
    recorded[i].set_path(ToString(leaves[1 - i]));
    recorded[i].set_checkpoint(note);
  }
  return recorded;
}

TEST_F(FormatTest, Bundle) {
  const Ed25519PrivateKey broker =
      Ed25519PrivateKey::FromSeed(Secret(Example("bundle_broker_seed"))).value();
  Expect("bundle_broker_key", ToString(broker.public_key()));
  v1::PublicKeys broker_keys;
  broker_keys.set_signing_key(ToString(broker.public_key()));
  broker_keys.set_sealing_key(Example("broker_sealing_key"));
  broker_keys.set_valid_from_ms(kTimeMs - 2000);
  v1::PublicKeys member_keys;
  member_keys.set_signing_key(Example("signing_key"));
  member_keys.set_sealing_key(Example("provider_sealing_key"));
  member_keys.set_valid_from_ms(kTimeMs - 1000);
  v1::Recorded record;
  ASSERT_TRUE(record.ParseFromString(Example("recorded")));
  Expect("bundle", evidence::EncodeBundle(record, DirectoryOf(broker, broker_keys, member_keys)));

  const absl::StatusOr<evidence::VerifiedBundle> verified =
      evidence::VerifyBundle(Example("bundle"), broker.public_key());
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->record.commitment, HashOf("commitment"));
  EXPECT_EQ(verified->verifier_key, Example("verifier_key"));
  EXPECT_EQ(verified->root, HashOf("root"));
  EXPECT_EQ(verified->directory_size, 2u);
}

TEST_F(FormatTest, Cosignature) {
  const Ed25519PrivateKey key = SigningKey();
  const std::string body = Example("body");
  const std::string name = WitnessName(Aizu());
  Expect("witness_name", name);
  Expect("cosignature_key_id", ToString(CosignatureKeyId(name, key.public_key())));
  const KeyId id = CosignatureKeyId(name, key.public_key());
  const std::string type(1, '\x04');
  EXPECT_EQ(ToString(id),
            ToString(Sha256(name, "\n", type, ToString(key.public_key()))).substr(0, id.size()));
  constexpr uint64_t kTimeS = kTimeMs / 1000 + 5;
  Expect("cosigned_text", absl::StrCat("cosignature/v1\ntime ", kTimeS, "\n", body));
  EXPECT_EQ(CosignedText(body, kTimeS), Example("cosigned_text"));
  const NoteSignature cosignature = Cosign(body, name, kTimeS, key);
  Expect("cosignature", cosignature.signature);
  EXPECT_TRUE(
      Ed25519Verify(key.public_key(), Example("cosigned_text"), Example("cosignature").substr(8)));
  const absl::StatusOr<SignedCheckpoint> note = ParseCheckpoint(Example("checkpoint"));
  ASSERT_TRUE(note.ok());
  Expect("cosigned_checkpoint", NoteText(body, {note->signatures[0], cosignature}));
  KeyTable table;
  table.Add(Aizu(), key.public_key());
  const auto policy = witness::QuorumPolicy::Create({Aizu()}, 1);
  EXPECT_TRUE(witness::CheckQuorum(Example("cosigned_checkpoint"), *policy, table, kTimeMs).ok());
}

TEST_F(FormatTest, ForkProof) {
  const Ed25519PrivateKey key = SigningKey();
  // From two entries to three: the old root, which is one complete subtree, and the third leaf.
  const std::vector<Hash> path = {HashOf("path_0"), HashOf("leaf_hash")};
  Expect("prefix_proof", ToString(path[0]) + ToString(path[1]));
  const auto roots = merkle::RootsFromPrefixProof(2, 3, path);
  ASSERT_TRUE(roots.ok());
  EXPECT_EQ(roots->old_root, HashOf("path_0"));
  EXPECT_EQ(roots->new_root, HashOf("root"));
  const std::string other =
      SignCheckpoint({Example("origin"), 2, HashOf("fork_root"), kTimeMs - 60'000}, key);
  Expect("fork_proof",
         absl::StrCat("nakadachi/fork/v1\nkind prefix\nkey ", Example("verifier_key"), "\nhash ",
                      Base64Encode(AsView(path[0])), "\nhash ", Base64Encode(AsView(path[1])),
                      "\n\n", other, "\n", Example("checkpoint")));
  const auto fork = witness::VerifyForkProof(Example("fork_proof"), {key.public_key()});
  ASSERT_TRUE(fork.ok()) << fork.status();
  EXPECT_EQ(fork->kind, witness::ForkKind::kPrefix);
}

}  // namespace
}  // namespace nakadachi::ledger
