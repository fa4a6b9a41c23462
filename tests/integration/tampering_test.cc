// The evidence of a long run, in which every server died under load, is tampered with: by somebody
// who has only the files, and by the authors themselves, who sign whatever history they tell. Each
// kind of tampering is found, with the first bad record and the reason; the untouched evidence has
// no finding.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/evidence/log_reader.h"
#include "tests/integration/retold.h"
#include "tests/integration/town.h"
#include "tools/replay/page/reasons.h"
#include "tools/replay/replay.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/evidence.h"
#include "tools/simulator/scenario_runner.h"

namespace nakadachi::integration {
namespace {

namespace fs = std::filesystem;
using evidence::ReadAll;
using evidence::TestEntry;
using evidence::WriteAll;
using ::testing::UnorderedElementsAreArray;

constexpr char kBroker[] = "broker";
constexpr int64_t kHourMs = 3'600'000;

// Koriyama has a second key, the prefecture is refused; the load goes on while all three servers
// that it needs are killed, alone and together.
constexpr char kLongRun[] = R"(
seed 31
time 2024-06-03T09:00
city 072028 会津若松市
city 041009 仙台市
city 072036 郡山市
prefecture 070009 福島県
residents 072028 480
move 450 from 072028 to 041009
resident hanako in 072028 records 3
resident sheltered in 072028 records 2
protect sheltered in 072028
move hanako to 041009
move sheltered to 072036
bulk 041009 asks about movers from 072028
load 041009 asks 072028 for 5s in-flight 16 in background
query 072036 asks 072028 about sheltered
expect awaiting-review
crash 072028
start 072028
crash broker
start broker
add-key 072036
crash 041009
start 041009
crash broker
crash 072028
crash 041009
start 041009
start 072028
start broker
finish
review 072028 release sheltered
expect provided 2
query 041009 asks 072028 about hanako items medical-benefit
expect refused not-permitted
query 041009 asks 072028 about hanako
expect provided 3
verify answered
verify ledgers
)";

// A finding and the record that it is about.
struct Found {
  std::string kind;
  std::string log;
  std::optional<uint64_t> index;
  bool operator==(const Found& other) const {
    return kind == other.kind && log == other.log && index == other.index;
  }
};
std::ostream& operator<<(std::ostream& out, const Found& found) {
  out << found.kind << " in " << found.log;
  if (found.index) out << " at " << *found.index;
  return out;
}

class Evidence {
 public:
  Evidence() {
    const auto scenario = simulator::ParseScenario(kLongRun);
    NAKADACHI_CHECK(scenario.ok());
    Town town(simulator::Mode::kProcesses, [&](simulator::NetworkOptions& options) {
      options = simulator::WithSettings(options, *scenario, ".", simulator::kJapanList).value();
    });
    simulator::Network& network = town.network();
    const auto runner =
        simulator::ScenarioRunner::Create(*scenario, &network, ".", [](const std::string&) {});
    NAKADACHI_CHECK(runner.ok());
    const absl::Status run = (*runner)->Run();
    EXPECT_TRUE(run.ok()) << run;
    const auto kept = simulator::KeepEvidence(network, folder());
    EXPECT_TRUE(kept.ok()) << kept.status();
    truth_.emplace(folder(), town.folder() + "/network");
    broker_key_ = network.BrokerVerifierKey();
  }

  const std::string& folder() const { return folder_.path(); }
  const Retold& truth() const { return *truth_; }
  // As inspectors are given it.
  const std::string& broker_key() const { return broker_key_; }

 private:
  const TemporaryFolder folder_;
  std::optional<Retold> truth_;
  std::string broker_key_;
};

class TamperingTest : public testing::Test {
 protected:
  // Made by whichever test is the first.
  static const Evidence& Untouched() {
    static const Evidence evidence;
    return evidence;
  }
  static const Retold& Truth() { return Untouched().truth(); }
  static uint64_t SizeOf(const std::string& author) { return Truth().SizeOf(author); }

