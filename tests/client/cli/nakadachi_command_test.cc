// The program `nakadachi` against a network of real processes: from keys and persons to answers,
// reviews and verified ledgers, through a kill -9 in the middle of a batch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/client/cli/command_line.h"
#include "tests/support/temporary_folder.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/network.h"

namespace nakadachi::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kAizu[] = "072028";       // asks
constexpr char kFukushima[] = "072010";  // provides
constexpr int kPersons = 1200;
// Beyond these kFukushima holds no records, and beyond those no code.
constexpr int kWithRecords = 1150;
constexpr int kKnownThere = 1180;

std::string IndividualNumberOf(int person) {
  return IndividualNumber::FromSerial(90'000'000'000 + static_cast<uint64_t>(person)).Reveal();
}
// Each institution numbers persons for itself.
std::string NumberAtAizu(int person) { return absl::StrCat(100'000 + person); }
std::string NumberAtFukushima(int person) { return absl::StrCat(500'000 + person); }

class NakadachiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    simulator::NetworkOptions options;
    options.folder = *folder_ / "network";
    options.mode = simulator::Mode::kProcesses;
    options.bin_folder = BinFolder();
    options.permission_list_csv = std::string(simulator::kJapanList);
    auto network = simulator::Network::Start(options);
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = network->release();
    for (const auto& [code, name] :
         {std::make_pair(kAizu, "会津若松市"), std::make_pair(kFukushima, "福島市")}) {
      const auto parsed = LocalGovernmentCode::Parse(code).value();
      const absl::Status added = network_->AddPlatform(code, {{parsed, name, "municipality"}});
      ASSERT_TRUE(added.ok()) << added;
    }
    RegisterPersons();
    LoadReplica();
  }
  static void TearDownTestSuite() {
    delete network_;
    delete folder_;
  }

  static void RegisterPersons() {
    std::string aizu = "addressee_number,individual_number\n";
    std::string fukushima = aizu;
    for (int i = 0; i < kPersons; ++i) {
      absl::StrAppend(&aizu, NumberAtAizu(i), ",", IndividualNumberOf(i), "\n");
      if (i >= kKnownThere) continue;
      absl::StrAppend(&fukushima, NumberAtFukushima(i), ",", IndividualNumberOf(i), "\n");
    }
    WriteFile(Path("aizu.csv"), aizu);
    WriteFile(Path("fukushima.csv"), fukushima);
    const Finished home =
        Run(Office(kAizu), {"person", "register", "--file", Path("aizu.csv"), "--resident"});
    ASSERT_EQ(home.code, 0) << home.err;
    const Finished there =
        Run(Office(kFukushima), {"person", "register", "--file", Path("fukushima.csv"), "--json"});
    ASSERT_EQ(there.code, 0) << there.err;
    EXPECT_EQ(Json::parse(there.out)["acquired"], kKnownThere);
    for (const Finished& run : {home, there}) {
      EXPECT_THAT(run.out + run.err, Not(HasSubstr(IndividualNumberOf(7))));
    }
  }

  // Person i has 1 + i % 3 doses.
  static void LoadReplica() {
    std::string csv =
        "addressee_number,item,source_version,source_time,record_id,vaccine_kind,dose,date,"
        "manufacturer,lot,volume_ml,place,municipality\n";
    for (int i = 0; i < kWithRecords; ++i) {
      for (int dose = 1; dose <= 1 + i % 3; ++dose) {
        absl::StrAppend(&csv, NumberAtFukushima(i), ",immunization,1,2024-04-01T09:00,r", dose,
                        ",30001,", dose, ",2021060", dose, ",ファイザー,L", i, "-", dose,
                        ",0.30,福島市保健センター,", kFukushima, "\n");
      }
    }
    WriteFile(Path("replica.csv"), csv);
    const Finished run =
        Run(Office(kFukushima), {"replica", "load", Path("replica.csv"), "--json"});
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(Json::parse(run.out)["stored"], kWithRecords);
  }

  static std::string Path(const std::string& name) { return *folder_ / name; }
  static std::string Office(const std::string& code) {
    return network_->ProfilePath(LocalGovernmentCode::Parse(code).value());
  }
  static std::string Staff(const std::string& code) {
    return absl::StrReplaceAll(Office(code), {{".json", "-staff.json"}});
  }
  static std::string Operator() { return network_->OperatorProfilePath(); }

  static std::vector<std::string> With(const std::string& profile, std::vector<std::string> words) {
    if (!profile.empty()) words.insert(words.begin(), {"--profile", profile});
    return words;
  }
  static Finished Run(const std::string& profile, const std::vector<std::string>& words,
                      const std::string& input = "") {
    return Running(folder_->path(), With(profile, words), input).Wait();
  }
  static Finished Ask(int person, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"query", NumberAtAizu(person), "--provider", kFukushima};
    words.insert(words.end(), more.begin(), more.end());
    return Run(Staff(kAizu), words);
  }
  static Json Status(const std::string& profile) {
    return Json::parse(Run(profile, {"status", "--json"}).out);
  }

  static TemporaryFolder* folder_;
  static simulator::Network* network_;
};
TemporaryFolder* NakadachiTest::folder_ = nullptr;
simulator::Network* NakadachiTest::network_ = nullptr;

// ---- persons and replicas

TEST_F(NakadachiTest, RegisteringAgainDoesNoHarm) {
  const Finished run =
      Run(Office(kAizu), {"person", "register", "--file", Path("aizu.csv"), "--json"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(Json::parse(run.out)["already_acquired"], kPersons);
  EXPECT_EQ(Json::parse(run.out)["acquired"], 0);
}

TEST_F(NakadachiTest, OnePersonIsReadFromStandardInput) {
  const std::string number = IndividualNumberOf(kPersons + 1);
  // Juki net does not know the number yet: nothing can be acquired.
  const Finished unknown = Run(Office(kAizu), {"person", "register", "199999"}, number + "\n");
  EXPECT_EQ(unknown.code, 1) << unknown.out;
  const Finished run =
      Run(Office(kAizu), {"person", "register", "199999", "--resident"}, number + "\n");
  EXPECT_EQ(run.code, 0) << run.err;
  const Finished wrong = Run(Office(kAizu), {"person", "register", "199998"}, "983205673210\n");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("[check-digit]"));
  for (const Finished& one : {unknown, run, wrong}) {
    EXPECT_THAT(one.out + one.err, Not(HasSubstr("983205673210")));
    EXPECT_THAT(one.out + one.err, Not(HasSubstr(number)));
  }
}

TEST_F(NakadachiTest, AFileOfPersonsWithAFaultSendsNothing) {
  WriteFile(Path("faulty.csv"),
            "addressee_number,individual_number\n1,123456789018\n2,983205673210\n");
  const Finished run = Run(Office(kAizu), {"person", "register", "--file", Path("faulty.csv")});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.err, HasSubstr("line 3, column 2 (individual_number)"));
  EXPECT_THAT(run.err, Not(HasSubstr("983205673210")));
}

TEST_F(NakadachiTest, AFaultyResidentCodeSendsNothingEither) {
  const std::string good = IndividualNumberOf(kPersons + 2);
  WriteFile(Path("faulty-code.csv"),
            absl::StrCat("addressee_number,individual_number,resident_code\n199997,",
                         IndividualNumberOf(kPersons + 3), ",abc\n199996,", good, ",\n"));
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--resident"}}) {
    std::vector<std::string> words = {"person", "register", "--file", Path("faulty-code.csv")};
    words.insert(words.end(), more.begin(), more.end());
    const Finished run = Run(Office(kAizu), words);
    EXPECT_EQ(run.code, 2);
    EXPECT_THAT(run.err, HasSubstr("line 2, column 3 (resident_code)"));
    EXPECT_THAT(run.err, Not(HasSubstr("abc")));
  }
  // The good row was not registered at juki net.
  EXPECT_THAT(Run(Office(kAizu), {"person", "register", "199996"}, good).err,
              HasSubstr("[unknown-individual-number]"));
}

// Two numbers for one person, or a typing error: the second number has no code.
TEST_F(NakadachiTest, APersonWhoHasACodeUnderAnotherNumberIsAFailure) {
  WriteFile(Path("twice.csv"),
            absl::StrCat("addressee_number,individual_number\n", NumberAtAizu(5), ",",
                         IndividualNumberOf(5), "\n888888,", IndividualNumberOf(6), "\n"));
  const Finished run =
      Run(Office(kAizu), {"person", "register", "--file", Path("twice.csv"), "--json"});
  EXPECT_EQ(run.code, 4);
  EXPECT_THAT(run.err, HasSubstr("line 3: individual_number: "));
  EXPECT_THAT(run.err, HasSubstr("another addressee number: use that one, or correct"));
  const Json told = Json::parse(run.out);
  EXPECT_EQ(told["acquired"], 0);
  EXPECT_EQ(told["already_acquired"], 1);
  EXPECT_EQ(told["failed"], 1);
  EXPECT_EQ(told["problems"][0]["line"], 3);
  EXPECT_EQ(told["problems"][0]["field"], "individual_number");
  EXPECT_EQ(told["problems"][0]["rule"], "already-acquired");
  EXPECT_EQ(Run(Office(kAizu), {"person", "register", "888888"}, IndividualNumberOf(6)).code, 1);
  EXPECT_THAT(Run(Staff(kAizu), {"query", "888888", "--provider", kFukushima}).err,
              HasSubstr("[no-linkage-code]"));
}

// The broker dies while a code is on its way: the same command again gets it.
TEST_F(NakadachiTest, AnAcquisitionThatBrokeOffIsRepeated) {
  const std::string number = IndividualNumberOf(kPersons + 4);
  const auto pending = [] {
    const Json status = Status(Office(kAizu))["intermediate"]["municipalities"][0];
    return status["pending_acquisitions"].get<int>();
  };
  const int before = pending();
  ASSERT_TRUE(network_->Crash("broker").ok());
  const std::vector<std::string> words = {"person",     "register", "199995",
                                          "--resident", "--wait",   "2"};
  EXPECT_EQ(Run(Office(kAizu), words, number).code, 3);
  EXPECT_EQ(pending(), before + 1);
  ASSERT_TRUE(network_->StartAgain("broker").ok());
  Finished again;
  EXPECT_TRUE(Eventually([&] {
    again = Run(Office(kAizu), words, number);
    return again.code == 0;
  })) << again.err;
  EXPECT_THAT(again.out, HasSubstr("1 linkage codes acquired, 0 held already, 0 failed"));
  EXPECT_EQ(pending(), before);
  EXPECT_THAT(Run(Office(kAizu), words, number).out, HasSubstr("0 linkage codes acquired, 1 held"));
}

TEST_F(NakadachiTest, AReplicaThatTheServerDoesNotTakeIsNamedByTheCell) {
  WriteFile(Path("questionable.csv"),
            absl::StrCat("addressee_number,item,source_version,source_time,record_id,vaccine_kind,"
                         "dose,date\n",
                         NumberAtFukushima(0), ",nonsense,9,2024-05-01,x,30001,1,20210601\n",
                         NumberAtFukushima(0), ",immunization,9,2024-05-01,x,30001,1,20210601\n",
                         NumberAtFukushima(0), ",immunization,9,2024-05-01,y,30001,2,29991231\n"));
  const Finished run = Run(Office(kFukushima), {"replica", "load", Path("questionable.csv")});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("nakadachi: line 2, column 2 (item): the permission list"));
  EXPECT_THAT(run.err, HasSubstr("nakadachi: line 4, column 8 (date): lies in the future"));
  EXPECT_THAT(run.out, HasSubstr("0 of 2 sets (3 rows) registered, 2 refused"));
}

