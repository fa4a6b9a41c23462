#include "common/evidence/log_writer.h"

#include <gmock/gmock.h>

#include <iterator>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "common/evidence/log_reader.h"
#include "common/ledger/verifier.h"
#include "common/merkle/merkle.h"
#include "tests/common/evidence/evidence_fixture.h"

namespace nakadachi::evidence {
namespace {

namespace fs = std::filesystem;

// Reads an export as a stranger would, the naive way.
void ExpectWhole(const std::string& folder, const TestLog& log) {
  const absl::StatusOr<LogReader> reader = LogReader::Open(folder);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<std::vector<Hash>> levels(1);
  ASSERT_TRUE(reader
                  ->ForEach(0, reader->size(),
                            [&](uint64_t, absl::string_view commitment, const Body& body) {
                              levels[0].push_back(merkle::LeafHash(commitment));
                              if (body.state == BodyState::kPresent) {
                                EXPECT_EQ(AsView(ledger::Commit(body.salt, body.statement)),
                                          commitment);
                              }
                              return true;
                            })
                  .ok());
  ASSERT_EQ(levels[0].size(), reader->size());
  EXPECT_EQ(merkle::RootOfLeaves(levels[0]), reader->checkpoint().parsed.checkpoint.root);
  EXPECT_EQ(reader->checkpoint().note, log.Note(reader->size()));
  HashTile tile;
  for (size_t level = 0; level < levels.size(); ++level) {
    const std::vector<Hash> hashes = levels[level];
    for (size_t at = 0; at < hashes.size(); at += kWidth) {
      ASSERT_TRUE(reader->ReadTile(static_cast<int>(level), at / kWidth, &tile).ok());
      for (size_t i = 0; i < tile.size(); ++i) ASSERT_EQ(tile.hash(i), hashes[at + i]);
      if (at + kWidth > hashes.size()) continue;
      if (level + 1 == levels.size()) levels.emplace_back();
      levels[level + 1].push_back(merkle::RootOfLeaves(absl::MakeConstSpan(&hashes[at], kWidth)));
    }
  }
}

class LogWriterTest : public ::testing::Test {
 protected:
  std::unique_ptr<LogWriter> Open() { return LogWriter::Open({folder_, Aizu()}).value(); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, content] : FilesOf(folder_)) names.push_back(name);
    return names;
  }

  TemporaryFolder temp_;
  const std::string folder_ = temp_.path() + "/072028";
  TestLog log_{Aizu()};
};

TEST_F(LogWriterTest, FilesOfASmallTree) {
  log_.AddOperations(600);
  ASSERT_TRUE(log_.Export(folder_, 600).ok());
  EXPECT_THAT(Names(), testing::UnorderedElementsAre("checkpoint", "vkey", "statements/000",
                                                     "statements/001", "statements/002.p/88",
                                                     "tile/0/000", "tile/0/001", "tile/0/002.p/88",
                                                     "tile/1/000.p/2", "tile/entries/000",
                                                     "tile/entries/001", "tile/entries/002.p/88"));
  EXPECT_EQ(ReadAll(folder_ + "/checkpoint"), log_.Note(600));
  EXPECT_EQ(ReadAll(folder_ + "/vkey"), log_.VerifierKey() + "\n");
  ExpectWhole(folder_, log_);
}

TEST_F(LogWriterTest, GrowsStepByStepIntoTheSameFiles) {
  log_.AddOperations(2000);
  const std::unique_ptr<Disk> disk = Disk::Open();
  for (const uint64_t size : {0u, 1u, 255u, 256u, 257u, 511u, 512u, 513u, 1700u, 1701u, 2000u}) {
    ASSERT_TRUE(log_.Export(folder_, size, disk.get()).ok()) << size;
    ExpectWhole(folder_, log_);
  }
  const std::string at_once = temp_.path() + "/at_once";
  ASSERT_TRUE(log_.Export(at_once, 2000).ok());
  std::map<std::string, std::string> grown = FilesOf(folder_);
  // Each checkpoint before the last is kept, and nothing else is left of them.
  for (const uint64_t size : {0u, 1u, 255u, 256u, 257u, 511u, 512u, 513u, 1700u, 1701u}) {
    EXPECT_EQ(grown[KeptName(size, log_.Note(size))], log_.Note(size));
    grown.erase(KeptName(size, log_.Note(size)));
  }
  EXPECT_EQ(grown, FilesOf(at_once));
}

