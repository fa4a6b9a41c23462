#include "tools/replay/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/evidence/layout.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/external_sort.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteAll(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The bodies of a log's only file of statements, to be changed and written back.
class Bodies {
 public:
  explicit Bodies(const std::string& log_folder) {
    for (const auto& entry : fs::recursive_directory_iterator(log_folder + "/statements")) {
      if (entry.is_regular_file()) path_ = entry.path().string();
    }
    EXPECT_TRUE(bundle_.Parse(ReadAll(path_)).ok());
    bodies = bundle_.bodies();
  }
  void Write() const {
    std::string bytes;
    for (const evidence::Body& body : bodies) evidence::StatementBundle::Add(body, &bytes);
    WriteAll(path_, bytes);
  }
  std::vector<evidence::Body> bodies;

 private:
  std::string path_;
  evidence::StatementBundle bundle_;
};

// A row of broker/persons.
std::string PersonRow(const std::string& code, uint64_t leaf) {
  std::string row = code;
  for (int shift = 56; shift >= 0; shift -= 8) row.push_back(static_cast<char>(leaf >> shift));
  return row;
}

const std::string kAnn(16, '\x11');
const std::string kBob(16, '\x22');

class SearchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Tell(network_);
    network_.Export(folder_.path());
    Index(1'000'000);
  }
  void Index(size_t rows_in_memory) {
    IndexOptions options;
    options.folder = folder_.path();
    options.rows_in_memory = rows_in_memory;
    const auto indexed = BuildIndex(options);
    ASSERT_TRUE(indexed.ok()) << indexed.status();
    EXPECT_GT(indexed->rows, 50u);
    EXPECT_EQ(indexed->unproven, 0u);
    EXPECT_EQ(indexed->persons, "");
  }
  SearchOptions Options() const {
    SearchOptions options;
    options.folders = {folder_.path()};
    return options;
  }
  SearchResult Find(const SearchOptions& options) const {
    auto result = Search(options);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return SearchResult();
    EXPECT_TRUE(result->all_proven()) << ToText(*result);
    EXPECT_EQ(result->matches, result->hits.size());
    for (const Hit& hit : result->hits) {
      EXPECT_GE(hit.statement.time_ms(), options.from_ms);
      EXPECT_LT(hit.statement.time_ms(), options.until_ms);
    }
    return *std::move(result);
  }

  TestNetwork network_;
  TemporaryFolder folder_;
};

TEST_F(SearchTest, FindsByEachValue) {
  SearchOptions options = Options();
  options.outcome = "provided";
  EXPECT_EQ(Find(options).matches, 10u);
  options = Options();
  options.outcome = "refused-not-permitted";
  EXPECT_EQ(Find(options).matches, 1u);
  options = Options();
  options.procedure = "special-measures-immunization";
  // Two exchanges that were answered (a receipt names no procedure), one that was refused.
  EXPECT_EQ(Find(options).matches, 8u);
  options = Options();
  options.institution = kFukushimaPrefecture;
  EXPECT_EQ(Find(options).matches, 5u);  // an exchange, and the inspection of its log
  options = Options();
  options.staff = "staff-17";
  EXPECT_EQ(Find(options).matches, 24u);
}

TEST_F(SearchTest, AllValuesMustHold) {
  SearchOptions options = Options();
  options.institution = kChiyoda;
  options.outcome = "withheld";
  const SearchResult result = Find(options);
  ASSERT_EQ(result.hits.size(), 1u);
  EXPECT_EQ(result.hits[0].entry.log, kSendai);
  EXPECT_EQ(result.hits[0].statement.provision().requester(), kChiyoda);
  // Query, permit and receipt of the same exchange.
  EXPECT_EQ(result.hits[0].exchange.size(), 3u);
  options.institution = kFukushimaPrefecture;
  EXPECT_EQ(Find(options).matches, 0u);
}

TEST_F(SearchTest, FindsByTime) {
  SearchOptions options = Options();
  options.outcome = "permitted";
  const SearchResult all = Find(options);
  ASSERT_GT(all.hits.size(), 4u);
  EXPECT_TRUE(std::is_sorted(all.hits.begin(), all.hits.end(), [](const Hit& a, const Hit& b) {
    return a.statement.time_ms() < b.statement.time_ms();
  }));
  options.from_ms = all.hits[1].statement.time_ms();
  options.until_ms = all.hits[3].statement.time_ms();
  EXPECT_EQ(Find(options).matches, 2u);
  options.outcome.clear();
  EXPECT_GT(Find(options).matches, 2u);
}