TEST_F(NakadachiTest, ProtectionSaysWhatBecomesOfQuestions) {
  const std::string number = NumberAtFukushima(33);
  const Finished nonsense =
      Run(Staff(kFukushima), {"person", "protect", number, "--withhold", "nonsense"});
  EXPECT_EQ(nonsense.code, 1);
  EXPECT_THAT(nonsense.err, HasSubstr("[unknown-item]"));
  const Finished withheld =
      Run(Staff(kFukushima), {"person", "protect", number, "--withhold", "immunization"});
  EXPECT_EQ(withheld.code, 0) << withheld.err;
  EXPECT_EQ(withheld.out,
            "Questions for immunization are answered \"withheld\" at once, without staff.\n"
            "Before any other is answered, staff look.\n");
  EXPECT_EQ(Json::parse(Ask(33, {"--json"}).out)["result"], "withheld");
  const Finished both =
      Run(Staff(kFukushima), {"person", "protect", number, "--off", "--withhold", "immunization"});
  EXPECT_THAT(both.out, HasSubstr("All others are answered automatically."));
  // Both parts are set each time, and both are said.
  EXPECT_EQ(Run(Staff(kFukushima), {"person", "protect", number}).out,
            "Staff look first. Nothing is withheld, whatever was before.\n");
  EXPECT_EQ(Run(Staff(kFukushima), {"person", "protect", number, "--off"}).out,
            "Answered automatically. Nothing is withheld, whatever was before.\n");
  // Who has no code yet may be protected; a typing error is noticed.
  const Finished nobody = Run(Staff(kFukushima), {"person", "protect", "99999999999"});
  EXPECT_EQ(nobody.code, 0) << nobody.err;
  EXPECT_EQ(nobody.out,
            "Staff look first. Nothing is withheld, whatever was before.\n"
            "No code is held for this number yet: is it the right one?\n");
  const Json told =
      Json::parse(Run(Staff(kFukushima), {"person", "protect", number, "--off", "--json"}).out);
  EXPECT_EQ(told["automatic_reply_disabled"], false);
  EXPECT_EQ(told["withheld"], Json::array());
  EXPECT_EQ(told["code_held"], true);
  EXPECT_EQ(Json::parse(Ask(33, {"--json"}).out)["result"], "provided");
}