  // A copy of the evidence, in which the test may alter files.
  std::string Copy() {
    const std::string copy = NewFolder();
    fs::copy(Untouched().folder(), copy, fs::copy_options::recursive);
    return copy;
  }
  std::string Export(const Retold& history) {
    const std::string folder = NewFolder();
    history.Export(folder);
    return folder;
  }
  static replay::Report Replay(const std::vector<std::string>& folders) {
    replay::ReplayOptions options;
    options.folders = folders;
    options.verifier_key = Untouched().broker_key();
    auto report = replay::Replay(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : replay::Report();
  }

  // Another checkpoint of the log, kept beside the newest.
  static void Keep(const std::string& folder, const std::string& author, const std::string& note) {
    const Author log = Author::Parse(author).value();
    const auto writer = evidence::LogWriter::Open({evidence::LogFolder(folder, log), log, nullptr});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Keep(note).ok());
  }

  // That exactly these findings are there, of which the first is the report's first, and that each
  // has its reason in both languages.
  static void ExpectFound(const std::vector<std::string>& folders,
                          const std::vector<Found>& expected) {
    const replay::Report report = Replay(folders);
    std::vector<Found> found;
    for (const replay::Finding& finding : report.findings) {
      if (finding.kind->severity == replay::Severity::kNote) continue;
      found.push_back({std::string(finding.kind->id), finding.log, finding.index});
      EXPECT_NE(finding.reason, "") << found.back();
      EXPECT_NE(replay::ReasonInJapanese(finding.reason), "") << finding.reason;
    }
    EXPECT_THAT(found, UnorderedElementsAreArray(expected)) << ToText(report);
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found.front(), expected.front()) << ToText(report);
    EXPECT_EQ(report.verdict(), "findings");
  }

 private:
  std::string NewFolder() { return work_ / std::to_string(++folders_); }

  const TemporaryFolder work_;
  int folders_ = 0;
};

// ---- Nobody tampers

TEST_F(TamperingTest, UntouchedHasNoFinding) {
  const replay::Report report = Replay({Untouched().folder()});
  EXPECT_EQ(report.verdict(), "clean") << ToText(report);
  EXPECT_EQ(report.finding_count, 0u);
  EXPECT_EQ(report.logs.size(), 5u);
  // It was a long run, with crashes in it.
  EXPECT_GT(report.figures.completed, 450u);
  for (const char* server : {kBroker, kAizu, kSendai}) {
    int starts = 0;
    for (uint64_t i = 0; i < SizeOf(server); ++i) {
      const v1::Statement statement = Truth().At(server, i);
      if (statement.operation().kind() == "start") ++starts;
    }
    EXPECT_GE(starts, 3) << server;
  }
}

// What is found in the other tests is what was done there, not that somebody signed anew.
TEST_F(TamperingTest, TheSameHistorySignedAnewHasNoFinding) {
  const replay::Report report = Replay({Export(Truth())});
  EXPECT_EQ(report.verdict(), "clean") << ToText(report);
}

// ---- Somebody has the files, and no key

TestEntry Stranger() {
  evidence::TestLog other(Author::Broker(), 99);
  other.AddOperations(1);
  return other.entries()[0];
}

struct EntriesCase {
  const char* name;
  Found found;  // of any log
  std::function<void(std::vector<TestEntry>&)> tamper;
};

std::vector<EntriesCase> EntriesCases() {
  using Entries = std::vector<TestEntry>;
  return {
      {"Changed", {"changed-entry", "", 300}, [](Entries& e) { e[300] = Stranger(); }},
      {"Removed",
       {"removed-entry", "", 270},
       [](Entries& e) {
         e.erase(e.begin() + 270);
         e.push_back(Stranger());
       }},
      {"Inserted",
       {"inserted-entry", "", 280},
       [](Entries& e) {
         e.insert(e.begin() + 280, Stranger());
         e.pop_back();
       }},
      {"SwappedInOneFile",
       {"swapped-entries", "", 20},
       [](Entries& e) { std::swap(e[20], e[40]); }},
      {"SwappedAcrossFiles",
       {"swapped-entries", "", 20},
       [](Entries& e) { std::swap(e[20], e[400]); }},
      {"Reordered",
       {"reordered-entries", "", 310},
       [](Entries& e) { std::reverse(e.begin() + 310, e.begin() + 330); }},
  };
}