TEST_F(SearchTest, ShowsAsManyAsAsked) {
  SearchOptions options = Options();
  options.institution = kAizuwakamatsu;
  options.limit = 3;
  const auto result = Search(options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->hits.size(), 3u);
  EXPECT_GT(result->matches, 30u);
}

TEST_F(SearchTest, AnIndexMadeInManyRunsIsTheSame) {
  const auto read = [this](const std::string& name) {
    std::ifstream file(folder_.path() + "/index/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::vector<std::string> before;
  const std::vector<std::string> names = {"about",        "rows",      "by-institution",
                                          "by-procedure", "by-staff",  "by-outcome",
                                          "by-exchange",  "by-person", "persons"};
  for (const std::string& name : names) before.push_back(read(name));
  Index(7);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(read(names[i]), before[i]) << names[i];
  }
}

// Permits are about Ann and Bob by turns, as an export of an inspector with that right says it.
class PersonTest : public SearchTest {
 protected:
  void SetUp() override {
    SearchTest::SetUp();
    Bodies file(Broker());
    for (size_t i = 0; i < file.bodies.size(); ++i) {
      v1::Statement statement;
      const evidence::Body& body = file.bodies[i];
      if (!statement.ParseFromString(std::string(body.statement)) || !statement.has_permit())
        continue;
      const std::string& code = permits_.size() % 2 == 0 ? kAnn : kBob;
      file.bodies[i].person = code;
      rows_.push_back(PersonRow(code, i));
      permits_.push_back(i);
    }
    file.Write();
    std::sort(rows_.begin(), rows_.end());
    WriteRows();
    Index(1'000'000);
  }
  std::string Broker() const { return folder_.path() + "/broker"; }
  void WriteRows() const { WriteAll(Broker() + "/persons", absl::StrJoin(rows_, "")); }
  SearchOptions About(const std::string& code) const {
    SearchOptions options = Options();
    options.person = HexEncode(code);
    return options;
  }

  std::vector<uint64_t> permits_;
  std::vector<std::string> rows_;
};

TEST_F(PersonTest, IsFoundByTheBrokersWord) {
  const SearchResult result = Find(About(kAnn));
  ASSERT_EQ(result.hits.size(), (permits_.size() + 1) / 2);
  for (size_t i = 0; i < result.hits.size(); ++i) {
    EXPECT_EQ(result.hits[i].entry.log, "broker");
    EXPECT_EQ(result.hits[i].entry.index, permits_[2 * i]);
    EXPECT_EQ(result.hits[i].person, HexEncode(kAnn));
  }
  EXPECT_EQ(result.hits[0].exchange.size(), 3u);
  EXPECT_TRUE(result.person_by_assertion);
  EXPECT_THAT(ToText(result), HasSubstr("assertion"));
  EXPECT_EQ(Find(About(std::string(16, '3'))).unknown, std::vector<std::string>{"person"});

  SearchOptions also = About(kAnn);
  also.until_ms = result.hits[2].statement.time_ms();
  EXPECT_EQ(Find(also).matches, 2u);
  also.procedure = "special-measures-immunization";
  const SearchResult none = Find(also);
  EXPECT_EQ(none.matches, 0u);
  EXPECT_TRUE(none.unknown.empty());
}

TEST_F(PersonTest, EachPermitSaysWhomItIsAbout) {
  SearchOptions options = Options();
  options.institution = kChiyoda;
  const SearchResult result = Find(options);
  EXPECT_TRUE(result.person_by_assertion);
  const auto json = nlohmann::json::parse(ToJson(result));
  size_t permits = 0;
  for (const auto& hit : json["hits"]) {
    ASSERT_EQ(hit.contains("person"), hit["kind"] == "permit");
    if (hit["kind"] == "permit") {
      ++permits;
      EXPECT_THAT(hit["person"], AnyOf(HexEncode(kAnn), HexEncode(kBob)));
    }
  }
  EXPECT_EQ(permits, 3u);
  EXPECT_THAT(ToText(result), HasSubstr("  person 1111"));
}

// No proof covers codes, but the export has them twice: where both differ, a search would miss what
// one of them says.
TEST_F(PersonTest, CodesThatDifferAreToldAndNotSearched) {
  struct Case {
    const char* what;
    std::function<void()> change;
    const char* told;  // empty: all is well
  };
  const Case cases[] = {
      {"the file is not in order", [&] { std::swap(rows_.front(), rows_.back()); }, ""},
      {"a row twice", [&] { rows_.push_back(rows_[0]); }, ""},
      {"rows behind the checkpoint", [&] { rows_.push_back(PersonRow(kBob, 1'000'000)); }, ""},
      {"a row is cut off", [&] { rows_.push_back("cut"); }, ""},
      {"a row is missing", [&] { rows_.pop_back(); }, "differ in 1 rows"},
      {"a row of another", [&] { rows_.push_back(PersonRow(kBob, permits_[0])); },
       "differ in 1 rows"},
      {"a code in the file", [&] { rows_[0][3] = 'x'; }, "differ in 2 rows"},
      {"nothing", [&] { rows_.clear(); }, "differ in "},
      {"a code beside a permit",
       [&] {
         Bodies file(Broker());
         file.bodies[permits_[1]].person = kAnn;
         file.Write();
       },
       "differ in 2 rows"},
      {"a permit without code",
       [&] {
         Bodies file(Broker());
         file.bodies[permits_[1]].person = "";
         file.Write();
       },
       "differ in 1 rows"},
  };
  const std::vector<std::string> rows = rows_;
  const Bodies as_exported(Broker());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    rows_ = rows;
    as_exported.Write();
    c.change();
    WriteRows();
    IndexOptions options;
    options.folder = folder_.path();
    const auto indexed = BuildIndex(options);
    ASSERT_TRUE(indexed.ok());
    EXPECT_THAT(indexed->persons, HasSubstr(c.told));
    EXPECT_EQ(indexed->persons.empty(), *c.told == '\0');
    const auto result = Search(About(kAnn));
    if (*c.told == '\0') {
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->matches, (permits_.size() + 1) / 2);
    } else {
      EXPECT_EQ(GetFieldRule(result.status()).rule, "persons");
    }
    SearchOptions other = Options();
    other.outcome = "permitted";
    EXPECT_EQ(Find(other).matches, permits_.size());
  }
}