TEST_F(LogWriterTest, ALevelMore) {
  for (int i = 0; i < 66000; ++i) {
    log_.entries().push_back({Sha256(absl::StrCat(i)), BodyState::kWithheld, "", ""});
  }
  ASSERT_TRUE(log_.Export(folder_, 65000).ok());
  ASSERT_TRUE(log_.Export(folder_, 65536).ok());
  ASSERT_TRUE(log_.Export(folder_, 66000).ok());
  EXPECT_TRUE(fs::exists(folder_ + "/tile/1/000"));
  EXPECT_FALSE(fs::exists(folder_ + "/tile/1/000.p"));
  EXPECT_TRUE(fs::exists(folder_ + "/tile/2/000.p/1"));
  ExpectWhole(folder_, log_);
}

TEST_F(LogWriterTest, BodiesThatAreNotThere) {
  log_.AddOperations(4);
  log_.entries()[0].state = BodyState::kErased;
  log_.entries()[1].state = BodyState::kWithheld;
  log_.entries()[2].state = BodyState::kAbsent;
  ASSERT_TRUE(log_.Export(folder_, 4).ok());
  const LogReader reader = LogReader::Open(folder_).value();
  StatementBundle statements;
  ASSERT_TRUE(reader.ReadStatements(0, &statements).ok());
  EXPECT_EQ(statements.bodies()[0].state, BodyState::kErased);
  EXPECT_EQ(statements.bodies()[1].state, BodyState::kWithheld);
  EXPECT_EQ(statements.bodies()[2].state, BodyState::kAbsent);
  EXPECT_EQ(statements.bodies()[3].statement, log_.entries()[3].statement);
  EXPECT_EQ(Rule(reader.Prove(0, 4, "").status()), "erased");
  EXPECT_EQ(Rule(reader.Prove(1, 4, "").status()), "withheld");
  EXPECT_EQ(Rule(reader.Prove(2, 4, "").status()), "absent");
}

TEST_F(LogWriterTest, OneProverProvesAllInAnyOrder) {
  log_.AddOperations(1000);
  ASSERT_TRUE(log_.Export(folder_, 1000).ok());
  const LogReader reader = LogReader::Open(folder_).value();
  std::map<uint64_t, Hash> roots;
  for (const uint64_t size : {1u, 2u, 255u, 256u, 257u, 700u, 768u, 999u, 1000u}) {
    roots[size] = log_.Root(size);
  }
  LogProver prover(reader);
  SeededRandom random(7);
  for (int i = 0; i < 500; ++i) {
    const auto [size, root] =
        *std::next(roots.begin(), static_cast<ptrdiff_t>(random.Bytes<1>()[0] % roots.size()));
    const auto bytes = random.Bytes<2>();
    const uint64_t index = (bytes[0] * 256u + bytes[1]) % size;
    const absl::StatusOr<v1::Recorded> recorded = prover.Prove(index, size, "note");
    ASSERT_TRUE(recorded.ok()) << recorded.status();
    EXPECT_EQ(recorded->statement(), log_.entries()[index].statement);
    EXPECT_EQ(recorded->salt(), log_.entries()[index].salt);
    EXPECT_EQ(recorded->leaf_index(), index);
    EXPECT_EQ(recorded->checkpoint(), "note");
    EXPECT_TRUE(merkle::VerifyInclusion(index, size,
                                        merkle::LeafHash(AsView(log_.entries()[index].commitment)),
                                        ledger::HashesOf(recorded->path()), root)
                    .ok())
        << index << " of " << size;
  }
}