class EntriesTest : public TamperingTest, public testing::WithParamInterface<EntriesCase> {};

TEST_P(EntriesTest, AreFoundWhereTheyWereTamperedWith) {
  for (const char* author : {kBroker, kAizu, kSendai}) {
    const std::string copy = Copy();
    std::vector<TestEntry> entries = Truth().log(author).entries();
    GetParam().tamper(entries);
    evidence::ForgeEntries(copy + "/" + author, SizeOf(author), entries);
    Found found = GetParam().found;
    found.log = author;
    ExpectFound({copy}, {found});
  }
}

std::string NameOf(const testing::TestParamInfo<EntriesCase>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Entries, EntriesTest, testing::ValuesIn(EntriesCases()), NameOf);

// They are where the tiles say, for whoever asks for a proof.
TEST_F(TamperingTest, StatementsThatChangedPlacesAreStillProven) {
  const std::string copy = Copy();
  std::vector<TestEntry> entries = Truth().log(kAizu).entries();
  std::swap(entries[20], entries[40]);
  evidence::ForgeEntries(copy + "/" + kAizu, SizeOf(kAizu), entries);
  const auto reader = evidence::LogReader::Open(copy + "/" + kAizu);
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const uint64_t index : {20, 40}) {
    const auto recorded = reader->Prove(index, reader->size(), reader->checkpoint().note);
    ASSERT_TRUE(recorded.ok()) << recorded.status();
    EXPECT_EQ(recorded->statement(), Truth().log(kAizu).entries()[index].statement);
  }
}

// One byte of a file; each file tells another story.
TEST_F(TamperingTest, AChangedByte) {
  constexpr size_t kEntry = 34;
  constexpr size_t kHash = 32;
  const struct {
    const char* file;
    size_t at;
    std::vector<Found> found;
  } cases[] = {
      {"/tile/entries/000", 200 * kEntry + 7, {{"changed-entry", kAizu, 200}}},
      {"/tile/0/000", 200 * kHash + 7, {{"changed-tile", kAizu, 200}}},
      {"/statements/000", 40, {{"changed-body", kAizu, 0}}},
      // Of the root: nobody has signed this one, and no entry leads to it.
      {"/checkpoint", 40, {{"rewritten", kAizu, 0}, {"foreign-key", kAizu, std::nullopt}}},
  };
  for (const auto& c : cases) {
    const std::string copy = Copy();
    const std::string path = copy + "/" + kAizu + c.file;
    std::string bytes = ReadAll(path);
    ASSERT_GT(bytes.size(), c.at);
    bytes[c.at] = bytes[c.at] == 'A' ? 'B' : 'A';
    WriteAll(path, bytes);
    ExpectFound({copy}, c.found);
  }
}

// The files of the last entries are gone, the checkpoint still promises them.
TEST_F(TamperingTest, ATruncatedLog) {
  const std::string copy = Copy();
  const std::string log = copy + "/" + kAizu;
  const uint64_t kept = (SizeOf(kAizu) - 1) / evidence::kWidth;  // whole files
  for (const auto& file : fs::recursive_directory_iterator(copy + "/" + kAizu)) {
    const auto name = evidence::FileName::Parse(file.path().string().substr(log.size() + 1));
    if (name.ok() && name->level == 0 && name->index >= kept) fs::remove(file.path());
  }
  ExpectFound({copy}, {{"truncated", kAizu, kept * evidence::kWidth}});
}

// ---- An author tells another history, and signs it

