// Exports made by the writer, then tampered with: each kind of tampering is found where it begins.
#include "tools/replay/structure.h"

#include <gmock/gmock.h>

#include <functional>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "common/evidence/log_reader.h"
#include "tests/common/evidence/evidence_fixture.h"
#include "tools/replay/log_check.h"
#include "tools/replay/pipeline.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;
using evidence::Aizu;
using evidence::FilesOf;
using evidence::kStartMs;
using evidence::ReadAll;
using evidence::TestEntry;
using evidence::TestLog;
using evidence::TestNetwork;
using evidence::WriteAll;

std::string Describe(const StructureReport& report) {
  std::string text;
  for (const StructureFinding& finding : report.findings) {
    absl::StrAppend(&text, ToWord(finding.kind), " ",
                    finding.has_index ? absl::StrCat(finding.index, "-", finding.other) : "", " ",
                    finding.file, ": ", finding.reason, "\n");
  }
  return absl::StrCat(text, report.more_findings, " more\n");
}

// "changed-entry 5", in the order of the report.
std::vector<std::string> Brief(const StructureReport& report) {
  std::vector<std::string> brief;
  for (const StructureFinding& finding : report.findings) {
    brief.push_back(std::string(ToWord(finding.kind)));
    if (finding.has_index) absl::StrAppend(&brief.back(), " ", finding.index);
  }
  return brief;
}

class StructureTest : public ::testing::Test {
 protected:
  // Members' log with `size` entries, exported after each of `steps`.
  void Export(int size, const std::vector<uint64_t>& steps) {
    network_.member.AddOperations(size);
    for (const uint64_t step : steps) ASSERT_TRUE(network_.member.Export(member(), step).ok());
    ASSERT_TRUE(network_.broker.Export(broker(), network_.broker.size()).ok());
  }
  std::string member() const { return temp_.path() + "/072028"; }
  std::string broker() const { return temp_.path() + "/broker"; }