TEST_F(LogWriterTest, AProverGoesOnAfterWhatCannotBeRead) {
  log_.AddOperations(600);
  ASSERT_TRUE(log_.Export(folder_, 600).ok());
  const LogReader reader = LogReader::Open(folder_).value();
  LogProver prover(reader);
  ASSERT_TRUE(prover.Prove(3, 600, "").ok());
  fs::rename(folder_ + "/statements/001", folder_ + "/aside");
  EXPECT_EQ(Rule(prover.Prove(300, 600, "").status()), "missing");
  EXPECT_TRUE(prover.Prove(4, 600, "").ok());
  EXPECT_EQ(Rule(prover.Prove(300, 600, "").status()), "missing");
  fs::rename(folder_ + "/aside", folder_ + "/statements/001");
  fs::rename(folder_ + "/tile/0/001", folder_ + "/aside");
  EXPECT_EQ(Rule(prover.Prove(300, 600, "").status()), "missing");
  fs::rename(folder_ + "/aside", folder_ + "/tile/0/001");
  EXPECT_TRUE(prover.Prove(300, 600, "").ok());
}

TEST_F(LogWriterTest, RefusesWhatIsNotCommittedTo) {
  log_.AddOperations(2);
  const auto writer = Open();
  const TestEntry& entry = log_.entries()[0];
  const Hash other = log_.entries()[1].commitment;
  EXPECT_EQ(Rule(writer->Append(other, entry.body())), "commitment");
  EXPECT_EQ(
      Rule(writer->Append(entry.commitment, {BodyState::kPresent, "salt", entry.statement, {}})),
      "salt");
  EXPECT_EQ(Rule(writer->Append(entry.commitment, {BodyState::kPresent, entry.salt, "", {}})),
            "commitment");
  EXPECT_EQ(Rule(writer->Append(entry.commitment,
                                {BodyState::kPresent, entry.salt, entry.statement, "person"})),
            "person");
  EXPECT_EQ(writer->size(), 0u);
}

TEST_F(LogWriterTest, CheckpointsThatDoNotFit) {
  log_.AddOperations(700);
  ASSERT_TRUE(log_.Export(folder_, 300).ok());
  const std::map<std::string, std::string> before = FilesOf(folder_);
  const auto writer = Open();
  EXPECT_EQ(Rule(writer->Commit("no note")), "checkpoint-format");
  EXPECT_EQ(Rule(writer->Commit(TestLog(Sendai()).Note(0))), "origin");
  EXPECT_EQ(Rule(writer->Commit(log_.Note(301))), "size");
  EXPECT_EQ(FilesOf(folder_), before);

  // Smaller than what is held: refused and kept.
  const std::string shorter = log_.Note(200);
  const absl::Status refused = writer->Commit(shorter);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Rule(refused), "consistency");
  EXPECT_EQ(ReadAll(folder_ + "/" + KeptName(200, shorter)), shorter);
  EXPECT_EQ(ReadAll(folder_ + "/checkpoint"), log_.Note(300));

  // Of another history: refused, kept, and what came with it is gone.
  TestLog fork(Aizu());
  fork.AddOperations(700);
  fork.entries()[299].commitment = Sha256("other");
  fork.entries()[299].state = BodyState::kWithheld;
  ASSERT_TRUE(fork.AppendTo(*writer, 700).ok());
  EXPECT_EQ(Rule(writer->Commit(fork.Note(700))), "consistency");
  EXPECT_EQ(writer->size(), 300u);
  std::map<std::string, std::string> after = FilesOf(folder_);
  EXPECT_EQ(after.erase(KeptName(700, fork.Note(700))), 1u);
  EXPECT_EQ(after.erase(KeptName(200, shorter)), 1u);
  EXPECT_EQ(after, before);

  // The writer goes on with the true one.
  ASSERT_TRUE(log_.AppendTo(*writer, 700).ok());
  EXPECT_TRUE(writer->Commit(log_.Note(700)).ok());
  ExpectWhole(folder_, log_);
}

