// Evidence of which parts are not there: what is absent is noted, and read as nobody's lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/page/page.h"
#include "tools/replay/page/reasons.h"
#include "tools/replay/replay.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kBroker[] = "broker";
constexpr int64_t kHourMs = 3'600'000;

class Evidence {
 public:
  explicit Evidence(TestNetwork& network) : key_(network.VerifierKey()) {
    network.Export(folder_.path());
  }
  void Remove(const std::string& name) {
    ASSERT_GT(fs::remove_all(folder_.path() + "/" + name), 0u) << name;
  }
  // Below a folder of files of 256 entries.
  void RemoveBundle(const std::string& folder, int number) {
    Remove(absl::StrCat(folder, "/00", number));
  }
  Report Judge() const {
    ReplayOptions options;
    options.folders = {folder_.path()};
    options.verifier_key = key_;
    auto report = Replay(options);
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return Report();
    for (const Finding& finding : report->findings) {
      EXPECT_NE(ReasonInJapanese(finding.reason), "") << finding.reason;
    }
    return *std::move(report);
  }

 private:
  const TemporaryFolder folder_;
  const std::string key_;
};

std::vector<std::string> Findings(const Report& report) {
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : report.totals) {
    if (FindKind(kind)->severity == Severity::kFinding) kinds.push_back(kind);
  }
  return kinds;
}

uint64_t Total(const Report& report, const std::string& kind) {
  const auto found = report.totals.find(kind);
  return found == report.totals.end() ? 0 : found->second;
}

std::string FirstLine(const Report& report) {
  const std::string text = ToText(report);
  return text.substr(0, text.find('\n'));
}

// Of a provision that names a permit which the broker never recorded.
void Forge(TestNetwork& network) {
  v1::Statement forged = network.NewStatement(kSendai);
  v1::Provision* provision = forged.mutable_provision();
  provision->set_permit_commitment(std::string(32, '\x5a'));
  provision->set_permit_number(std::string(16, 'n'));
  provision->set_requester(kAizuwakamatsu);
  provision->set_provider(kSendai);
  provision->set_procedure("immunization");
  provision->add_items("immunization");
  provision->set_outcome(v1::NOT_HELD);
  network.Record(kSendai, forged);
  v1::Statement receipt = network.NewStatement(kAizuwakamatsu);
  receipt.mutable_receipt()->set_permit_commitment(std::string(32, '\x5a'));
  receipt.mutable_receipt()->set_permit_number(std::string(16, 'n'));
  receipt.mutable_receipt()->set_provision_commitment(std::string(32, '\x5b'));
  receipt.mutable_receipt()->set_requester(kAizuwakamatsu);
  receipt.mutable_receipt()->set_provider(kSendai);
  receipt.mutable_receipt()->set_verified(false);
  receipt.mutable_receipt()->set_reason("payload: digest");
  network.Record(kAizuwakamatsu, receipt);
}

// ---- A whole log, or all of its files of a kind

struct Gone {
  const char* name;
  const char* log;
  std::vector<const char*> files;  // below the log's folder; none: the folder
};

class GoneTest : public ::testing::TestWithParam<Gone> {};

TEST_P(GoneTest, AccusesNobody) {
  TestNetwork network;
  Tell(network);
  Evidence evidence(network);
  const Gone& gone = GetParam();
  if (gone.files.empty()) evidence.Remove(gone.log);
  for (const char* file : gone.files) evidence.Remove(absl::StrCat(gone.log, "/", file));
  const Report report = evidence.Judge();
  for (const std::string& kind : Findings(report)) {
    EXPECT_THAT(kind, AnyOf("missing-file", "truncated", "unproven-key")) << ToText(report);
  }
  EXPECT_FALSE(report.whole());
  EXPECT_GT(report.figures.not_judged, 0u);
  EXPECT_THAT(FirstLine(report), Not(HasSubstr("CLEAN")));
  EXPECT_THAT(ToText(report), HasSubstr(absl::StrCat("Not judged: ", report.figures.not_judged)));
  const bool noted =
      std::any_of(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
        return finding.log == gone.log && finding.reason.find("not be judged") != std::string::npos;
      });
  EXPECT_TRUE(noted) << ToText(report);
}

std::vector<Gone> AllGone() {
  std::vector<Gone> all;
  const auto add = [&](const char* name, const char* log) {
    all.push_back({name, log, {"statements"}});
    all.push_back({name, log, {"tile/entries", "statements"}});
    all.push_back({name, log, {"tile"}});
    all.push_back({name, log, {"tile", "statements"}});
    // Without the broker there is nothing to judge by.
    if (log != std::string(kBroker)) {
      all.push_back({name, log, {"checkpoint"}});
      all.push_back({name, log, {}});
    }
  };
  add("Broker", kBroker);
  add("Provider", kSendai);
  add("Requester", kAizuwakamatsu);
  return all;
}