  StructureReport CheckBroker(Directory* directory) {
    StructureOptions options;
    options.folder = broker();
    options.directory = directory;
    return CheckLog(options);
  }
  StructureReport CheckMember(const std::function<void(StructureOptions&)>& set = nullptr,
                              int threads = 2) {
    Directory directory(network_.founding_key);
    CheckBroker(&directory);
    StructureOptions options;
    options.folder = member();
    options.author = Aizu();
    options.directory = &directory;
    if (set) set(options);
    return CheckLog(options, threads);
  }
  void Flip(const std::string& file, size_t at) {
    std::string bytes = ReadAll(file);
    ASSERT_LT(at, bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    WriteAll(file, bytes);
  }
  void ForgeEntries(const std::vector<TestEntry>& entries) {
    evidence::ForgeEntries(member(), evidence::LogReader::Open(member())->size(), entries);
  }
  TestEntry Stranger() {
    TestLog other(Aizu(), 99);
    other.AddOperations(1);
    return other.entries()[0];
  }

  TemporaryFolder temp_;
  TestNetwork network_;
};

TEST_F(StructureTest, UntouchedHasNoFinding) {
  network_.member.AddOperations(1500);
  network_.member.entries()[3].state = evidence::BodyState::kErased;
  network_.member.entries()[4].state = evidence::BodyState::kWithheld;
  network_.member.entries()[5].state = evidence::BodyState::kAbsent;
  network_.member.entries()[6].state = evidence::BodyState::kUnreadable;
  Export(0, {0, 1, 256, 300, 512, 1000, 1500});
  Directory directory(network_.founding_key);
  const StructureReport broker = CheckBroker(&directory);
  EXPECT_TRUE(broker.findings.empty()) << Describe(broker);
  EXPECT_TRUE(broker.proven);
  EXPECT_EQ(broker.directory_statements, 2u);
  EXPECT_EQ(directory.sequence(), 2u);
  const StructureReport report = CheckMember();
  EXPECT_TRUE(report.findings.empty()) << Describe(report);
  EXPECT_TRUE(report.proven);
  EXPECT_EQ(report.entries, 1500u);
  EXPECT_EQ(report.present, 1496u);
  EXPECT_EQ(report.erased, 1u);
  EXPECT_EQ(report.withheld, 1u);
  EXPECT_EQ(report.absent, 1u);
  EXPECT_EQ(report.unreadable, 1u);
  EXPECT_EQ(report.checkpoints, 7u);
  EXPECT_EQ(report.root, AsView(network_.member.Root(1500)));
  EXPECT_EQ(report.verifier_key, network_.member.VerifierKey());
}

TEST_F(StructureTest, TheConsumerGetsAllInOrderWithWhatWasPrepared) {
  Export(5000, {5000});
  class Consumer final : public EntryConsumer {
   public:
    struct Sum final : Prepared {
      uint64_t sum = 0;
    };
    std::unique_ptr<Prepared> Prepare(const Author&, absl::Span<const Entry> run) override {
      auto sum = std::make_unique<Sum>();
      for (const Entry& entry : run) sum->sum += entry.index;
      return sum;
    }
    void Take(const Author& log, absl::Span<const Entry> run,
              std::unique_ptr<Prepared> prepared) override {
      EXPECT_EQ(log, Aizu());
      uint64_t sum = 0;
      for (const Entry& entry : run) {
        EXPECT_EQ(entry.index, next++);
        EXPECT_EQ(AsView(ledger::Commit(entry.body.salt, entry.body.statement)), entry.commitment);
        sum += entry.index;
      }
      EXPECT_EQ(static_cast<Sum*>(prepared.get())->sum, sum);
    }
    uint64_t next = 0;
  };
  for (const int threads : {1, 2, 5}) {
    Consumer consumer;
    const StructureReport report =
        CheckMember([&](StructureOptions& options) { options.consumer = &consumer; }, threads);
    EXPECT_TRUE(report.findings.empty()) << Describe(report);
    EXPECT_EQ(consumer.next, 5000u);
  }
}

// Whatever is read first: the member's log is judged by the directory that the broker's has grown.
TEST_F(StructureTest, LogsAreTakenOneAfterAnother) {
  Export(1500, {1500});
  struct Consumer final : EntryConsumer {
    void Take(const Author& log, absl::Span<const Entry> run, std::unique_ptr<Prepared>) override {
      for (const Entry& entry : run) {
        ASSERT_EQ(entry.index, taken[now]++);
        EXPECT_EQ(log.IsBroker(), now == 0);
      }
    }
    size_t now = 0;
    std::map<size_t, uint64_t> taken;
  };
  for (const int threads : {1, 2, 5}) {
    Directory directory(network_.founding_key);
    Consumer consumer;
    StructureOptions one;
    one.directory = &directory;
    one.consumer = &consumer;
    std::vector<StructureOptions> logs(7, one);
    for (size_t i = 0; i < logs.size(); ++i) {
      logs[i].folder = i == 0 ? broker() : i == 3 ? temp_.path() + "/nowhere" : member();
      if (i > 0) logs[i].author = Aizu();
    }
    std::vector<std::string> calls;
    uint64_t progress = 0;
    ChecksOptions checks;
    checks.threads = threads;
    checks.begin = [&](size_t log) {
      calls.push_back(absl::StrCat("begin ", log));
      consumer.now = log;
    };
    checks.end = [&](size_t log, const StructureReport& report) {
      calls.push_back(absl::StrCat("end ", log));
      EXPECT_EQ(report.proven, log != 3) << Describe(report);
      EXPECT_EQ(report.readable, log != 3);
      EXPECT_EQ(report.entries, consumer.taken[log]);
    };
    checks.progress = [&](uint64_t entries) {
      EXPECT_GE(entries, progress);
      progress = entries;
    };
    CheckLogs(logs, checks);
    std::vector<std::string> expected;
    for (size_t i = 0; i < logs.size(); ++i) {
      expected.push_back(absl::StrCat("begin ", i));
      expected.push_back(absl::StrCat("end ", i));
      if (i > 0) {
        EXPECT_EQ(consumer.taken[i], i == 3 ? 0u : 1500u);
      }
    }
    EXPECT_EQ(calls, expected);
    EXPECT_GT(consumer.taken[0], 0u);
    EXPECT_EQ(progress, consumer.taken[0] + 5 * 1500);
  }
  CheckLogs({}, {});
}

// Entries are altered, tiles and checkpoint stay: what was done is told from the tiles.
TEST_F(StructureTest, EntriesThatWereTamperedWith) {
  Export(1500, {700, 1500});
  const std::vector<TestEntry> honest(network_.member.entries());
  using Entries = std::vector<TestEntry>;
  const struct {
    const char* name;
    std::function<void(Entries&)> tamper;
    std::vector<std::string> found;
    uint64_t other;
  } cases[] = {
      {"changed", [&](Entries& e) { e[600] = Stranger(); }, {"changed-entry 600"}, 600},
      {"first changed", [&](Entries& e) { e[0] = Stranger(); }, {"changed-entry 0"}, 0},
      {"last changed", [&](Entries& e) { e[1499] = Stranger(); }, {"changed-entry 1499"}, 1499},
      {"last of a file", [&](Entries& e) { e[255] = Stranger(); }, {"changed-entry 255"}, 255},
      {"two files",
       [&](Entries& e) { e[20] = e[900] = Stranger(); },
       {"changed-entry 20", "changed-entry 900"},
       20},
      {"removed", [](Entries& e) { e.erase(e.begin() + 300); }, {"removed-entry 300"}, 300},
      {"removed at the end of a file",
       [](Entries& e) { e.erase(e.begin() + 511); },
       {"removed-entry 511"},
       511},
      {"three removed",
       [](Entries& e) { e.erase(e.begin() + 300, e.begin() + 303); },
       {"removed-entry 300"},
       302},
      {"removed and padded",
       [&](Entries& e) {
         e.erase(e.begin() + 300);
         e.push_back(Stranger());
       },
       {"removed-entry 300"},
       300},
      {"inserted",
       [&](Entries& e) { e.insert(e.begin() + 800, Stranger()); },
       {"inserted-entry 800"},
       800},
      {"swapped", [](Entries& e) { std::swap(e[10], e[200]); }, {"swapped-entries 10"}, 200},
      {"neighbours swapped",
       [](Entries& e) { std::swap(e[254], e[255]); },
       {"swapped-entries 254"},
       255},
      {"swapped across files",
       [](Entries& e) { std::swap(e[10], e[1400]); },
       {"swapped-entries 10"},
       1400},
      {"reordered",
       [](Entries& e) { std::reverse(e.begin() + 600, e.begin() + 650); },
       {"reordered-entries 600"},
       650},
      {"cut",
       [](Entries& e) { e.resize(1495); },
       {"truncated 1495", "unreadable", "unreadable"},
       1495},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Entries entries = honest;
    c.tamper(entries);
    ForgeEntries(entries);
    const StructureReport report = CheckMember();
    EXPECT_FALSE(report.proven);
    const std::vector<std::string> brief = Brief(report);
    ASSERT_GE(brief.size(), c.found.size());
    // Files at the end that became too short are named too.
    EXPECT_EQ(std::vector<std::string>(brief.begin(),
                                       brief.begin() + static_cast<ptrdiff_t>(c.found.size())),
              c.found)
        << Describe(report);
    EXPECT_EQ(report.findings[0].other, c.other) << Describe(report);
    for (size_t i = c.found.size(); i < brief.size(); ++i) EXPECT_EQ(brief[i], "unreadable");
  }
  ForgeEntries(honest);
  EXPECT_TRUE(CheckMember().proven);
}

// Every byte of every file of a small export, one at a time.
TEST_F(StructureTest, AnyChangedByteIsFound) {
  Export(300, {20, 300});
  const std::map<std::string, std::string> whole = FilesOf(member());
  Directory directory(network_.founding_key);
  CheckBroker(&directory);
  size_t step = 0;
  for (const auto& [name, bytes] : whole) {
    const size_t stride = 1 + bytes.size() / 40;
    for (size_t at = step++ % stride; at < bytes.size(); at += stride) {
      Flip(member() + "/" + name, at);
      StructureOptions options;
      options.folder = member();
      options.author = Aizu();
      options.directory = &directory;
      const StructureReport report = CheckLog(options);
      EXPECT_FALSE(report.findings.empty()) << name << " byte " << at;
      if (absl::StartsWith(name, "tile/entries/")) {
        EXPECT_FALSE(report.proven);
        EXPECT_TRUE(report.findings[0].has_index);
      }
      Flip(member() + "/" + name, at);
    }
  }
  EXPECT_TRUE(CheckMember().findings.empty());
}

TEST_F(StructureTest, AnyMissingFileIsFound) {
  Export(1000, {500, 1000});
  for (const auto& [name, bytes] : FilesOf(member())) {
    if (name == evidence::kKeysName || absl::StartsWith(name, evidence::kKeptFolder)) continue;
    fs::remove(member() + "/" + name);
    const StructureReport report = CheckMember();
    ASSERT_FALSE(report.findings.empty()) << name;
    const bool last_entries = absl::StartsWith(name, "tile/entries/003");
    EXPECT_EQ(ToWord(report.findings[0].kind), last_entries ? "truncated" : "missing-file") << name;
    EXPECT_EQ(report.proven, absl::StartsWith(name, "statements") ||
                                 absl::StartsWith(name, "tile/0/") ||
                                 absl::StartsWith(name, "tile/1/"))
        << name;
    WriteAll(member() + "/" + name, bytes);
  }
  EXPECT_TRUE(CheckMember().proven);
}

TEST_F(StructureTest, ATruncatedLog) {
  Export(1000, {300, 1000});
  for (const char* name : {"tile/entries/002", "tile/entries/003.p/232", "statements/002",
                           "statements/003.p/232", "tile/0/002", "tile/0/003.p/232"})
    fs::remove(member() + "/" + name);
  const StructureReport report = CheckMember();
  EXPECT_THAT(Brief(report), testing::ElementsAre("truncated 512")) << Describe(report);
  EXPECT_EQ(report.entries, 512u);
}

// A file may have any name, and a checkpoint may promise any number of entries: what is tried is
// bounded by what is there.
TEST_F(StructureTest, ACheckpointPromisesMoreThanAnybodyCouldRead) {
  Export(1000, {1000});
  const auto path = [this](evidence::FileKind kind, uint64_t index) {
    return member() + "/" + evidence::FileName{kind, 0, index}.ToString();
  };
  for (const uint64_t size : {uint64_t{1} << 60, UINT64_MAX - 255, UINT64_MAX}) {
    for (const uint64_t index : {uint64_t{1'000'000'000'000'000}, size / 256 - 1}) {
      SCOPED_TRACE(absl::StrCat(size, " entries, a file at ", index));
      WriteAll(member() + "/checkpoint",
               ledger::SignCheckpoint({ledger::Origin(Aizu()), size, {}, kStartMs + 1000},
                                      network_.member.key()));
      for (const auto kind : {evidence::FileKind::kEntries, evidence::FileKind::kStatements}) {
        WriteAll(path(kind, index), "");
        const auto reader = evidence::LogReader::Open(member()).value();
        ASSERT_LE(BundlesToRead(reader, kind), 5u);
      }
      const StructureReport report = CheckMember();
      EXPECT_THAT(Brief(report), testing::Contains("truncated 768")) << Describe(report);
      EXPECT_EQ(report.entries, 768u);
      for (const auto kind : {evidence::FileKind::kEntries, evidence::FileKind::kStatements})
        fs::remove(path(kind, index));
    }
  }
}

// Whatever is left of the files, each that is lost is named.
TEST_F(StructureTest, NearlyAllIsLost) {
  Export(70000, {70000});
  for (uint64_t n = 0; n < 273; ++n) {
    for (const auto kind :
         {evidence::FileKind::kTile, evidence::FileKind::kEntries, evidence::FileKind::kStatements})
      fs::remove(member() + "/" + evidence::FileName{kind, 0, n}.ToString());
  }
  const StructureReport report =
      CheckMember([](StructureOptions& options) { options.max_findings = 1000; });
  EXPECT_EQ(report.entries, 70000u - 273 * 256);
  EXPECT_EQ(std::count_if(report.findings.begin(), report.findings.end(),
                          [](const StructureFinding& finding) {
                            return finding.kind == StructureKind::kMissingFile;
                          }),
            3 * 273)
      << Describe(report);
}

// The whole log is taken back to an earlier state; only a checkpoint seen elsewhere tells.
TEST_F(StructureTest, ALogTakenBack) {
  Export(1000, {300});
  EXPECT_TRUE(CheckMember().findings.empty());
  const auto check = [this](int64_t time_ms) {
    const std::string longer = network_.member.Note(1000, time_ms);
    return CheckMember([&](StructureOptions& options) { options.seen_checkpoints = {longer}; });
  };
  const StructureReport report = check(kStartMs + 300);
  EXPECT_THAT(Brief(report), testing::ElementsAre("truncated 300")) << Describe(report);
  // Of a later time than the export, the log may simply have grown.
  const StructureReport grown = check(kStartMs + 301);
  EXPECT_THAT(Brief(grown), testing::ElementsAre("newer-checkpoint")) << Describe(grown);
  EXPECT_TRUE(grown.proven);
}

// Entries, tiles and all are made anew, but nobody can sign the root.
TEST_F(StructureTest, ARewrittenLog) {
  Export(70000, {200, 66000, 70000});
  const std::string signed_note = ReadAll(member() + "/checkpoint");
  TestLog forged = network_.member;
  forged.entries()[66100] = Stranger();
  const std::string other = temp_.path() + "/other";
  ASSERT_TRUE(forged.Export(other, 70000).ok());

  // Every file of the forger's but the checkpoint: known good up to the checkpoint before.
  std::map<std::string, std::string> files = FilesOf(other);
  files.erase("checkpoint");
  const std::map<std::string, std::string> honest = FilesOf(member());
  for (const auto& [name, bytes] : files) WriteAll(member() + "/" + name, bytes);
  const StructureReport all = CheckMember();
  EXPECT_THAT(Brief(all), testing::ElementsAre("rewritten 66000")) << Describe(all);
  EXPECT_EQ(all.findings[0].other, 70000u);

  // The upper tiles were forgotten: the file is told.
  for (const char* name : {"tile/1/001.p/17", "tile/2/000.p/1"})
    WriteAll(member() + "/" + name, honest.at(name));
  const StructureReport some = CheckMember();
  EXPECT_THAT(Brief(some), testing::ElementsAre("rewritten 66048")) << Describe(some);
  EXPECT_EQ(some.findings[0].other, 66304u);
}

TEST_F(StructureTest, WitnessesThatCosignedAreNamed) {
  Export(10, {10});
  const std::string name = ledger::WitnessName(Aizu());
  const auto cosigned_by = [&](const Ed25519PrivateKey& key) {
    auto note = ledger::ParseCheckpoint(network_.broker.Note(network_.broker.size())).value();
    note.signatures.push_back(ledger::Cosign(note.body, name, kStartMs / 1000, key));
    WriteAll(broker() + "/checkpoints/from-a-witness",
             ledger::NoteText(note.body, note.signatures));
    Directory directory(network_.founding_key);
    return CheckBroker(&directory);
  };
  const StructureReport by_another = cosigned_by(network_.broker.key());
  EXPECT_EQ(by_another.cosigned_size, 0u);
  const StructureReport by_member = cosigned_by(network_.member.key());
  EXPECT_TRUE(by_member.findings.empty()) << Describe(by_member);
  EXPECT_EQ(by_member.cosigned_size, network_.broker.size());
  EXPECT_THAT(by_member.cosigned_by, testing::ElementsAre("072028"));
}

TEST_F(StructureTest, TwoHistories) {
  Export(1000, {300, 1000});
  TestLog fork = network_.member;
  fork.entries()[100] = Stranger();
  const struct {
    uint64_t size;
    const char* name;
  } cases[] = {{300, "of an earlier size"}, {1000, "of the same size"}, {777, "of another size"}};
  for (const auto& c : cases) {
    const std::string note = fork.Note(c.size);
    const StructureReport seen =
        CheckMember([&note](StructureOptions& options) { options.seen_checkpoints = {note}; });
    EXPECT_THAT(Brief(seen), testing::ElementsAre("two-histories")) << c.name << Describe(seen);
    EXPECT_TRUE(seen.proven);
  }
  // A writer that is shown the fork keeps it for the judge.
  const auto writer = evidence::LogWriter::Open({member(), Aizu()}).value();
  EXPECT_FALSE(writer->Commit(fork.Note(1000)).ok());
  const StructureReport kept = CheckMember();
  EXPECT_THAT(Brief(kept), testing::ElementsAre("two-histories"));
  EXPECT_TRUE(absl::StartsWith(kept.findings[0].file, "072028/checkpoints/1000-"));
}

TEST_F(StructureTest, KeysAndClocks) {
  network_.member.AddOperations(10);
  const TestLog stranger(Aizu(), 55);
  TestLog foreign = network_.member;
  foreign.set_key(stranger.key());
  ASSERT_TRUE(network_.member.Export(member(), 10).ok());
  ASSERT_TRUE(network_.broker.Export(broker(), network_.broker.size()).ok());

  WriteAll(member() + "/checkpoint", foreign.Note(10));
  StructureReport report = CheckMember();
  EXPECT_THAT(Brief(report), testing::ElementsAre("foreign-key"));
  EXPECT_FALSE(report.proven);

  // Before the key was valid.
  WriteAll(member() + "/checkpoint", network_.member.Note(10, kStartMs - 1));
  report = CheckMember();
  EXPECT_THAT(Brief(report), testing::ElementsAre("revoked-key"));
  EXPECT_FALSE(report.proven);

  WriteAll(member() + "/checkpoint", network_.member.Note(10));
  const std::string later = network_.member.Note(5, kStartMs + 1000);
  report = CheckMember([&later](StructureOptions& o) { o.seen_checkpoints = {later}; });
  EXPECT_THAT(Brief(report), testing::ElementsAre("clock-moved-back"));

  const std::string other = TestLog(evidence::Sendai()).Note(0);
  report = CheckMember([&other](StructureOptions& o) { o.seen_checkpoints = {other, "x"}; });
  EXPECT_THAT(Brief(report), testing::UnorderedElementsAre("foreign-origin", "unreadable"));
}

TEST_F(StructureTest, ARevokedKeyCountsUntilItsTime) {
  network_.member.AddOperations(10);
  network_.RevokeKey("072028", network_.member.key().public_key(), kStartMs + 100);
  ASSERT_TRUE(network_.Export(temp_.path()).ok());
  EXPECT_TRUE(CheckMember().proven);
  WriteAll(member() + "/checkpoint", network_.member.Note(10, kStartMs + 100));
  EXPECT_THAT(Brief(CheckMember()), testing::ElementsAre("revoked-key"));
}

// The broker's next key is believed only where the former one signed its announcement.
TEST_F(StructureTest, TheBrokersKeysFormAChain) {
  TestLog& log = network_.broker;
  evidence::SeededRandom random(77);
  const Ed25519PrivateKey next = Ed25519PrivateKey::Generate(random);
  network_.AddKey("broker", next);
  const std::string before = log.Note(log.size());
  log.set_key(next);
  log.AddOperations(5);
  ASSERT_TRUE(log.Export(broker(), log.size()).ok());
  Directory without(network_.founding_key);
  const StructureReport unproven = CheckBroker(&without);
  EXPECT_FALSE(unproven.proven);
  EXPECT_THAT(Brief(unproven), testing::ElementsAre("foreign-key"));

  ASSERT_TRUE(evidence::LogWriter::Open({broker(), Author::Broker()}).value()->Keep(before).ok());
  Directory with(network_.founding_key);
  const StructureReport proven = CheckBroker(&with);
  EXPECT_TRUE(proven.proven) << Describe(proven);
  EXPECT_TRUE(proven.findings.empty()) << Describe(proven);

  Directory foreign(Ed25519PublicKey{});
  EXPECT_FALSE(CheckBroker(&foreign).proven);
}

TEST_F(StructureTest, BodiesAndStatements) {
  v1::Statement of_another;
  network_.member.AddOperations(3);
  network_.member.AddBytes("no statement");
  of_another.set_author("041009");
  of_another.mutable_operation()->set_kind("start");
  network_.member.AddBytes(of_another.SerializeAsString());
  Export(5, {10});
  StructureReport report = CheckMember();
  EXPECT_THAT(Brief(report), testing::ElementsAre("foreign-statement 3", "foreign-statement 4"));
  EXPECT_TRUE(report.proven);

  // One body for another: both are bad, the entries are not.
  std::vector<TestEntry> entries = network_.member.entries();
  std::swap(entries[6].statement, entries[8].statement);
  ForgeEntries(entries);
  report = CheckMember();
  EXPECT_THAT(Brief(report), testing::ElementsAre("foreign-statement 3", "foreign-statement 4",
                                                  "changed-body 6", "changed-body 8"));
  EXPECT_EQ(report.absent, 0u);
  EXPECT_EQ(report.changed, 2u);
}

TEST_F(StructureTest, FindingsAreBounded) {
  Export(1000, {1000});
  std::vector<TestEntry> entries = network_.member.entries();
  for (TestEntry& entry : entries) entry.salt[0] = static_cast<char>(entry.salt[0] ^ 1);
  ForgeEntries(entries);
  const StructureReport report =
      CheckMember([](StructureOptions& options) { options.max_findings = 7; });
  EXPECT_EQ(report.findings.size(), 7u);
  EXPECT_EQ(report.more_findings, 993u);
  EXPECT_EQ(report.findings[0].index, 0u);
}

TEST_F(StructureTest, WhatIsNoExport) {
  Export(10, {10});
  fs::remove(member() + "/checkpoint");
  StructureReport report = CheckMember();
  EXPECT_FALSE(report.readable);
  EXPECT_THAT(Brief(report), testing::ElementsAre("missing-file"));
  WriteAll(member() + "/checkpoint", "nothing");
  report = CheckMember();
  EXPECT_FALSE(report.readable);
  EXPECT_THAT(Brief(report), testing::ElementsAre("unreadable"));
  // A checkpoint that promises the world costs nothing but a look.
  WriteAll(member() + "/checkpoint", network_.member.Note(10));
  std::string note = ReadAll(member() + "/checkpoint");
  note.replace(note.find("\n10\n"), 4, "\n9000000000000000000\n");
  WriteAll(member() + "/checkpoint", note);
  report = CheckMember();
  EXPECT_FALSE(report.proven);
  EXPECT_FALSE(report.findings.empty());
}

TEST(RunInOrder, BoundedAndInOrder) {
  for (const int threads : {1, 3}) {
    std::vector<uint64_t> slots(4);
    uint64_t next = 0;
    RunInOrder(
        1000, threads, slots.size(), [&](uint64_t piece, size_t slot) { slots[slot] = piece * 3; },
        [&](uint64_t piece, size_t slot) {
          EXPECT_EQ(piece, next++);
          EXPECT_EQ(slots[slot], piece * 3);
        });
    EXPECT_EQ(next, 1000u);
  }
  RunInOrder(0, 2, 1, nullptr, nullptr);
}

TEST(RunInOrder, OneThreadIsTheCallers) {
  const std::thread::id caller = std::this_thread::get_id();
  const auto is_caller = [&](uint64_t, size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); };
  RunInOrder(10, 1, 3, is_caller, is_caller);
}

}  // namespace
}  // namespace nakadachi::replay