TEST_F(NakadachiTest, AReplicaWithAFaultSendsNothingAndAnOldOneIsRefused) {
  const std::string header =
      "addressee_number,item,source_version,source_time,record_id,vaccine_kind,dose,date\n";
  WriteFile(Path("fault.csv"),
            absl::StrCat(header, NumberAtFukushima(0), ",immunization,5,2024-05-01,x,30001,8,\n"));
  const Finished fault = Run(Office(kFukushima), {"replica", "load", Path("fault.csv")});
  EXPECT_EQ(fault.code, 2);
  EXPECT_THAT(fault.err, HasSubstr("line 2, column 7 (dose)"));

  // The same again is the same; the same version with other content is refused.
  const Finished again = Run(Office(kFukushima), {"replica", "load", Path("replica.csv")});
  EXPECT_EQ(again.code, 0) << again.err;
  WriteFile(Path("old.csv"),
            absl::StrCat(header, NumberAtFukushima(0),
                         ",immunization,1,2024-04-01T09:00,other,30001,1,20210601\n"));
  const Finished old = Run(Office(kFukushima), {"replica", "load", Path("old.csv"), "--json"});
  EXPECT_EQ(old.code, 1);
  EXPECT_EQ(Json::parse(old.out)["refused"][0]["rule"], "stale-version");
  EXPECT_EQ(Json::parse(old.out)["refused"][0]["line"], 2);
}

// ---- queries