TEST_F(LogWriterTest, TheSameTreeSignedAgain) {
  log_.AddOperations(10);
  ASSERT_TRUE(log_.Export(folder_, 10).ok());
  const auto writer = Open();
  ASSERT_TRUE(writer->Commit(log_.Note(10)).ok());
  EXPECT_FALSE(fs::exists(folder_ + "/checkpoints"));
  const std::string later = log_.Note(10, kStartMs + 1000);
  ASSERT_TRUE(writer->Commit(later).ok());
  EXPECT_EQ(ReadAll(folder_ + "/checkpoint"), later);
  EXPECT_EQ(ReadAll(folder_ + "/" + KeptName(10, log_.Note(10))), log_.Note(10));
}

TEST_F(LogWriterTest, KeepsWhatWasSeenElsewhereAndKeys) {
  const auto writer = Open();
  log_.AddOperations(3);
  ASSERT_TRUE(writer->Keep(log_.Note(3)).ok());
  EXPECT_EQ(ReadAll(folder_ + "/" + KeptName(3, log_.Note(3))), log_.Note(3));
  EXPECT_EQ(Rule(writer->Keep("x")), "checkpoint-format");
  TestLog other(Aizu(), 2);
  ASSERT_TRUE(writer->AddKeys({log_.VerifierKey()}).ok());
  ASSERT_TRUE(writer->AddKeys({other.VerifierKey(), log_.VerifierKey()}).ok());
  EXPECT_EQ(ReadAll(folder_ + "/vkey"), log_.VerifierKey() + "\n" + other.VerifierKey() + "\n");
  EXPECT_EQ(Rule(writer->AddKeys({"x"})), "vkey-format");
  EXPECT_EQ(Rule(writer->AddKeys({TestLog(Sendai()).VerifierKey()})), "origin");
}

TEST_F(LogWriterTest, DoesNotBuildOnDamage) {
  log_.AddOperations(600);
  ASSERT_TRUE(log_.Export(folder_, 600).ok());
  const std::map<std::string, std::string> whole = FilesOf(folder_);
  for (const char* name : {"tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/002.p/88"}) {
    std::string bytes = whole.at(name);
    bytes[40] = static_cast<char>(bytes[40] ^ 1);
    WriteAll(folder_ + "/" + name, bytes);
    EXPECT_EQ(Rule(LogWriter::Open({folder_, Aizu()}).status()), "root") << name;
    WriteAll(folder_ + "/" + name, bytes.substr(0, 41));
    EXPECT_EQ(Rule(LogWriter::Open({folder_, Aizu()}).status()), "length") << name;
    WriteAll(folder_ + "/" + name, whole.at(name));
  }
  EXPECT_EQ(Rule(LogWriter::Open({folder_, Sendai()}).status()), "origin");
  EXPECT_TRUE(LogWriter::Open({folder_, Aizu()}).ok());
}

// Dies at its n-th step; from then on nothing works.
class DyingDisk final : public Disk {
 public:
  enum class Death { kBetween, kInTheMiddle, kPower };
  DyingDisk(int steps, Death death, uint64_t seed) : left_(steps), death_(death), random_(seed) {}

  bool dead() const { return left_ < 0; }

  absl::Status Write(const std::string& path, absl::string_view content) override {
    if (!Step()) return Die(path, content);
    unsynced_[path] = fs::exists(path) ? std::optional<std::string>(ReadAll(path)) : std::nullopt;
    return disk_->Write(path, content);
  }
  absl::Status WriteDurably(const std::string& path, absl::string_view content) override {
    if (!Step()) return Die(path, content);
    return disk_->Write(path, content);
  }
  absl::Status Sync() override {
    if (!Step()) return Die("", "");
    unsynced_.clear();
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& path) override {
    return Step() ? disk_->Remove(path) : Die("", "");
  }