// It ends earlier than one that it has signed before.
TEST_F(TamperingTest, AHistoryCutShortByItsAuthor) {
  Retold shorter = Truth();
  const uint64_t size = SizeOf(kSendai) - 1;
  while (shorter.SizeOf(kSendai) > size) shorter.Remove(kSendai, size);
  const std::string folder = Export(shorter);
  Keep(folder, kSendai, Truth().Note(kSendai, SizeOf(kSendai)));
  ExpectFound({folder}, {{"truncated", kSendai, size}});
}

// Two inspectors are told two histories. Neither finds anything; both together do.
TEST_F(TamperingTest, TwoHistories) {
  Retold other = Truth();
  v1::Statement stop = other.At(kBroker, SizeOf(kBroker) - 1);
  stop.mutable_operation()->set_detail("otherwise");
  other.Replace(kBroker, SizeOf(kBroker) - 1, stop);
  const std::string folder = Export(other);
  EXPECT_EQ(Replay({folder}).verdict(), "clean");
  ExpectFound({Untouched().folder(), folder}, {{"two-histories", kBroker, std::nullopt}});
  // Of the other, the checkpoint is enough.
  Keep(folder, kBroker, Truth().Note(kBroker, SizeOf(kBroker)));
  ExpectFound({folder}, {{"two-histories", kBroker, std::nullopt}});
}

int64_t TimeAtTheEnd(const Retold& told) {
  return told.At(kBroker, told.SizeOf(kBroker) - 1).time_ms();
}

// At the end of the broker's log; where it stands there.
uint64_t Publish(Retold& told, v1::Directory change) {
  const uint64_t end = told.SizeOf(kBroker);
  for (uint64_t i = 0; i < end; ++i) {
    const v1::Statement statement = told.At(kBroker, i);
    if (statement.has_directory()) change.set_sequence(statement.directory().sequence() + 1);
  }
  v1::Statement statement;
  statement.set_author(kBroker);
  statement.set_time_ms(TimeAtTheEnd(told));
  *statement.mutable_directory() = std::move(change);
  told.Insert(kBroker, end, statement);
  return end;
}

struct LieCase {
  const char* name;
  // Tells it, about the exchange; says what must be found.
  std::function<std::vector<Found>(Retold&, const Exchange&)> tell;
};

// As `exchange`, but under a permit that the broker has never recorded.
Exchange Invented(const Exchange& exchange) {
  Exchange invented = exchange;
  v1::Permit& permit = *invented.permit.mutable_permit();
  permit.set_permit_number(std::string(16, 'n'));
  const std::string commitment(
      AsView(ledger::Commit(std::string(32, 's'), invented.permit.SerializeAsString())));
  v1::Provision& provision = *invented.provision.mutable_provision();
  provision.set_permit_commitment(commitment);
  provision.set_permit_number(permit.permit_number());
  v1::Receipt& receipt = *invented.receipt.mutable_receipt();
  receipt.set_permit_commitment(commitment);
  receipt.set_permit_number(permit.permit_number());
  return invented;
}