TEST_F(NakadachiTest, AnswersReadAsWhatTheyAre) {
  const Finished provided = Ask(2);
  EXPECT_EQ(provided.code, 0) << provided.err;
  EXPECT_THAT(provided.out, HasSubstr("Provided: 3 records"));
  EXPECT_THAT(provided.out, HasSubstr("state of 2024-04-01T09:00:00+09:00, source version 1"));
  EXPECT_THAT(provided.out, HasSubstr("ファイザー"));

  const Finished none = Ask(kWithRecords + 1);
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_THAT(none.out, HasSubstr("None held"));

  const Finished unknown = Ask(kKnownThere + 1);
  EXPECT_EQ(unknown.code, 0) << unknown.err;
  EXPECT_THAT(unknown.out, HasSubstr("Not registered there"));

  const Finished refused = Ask(3, {"--procedure", "nonsense"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.out, HasSubstr("Refused by the network: unknown-procedure"));

  const Finished stranger = Run(Staff(kAizu), {"query", "777", "--provider", kFukushima, "--json"});
  EXPECT_EQ(stranger.code, 1);
  EXPECT_EQ(Json::parse(stranger.out)["error"]["rule"], "no-linkage-code");
}

TEST_F(NakadachiTest, TheSameRequestIdIsOneExchange) {
  const std::vector<std::string> more = {"--request-id", "00112233445566778899aabbccddeeff",
                                         "--json"};
  const Json first = Json::parse(Ask(4, more).out);
  const Json again = Json::parse(Ask(4, more).out);
  EXPECT_EQ(first["result"], "provided");
  EXPECT_EQ(first, again);
  const Json shown = Json::parse(
      Run(Staff(kAizu), {"query", "--show", "00112233445566778899aabbccddeeff", "--json"}).out);
  EXPECT_EQ(shown["permit_number"], first["permit_number"]);
  const Finished other = Ask(5, more);
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(Json::parse(other.out)["error"]["rule"], "request-id-reused");
}

// Counted in the requester's own ledger.
size_t QueriesIn(const Json& entries) { return entries["entries"].size(); }

TEST_F(NakadachiTest, ABatchThatIsKilledGoesOnAndAsksNothingTwice) {
  std::string csv = "addressee_number\n";
  for (int i = 0; i < kPersons; ++i) absl::StrAppend(&csv, NumberAtAizu(i), "\n");
  WriteFile(Path("batch.csv"), csv);
  const auto queries = [] {
    return QueriesIn(Json::parse(
        Run(Staff(kAizu), {"ledger", "show", "--kind", "query", "--limit", "0", "--json"}).out));
  };
  const size_t before = queries();
  const int64_t permits = Status(Operator())["broker"]["permits"];
  const std::vector<std::string> words = {
      "query",      "--batch",  Path("batch.csv"), "--out", Path("answers.csv"),
      "--provider", kFukushima, "--in-flight",     "2",     "--json"};
  {
    Running batch(folder_->path(), With(Staff(kAizu), words));
    ASSERT_TRUE(Eventually([] { return ReadFile(Path("answers.csv")).size() > 20'000; }));
    ASSERT_TRUE(batch.Kill()) << "the batch was over too soon";
  }
  const Finished rest = Run(Staff(kAizu), words);
  ASSERT_EQ(rest.code, 0) << rest.err;
  const Json account = Json::parse(rest.out);
  EXPECT_GE(account["kept"], 64);
  EXPECT_GT(account["answered"], 0);
  EXPECT_EQ(account["kept"].get<int>() + account["answered"].get<int>(), kPersons);
  EXPECT_EQ(account["results"]["provided"], kWithRecords);
  EXPECT_EQ(account["results"]["not-held"], kKnownThere - kWithRecords);
  EXPECT_EQ(account["results"]["not-registered"], kPersons - kKnownThere);
  EXPECT_EQ(queries() - before, static_cast<size_t>(kPersons));
  EXPECT_EQ(Status(Operator())["broker"]["permits"].get<int64_t>() - permits, kPersons);

  // Every record of every person, once.
  std::map<std::string, int> records;
  for (const absl::string_view line : absl::StrSplit(ReadFile(Path("answers.csv")), '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    if (cells.size() > 4 && cells[0] != "row") records[cells[3]] += cells[7] == "provided" ? 1 : 0;
  }
  for (int i = 0; i < kPersons; ++i) {
    EXPECT_EQ(records[NumberAtAizu(i)], i < kWithRecords ? 1 + i % 3 : 0) << i;
  }

  // Over: the same command says so and asks nothing; and the JSON form is of the same exchanges.
  const Finished over = Run(Staff(kAizu), words);
  EXPECT_EQ(Json::parse(over.out)["kept"], kPersons);
  std::vector<std::string> as_json = words;
  as_json[4] = Path("answers.json");
  EXPECT_EQ(Run(Staff(kAizu), as_json).code, 0);
  EXPECT_EQ(Json::parse(ReadFile(Path("answers.json"))).size(), static_cast<size_t>(kPersons));
  EXPECT_EQ(queries() - before, static_cast<size_t>(kPersons));
}

TEST_F(NakadachiTest, StaffReleaseOrRefuse) {
  struct Case {
    int person;
    const char* decision;
    const char* result;
  };
  for (const Case& c : {Case{30, "release", "provided"}, Case{31, "refuse", "refused"}}) {
    ASSERT_EQ(Run(Staff(kFukushima), {"person", "protect", NumberAtFukushima(c.person)}).code, 0);
    const Finished asked = Ask(c.person, {"--json"});
    EXPECT_EQ(asked.code, 4);
    const Json waiting = Json::parse(asked.out);
    EXPECT_EQ(waiting["result"], "awaiting-review");

    const Json reviews =
        Json::parse(Run(Staff(kFukushima), {"review", "list", "--json"}).out)["reviews"];
    ASSERT_EQ(reviews.size(), 1u);
    EXPECT_EQ(reviews[0]["permit_number"], waiting["permit_number"]);
    EXPECT_EQ(reviews[0]["requester"], kAizu);
    EXPECT_EQ(reviews[0]["addressee_number"], NumberAtFukushima(c.person));

    const std::string number = reviews[0]["permit_number"];
    // An office's certificate names no member of staff.
    EXPECT_EQ(Run(Office(kFukushima), {"review", c.decision, number}).code, 1);
    const Finished decided = Run(Staff(kFukushima), {"review", c.decision, number});
    EXPECT_EQ(decided.code, 0) << decided.err;
    Json shown;
    EXPECT_TRUE(Eventually([&] {
      shown = Json::parse(
          Run(Staff(kAizu), {"query", "--show", waiting["request_id"].get<std::string>(), "--json"})
              .out);
      return shown["result"] != "awaiting-review";
    }));
    EXPECT_EQ(shown["result"], c.result);
    EXPECT_THAT(Run(Staff(kFukushima), {"review", "list"}).out, HasSubstr("Nothing awaits review"));
    ASSERT_EQ(
        Run(Staff(kFukushima), {"person", "protect", NumberAtFukushima(c.person), "--off"}).code,
        0);
    EXPECT_EQ(Ask(c.person).code, 0);
  }
}

// ---- ledgers

TEST_F(NakadachiTest, LedgersAreVerifiedOverTheNetwork) {
  ASSERT_EQ(Ask(40).code, 0);
  const std::string remembered = Path("checkpoint");
  const Finished first =
      Run(Staff(kAizu), {"ledger", "verify", "--statements", "--remember", remembered});
  EXPECT_EQ(first.code, 0) << first.err;
  ASSERT_EQ(Ask(41).code, 0);
  const Finished second =
      Run(Staff(kAizu), {"ledger", "verify", "--remember", remembered, "--json"});
  EXPECT_EQ(second.code, 0) << second.err;
  const Finished second_text = Run(Staff(kAizu), {"ledger", "verify"});
  const Json json = Json::parse(second.out);
  EXPECT_EQ(json["verified"], true);
  EXPECT_LT(json["consistent_with"], json["entries"]);
  EXPECT_EQ(json["key"], "server");
  ASSERT_EQ(json["vkeys"].size(), 1u);
  EXPECT_THAT(second_text.out, HasSubstr(json["vkeys"][0].get<std::string>()));

  // By the key of somebody else it is not verified; another ledger's key is a wrong argument.
  const std::string keys = Path("other.keys");
  ASSERT_EQ(Run("", {"pki", "keys", keys, "--institution", kAizu}).code, 0);
  const std::string other = Json::parse(ReadFile(keys + ".pub"))["vkey"];
  const Finished foreign = Run(Staff(kAizu), {"ledger", "verify", "--vkey", other, "--json"});
  EXPECT_EQ(foreign.code, 1);
  EXPECT_EQ(Json::parse(foreign.out)["verified"], false);
  EXPECT_EQ(Run(Operator(), {"ledger", "verify", "--vkey", other}).code, 2);
  EXPECT_EQ(Run(Operator(), {"ledger", "verify"}).code, 0);
}

TEST_F(NakadachiTest, LedgersAreShownWithoutCodes) {
  ASSERT_EQ(Ask(42).code, 0);
  const Finished own = Run(Staff(kAizu), {"ledger", "show", "--limit", "0", "--json"});
  ASSERT_EQ(own.code, 0) << own.err;
  std::set<std::string> kinds;
  const Json entries = Json::parse(own.out)["entries"];
  for (const Json& entry : entries) {
    EXPECT_EQ(entry["state"], "present");
    kinds.insert(entry["kind"].get<std::string>());
    EXPECT_FALSE(entry["fields"].contains("linkage_code"));
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf({"query", "receipt", "operation"}));
  EXPECT_THAT(own.out, Not(HasSubstr("linkage")));
  // Offices read commitments only.
  EXPECT_EQ(Run(Office(kAizu), {"ledger", "show"}).code, 1);
  EXPECT_EQ(Run(Office(kAizu), {"ledger", "show", "--commitments"}).code, 0);
  const Finished broker = Run(Operator(), {"ledger", "show", "--kind", "permit", "--limit", "1"});
  EXPECT_EQ(broker.code, 0) << broker.err;
  EXPECT_THAT(broker.out, HasSubstr("procedure=immunization"));
}

TEST_F(NakadachiTest, AStoppedServersLedgerIsVerifiedFromItsDatabase) {
  ASSERT_EQ(Ask(43).code, 0);
  const std::string data = network_->DataFolder(kAizu);
  const std::string server = fs::path(data).parent_path().string();
  const std::string vkey = Json::parse(ReadFile(server + "/072028-1.keys.pub"))["vkey"];
  const std::vector<std::string> words = {"ledger", "verify", "--data",
                                          data,     "--kek",  server + "/key-encryption-key",
                                          "--vkey", vkey,     "--json"};
  EXPECT_EQ(Run("", words).code, 2) << "the server has it open";
  ASSERT_TRUE(network_->Stop(kAizu).ok());
  const Finished stopped = Run("", words);
  EXPECT_EQ(stopped.code, 0) << stopped.err;
  EXPECT_GT(Json::parse(stopped.out)["entries"], 2);
  std::vector<std::string> foreign = words;
  foreign[5] = Path("foreign.kek");
  ASSERT_EQ(Run("", {"pki", "secret", foreign[5]}).code, 0);
  EXPECT_EQ(Run("", foreign).code, 1);
  const Finished shown =
      Run("", {"ledger", "show", "--institution", kAizu, "--data", data, "--kek",
               server + "/key-encryption-key", "--kind", "receipt", "--limit", "1"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("verified=yes"));
  EXPECT_EQ(Run(Staff(kAizu), {"--wait", "0", "status"}).code, 4) << "juki net is still there";
  EXPECT_EQ(
      Run(Staff(kAizu), {"--wait", "0", "query", NumberAtAizu(1), "--provider", kFukushima}).code,
      3);
  ASSERT_TRUE(network_->StartAgain(kAizu).ok());
  EXPECT_EQ(Ask(43).code, 0);
}

// ---- the operator's commands

TEST_F(NakadachiTest, MembersComeAndChange) {
  const std::string keys = Path("sendai.keys"), next = Path("sendai-2.keys");
  ASSERT_EQ(Run("", {"pki", "keys", keys, "--institution", "041009"}).code, 0);
  ASSERT_EQ(Run("", {"pki", "keys", next, "--institution", "041009"}).code, 0);
  const std::vector<std::string> add = {"member",      "add",       "041009",
                                        "--name",      "仙台市",    "--keys",
                                        keys + ".pub", "--address", "127.0.0.1:9"};
  const Finished added = Run(Operator(), add);
  EXPECT_EQ(added.code, 0) << added.err;
  const Finished twice = Run(Operator(), add);
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.err, HasSubstr("[known-member]"));
  EXPECT_EQ(Run(Operator(), {"member", "route", "041009", "--address", "127.0.0.1:10"}).code, 0);
  EXPECT_EQ(Run(Operator(), {"member", "key-add", "041009", "--keys", next + ".pub"}).code, 0);
  EXPECT_EQ(Run(Operator(),
                {"member", "key-revoke", "041009", "--keys", keys + ".pub", "--reason", "lost"})
                .code,
            0);
  // The private file is not the operator's to have.
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"member", "add", "041009", "--name", "仙台市", "--keys", next, "--address",
            "127.0.0.1:9"},
           {"member", "key-add", "041009", "--keys", next},
           {"member", "key-revoke", "041009", "--keys", next, "--reason", "lost"}}) {
    const Finished refused = Run(Operator(), words);
    EXPECT_EQ(refused.code, 2) << testing::PrintToString(words);
    EXPECT_THAT(refused.err, HasSubstr("[private-key]"));
    EXPECT_THAT(refused.err, HasSubstr(absl::StrCat("give ", next, ".pub")));
  }
  // What is recorded for good says something, on one line.
  for (const auto& [reason, rule] : {std::make_pair("", "reason: must not be empty [required]"),
                                     std::make_pair("a\nb", "[control-character]")}) {
    const std::string hold = "00112233445566778899aabbccddeeff";
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"member", "key-revoke", "041009", "--keys", next + ".pub", "--reason", reason},
             {"retention", "hold", "--entry", "0", "--reason", reason},
             {"retention", "release", hold, "--reason", reason}}) {
      const Finished refused = Run(Operator(), words);
      EXPECT_EQ(refused.code, 2) << testing::PrintToString(words) << refused.out;
      EXPECT_THAT(refused.err, HasSubstr(rule));
    }
  }
  // Keys that are another's are noticed before anything is sent; a line end is none of theirs.
  const std::string vkey = Json::parse(ReadFile(next + ".pub"))["vkey"];
  const Finished foreign =
      Run(Operator(), {"member", "key-revoke", kAizu, "--vkey", vkey + "\r\n", "--reason", "lost"});
  EXPECT_EQ(foreign.code, 2);
  EXPECT_THAT(foreign.err, HasSubstr("[name]"));
  EXPECT_EQ(Run(Operator(), {"member", "key-add", kAizu, "--keys", next + ".pub"}).code, 2);

  const Json members = Json::parse(Run(Operator(), {"member", "list", "--json"}).out)["members"];
  const auto sendai = std::find_if(members.begin(), members.end(),
                                   [](const Json& m) { return m["code"] == "041009"; });
  ASSERT_NE(sendai, members.end());
  EXPECT_EQ((*sendai)["name"], "仙台市");
  EXPECT_EQ((*sendai)["address"], "127.0.0.1:10");
  ASSERT_EQ((*sendai)["keys"].size(), 2u);
  EXPECT_NE((*sendai)["keys"][0]["revoked_from"], "");
  EXPECT_EQ((*sendai)["keys"][1]["revoked_from"], "");
  EXPECT_THAT(Run(Operator(), {"member", "list"}).out, HasSubstr("仙台市"));

  // What nobody could reach is not recorded.
  struct Unusable {
    std::vector<std::string> words;
    int code;
    const char* said;
  };
  const std::vector<std::string> join = {"member", "add", "131016", "--keys",
                                         Path("tokyo.keys.pub")};
  ASSERT_EQ(Run("", {"pki", "keys", Path("tokyo.keys"), "--institution", "131016"}).code, 0);
  const auto with = [&join](std::vector<std::string> more) {
    more.insert(more.begin(), join.begin(), join.end());
    return more;
  };
  const Json before = Json::parse(Run(Operator(), {"member", "list", "--json"}).out);
  for (const Unusable& c :
       {Unusable{with({"--name", "x", "--address", "nonsense"}), 1, "address: must be host:port"},
        Unusable{with({"--name", "x", "--address", ""}), 1, "[required]"},
        Unusable{with({"--name", "", "--address", "127.0.0.1:9"}), 1, "name: "},
        Unusable{with({"--name", "\xff", "--address", "127.0.0.1:9"}), 2, "[utf-8]"},
        Unusable{with({"--name", "x", "--address", "127.0.0.1:9", "--dns-name", "bad name!"}), 1,
                 "[dns-name]"},
        Unusable{{"member", "route", "041009", "--address", "127.0.0.1:99999"}, 1, "[port]"},
        Unusable{{"member", "route", "041009", "--address", ""}, 1, "[required]"}}) {
    const Finished run = Run(Operator(), c.words);
    EXPECT_EQ(run.code, c.code) << testing::PrintToString(c.words) << run.out << run.err;
    EXPECT_THAT(run.err, HasSubstr(c.said));
  }
  EXPECT_EQ(Json::parse(Run(Operator(), {"member", "list", "--json"}).out), before);
  // An office may not.
  EXPECT_NE(Run(Office(kAizu), {"member", "list"}).code, 0);
}