std::string NameOf(const ::testing::TestParamInfo<Gone>& info) {
  std::string name = info.param.name;
  for (const char* file : info.param.files)
    absl::StrAppend(&name, "_", fs::path(file).filename().string());
  return info.param.files.empty() ? name + "_all" : name;
}
INSTANTIATE_TEST_SUITE_P(Absence, GoneTest, ::testing::ValuesIn(AllGone()), NameOf);

TEST(Absence, AWholeLogIsANoteWithWhatItCosts) {
  TestNetwork network;
  Tell(network);
  Evidence evidence(network);
  evidence.Remove(kSendai);
  const Report report = evidence.Judge();
  EXPECT_THAT(Findings(report), IsEmpty()) << ToText(report);
  EXPECT_TRUE(report.clean());  // the exit code
  EXPECT_EQ(report.verdict(), "no-findings");
  EXPECT_THAT(FirstLine(report), StartsWith("NO FINDINGS, but not all could be judged, in "));
  ASSERT_EQ(report.missing_logs.size(), 1u);
  EXPECT_EQ(report.missing_logs[0].log, kSendai);
  EXPECT_EQ(report.missing_logs[0].not_judged, 15u);
  EXPECT_EQ(report.figures.not_judged, 15u);
  const auto json = nlohmann::json::parse(ToJson(report));
  EXPECT_EQ(json["verdict"], "no-findings");
  EXPECT_EQ(json["clean"], false);
  EXPECT_EQ(json["missing_logs"][0]["log"], kSendai);
  EXPECT_EQ(json["missing_logs"][0]["not_judged"], 15);
  EXPECT_THAT(RenderPage({report, {}}), HasSubstr("\"verdict\":\"no-findings\""));
}

TEST(Absence, OnlyWhatWasJudgedInWholeIsClean) {
  TestNetwork network;
  Plan plan;
  network.Ask(plan);
  network.Advance(kHourMs);
  const Report report = Evidence(network).Judge();
  EXPECT_TRUE(report.whole()) << ToText(report);
  EXPECT_EQ(report.verdict(), "clean");
  EXPECT_THAT(FirstLine(report), StartsWith("CLEAN: no findings in "));
  EXPECT_THAT(ToText(report), Not(HasSubstr("Not judged:")));
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["clean"], true);
}

TEST(Absence, WithoutTheBrokersFolderNothingIsSaid) {
  TestNetwork network;
  Tell(network);
  const TemporaryFolder folder;
  network.Export(folder.path());
  fs::remove_all(folder.path() + "/broker");
  ReplayOptions options;
  options.folders = {folder.path()};
  options.verifier_key = network.VerifierKey();
  const auto report = Replay(options);
  ASSERT_FALSE(report.ok());
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("no-broker"));
}

// ---- A part of a log