std::vector<LieCase> Lies() {
  return {
      {"ForgedPermit",
       [](Retold& told, const Exchange& exchange) {
         Exchange invented = Invented(exchange);
         const uint64_t index = exchange.provision_index + 1;
         const Hash provision = told.Insert(exchange.provider, index, invented.provision);
         invented.receipt.mutable_receipt()->set_provision_commitment(
             std::string(AsView(provision)));
         told.Insert(exchange.requester, exchange.receipt_index + 1, invented.receipt);
         return std::vector<Found>{{"permit-forged", exchange.provider, index}};
       }},
      {"PermitDeniedByTheBroker",
       [](Retold& told, const Exchange& exchange) {
         told.Remove(kBroker, exchange.permit_index);
         return std::vector<Found>{{"permit-forged", exchange.provider, exchange.provision_index}};
       }},
      {"AnswerWithoutPermit",
       [](Retold& told, const Exchange& exchange) {
         const uint64_t index = exchange.provision_index + 1;
         told.Insert(exchange.provider, index, Invented(exchange).provision);
         return std::vector<Found>{{"provision-without-permit", exchange.provider, index}};
       }},
      {"ReceiptWithoutProvision",
       [](Retold& told, const Exchange& exchange) {
         told.Remove(exchange.provider, exchange.provision_index);
         return std::vector<Found>{
             {"receipt-without-provision", exchange.requester, exchange.receipt_index}};
       }},
      {"ClockMovedBack",
       [](Retold& told, const Exchange& exchange) {
         v1::Statement staff;
         staff.set_author(exchange.provider);
         staff.set_time_ms(exchange.provision.time_ms() - kHourMs);
         staff.mutable_operation()->set_kind("staff");
         const uint64_t index = exchange.provision_index + 1;
         told.Insert(exchange.provider, index, staff);
         return std::vector<Found>{{"clock-back", exchange.provider, index}};
       }},
      {"RevokedKey",
       [](Retold& told, const Exchange& exchange) {
         v1::Directory revocation;
         v1::KeyRevoked& revoked = *revocation.mutable_key_revoked();
         revoked.set_code(exchange.provider);
         revoked.set_signing_key(
             std::string(AsView(told.log(exchange.provider).key().public_key())));
         revoked.set_revoked_from_ms(TimeAtTheEnd(told));
         Publish(told, revocation);
         return std::vector<Found>{{"revoked-key", exchange.provider, std::nullopt}};
       }},
      {"RetroactiveList",
       [](Retold& told, const Exchange& exchange) {
         v1::Directory publication;
         v1::ListPublished& list = *publication.mutable_list_published();
         list.set_version(exchange.permit.permit().list_version() + 1);
         list.set_in_force_from_ms(exchange.permit.time_ms());
         list.set_csv(simulator::kJapanList);
         const uint64_t index = Publish(told, publication);
         return std::vector<Found>{{"list-retroactive", kBroker, index}};
       }},
      // ---- Beyond that list: what an exchange may not be.
      {"PermitAgainstTheList",
       [](Retold& told, const Exchange& exchange) {
         told.Retell(exchange, [](Exchange& e) {
           for (auto* items : {e.query.mutable_query()->mutable_items(),
                               e.permit.mutable_permit()->mutable_items(),
                               e.provision.mutable_provision()->mutable_items()}) {
             *items->Mutable(0) = "medical-benefit";
           }
           e.provision.mutable_provision()->mutable_versions(0)->set_item("medical-benefit");
         });
         return std::vector<Found>{
             {"permit-against-list", kBroker, exchange.permit_index},
             {"provision-against-list", exchange.provider, exchange.provision_index}};
       }},
      {"PermitUsedTwice",
       [](Retold& told, const Exchange& exchange) {
         const uint64_t index = exchange.provision_index + 1;
         told.Insert(exchange.provider, index, exchange.provision);
         return std::vector<Found>{{"provision-doubled", exchange.provider, index}};
       }},
      {"AnsweredBeyondItsItems",
       [](Retold& told, const Exchange& exchange) {
         told.Retell(exchange, [](Exchange& e) {
           e.provision.mutable_provision()->add_items("medical-benefit");
         });
         return std::vector<Found>{
             {"provision-beyond-items", exchange.provider, exchange.provision_index}};
       }},
      {"Redirected",
       [](Retold& told, const Exchange& exchange) {
         told.Retell(exchange,
                     [](Exchange& e) { e.receipt.mutable_receipt()->set_requester(kKoriyama); });
         return std::vector<Found>{
             {"receipt-redirected", exchange.requester, exchange.receipt_index}};
       }},
  };
}

class LieTest : public TamperingTest, public testing::WithParamInterface<LieCase> {};

TEST_P(LieTest, IsFoundThoughItIsSigned) {
  Retold told = Truth();
  const std::vector<Found> expected = GetParam().tell(told, told.MiddleOf(kSendai, kAizu));
  ExpectFound({Export(told)}, expected);
}

std::string NameOfLie(const testing::TestParamInfo<LieCase>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Lies, LieTest, testing::ValuesIn(Lies()), NameOfLie);

}  // namespace
}  // namespace nakadachi::integration