TEST_F(PersonTest, TheFileIsNotNeeded) {
  fs::rename(Broker() + "/persons", Broker() + "/persons.part");  // an exporter died before sorting
  Index(1'000'000);
  EXPECT_EQ(Find(About(kAnn)).matches, 1 + (permits_.size() - 1) / 2);
  fs::remove(Broker() + "/persons.part");
  Index(1'000'000);
  EXPECT_EQ(Find(About(kAnn)).matches, 1 + (permits_.size() - 1) / 2);
}

TEST_F(SearchTest, BadQuestionsAreRefused) {
  struct Case {
    const char* field;
    const char* rule;
    std::function<void(SearchOptions&)> ask;
  };
  const Case cases[] = {
      {"search", "required", [](SearchOptions&) {}},
      {"search", "required",
       [](SearchOptions& o) {
         o.folders.clear();
         o.outcome = "provided";
       }},
      {"institution", "length", [](SearchOptions& o) { o.institution = "xx"; }},
      {"institution", "check-digit", [](SearchOptions& o) { o.institution = "072029"; }},
      {"outcome", "outcome", [](SearchOptions& o) { o.outcome = "refused"; }},
      {"outcome", "outcome", [](SearchOptions& o) { o.outcome = "Provided"; }},
      {"outcome", "outcome", [](SearchOptions& o) { o.outcome = "refused-unknown"; }},
      {"person", "hex", [](SearchOptions& o) { o.person = "zz"; }},
      {"person", "hex", [](SearchOptions& o) { o.person = "1"; }},
      {"person", "hex", [](SearchOptions& o) { o.person = std::string(30, '1'); }},
      {"person", "hex", [](SearchOptions& o) { o.person = std::string(34, '1'); }},
      {"person", "no-persons", [](SearchOptions& o) { o.person = std::string(32, '1'); }},
      {"to", "period",
       [](SearchOptions& o) {
         o.from_ms = 2;
         o.until_ms = 1;
       }},
      {"to", "period", [](SearchOptions& o) { o.from_ms = o.until_ms = 1; }},
  };
  for (const Case& c : cases) {
    SearchOptions options = Options();
    c.ask(options);
    const FieldRule cause = GetFieldRule(Search(options).status());
    EXPECT_EQ(cause.field, c.field);
    EXPECT_EQ(cause.rule, c.rule);
  }
  SearchOptions options = Options();
  options.outcome = "no";
  EXPECT_THAT(
      std::string(Search(options).status().message()),
      AllOf(HasSubstr("permitted, provided, not-held"), HasSubstr("refused-permit-expired")));
}