TEST_F(NakadachiTest, ListsAreExplainedComparedAndPublished) {
  ASSERT_EQ(Ask(50).code, 0);
  const std::string list = Path("list.csv");
  WriteFile(list, std::string(simulator::kJapanList));
  EXPECT_EQ(Run("", {"permission-list", "check", list}).code, 0);
  WriteFile(Path("bad-list.csv"), ReadFile(list) + "x,,nobody,municipality,Y,2024-13-01,,\n");
  const Finished bad = Run("", {"permission-list", "check", Path("bad-list.csv")});
  EXPECT_EQ(bad.code, 2);
  EXPECT_GT(std::count(bad.err.begin(), bad.err.end(), '\n'), 2) << "every problem is named";

  // Former item 16-2 until 2024-05-26, item 25 from the next day on; none before 2017-05-30.
  struct Case {
    const char* date;
    int code;
    const char* verdict;
    int line;
  };
  const std::vector<std::string> explain = {"permission-list", "explain", "--procedure",
                                            "immunization", "--json"};
  for (const Case& c :
       {Case{"2024-05-26", 0, "permitted", 3}, Case{"2024-05-27", 0, "permitted", 14},
        Case{"2017-05-29", 1, "not-in-force", 3}}) {
    std::vector<std::string> words = explain;
    words.insert(words.end(), {"--list", list, "--date", c.date});
    const Finished run = Run("", words);
    EXPECT_EQ(run.code, c.code) << c.date;
    const Json json = Json::parse(run.out);
    EXPECT_EQ(json["verdict"], c.verdict) << c.date;
    EXPECT_EQ(json["items"][0]["row"]["line"], c.line) << c.date;
  }
  // Without a file: the version in force, out of the broker's ledger.
  const Finished recorded = Run(Operator(), explain);
  EXPECT_EQ(recorded.code, 0) << recorded.err;
  EXPECT_EQ(Json::parse(recorded.out)["list_version"], 1);

  // An amendment that takes cities the right to ask cities.
  std::string amended;
  for (const absl::string_view line : absl::StrSplit(ReadFile(list), '\n', absl::SkipEmpty())) {
    const bool of_cities = absl::StrContains(line, ",municipality,municipality,immunization,");
    if (of_cities && absl::StartsWith(line, "immunization,")) continue;
    absl::StrAppend(&amended, line, "\n");
  }
  WriteFile(Path("amended.csv"), amended);
  const Finished diff =
      Run(Operator(), {"permission-list", "diff", list, Path("amended.csv"), "--ledger", "--json"});
  ASSERT_EQ(diff.code, 0) << diff.err;
  const Json changes = Json::parse(diff.out);
  EXPECT_EQ(changes["removed"].size(), 2u);
  EXPECT_EQ(changes["added"].size(), 0u);
  ASSERT_GE(changes["recorded"]["changes"].size(), 1u);
  EXPECT_EQ(changes["recorded"]["changes"][0]["was_permitted"], true);
  EXPECT_EQ(changes["recorded"]["changes"][0]["queries"], changes["recorded"]["permits"]);

  const Finished published =
      Run(Operator(), {"permission-list", "publish", Path("amended.csv"), "--json"});
  ASSERT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(Json::parse(published.out)["version"], 2);
  const Finished refused = Ask(51);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.out, HasSubstr("Refused by the network: not-permitted"));
  ASSERT_EQ(Run(Operator(), {"permission-list", "publish", list}).code, 0);
  EXPECT_EQ(Ask(51).code, 0);
}

