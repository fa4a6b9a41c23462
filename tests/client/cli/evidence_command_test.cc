// `nakadachi evidence` and the certificates that it needs, against a network of real processes:
// exports through kill -9, bundles, a person's own records, checkpoints that witnesses cosigned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/evidence/log_reader.h"
#include "common/evidence/manifest.h"
#include "nakadachi/v1/statement.pb.h"
#include "tests/client/cli/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/network.h"

namespace nakadachi::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

constexpr char kAizu[] = "072028";       // asks
constexpr char kFukushima[] = "072010";  // answers
constexpr int kPersons = 300;

std::string IndividualNumberOf(int person) {
  return IndividualNumber::FromSerial(90'000'000'000 + static_cast<uint64_t>(person)).Reveal();
}
std::string NumberAtAizu(int person) { return absl::StrCat(100'000 + person); }

class EvidenceCommandTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    simulator::NetworkOptions options;
    options.folder = *folder_ / "network";
    options.mode = simulator::Mode::kProcesses;
    options.bin_folder = BinFolder();
    options.permission_list_csv = std::string(simulator::kJapanList);
    options.witnesses = {kAizu, kFukushima};
    auto network = simulator::Network::Start(options);
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = network->release();
    for (const char* code : {kAizu, kFukushima}) {
      const auto parsed = LocalGovernmentCode::Parse(code).value();
      ASSERT_TRUE(network_->AddPlatform(code, {{parsed, code, "municipality"}}).ok());
    }
    std::string aizu = "addressee_number,individual_number\n", fukushima = aizu, batch = aizu;
    batch = "addressee_number\n";
    for (int i = 0; i < kPersons; ++i) {
      absl::StrAppend(&aizu, NumberAtAizu(i), ",", IndividualNumberOf(i), "\n");
      absl::StrAppend(&fukushima, 500'000 + i, ",", IndividualNumberOf(i), "\n");
      absl::StrAppend(&batch, NumberAtAizu(i), "\n");
    }
    WriteFile(Path("aizu.csv"), aizu);
    WriteFile(Path("fukushima.csv"), fukushima);
    WriteFile(Path("batch.csv"), batch);
    Must({"person", "register", "--file", Path("aizu.csv"), "--resident"}, Office(kAizu));
    Must({"person", "register", "--file", Path("fukushima.csv")}, Office(kFukushima));
    Must({"query", "--batch", Path("batch.csv"), "--out", Path("answers.csv"), "--provider",
          kFukushima, "--department", "health"},
         Office(kAizu));
  }
  static void TearDownTestSuite() {
    delete network_;
    delete folder_;
  }

  static std::string Path(const std::string& name) { return *folder_ / name; }
  static std::string Office(const std::string& code) {
    return network_->ProfilePath(LocalGovernmentCode::Parse(code).value());
  }
  static Finished Run(const std::vector<std::string>& words, const std::string& profile = "",
                      const std::string& input = "") {
    return Running(folder_->path(), With(profile, words), input).Wait();
  }
  static std::vector<std::string> With(const std::string& profile, std::vector<std::string> words) {
    if (!profile.empty()) words.insert(words.begin(), {"--profile", profile});
    return words;
  }
  static void Must(const std::vector<std::string>& words, const std::string& profile) {
    const Finished run = Run(words, profile);
    ASSERT_EQ(run.code, 0) << run.err;
  }
  static Finished Inspect(const std::vector<std::string>& words) {
    return Run(words, network_->InspectorProfilePath());
  }
  static Finished Portal(const std::string& input, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"evidence", "own-records"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words, network_->PortalProfilePath(), input);
  }
  // The inspector's profile with another certificate, made by `pki issue`.
  static std::string ProfileWith(const std::string& name, const std::vector<std::string>& scope) {
    std::vector<std::string> words = {"pki", "issue", Path("network/pki"), "--out", Path(name)};
    words.insert(words.end(), scope.begin(), scope.end());
    const Finished issued = Run(words);
    EXPECT_EQ(issued.code, 0) << issued.err;
    Json profile = Json::parse(ReadFile(network_->InspectorProfilePath()));
    profile["network_tls"]["certificate"] = Path(name + ".pem");
    profile["network_tls"]["private_key"] = Path(name + ".key");
    WriteFile(Path(name + ".json"), profile.dump());
    return Path(name + ".json");
  }
  // How often each inspection stands in a log of an export.
  static std::map<std::string, int> Inspections(const std::string& root, const char* author) {
    std::map<std::string, int> counts;
    const auto log =
        evidence::LogReader::Open(evidence::LogFolder(root, Author::Parse(author).value()));
    EXPECT_TRUE(log.ok()) << log.status();
    if (!log.ok()) return counts;
    const absl::Status read =
        log->ForEach(0, log->size(), [&](uint64_t, absl::string_view, const evidence::Body& body) {
          v1::Statement statement;
          EXPECT_TRUE(statement.ParseFromString(std::string(body.statement)));
          if (statement.operation().kind() == "inspection") {
            ++counts[statement.operation().detail()];
          }
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return counts;
  }

  static TemporaryFolder* folder_;
  static simulator::Network* network_;
};
TemporaryFolder* EvidenceCommandTest::folder_ = nullptr;
simulator::Network* EvidenceCommandTest::network_ = nullptr;

TEST_F(EvidenceCommandTest, AnExportThatIsKilledGoesOnAndIsRecordedOnce) {
  // Until a kill came in the middle of a log.
  std::string root;
  bool in_the_middle = false;
  for (int attempt = 0; attempt < 20 && !in_the_middle; ++attempt) {
    root = Path(absl::StrCat("killed-", attempt));
    const std::string pending = root + "/" + kAizu + "/inspection";
    Running run(folder_->path(),
                With(network_->InspectorProfilePath(), {"evidence", "export", root}));
    ASSERT_TRUE(Eventually(
        [&] { return fs::exists(pending) || fs::exists(root + "/" + kAizu + "/checkpoint"); }));
    in_the_middle = run.Kill() && fs::exists(pending);
  }
  ASSERT_TRUE(in_the_middle) << "every export was over too soon";
  const Finished rest = Inspect({"evidence", "export", root, "--json"});
  ASSERT_EQ(rest.code, 0) << rest.err;
  const Json json = Json::parse(rest.out);
  ASSERT_EQ(json["logs"].size(), 3u);
  for (const Json& log : json["logs"]) EXPECT_EQ(log["ok"], true) << log.dump();
  for (const char* author : {"broker", kAizu, kFukushima}) {
    for (const auto& [detail, count] : Inspections(root, author)) EXPECT_EQ(count, 1) << detail;
  }
  EXPECT_FALSE(fs::exists(root + "/" + kAizu + "/inspection"));

  // A second run brings no more than what is new.
  const Json again = Json::parse(Inspect({"evidence", "export", root, "--json"}).out);
  for (size_t i = 0; i < again["logs"].size(); ++i) {
    EXPECT_LE(again["logs"][i]["added"], 8) << again.dump();
    EXPECT_GT(again["logs"][i]["entries"], json["logs"][i]["entries"]);
  }
}

TEST_F(EvidenceCommandTest, PeriodsAndRightsOfTheCertificate) {
  const std::string city =
      ProfileWith("city", {"--role", "inspector", "--staff", "i-7", "--institution", kAizu,
                           "--statements", "--from", "令和6年4月1日", "--to", "R40.3.31"});
  const Finished whole = Run({"evidence", "export", Path("city-export"), "--json"}, city);
  ASSERT_EQ(whole.code, 0) << whole.err;
  const Json json = Json::parse(whole.out);
  EXPECT_EQ(json["from"], "2024-04-01T00:00:00+09:00");
  EXPECT_EQ(json["until"], "2058-04-01T00:00:00+09:00");
  EXPECT_EQ(json["logs"].size(), 2u);

  // Without the broker's log a city's could not be judged: it comes along.
  const Finished one =
      Run({"evidence", "export", Path("one-city"), "--institution", kAizu, "--json"}, city);
  ASSERT_EQ(one.code, 0) << one.err;
  const Json logs = Json::parse(one.out)["logs"];
  ASSERT_EQ(logs.size(), 2u);
  EXPECT_EQ(logs[0]["log"], "broker");
  EXPECT_EQ(logs[1]["log"], kAizu);
  EXPECT_EQ(logs[1]["unreadable"], 0);

  struct Case {
    std::vector<std::string> more;
    int code;
    const char* rule;
  };
  const Case cases[] = {
      {{"--institution", kFukushima}, 1, "[scope-institution]"},
      {{"--institution", "broker", "--institution", kFukushima}, 1, "[scope-institution]"},
      {{"--from", "2024-03-31"}, 1, "[scope-period]"},
      {{"--to", "2058-04-01"}, 1, "[scope-period]"},
      {{"--from", "平成31年5月1日"}, 2, "[time]"},
      {{"--from", "2024-07-01", "--to", "2024-06-30"}, 2, "to: the period ends before"},
      {{"--from", "2024-07-01T09:00", "--to", "2024-07-01T09:00"}, 2, "[period]"},
      {{"--to", "2024-03-30"}, 2, "[period]"},
      {{"--from", "R40.4.1"}, 2, "from: lies behind"},
      {{"--institution", "072029"}, 2, "[check-digit]"},
      {{"--vkey", "nonsense"}, 2, "vkey"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> words = {"evidence", "export", Path("refused")};
    words.insert(words.end(), c.more.begin(), c.more.end());
    const Finished run = Run(words, city);
    EXPECT_EQ(run.code, c.code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(c.rule));
    EXPECT_FALSE(fs::exists(Path("refused")));
  }
  // A shorter period is another export.
  const Finished other =
      Run({"evidence", "export", "--from", "2025-04-01", Path("city-export")}, city);
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.err, HasSubstr("[scope]"));
}

TEST_F(EvidenceCommandTest, CertificatesOfInspectorsAreComplete) {
  struct Case {
    std::vector<std::string> words;
    const char* rule;
  };
  const Case cases[] = {
      {{"--role", "inspector", "--institution", "all"}, "staff: "},
      {{"--role", "portal"}, "[required]"},
      {{"--role", "staff", "--department", "d", "--staff", "s"}, "institution: "},
      {{"--role", "staff", "--institution", kAizu, "--staff", "s"}, "department: "},
      {{"--role", "staff", "--institution", kAizu, "--department", "d"}, "staff: "},
      {{"--role", "intermediate"}, "[required]"},
      {{"--role", "office"}, "[required]"},
      {{"--role", "staff", "--statements"}, "[inspector]"},
      {{"--role", "office", "--institution", "all"}, "[length]"},
      {{"--role", "office", "--from", "2024-04-01"}, "[inspector]"},
      {{"--role", "inspector", "--staff", "i", "--institution", kAizu, "--persons"}, "[persons]"},
      {{"--role", "inspector", "--staff", "i", "--from", "2024-04-02", "--to", "2024-04-01"},
       "[period]"},
      {{"--role", "inspector", "--staff", "i", "--department", "d"}, "[staff]"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> words = {"pki", "issue", Path("network/pki"), "--out", Path("never")};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Finished run = Run(words);
    EXPECT_EQ(run.code, 2) << run.out;
    EXPECT_THAT(run.err, HasSubstr(c.rule));
  }
  EXPECT_FALSE(fs::exists(Path("never.pem")));
}

TEST_F(EvidenceCommandTest, ASingleRecordStandsAlone) {
  const std::string root = Path("for-bundles");
  ASSERT_EQ(Inspect({"evidence", "export", root}).code, 0);
  const Json permit =
      Json::parse(Run({"ledger", "show", "--kind", "permit", "--limit", "1", "--json"},
                      network_->OperatorProfilePath())
                      .out)["entries"][0];
  const std::string number = permit["fields"]["permit_number"];
  const std::string& key = network_->BrokerVerifierKey();

  const Finished by_index =
      Run({"evidence", "bundle", root, "--log", "broker", "--index",
           absl::StrCat(permit["index"].get<uint64_t>()), "--out", Path("by-index")});
  EXPECT_EQ(by_index.code, 0) << by_index.err;
  const std::pair<const char*, const char*> kinds[] = {
      {"query", kAizu}, {"permit", "broker"}, {"provision", kFukushima}, {"receipt", kAizu}};
  for (const auto& [kind, log] : kinds) {
    const std::string file = Path(absl::StrCat(kind, ".bundle"));
    const Finished made =
        Run({"evidence", "bundle", root, "--permit", number, "--kind", kind, "--out", file});
    ASSERT_EQ(made.code, 0) << made.err;
    const Finished checked = Run({"evidence", "verify-bundle", file, "--vkey", key, "--json"});
    ASSERT_EQ(checked.code, 0) << checked.err;
    const Json json = Json::parse(checked.out);
    EXPECT_EQ(json["kind"], kind);
    EXPECT_EQ(json["log"], log);
    if (json["fields"].contains("permit_number")) {
      EXPECT_EQ(json["fields"]["permit_number"], number);
    }
    EXPECT_THAT(Run({"evidence", "verify-bundle", file, "--vkey", key}).out,
                HasSubstr("Verified: "));
  }
  EXPECT_EQ(ReadFile(Path("by-index")), ReadFile(Path("permit.bundle")));
  // A key as a file leaves it.
  for (const char* end : {"\n", "\r\n", " "}) {
    const Finished trimmed =
        Run({"evidence", "verify-bundle", Path("permit.bundle"), "--vkey", key + end});
    EXPECT_EQ(trimmed.code, 0) << trimmed.err;
  }

  // One byte of the record, another key, half a file.
  std::string bytes = ReadFile(Path("permit.bundle"));
  const size_t at = bytes.find("immunization");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  WriteFile(Path("altered.bundle"), bytes);
  const Finished altered =
      Run({"evidence", "verify-bundle", Path("altered.bundle"), "--vkey", key});
  EXPECT_EQ(altered.code, 1);
  EXPECT_THAT(altered.err, HasSubstr("record"));
  const std::string stranger = Json::parse(
      Run({"pki", "keys", Path("stranger.keys"), "--institution", "broker", "--json"}).out)["vkey"];
  EXPECT_EQ(Run({"evidence", "verify-bundle", Path("permit.bundle"), "--vkey", stranger}).code, 1);
  WriteFile(Path("half.bundle"), bytes.substr(0, bytes.size() / 2));
  const Finished half = Run({"evidence", "verify-bundle", Path("half.bundle"), "--vkey", key});
  EXPECT_EQ(half.code, 2) << "cannot be read";
  EXPECT_THAT(half.err, HasSubstr("[bundle-format]"));

  // Wrong usage.
  const std::pair<std::vector<std::string>, const char*> wrong[] = {
      {{"--permit", "xyz"}, "[hex]"},
      {{}, "[missing]"},
      {{"--log", "broker", "--index", "-4"}, "[range]"},
  };
  for (const auto& [more, rule] : wrong) {
    std::vector<std::string> words = {"evidence", "bundle", root, "--out", Path("wrong")};
    words.insert(words.end(), more.begin(), more.end());
    const Finished run = Run(words);
    EXPECT_EQ(run.code, 2) << run.out;
    EXPECT_THAT(run.err, HasSubstr(rule));
  }
  EXPECT_EQ(
      Run({"evidence", "bundle", Path("no-export"), "--permit", number, "--out", Path("wrong")})
          .code,
      2);
  // The export does not hold it.
  EXPECT_EQ(Run({"evidence", "bundle", root, "--log", "broker", "--index", "999999", "--out",
                 Path("wrong")})
                .code,
            1);
  const Finished unknown =
      Run({"evidence", "bundle", root, "--permit", std::string(32, '0'), "--out", Path("wrong")});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("[unknown-permit]"));
  EXPECT_FALSE(fs::exists(Path("wrong")));
}

TEST_F(EvidenceCommandTest, OwnRecords) {
  const Finished asked = Run({"query", NumberAtAizu(5), "--provider", kFukushima, "--department",
                              "health", "--non-disclosure"},
                             Office(kAizu));
  ASSERT_EQ(asked.code, 0) << asked.err;
  const Finished run = Portal(IndividualNumberOf(5) + "\n", {"--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  const Json records = Json::parse(run.out)["records"];
  ASSERT_EQ(records.size(), 1u) << "that of the batch; not the one that is withheld";
  EXPECT_EQ(records[0]["requester"], kAizu);
  EXPECT_EQ(records[0]["provider"], kFukushima);
  EXPECT_EQ(records[0]["items"][0], "immunization");
  EXPECT_EQ(records[0]["proof"], "verified");
  EXPECT_THAT(run.out + run.err, Not(HasSubstr(IndividualNumberOf(5))));
  EXPECT_THAT(Portal(IndividualNumberOf(5) + "\n").out, HasSubstr("verified"));

  // What the person keeps.
  const std::string folder = Path("own-bundles");
  const Finished kept = Portal(IndividualNumberOf(5) + "\n", {"--bundles", folder, "--json"});
  ASSERT_EQ(kept.code, 0) << kept.err;
  EXPECT_EQ(Json::parse(kept.out)["bundles"], folder);
  const Json record = Json::parse(kept.out)["records"][0];
  const std::string number = record["permit_number"];
  EXPECT_EQ(record["bundle"], absl::StrCat(folder, "/", number, ".bundle"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
  EXPECT_EQ(fs::status(std::string(record["bundle"])).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  const Finished judged = Run({"evidence", "verify-bundle", record["bundle"], "--vkey",
                               network_->BrokerVerifierKey(), "--json"});
  ASSERT_EQ(judged.code, 0) << judged.err;
  EXPECT_EQ(Json::parse(judged.out)["log"], "broker");
  EXPECT_EQ(Json::parse(judged.out)["fields"]["permit_number"], number);
  const Finished text = Portal(IndividualNumberOf(5) + "\n", {"--bundles", Path("own-text")});
  EXPECT_THAT(text.out, HasSubstr(absl::StrCat("1 bundle(s) in ", Path("own-text"))));
  const Finished again = Portal(IndividualNumberOf(5) + "\n", {"--bundles", folder});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("bundles: must be a new or an empty folder [exists]"));

  EXPECT_THAT(Portal("983205673210\n").err, HasSubstr("[check-digit]"));
  const Finished unknown = Portal(IndividualNumberOf(kPersons + 9) + "\n");
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("[unknown-individual-number]"));
  EXPECT_THAT(unknown.err, Not(HasSubstr(IndividualNumberOf(kPersons + 9))));

  // A code that nobody has; files that are none.
  const Finished written = Run({"pki", "secret", Path("code.txt")});
  ASSERT_EQ(written.code, 0);
  EXPECT_THAT(Portal("", {"--code-file", Path("code.txt")}).err, HasSubstr("[hex]"));
  std::string code = ReadFile(Path("code.txt")).substr(0, 32);
  WriteFile(Path("code.txt"), code + "\n");
  fs::permissions(Path("code.txt"), fs::perms::owner_read | fs::perms::owner_write);
  const Finished nobody = Portal("", {"--code-file", Path("code.txt")});
  EXPECT_EQ(nobody.code, 0) << nobody.err;
  EXPECT_THAT(nobody.out, HasSubstr("No records."));
  EXPECT_EQ(Portal("", {"--code-file", Path("no-such-file")}).code, 2);
  const Finished inspector = Run({"evidence", "own-records", "--code-file", Path("code.txt")},
                                 network_->InspectorProfilePath());
  EXPECT_EQ(inspector.code, 1);
  EXPECT_THAT(inspector.err, HasSubstr("[role]"));
}

TEST_F(EvidenceCommandTest, CheckpointsGoFromHandToHandAsFiles) {
  const std::string city =
      network_->InstitutionOperatorProfilePath(LocalGovernmentCode::Parse(kAizu).value());
  const std::string broker = network_->OperatorProfilePath();
  const auto checkpoint = [](std::vector<std::string> more, const std::string& profile) {
    more.insert(more.begin(), {"ledger", "checkpoint"});
    return Run(more, profile);
  };
  Finished cosigned;
  ASSERT_TRUE(Eventually([&] {
    cosigned = checkpoint({"--cosigned", "--json"}, broker);
    return cosigned.code == 0;
  })) << cosigned.err;
  const Json json = Json::parse(cosigned.out);
  EXPECT_EQ(json["institution"], "broker");
  EXPECT_EQ(json["cosigned_by"].size(), 2u) << json.dump();
  const std::string note = json["checkpoint"];
  EXPECT_THAT(note, HasSubstr(absl::StrCat("\u2014 nakadachi/", kAizu, "/witness ")));
  EXPECT_THAT(note, HasSubstr(absl::StrCat("\u2014 nakadachi/", kFukushima, "/witness ")));

  // As a file it is a checkpoint that was seen before.
  WriteFile(Path("cosigned.checkpoint"), note);
  const Finished verified = Run({"ledger", "verify", "--remember", Path("cosigned.checkpoint"),
                                 "--vkey", network_->BrokerVerifierKey() + "\n"},
                                broker);
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("lies in the same history"));

  // By others, and of others.
  struct Case {
    std::vector<std::string> words;
    std::string profile;
    const char* origin;
  };
  const Case cases[] = {
      {{}, broker, "broker"},
      {{"--institution", "broker"}, network_->InspectorProfilePath(), "broker"},
      {{}, city, kAizu},
      {{"--seen"}, city, "broker"},
      {{"--seen", "--institution", kFukushima}, city, kFukushima},
  };
  for (const Case& c : cases) {
    Finished run;
    EXPECT_TRUE(Eventually([&] {
      run = checkpoint(c.words, c.profile);
      return run.code == 0;
    })) << run.err;
    EXPECT_THAT(run.out,
                testing::StartsWith(absl::StrCat("nakadachi/", c.origin, "/statements\n")));
  }
  EXPECT_THAT(checkpoint({"--cosigned"}, city).err, HasSubstr("[no-witnesses]"));
  EXPECT_THAT(checkpoint({"--seen", "--institution", kAizu}, city).err,
              HasSubstr("[not-followed]"));
  EXPECT_EQ(checkpoint({"--seen"}, broker).code, 2);
  EXPECT_EQ(checkpoint({"--seen", "--cosigned"}, city).code, 2);
  EXPECT_EQ(checkpoint({"--institution", "072029"}, city).code, 2);
}

// Last: it leaves a server stopped.
TEST_F(EvidenceCommandTest, ZServersThatAreAwayAreNamed) {
  ASSERT_TRUE(network_->Stop(kFukushima).ok());
  const Finished partly = Run({"--wait", "0.1", "evidence", "export", Path("partly"), "--json"},
                              network_->InspectorProfilePath());
  EXPECT_EQ(partly.code, 4) << partly.err;
  const Json report = Json::parse(partly.out);
  for (const Json& log : report["logs"]) {
    EXPECT_EQ(log["ok"], log["log"] != kFukushima) << log.dump();
  }
  const absl::Status stopped = network_->Stop("broker");
  ASSERT_TRUE(stopped.ok()) << stopped;
  const Finished none =
      Run({"--wait", "0.1", "evidence", "export", Path("none")}, network_->InspectorProfilePath());
  EXPECT_EQ(none.code, 3) << none.err;
}

}  // namespace
}  // namespace nakadachi::cli