// More than two bundles of the broker's log, with a forged permit early and one late.
void TellLong(TestNetwork& network) {
  for (int i = 0; i < 20; ++i) network.Ask({});
  Forge(network);
  for (int i = 0; i < 600; ++i) {
    network.Ask({});
    network.Advance(1'000);
  }
  network.Advance(kHourMs);
}

TEST(Absence, AForgedPermitIsFoundWhereTheTilesTellOfWhatIsAbsent) {
  TestNetwork network;
  TellLong(network);
  Forge(network);
  network.Advance(kHourMs);
  Evidence evidence(network);
  EXPECT_EQ(Total(evidence.Judge(), "permit-forged"), 2u);
  evidence.RemoveBundle("broker/tile/entries", 1);
  evidence.RemoveBundle("broker/statements", 1);
  const Report report = evidence.Judge();
  EXPECT_THAT(Findings(report), ::testing::ElementsAre("missing-file", "permit-forged"))
      << ToText(report);
  EXPECT_EQ(Total(report, "permit-forged"), 2u);
  EXPECT_EQ(report.logs[0].unread, 256u);
  EXPECT_GE(report.logs[0].not_judged, 256u);
  EXPECT_EQ(Total(report, "not-judged"), 1u);
}

// What the bodies commit to, the tiles prove: all of it is judged.
TEST(Absence, BodiesStandInForAFileOfEntries) {
  TestNetwork network;
  TellLong(network);
  Evidence evidence(network);
  const Report before = evidence.Judge();
  evidence.RemoveBundle("broker/tile/entries", 1);
  const Report report = evidence.Judge();
  EXPECT_THAT(Findings(report), ::testing::ElementsAre("missing-file", "permit-forged"))
      << ToText(report);
  EXPECT_EQ(report.logs[0].unread, 0u);
  EXPECT_EQ(report.figures.completed, before.figures.completed);
  EXPECT_EQ(report.figures.not_judged, before.figures.not_judged);
}

TEST(Absence, AForgedPermitIsFoundWhereTheLogIsWholeUpToThen) {
  TestNetwork network;
  TellLong(network);
  Evidence evidence(network);
  evidence.RemoveBundle("broker/tile/entries", 1);
  evidence.RemoveBundle("broker/tile/0", 1);
  evidence.RemoveBundle("broker/statements", 1);
  const Report report = evidence.Judge();
  EXPECT_EQ(Total(report, "permit-forged"), 1u) << ToText(report);
  EXPECT_EQ(Total(report, "provision-without-permit"), 0u);
  EXPECT_EQ(Total(report, "query-undecided"), 0u);
  EXPECT_GE(report.logs[0].not_judged, 256u);
}

TEST(Absence, AForgedPermitIsFoundWhereTheEndIsAbsent) {
  TestNetwork network;
  TellLong(network);
  Evidence evidence(network);
  evidence.RemoveBundle("broker/tile/entries", 1);
  evidence.Remove("broker/tile/entries/002.p");
  const Report report = evidence.Judge();
  EXPECT_THAT(Findings(report), Contains("truncated"));
  EXPECT_EQ(Total(report, "permit-forged"), 1u) << ToText(report);
}

TEST(Absence, OtherLogsAreHeldToWhatTheyShow) {
  TestNetwork network;
  TellLong(network);
  Evidence evidence(network);
  for (const char* log : {kSendai, kAizuwakamatsu}) {
    for (const char* folder : {"/tile/entries", "/tile/0", "/statements"}) {
      evidence.RemoveBundle(std::string(log) + folder, 1);
    }
  }
  const Report report = evidence.Judge();
  for (const std::string& kind : Findings(report)) {
    EXPECT_THAT(kind, AnyOf("missing-file", "truncated", "permit-forged")) << ToText(report);
  }
  EXPECT_EQ(Total(report, "permit-forged"), 1u);
}

// ---- The directory

TEST(Absence, DecisionsThatRestOnAbsentDirectoryStatementsAreNotJudged) {
  TestNetwork network;
  TellLong(network);
  network.PublishList(AmendedList());
  for (int i = 0; i < 100; ++i) network.Ask({});
  network.Advance(kHourMs);
  Evidence evidence(network);
  evidence.RemoveBundle("broker/statements", 0);
  const Report report = evidence.Judge();
  EXPECT_THAT(Findings(report),
              ::testing::ElementsAre("missing-file", "permit-forged", "unproven-key"))
      << ToText(report);
  EXPECT_EQ(report.figures.redecided, 0u);
  // Each exchange, and of those whose permits are not there the queries too.
  EXPECT_GE(report.figures.not_judged, report.figures.exchanges);
  EXPECT_EQ(report.figures.open, 0u);
}

TEST(Absence, DecisionsThatDoNotRestOnWhatIsAbsentAreJudged) {
  TestNetwork network;
  network.Ask({});
  v1::Statement start = network.NewStatement(kBroker);
  start.mutable_operation()->set_kind("start");
  network.Record(kBroker, start);
  network.SetLastBody(kBroker, evidence::BodyState::kUnreadable);
  Plan forbidden;
  forbidden.items = {"medical-benefit"};
  network.Ask(forbidden);
  network.Advance(kHourMs);
  const Report report = Evidence(network).Judge();
  EXPECT_THAT(Findings(report), Contains("permit-against-list")) << ToText(report);
}

TEST(Absence, AHiddenListExcusesOnlyWhatNamesIt) {
  TestNetwork network;
  network.Ask({});
  network.PublishList(AmendedList());
  network.SetLastBody(kBroker, evidence::BodyState::kAbsent);
  network.Ask({});
  Plan impossible;
  impossible.decision = [](v1::Statement& s) { s.mutable_permit()->set_directory_size(99); };
  network.Ask(impossible);
  network.Advance(kHourMs);
  const Report report = Evidence(network).Judge();
  EXPECT_EQ(Total(report, "permit-against-rule"), 1u) << ToText(report);
  EXPECT_EQ(report.figures.not_judged, 1u) << ToText(report);
}

TEST(Absence, AnErasedDirectoryStatementIsNoExcuse) {
  TestNetwork network;
  network.PublishList(AmendedList());
  network.SetLastBody(kBroker, evidence::BodyState::kErased);
  network.PublishList(AmendedList());
  network.Advance(kHourMs);
  EXPECT_THAT(Findings(Evidence(network).Judge()), Contains("directory-broken"));
}

}  // namespace
}  // namespace nakadachi::replay