TEST_F(SearchTest, WhatTheEvidenceDoesNotKnowIsTold) {
  struct Case {
    const char* what;
    std::function<void(SearchOptions&)> ask;
    std::vector<std::string> unknown;
  };
  const Case cases[] = {
      {"nobody's code", [](SearchOptions& o) { o.institution = "131024"; }, {"institution"}},
      {"asked once", [](SearchOptions& o) { o.institution = "012025"; }, {}},
      {"no list's", [](SearchOptions& o) { o.procedure = "imunization"; }, {"procedure"}},
      {"never asked under", [](SearchOptions& o) { o.procedure = "pension"; }, {"procedure"}},
      {"refused", [](SearchOptions& o) { o.procedure = "no-such-procedure"; }, {}},
      {"staff", [](SearchOptions& o) { o.staff = "staff-99"; }, {"staff"}},
      {"two",
       [](SearchOptions& o) {
         o.institution = "131024";
         o.procedure = "imunization";
       },
       {"institution", "procedure"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    SearchOptions options = Options();
    c.ask(options);
    options.outcome = "not-registered";
    const SearchResult result = Find(options);
    ASSERT_EQ(result.matches, 0u);
    EXPECT_EQ(result.unknown, c.unknown);
    const std::string text = ToText(result);
    EXPECT_THAT(text, StartsWith("0 matches, 0 shown\n"));
    for (const std::string& option : c.unknown) {
      EXPECT_THAT(text, HasSubstr("The " + option + " is not known to this evidence."));
    }
    const auto json = nlohmann::json::parse(ToJson(result));
    EXPECT_TRUE(json["all_proven"].is_null());
    EXPECT_EQ(json["unknown"], c.unknown);
  }
}

TEST_F(SearchTest, OperationsSayWhatTheyAre) {
  SearchOptions options = Options();
  options.institution = "broker";
  const SearchResult result = Find(options);
  EXPECT_THAT(ToText(result), HasSubstr("  operation inspection  proven\n"));
  const auto json = nlohmann::json::parse(ToJson(result));
  for (const auto& hit : json["hits"]) {
    EXPECT_EQ(hit.contains("operation"), hit["kind"] == "operation");
  }
  EXPECT_EQ(json["hits"].back()["operation"], "inspection");
  EXPECT_EQ(json["hits"].back()["export"], folder_.path());
}

// What a statement says cannot steer a terminal.
TEST_F(SearchTest, TextsAreFitForATerminal) {
  SearchResult result;
  result.hits.emplace_back();
  result.hits[0].statement.mutable_query()->set_procedure("会津\x1B[2J\n");
  EXPECT_THAT(ToText(result), HasSubstr("会津\\033[2J\\n"));
}

TEST_F(SearchTest, ProvenIsSaidOfWhatIsShown) {
  SearchOptions options = Options();
  options.outcome = "provided";
  EXPECT_THAT(ToText(Search(options).value()), HasSubstr("10 matches, 10 shown, all proven\n"));
  options.limit = 2;
  EXPECT_THAT(ToText(Search(options).value()),
              HasSubstr("10 matches, 2 shown, all shown are proven\n"));
  options.limit = 0;
  EXPECT_THAT(ToText(Search(options).value()), HasSubstr("10 matches, 0 shown\n"));
}

// Two exports of the same network, an earlier one and one of fewer ledgers.
TEST_F(SearchTest, SeveralExportsAreSearchedAsOne) {
  const TemporaryFolder second;
  Plan late;
  late.staff = "staff-18";
  network_.Ask(late);
  network_.LeaveOut(kChiyoda);
  network_.Export(second.path());
  IndexOptions index;
  index.folder = second.path();
  ASSERT_TRUE(BuildIndex(index).ok());

  SearchOptions earlier = Options();
  SearchOptions later = Options();
  later.folders = {second.path()};
  SearchOptions both = Options();
  both.folders = {second.path(), folder_.path(), folder_.path()};
  struct Case {
    std::function<void(SearchOptions&)> ask;
    size_t in_earlier, in_later, in_both;
  };
  const Case cases[] = {
      {[](SearchOptions& o) { o.staff = "staff-17"; }, 24, 21, 24},
      {[](SearchOptions& o) { o.staff = "staff-18"; }, 0, 1, 1},
      {[](SearchOptions& o) { o.outcome = "provided"; }, 10, 11, 11},
      {[](SearchOptions& o) { o.outcome = "withheld"; }, 1, 1, 1},
  };
  for (const Case& c : cases) {
    for (SearchOptions* options : {&earlier, &later, &both}) {
      options->staff = options->outcome = "";
      c.ask(*options);
    }
    EXPECT_EQ(Find(earlier).matches, c.in_earlier);
    EXPECT_EQ(Find(later).matches, c.in_later);
    const SearchResult result = Find(both);
    EXPECT_EQ(result.matches, c.in_both);
    EXPECT_TRUE(std::is_sorted(
        result.hits.begin(), result.hits.end(),
        [](const Hit& a, const Hit& b) { return a.statement.time_ms() < b.statement.time_ms(); }));
  }
  // Chiyoda's query and receipt are in the earlier export only.
  EXPECT_EQ(Find(later).hits[0].exchange.size(), 1u);
  EXPECT_EQ(Find(both).hits[0].exchange.size(), 3u);
  both.outcome = "permitted";
  both.limit = 3;
  const auto first = Search(both);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->hits.size(), 3u);
  later.outcome = "permitted";
  EXPECT_EQ(first->matches, Find(later).matches);
}

// A copy that proves nothing does not hide the one that proves.
TEST_F(SearchTest, OfSeveralExportsTheOneThatProvesCounts) {
  const TemporaryFolder copy;
  fs::copy(folder_.path(), copy.path(), fs::copy_options::recursive);
  const std::string tile = copy.path() + "/" + kSendai + "/tile/0";
  for (const auto& entry : fs::recursive_directory_iterator(tile)) {
    if (entry.is_regular_file()) WriteAll(entry.path().string(), "");
  }
  SearchOptions options = Options();
  options.outcome = "withheld";
  options.folders = {copy.path()};
  EXPECT_FALSE(Search(options).value().all_proven());
  for (const bool copy_first : {false, true}) {
    options.folders = {folder_.path(), copy.path()};
    if (copy_first) std::swap(options.folders[0], options.folders[1]);
    const SearchResult result = Find(options);
    ASSERT_EQ(result.hits.size(), 1u);
    EXPECT_EQ(result.hits[0].folder, folder_.path());
  }
}

// Hits show what the tiles say was signed there, wherever in its file the body stands now.
TEST_F(SearchTest, ABodyInAnotherPlaceIsShownWhereItWasSigned) {
  SearchOptions options = Options();
  options.outcome = "withheld";
  const SearchResult before = Find(options);
  ASSERT_EQ(before.hits.size(), 1u);
  const Hit& hit = before.hits[0];
  Bodies file(folder_.path() + "/" + kSendai);
  std::swap(file.bodies[hit.entry.index], file.bodies[hit.entry.index - 1]);
  file.Write();
  for (const bool again : {false, true}) {
    if (again) Index(1'000'000);
    const SearchResult after = Find(options);
    ASSERT_EQ(after.hits.size(), 1u);
    EXPECT_EQ(after.hits[0].entry.index, hit.entry.index);
    EXPECT_EQ(after.hits[0].recorded.statement(), hit.statement.SerializeAsString());
  }
}

TEST_F(SearchTest, AChangedStatementIsNotMissedInSilence) {
  SearchOptions options = Options();
  options.outcome = "withheld";
  const Hit hit = Find(options).hits.at(0);
  Bodies file(folder_.path() + "/" + kSendai);
  v1::Statement changed = hit.statement;
  changed.mutable_provision()->set_outcome(v1::NOT_HELD);
  const std::string bytes = changed.SerializeAsString();
  file.bodies[hit.entry.index].statement = bytes;
  file.Write();
  // By the index of before; and by one that is made now.
  EXPECT_EQ(GetFieldRule(Search(options).status()).rule, "stale-index");
  IndexOptions index;
  index.folder = folder_.path();
  EXPECT_EQ(BuildIndex(index).value().unproven, 1u);
  EXPECT_EQ(Search(options).value().matches, 0u);
  options.outcome = "not-held";
  EXPECT_THAT(ToText(Search(options).value()), HasSubstr("NOT PROVEN"));
}

// The program itself.
class SearchCommandTest : public SearchTest {
 protected:
  void SetUp() override {
    const char* bin = std::getenv("NAKADACHI_BIN_DIR");
    if (bin == nullptr) GTEST_SKIP() << "NAKADACHI_BIN_DIR is not set";
    program_ = std::string(bin) + "/nakadachi-replay";
    SearchTest::SetUp();
  }
  // Its exit code; what it printed, also about errors, in output_.
  int Run(const std::string& arguments) {
    output_.clear();
    FILE* pipe = popen((program_ + " " + arguments + " 2>&1").c_str(), "re");
    char buffer[4096];
    for (size_t read = 0; (read = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
      output_.append(buffer, read);
    }
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int RunSearch(const std::string& options) {
    return Run("search " + folder_.path() + " " + options);
  }

  std::string program_;
  std::string output_;
};

// The story begins on 2024-04-01 at 10:00 in Japan; its last day is the third of April.
TEST_F(SearchCommandTest, TakesTimesAsAnExportDoes) {
  struct Case {
    const char* options;
    const char* told;
  };
  const Case cases[] = {
      {"--from 2024-04-01 --to 2024-04-01", "13 matches"},
      {"--to 2024-04-01", "13 matches"},
      {"--from 令和6年4月1日 --to R6.4.1", "13 matches"},
      {"--from 2024/4/1 --to 2024年4月1日", "13 matches"},
      {"--to 2024-04-02", "13 matches"},
      {"--to 2024-04-03", "15 matches"},
      {"--from 2024-04-03 --to 2024-04-03", "2 matches"},
      {"--from 2024-04-01T10:00 --to 2024-04-02T00:00", "13 matches"},
      {"--from 2024-04-01T01:00:00Z --to 2024-04-02T00:00:00+09:00", "13 matches"},
      {"--to 2024-04-01T10:00", "0 matches"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(RunSearch(std::string("--outcome permitted ") + c.options), 0) << output_;
    EXPECT_THAT("\n" + output_, HasSubstr(std::string("\n") + c.told)) << c.options;
  }
}

TEST_F(SearchCommandTest, InputThatMeansNothingIsAnError) {
  struct Case {
    const char* options;
    const char* told;
  };
  const Case cases[] = {
      {"--institution xx", "institution: "},
      {"--outcome refused", "outcome: must be one of permitted, "},
      {"--person 12", "person: a record-management code has 32 hexadecimal digits [hex]"},
      {"--from 2024-06-04 --to 2024-06-03", "to: the period ends before it begins [period]"},
      {"--from yesterday", "from: neither YYYY-MM-DD"},
      {"--to 2024-02-30", "to: neither YYYY-MM-DD"},
      {"--institution '' --outcome provided", "--institution"},
      {"--from '' --outcome provided", "--from"},
      {"--limit -1 --outcome provided", "--limit"},
      {"", "say where to look, and for what"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(RunSearch(c.options), 2) << c.options;
    EXPECT_THAT(output_, HasSubstr(c.told)) << c.options;
  }
}

TEST_F(SearchCommandTest, TakesSeveralExports) {
  const TemporaryFolder copy;
  fs::copy(folder_.path(), copy.path(), fs::copy_options::recursive);
  EXPECT_EQ(Run("index " + copy.path()), 0);
  EXPECT_EQ(RunSearch(copy.path() + " --outcome provided --json"), 0) << output_;
  EXPECT_EQ(nlohmann::json::parse(output_)["matches"], 10);
  EXPECT_EQ(RunSearch("--institution 131024"), 0);
  EXPECT_THAT(output_, HasSubstr("The institution is not known to this evidence."));
}

TEST_F(SearchCommandTest, AnIndexOfWhatIsNotSignedSaysSo) {
  Bodies file(folder_.path() + "/" + kSendai);
  file.bodies.back().state = evidence::BodyState::kAbsent;
  file.Write();
  EXPECT_EQ(Run("index " + folder_.path()), 1);
  EXPECT_THAT(output_, HasSubstr("1 entries are not there, or not what was signed"));
}

TEST_F(SearchTest, AnIndexOfAnotherStateIsNotUsed) {
  const TemporaryFolder another;
  TestNetwork longer(1);
  Tell(longer);
  longer.Ask({});
  longer.Export(another.path());
  fs::copy(folder_.path() + "/index", another.path() + "/index");
  SearchOptions options = Options();
  options.folders = {another.path()};
  options.outcome = "provided";
  EXPECT_EQ(GetFieldRule(Search(options).status()).rule, "stale-index");
  fs::remove_all(another.path() + "/index");
  EXPECT_EQ(GetFieldRule(Search(options).status()).rule, "stale-index");
}

TEST_F(SearchTest, AnAlteredTileProvesNothing) {
  const std::string tile = folder_.path() + "/" + kSendai + "/tile/0";
  for (const auto& entry : fs::recursive_directory_iterator(tile)) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(40);
    file.put('\x55');
  }
  SearchOptions options = Options();
  options.outcome = "withheld";
  const auto result = Search(options);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->hits.size(), 1u);
  EXPECT_FALSE(result->all_proven());
  EXPECT_NE(result->hits[0].problem, "");
}

TEST_F(SearchTest, AForeignOrRevokedKeyProvesNothing) {
  const auto problem = [](const std::function<void(TestNetwork&)>& lie) {
    const TemporaryFolder folder;
    TestNetwork network;
    Tell(network);
    lie(network);
    network.Export(folder.path());
    IndexOptions index;
    index.folder = folder.path();
    EXPECT_TRUE(BuildIndex(index).ok());
    SearchOptions options;
    options.folders = {folder.path()};
    options.outcome = "withheld";
    const auto result = Search(options);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok() || result->hits.size() != 1) return std::string("no hit");
    EXPECT_EQ(result->all_proven(), result->hits[0].problem.empty());
    return result->hits[0].problem;
  };
  EXPECT_EQ(problem([](TestNetwork&) {}), "");
  EXPECT_THAT(problem([](TestNetwork& network) { network.UseForeignKey(kSendai); }),
              HasSubstr("no key that was valid"));
  EXPECT_THAT(problem([](TestNetwork& network) { network.UseForeignKey("broker"); }),
              HasSubstr("by a key established before it"));
  EXPECT_THAT(problem([](TestNetwork& network) {
                network.RevokeKey(kSendai);
                network.Advance(1000);
                network.Ask({});
              }),
              HasSubstr("no key that was valid"));
}

TEST(ExternalSort, SortsWhateverFitsOrNot) {
  std::mt19937_64 random(3);
  for (const size_t count : {0u, 1u, 10u, 1000u, 4321u}) {
    for (const size_t in_memory : {1u, 10u, 1000u, 10000u}) {
      if (count / in_memory > 500) continue;
      auto sort = ExternalSort<uint64_t>::Create("/tmp", in_memory);
      ASSERT_TRUE(sort.ok());
      std::vector<uint64_t> expected;
      for (size_t i = 0; i < count; ++i) {
        expected.push_back(random() % 1000);
        ASSERT_TRUE((*sort)->Add(expected.back()).ok());
      }
      std::sort(expected.begin(), expected.end());
      std::vector<uint64_t> sorted;
      ASSERT_TRUE((*sort)
                      ->ForEach([&](const uint64_t& value) {
                        sorted.push_back(value);
                        return absl::OkStatus();
                      })
                      .ok());
      EXPECT_EQ(sorted, expected);
    }
  }
}

}  // namespace
}  // namespace nakadachi::replay
