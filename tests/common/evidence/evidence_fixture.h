// What tests of evidence share: a folder, an author's ledger with its key in memory, and a network
// of a broker and members whose ledgers can be exported, honestly or not.
#ifndef NAKADACHI_TESTS_COMMON_EVIDENCE_EVIDENCE_FIXTURE_H_
#define NAKADACHI_TESTS_COMMON_EVIDENCE_EVIDENCE_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/evidence/disk.h"
#include "common/evidence/layout.h"
#include "common/evidence/log_writer.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"
#include "nakadachi/v1/statement.pb.h"
#include "tests/common/evidence/hasty_disk.h"
#include "tests/support/temporary_folder.h"

namespace nakadachi::evidence {

constexpr int64_t kStartMs = 1'711'929'600'000;

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  void Fill(uint8_t* out, size_t size) override {
    for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

inline void WriteAll(const std::string& path, const std::string& content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

// Every file below a folder by its name there.
inline std::map<std::string, std::string> FilesOf(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    files[path.substr(folder.size() + 1)] = ReadAll(path);
  }
  return files;
}

inline std::string Rule(const absl::Status& status) { return GetFieldRule(status).rule; }

struct TestEntry {
  Hash commitment{};
  BodyState state = BodyState::kPresent;
  std::string salt;
  std::string statement;
  Body body() const {
    return state == BodyState::kPresent ? Body{state, salt, statement, {}}
                                        : Body{state, {}, {}, {}};
  }
};

// Writes the entries (and bodies) of a log anew under the checkpoint and the tiles that are there,
// as somebody does who alters entries and leaves the rest. `size`: as the checkpoint says.
inline void ForgeEntries(const std::string& folder, uint64_t size,
                         const std::vector<TestEntry>& entries) {
  for (uint64_t n = 0; n * kWidth < size; ++n) {
    std::string commitments;
    std::string bodies;
    for (uint64_t i = n * kWidth; i < std::min<uint64_t>(entries.size(), (n + 1) * kWidth); ++i) {
      EntryBundle::Add(entries[i].commitment, &commitments);
      StatementBundle::Add(entries[i].body(), &bodies);
    }
    const uint64_t width = WidthOf(size, 0, n);
    const auto path = [&](FileKind kind) {
      return folder + "/" + FileName{kind, 0, n, width}.ToString();
    };
    WriteAll(path(FileKind::kEntries), commitments);
    WriteAll(path(FileKind::kStatements), bodies);
  }
}

// A ledger in memory. The tree is that of `entries`, whatever a test did to them.
class TestLog {
 public:
  explicit TestLog(Author author, uint64_t seed = 1)
      : author_(std::move(author)), random_(seed), key_(Ed25519PrivateKey::Generate(random_)) {}

  const Author& author() const { return author_; }
  const Ed25519PrivateKey& key() const { return key_; }
  void set_key(const Ed25519PrivateKey& key) { key_ = key; }
  std::vector<TestEntry>& entries() { return entries_; }
  const std::vector<TestEntry>& entries() const { return entries_; }
  uint64_t size() const { return entries_.size(); }

  void Add(v1::Statement statement) {
    statement.set_author(author_.ToString());
    if (statement.time_ms() == 0) statement.set_time_ms(kStartMs + static_cast<int64_t>(size()));
    AddBytes(statement.SerializeAsString());
  }
  void AddBytes(std::string statement) {
    TestEntry entry;
    entry.salt = random_.String(32);
    entry.statement = std::move(statement);
    entry.commitment = ledger::Commit(entry.salt, entry.statement);
    entries_.push_back(std::move(entry));
  }
  void AddOperations(int count) {
    for (int i = 0; i < count; ++i) {
      v1::Statement statement;
      statement.mutable_operation()->set_kind("staff");
      statement.mutable_operation()->set_detail(absl::StrCat("entry ", size()));
      Add(statement);
    }
  }

  Hash Root(uint64_t size) const {
    ledger::TreeEdge edge;
    for (uint64_t i = 0; i < size; ++i) {
      edge.Append(merkle::LeafHash(AsView(entries_[i].commitment)));
      if (!edge.FullTiles().empty()) edge.Settle();
    }
    edge.Settle();
    return edge.root();
  }
  std::string Note(uint64_t size, int64_t time_ms = 0) const {
    return ledger::SignCheckpoint({ledger::Origin(author_), size, Root(size),
                                   time_ms != 0 ? time_ms : kStartMs + static_cast<int64_t>(size)},
                                  key_);
  }
  std::string VerifierKey() const {
    return ledger::VerifierKey(ledger::Origin(author_), key_.public_key());
  }

  // Appends what the writer does not have up to `size`.
  absl::Status AppendTo(LogWriter& writer, uint64_t size) const {
    while (writer.size() < size) {
      const TestEntry& entry = entries_[writer.size()];
      NAKADACHI_RETURN_IF_ERROR(writer.Append(entry.commitment, entry.body()));
    }
    return absl::OkStatus();
  }
  // Exports, or goes on with an export, up to `size`.
  absl::Status Export(const std::string& folder, uint64_t size, Disk* disk = nullptr) const {
    HastyDisk hasty;
    NAKADACHI_ASSIGN_OR_RETURN(const std::unique_ptr<LogWriter> writer,
                               LogWriter::Open({folder, author_, disk != nullptr ? disk : &hasty}));
    NAKADACHI_RETURN_IF_ERROR(AppendTo(*writer, size));
    NAKADACHI_RETURN_IF_ERROR(writer->Commit(Note(size)));
    return writer->AddKeys({VerifierKey()});
  }

 private:
  Author author_;
  SeededRandom random_;
  Ed25519PrivateKey key_;
  std::vector<TestEntry> entries_;
};

inline Author Aizu() { return Author::Parse("072028").value(); }
inline Author Sendai() { return Author::Parse("041009").value(); }

// A broker that has founded a network and admitted Aizuwakamatsu.
class TestNetwork {
 public:
  TestNetwork() {
    v1::NetworkFounded* const founded = Change()->mutable_network_founded();
    founded->set_network_name("test");
    SetKeys(broker.key(), founded->mutable_broker_keys());
    Record();
    v1::MemberJoined* const joined = Change()->mutable_member_joined();
    joined->set_code("072028");
    joined->set_name("会津若松市");
    joined->set_category("municipality");
    SetKeys(member.key(), joined->mutable_keys());
    Record();
  }

  // The next Directory statement, to be filled in and recorded.
  v1::Directory* Change() {
    change_ = v1::Statement();
    change_.mutable_directory()->set_sequence(++sequence_);
    return change_.mutable_directory();
  }
  void Record() { broker.Add(change_); }
  void SetKeys(const Ed25519PrivateKey& signing, v1::PublicKeys* keys) {
    keys->set_signing_key(std::string(AsView(signing.public_key())));
    keys->set_sealing_key(random_.String(32));
    keys->set_valid_from_ms(kStartMs);
  }
  void AddKey(const std::string& code, const Ed25519PrivateKey& key) {
    v1::KeyAdded* const added = Change()->mutable_key_added();
    added->set_code(code);
    SetKeys(key, added->mutable_keys());
    Record();
  }
  void RevokeKey(const std::string& code, const Ed25519PublicKey& key, int64_t from_ms) {
    v1::KeyRevoked* const revoked = Change()->mutable_key_revoked();
    revoked->set_code(code);
    revoked->set_signing_key(std::string(AsView(key)));
    revoked->set_revoked_from_ms(from_ms);
    Record();
  }
  absl::Status Export(const std::string& root) const {
    NAKADACHI_RETURN_IF_ERROR(broker.Export(LogFolder(root, Author::Broker()), broker.size()));
    return member.Export(LogFolder(root, Aizu()), member.size());
  }

  TestLog broker{Author::Broker(), 11};
  TestLog member{Aizu(), 12};
  const Ed25519PublicKey founding_key = broker.key().public_key();

 private:
  SeededRandom random_{13};
  v1::Statement change_;
  uint64_t sequence_ = 0;
};

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_TESTS_COMMON_EVIDENCE_EVIDENCE_FIXTURE_H_