TEST_F(NakadachiTest, StatusTellsOfWhatTheProfileNames) {
  const Json broker = Status(Operator());
  EXPECT_GT(broker["broker"]["ledger_size"], 0);
  EXPECT_FALSE(broker.contains("juki"));
  const Json office = Status(Office(kFukushima));
  EXPECT_EQ(office["intermediate"]["municipalities"][0]["code"], kFukushima);
  EXPECT_EQ(office["intermediate"]["municipalities"][0]["replica_sets"], kWithRecords);
  EXPECT_EQ(office["intermediate"]["municipalities"][0]["codes"], kKnownThere);
  EXPECT_GE(office["juki"]["residents"], kPersons);
}

// ---- usage

TEST_F(NakadachiTest, EveryCommandHasHelpWithAnExample) {
  const std::vector<std::string> commands = {"pki init",
                                             "pki issue",
                                             "pki keys",
                                             "pki secret",
                                             "member add",
                                             "member list",
                                             "member key-add",
                                             "member key-revoke",
                                             "member route",
                                             "query",
                                             "permission-list check",
                                             "permission-list publish",
                                             "permission-list explain",
                                             "permission-list diff",
                                             "person register",
                                             "person protect",
                                             "replica load",
                                             "query",
                                             "evidence export",
                                             "evidence bundle",
                                             "evidence verify-bundle",
                                             "evidence own-records",
                                             "retention status",
                                             "retention erase",
                                             "retention hold",
                                             "retention release",
                                             "retention holds",
                                             "ledger checkpoint",
                                             "ledger forks",
                                             "ledger check-fork",
                                             "ledger clear-fork",
                                             "review list",
                                             "review release",
                                             "review refuse",
                                             "ledger show",
                                             "ledger verify",
                                             "status",
                                             "pki",
                                             "member",
                                             "permission-list",
                                             "person",
                                             "replica",
                                             "review",
                                             "ledger"};
  for (const std::string& command : commands) {
    std::vector<std::string> words = absl::StrSplit(command, ' ');
    words.push_back("--help");
    const Finished run = Run("", words);
    EXPECT_EQ(run.code, 0) << command;
    // Of the command itself, not of another one.
    const size_t example = run.out.find("Example");
    ASSERT_NE(example, std::string::npos) << command;
    EXPECT_THAT(run.out.substr(example), ContainsRegex("nakadachi .*" + command)) << command;
  }
  EXPECT_THAT(Run("", {"--help"}).out, HasSubstr("Exit codes"));
  // A range is named with the option's own type.
  EXPECT_THAT(Run("", {"status", "--help"}).out, HasSubstr("UINT in [0 - 10000]"));
  EXPECT_THAT(Run("", {"pki", "issue", "--help"}).out, HasSubstr(":INT in [1 - 3650]"));
}