 private:
  bool Step() { return left_ >= 0 && --left_ >= 0; }
  absl::Status Die(const std::string& path, absl::string_view content) {
    if (death_ == Death::kInTheMiddle && !path.empty())
      WriteAll(path + ".tmp", std::string(content.substr(0, content.size() / 2)));
    if (death_ == Death::kPower) LosePower();
    unsynced_.clear();
    return absl::UnavailableError("dead");
  }
  // What was not synced is there, or partly, or empty, or not at all.
  void LosePower() {
    for (const auto& [path, before] : unsynced_) {
      switch (random_() % 4) {
        case 0:
          break;
        case 1:
          WriteAll(path, ReadAll(path).substr(0, ReadAll(path).size() / 2));
          break;
        case 2:
          WriteAll(path, std::string(ReadAll(path).size(), '\0'));
          break;
        default:
          fs::remove(path);
          if (before.has_value()) WriteAll(path, *before);
      }
    }
  }

  int left_;
  const Death death_;
  std::mt19937_64 random_;
  std::map<std::string, std::optional<std::string>> unsynced_;
  std::unique_ptr<Disk> disk_ = Disk::Open();
};

// Two exports, the second with full bundles behind a partial one.
TEST_F(LogWriterTest, DeathAtEachStepLosesNothingThatWasCommitted) {
  log_.AddOperations(900);
  const auto both = [this](const std::string& folder, Disk* disk) {
    const absl::Status first = log_.Export(folder, 300, disk);
    return first.ok() ? log_.Export(folder, 900, disk) : first;
  };
  const std::string undisturbed = temp_.path() + "/undisturbed";
  ASSERT_TRUE(both(undisturbed, nullptr).ok());
  const std::map<std::string, std::string> expected = FilesOf(undisturbed);
  for (const auto death :
       {DyingDisk::Death::kBetween, DyingDisk::Death::kInTheMiddle, DyingDisk::Death::kPower}) {
    bool survived = false;
    int steps = 0;
    for (; !survived; ++steps) {
      ASSERT_LT(steps, 200);
      const std::string folder =
          absl::StrCat(temp_.path(), "/", static_cast<int>(death), "-", steps);
      DyingDisk disk(steps, death, static_cast<uint64_t>(steps));
      survived = both(folder, &disk).ok();
      ASSERT_NE(survived, disk.dead());
      if (fs::exists(folder + "/checkpoint")) ExpectWhole(folder, log_);
      // A checkpoint of 300 that was never reached is not demanded again.
      DyingDisk living(1 << 20, death, 0);
      const auto writer = LogWriter::Open({folder, Aizu(), &living});
      ASSERT_TRUE(writer.ok()) << writer.status() << " after " << steps;
      const uint64_t committed = (*writer)->committed_size();
      ASSERT_TRUE(
          (committed < 300 ? both(folder, &living) : log_.Export(folder, 900, &living)).ok())
          << steps;
      ExpectWhole(folder, log_);
      std::map<std::string, std::string> files = FilesOf(folder);
      for (auto file = files.begin(); file != files.end();)
        file = absl::EndsWith(file->first, ".tmp") ? files.erase(file) : std::next(file);
      EXPECT_EQ(files, expected) << steps;
      fs::remove_all(folder);
    }
    EXPECT_GT(steps, 25);
  }
}

TEST_F(LogWriterTest, GoesOnBehindWhatWasWrittenBeforeADeath) {
  log_.AddOperations(1000);
  ASSERT_TRUE(log_.Export(folder_, 100).ok());
  ASSERT_TRUE(log_.AppendTo(*Open(), 1000).ok());
  EXPECT_EQ(Open()->size(), 768u);  // three full files; the rest was in memory
  EXPECT_EQ(Open()->committed_size(), 100u);
  // What is damaged is not gone on with.
  std::string bytes = ReadAll(folder_ + "/statements/001");
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  WriteAll(folder_ + "/statements/001", bytes);
  EXPECT_EQ(Open()->size(), 256u);
  ASSERT_TRUE(log_.Export(folder_, 1000).ok());
  ExpectWhole(folder_, log_);
}

TEST_F(LogWriterTest, AFolderThatCannotBeWritten) {
  WriteAll(folder_, "a file in the way");
  log_.AddOperations(1);
  const absl::Status status = log_.Export(folder_, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Rule(status), "io");
}

}  // namespace
}  // namespace nakadachi::evidence