TEST_F(NakadachiTest, WrongUsageAndUnreadableInput) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"query", "--nonsense"},
           {"query"},
           {"query", "1", "--show", "00"},
           {"query", "x1", "--provider", kFukushima},
           {"query", "1", "--provider", "072011"},
           {"query", "--show", "0011"},
           {"query", "--batch", Path("none.csv"), "--out", Path("x.csv")},
           {"query", "--batch", Path("aizu.csv")},
           {"query", "--batch", Path("aizu.csv"), "--out", Path("x.txt"), "--provider", kFukushima},
           {"query", "--batch", Path("aizu.csv"), "--out", Path("x.csv"), "--provider", kFukushima,
            "--request-id", "00112233445566778899aabbccddeeff"},
           {"query", "--show", "00112233445566778899aabbccddeeff", "--request-id",
            "00112233445566778899aabbccddeeff"},
           {"ledger", "show", "--kind", "nonsense"},
           {"person", "register"},
           {"person", "register", "--file", Path("none.csv")},
           {"replica", "load", Path("none.csv")},
           {"permission-list", "check", Path("none.csv")},
           {"permission-list", "explain", "--list", Path("aizu.csv"), "--procedure", "x"},
           {"pki", "issue", Path("none"), "--role", "staff", "--out", Path("y")},
           {"pki", "issue", Path("none"), "--role", "king", "--out", Path("y")},
           {"member", "add", "072029", "--name", "x", "--keys", "y", "--address", "z"}}) {
    const Finished run = Run(Staff(kAizu), words);
    EXPECT_EQ(run.code, 2) << testing::PrintToString(words) << run.out << run.err;
    EXPECT_FALSE(run.err.empty()) << testing::PrintToString(words);
  }
  EXPECT_EQ(Run(Path("no-profile.json"), {"status"}).code, 2);
}

TEST_F(NakadachiTest, WhatIsWrongIsSaid) {
  struct Case {
    std::vector<std::string> words;
    const char* said;
  };
  WriteFile(Path("typo.json"), "{\"municipality\": \"072028\",\n \"tls\": oops}");
  for (const Case& c :
       {Case{{"nonsense"}, "nonsense: is no command"},
        Case{{"query", "1"}, "provider: say with --provider whom to ask [missing]"},
        Case{{"query", "1", "--provider", kFukushima, "--items", ","},
             "items: names no item [empty]"},
        Case{{"query", "--batch", Path("aizu.csv"), "--out", Path("x.csv"), "--items", " , "},
             "[empty]"},
        Case{{"query", "--batch", "/dev/null", "--out", Path("x.csv")}, "[regular]"},
        Case{{"query", "--batch", Path(""), "--out", Path("x.csv")}, "[regular]"},
        Case{{"replica", "load", "/dev/null"}, "[regular]"},
        Case{{"replica", "load", "--check", Path("")}, "[regular]"},
        Case{{"--profile", Path("typo.json"), "status"}, "typo.json: "}}) {
    const Finished run = c.words[0] == "--profile" ? Run("", c.words) : Run(Staff(kAizu), c.words);
    EXPECT_EQ(run.code, 2) << c.said;
    EXPECT_THAT(run.err, HasSubstr(c.said));
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_THAT(run.err, Not(HasSubstr("\xEF\xBF\xBD"))) << "nothing had to be replaced";
  }
  // Line by line, in the order of the file.
  std::string csv = "addressee_number\n";
  for (int i = 0; i < 30; ++i) csv += "x\n";
  WriteFile(Path("wrong.csv"), csv);
  const Finished batch = Run(Staff(kAizu), {"query", "--batch", Path("wrong.csv"), "--out",
                                            Path("x.csv"), "--provider", kFukushima});
  EXPECT_EQ(batch.code, 2);
  EXPECT_THAT(batch.err, StartsWith("nakadachi: line 2, column 1 (addressee_number)"));
  EXPECT_THAT(batch.err, HasSubstr("line 21, column 1"));
  EXPECT_THAT(batch.err, HasSubstr("nakadachi: 10 more problems\n"));
  WriteFile(Path("wrong-persons.csv"),
            "addressee_number,individual_number\n1,983205673210\nx,983205673214\n");
  const Finished persons =
      Run(Office(kAizu), {"person", "register", "--file", Path("wrong-persons.csv")});
  EXPECT_THAT(persons.err, ContainsRegex("line 2.*\n.*line 3"));
}

TEST_F(NakadachiTest, AServerThatIsNotThereIsCodeThree) {
  Json profile = Json::parse(ReadFile(Operator()));
  profile["broker_operator"]["address"] = "127.0.0.1:1";
  // Paths in a profile are relative to it.
  const std::string path = (fs::path(Operator()).parent_path() / "gone.json").string();
  WriteFile(path, profile.dump());
  const Finished run = Run(path, {"--wait", "0", "--json", "member", "list"});
  EXPECT_EQ(run.code, 3);
  const Json error = Json::parse(run.out)["error"];
  EXPECT_EQ(error["code"], "UNAVAILABLE");
  EXPECT_EQ(error["field"], "broker at 127.0.0.1:1");
  EXPECT_EQ(error["rule"], "not-reached");
  EXPECT_THAT(run.err, StartsWith("nakadachi: broker at 127.0.0.1:1: was not reached: "));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_EQ(Run(path, {"--wait", "0", "status"}).code, 3);
}

// Nothing is recorded there: it is no question that is under way.
TEST_F(NakadachiTest, TheOwnServerThatIsNotThereIsWaitedForAsLongAsIsSaid) {
  Json profile = Json::parse(ReadFile(Staff(kFukushima)));
  profile["intermediate"]["address"] = "127.0.0.1:1";
  const std::string path = (fs::path(Staff(kFukushima)).parent_path() / "alone.json").string();
  WriteFile(path, profile.dump());
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"query", "1", "--provider", kAizu},
           {"query", "--batch", Path("aizu.csv"), "--out", Path("alone.csv"), "--provider", kAizu},
           {"replica", "load", Path("replica.csv")}}) {
    std::vector<std::string> all = {"--wait", "0"};
    all.insert(all.end(), words.begin(), words.end());
    const absl::Time start = absl::Now();
    const Finished run = Run(path, all);
    EXPECT_EQ(run.code, 3) << run.out << run.err;
    EXPECT_THAT(run.err, HasSubstr("intermediate server at 127.0.0.1:1: was not reached: "));
    EXPECT_LT(absl::Now() - start, absl::Seconds(20)) << testing::PrintToString(words);
  }
}

TEST_F(NakadachiTest, AProfileThatLacksWhatACommandNeedsIsCodeTwo) {
  for (const char* server : {"intermediate", "juki"}) {
    Json profile = Json::parse(ReadFile(Office(kAizu)));
    profile[server].erase("tls_name");
    const std::string path = (fs::path(Office(kAizu)).parent_path() / "nameless.json").string();
    WriteFile(path, profile.dump());
    const Finished run = Run(path, {"status"});
    EXPECT_EQ(run.code, 2) << run.out << run.err;
    EXPECT_THAT(run.err, HasSubstr(absl::StrCat("profile.", server, ".tls_name: ")));
  }
}

TEST_F(NakadachiTest, AFileThatIsNoProofOfAForkIsCodeTwo) {
  WriteFile(Path("no.fork"), "addressee_number\n1\n");
  const Finished run = Run("", {"ledger", "check-fork", Path("no.fork")});
  EXPECT_EQ(run.code, 2) << run.out << run.err;
  EXPECT_THAT(run.err, HasSubstr("[fork-format]"));
}

TEST_F(NakadachiTest, KeysAreMadeOnceAndAreTheirOwners) {
  const std::string folder = Path("pki-test");
  ASSERT_EQ(Run("", {"pki", "init", folder}).code, 0);
  const Finished again = Run("", {"pki", "init", folder});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("[exists]"));
  const std::string out = Path("issued/staff");
  ASSERT_EQ(Run("", {"pki", "issue", folder, "--role", "staff", "--institution", kAizu,
                     "--department", "health", "--staff", "s-1", "--out", out})
                .code,
            0);
  EXPECT_EQ(fs::status(out + ".key").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  // What is shown is where keys lie, never the keys.
  const Finished keys = Run("", {"pki", "keys", Path("k"), "--institution", "broker", "--json"});
  ASSERT_EQ(keys.code, 0) << keys.err;
  const std::string seed = Json::parse(ReadFile(Path("k")))["signing_seed"];
  EXPECT_THAT(keys.out + keys.err, Not(HasSubstr(seed)));
  EXPECT_EQ(
      Run("", {"pki", "issue", folder, "--role", "office", "--staff", "s", "--out", Path("z")})
          .code,
      2);
}

}  // namespace
}  // namespace nakadachi::cli
