#include "tools/replay/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nakadachi/v1/statement.pb.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/extract.h"
#include "tools/replay/film.h"
#include "tools/replay/replay.h"
#include "tools/replay/sample.h"

namespace nakadachi::replay {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHostile[] =
    "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>&amp;\"'\\\u2028\u2029]]>"
    "@DATA@\xff\n";

std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t from = text.find(begin) + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

Json DataIn(const std::string& page) {
  return Json::parse(Between(page, "id=\"data\">", "</script>"), nullptr, false);
}

Finding FindingOf(const std::string& text) {
  Finding finding;
  finding.kind = &Kinds().front();
  finding.log = text;
  finding.index = 7;
  finding.time_ms = 1'700'000'000'000;
  finding.reason = text;
  finding.related = {{text, 1}};
  return finding;
}

// With a text in every field that holds one.
PageData DataWith(const std::string& text, size_t count) {
  PageData data;
  Report& report = data.report;
  report.network = text;
  report.trust_anchor = text;
  report.finding_count = count;
  for (size_t i = 0; i < count; ++i) {
    const std::string own = absl::StrCat(text, i);
    LogReport log;
    log.log = log.origin = log.root = log.note = log.verifier_key = log.folder = own;
    log.statements[text] = i;
    report.logs.push_back(log);
    report.members.push_back({own, text, text, 1, true});
    report.findings.push_back(FindingOf(text));
    Use use;
    use.queries = i;
    use.refusals[text] = use.outcomes[text] = 1;
    use.answer.Add(10);
    report.procedures[own] = report.as_requester[own] = report.as_provider[own] = use;
    report.procedures_never_used.push_back(own);
    report.events.push_back({text, 1'700'000'000'000, {text, i}, text});
    report.timeline.Add(static_cast<int64_t>(i) * 86'400'000, End::kProvided);
    PageExchange exchange;
    exchange.refs.permit_number = text;
    exchange.statements.push_back({{text, i}, text, text, text, {Hash{}}, text});
    data.exchanges.push_back(exchange);
  }
  return data;
}

TEST(Page, NoTextOfTheEvidenceBreaksOut) {
  const std::string plain = RenderPage(DataWith("plain", 2));
  const std::string hostile = RenderPage(DataWith(kHostile, 2));
  const auto count = [](const std::string& page, absl::string_view what) {
    size_t found = 0;
    for (size_t at = page.find(std::string(what)); at != std::string::npos;
         at = page.find(std::string(what), at + 1)) {
      ++found;
    }
    return found;
  };
  for (const char* markup : {"<", ">", "</script", "<script", "\u2028", "\u2029"}) {
    EXPECT_EQ(count(hostile, markup), count(plain, markup)) << markup;
  }
  EXPECT_EQ(count(plain, "<script"), 3u);
  const Json data = DataIn(hostile);
  ASSERT_FALSE(data.is_discarded());
  EXPECT_THAT(data["network"].get<std::string>(), HasSubstr("</script><script>alert(1)"));
  EXPECT_THAT(data["network"].get<std::string>(), HasSubstr("@DATA@"));
}

TEST(Page, StaysBelowItsBoundWhateverTheEvidence) {
  for (const std::string& text : {std::string(20'000, '<'), std::string(20'000, '\x01'),
                                  std::string("a"), std::string(kHostile)}) {
    const std::string page = RenderPage(DataWith(text, 400));
    EXPECT_LT(page.size(), kMostPageBytes);
    const Json data = DataIn(page);
    ASSERT_FALSE(data.is_discarded());
    EXPECT_EQ(data["logs"]["left_out"].get<uint64_t>() + data["logs"]["all"].size(), 400u);
    EXPECT_EQ(data["exchanges"]["left_out"].get<uint64_t>() + data["exchanges"]["all"].size(),
              400u);
    EXPECT_LE(data["findings"]["all"].size(), 200u);
  }
}

TEST(Page, LetsNothingInButItsOwnScriptAndStyle) {
  const std::string page = RenderPage(DataWith("plain", 1));
  EXPECT_THAT(page, HasSubstr("default-src 'none'; script-src 'sha256-"));
  const std::string script(PageScript());
  EXPECT_THAT(page, HasSubstr("<script>" + script + "</script>"));
  for (const char* never : {"http:", "https:", "innerHTML", "outerHTML", "document.write", "eval(",
                            "fetch(", "XMLHttpRequest", "url(h", "crypto.subtle"}) {
    const std::string own = std::regex_replace(page, std::regex("http://www.w3.org/2000/svg"), "");
    EXPECT_THAT(own, Not(HasSubstr(never)));
  }
}

bool HasJapanese(absl::string_view text) {
  // Kana and ideographs begin with the bytes E3 to E9.
  return std::any_of(text.begin(), text.end(), [](char byte) {
    return static_cast<uint8_t>(byte) >= 0xE3 && static_cast<uint8_t>(byte) <= 0xE9;
  });
}

TEST(Page, EveryTextExistsInBothLanguages) {
  const Json texts = Json::parse(std::string(PageTexts()));
  const std::set<std::string> signs = {"colon"};
  std::regex placeholder(R"(\{\w+\})");
  const auto placeholders = [&](const std::string& text) {
    std::set<std::string> found;
    for (std::sregex_iterator it(text.begin(), text.end(), placeholder), end; it != end; ++it) {
      found.insert(it->str());
    }
    return found;
  };
  for (const auto& [key, pair] : texts.items()) {
    ASSERT_EQ(pair.size(), 2u) << key;
    const auto en = pair[0].get<std::string>();
    const auto ja = pair[1].get<std::string>();
    EXPECT_NE(en, "") << key;
    EXPECT_FALSE(HasJapanese(en)) << key;
    EXPECT_TRUE(HasJapanese(ja) || signs.count(key) > 0) << key;
    EXPECT_EQ(placeholders(en), placeholders(ja)) << key;
  }
}

TEST(Page, EveryTextThatTheScriptNamesExists) {
  const Json texts = Json::parse(std::string(PageTexts()));
  const std::string script(PageScript());
  std::set<std::string> groups;
  for (const auto& [key, pair] : texts.items()) groups.insert(key.substr(0, key.find('.')));
  const std::regex named(R"('([a-z]+)\.([a-z_0-9.]*[a-z_0-9])')");
  size_t count = 0;
  for (std::sregex_iterator it(script.begin(), script.end(), named), end; it != end; ++it) {
    if (groups.count((*it)[1]) == 0) continue;  // a class of style
    ++count;
    const std::string key = absl::StrCat((*it)[1].str(), ".", (*it)[2].str());
    EXPECT_TRUE(texts.contains(key)) << key;
  }
  EXPECT_GT(count, 60u);
  for (const auto& [key, pair] : texts.items()) {
    const std::string group = key.substr(0, key.find('.') + 1);
    const bool used =
        absl::StrContains(script, absl::StrCat("'", key, "'")) ||
        absl::StrContains(script, absl::StrCat("'", group)) ||
        absl::StrContains(script, absl::StrCat("'", group.substr(0, group.size() - 1), "'"));
    EXPECT_TRUE(used) << key;
  }
}

TEST(Page, EveryWordOfTheEvidenceHasATextInBothLanguages) {
  const Json texts = Json::parse(std::string(PageTexts()));
  std::set<std::string> keys;
  for (size_t end = 0; end < kEnds; ++end) {
    keys.insert(absl::StrCat("end.", EndName(static_cast<End>(end))));
  }
  for (int reason = 1; reason < v1::RefusalReason_ARRAYSIZE; ++reason) {
    keys.insert("reason." + ReasonName(reason));
    EXPECT_THAT(std::string(PageScript()), HasSubstr("'" + ReasonName(reason) + "'"));
  }
  for (int outcome = 1; outcome < v1::Outcome_ARRAYSIZE; ++outcome) {
    keys.insert("outcome." + OutcomeName(outcome));
    EXPECT_THAT(std::string(PageScript()), HasSubstr("'" + OutcomeName(outcome) + "'"));
  }
  const google::protobuf::Descriptor* const kinds[] = {
      v1::Query::descriptor(), v1::Permit::descriptor(), v1::Refusal::descriptor(),
      v1::Provision::descriptor(), v1::Receipt::descriptor()};
  for (const google::protobuf::Descriptor* kind : kinds) {
    for (int i = 0; i < kind->field_count(); ++i) keys.insert("field." + kind->field(i)->name());
  }
  for (const std::string& key : keys) EXPECT_TRUE(texts.contains(key)) << key;
}

TEST(Page, EveryKindOfFindingIsToldInBothLanguages) {
  const Json kinds = DataIn(RenderPage(PageData()))["kinds"];
  EXPECT_EQ(kinds.size(), Kinds().size());
  for (const Kind& kind : Kinds()) {
    const Json& told = kinds[std::string(kind.id)];
    for (const char* text : {"title", "meaning", "not_concluded"}) {
      ASSERT_EQ(told[text].size(), 2u) << kind.id;
      EXPECT_GT(told[text][0].get<std::string>().size(), 5u) << kind.id << " " << text;
      EXPECT_FALSE(HasJapanese(told[text][0].get<std::string>())) << kind.id << " " << text;
      EXPECT_TRUE(HasJapanese(told[text][1].get<std::string>())) << kind.id << " " << text;
    }
  }
}

TEST(Page, TheSameEvidenceGivesTheSameBytes) {
  TestNetwork network;
  Tell(network);
  const TemporaryFolder folder;
  network.Export(folder.path());
  const auto page = [&](int threads) {
    ReplayOptions options;
    options.folders = {folder.path()};
    options.threads = threads;
    auto report = Replay(options);
    EXPECT_TRUE(report.ok()) << report.status();
    const auto data = GatherPage(options.folders, *std::move(report));
    EXPECT_TRUE(data.ok()) << data.status();
    return RenderPage(*data);
  };
  const std::string one = page(1);
  const std::string four = page(4);
  EXPECT_TRUE(one == four) << Json::diff(DataIn(one), DataIn(four)).dump(1).substr(0, 2'000);
  const Json data = DataIn(one);
  // What was answered, refused, lapsed and left undecided is all there.
  std::set<std::string> ends;
  for (const Json& exchange : data["exchanges"]["all"]) ends.insert(exchange["end"]);
  for (const char* end : {"provided", "not-held", "refused-by-broker", "unanswered", "undecided"}) {
    EXPECT_TRUE(ends.count(end) > 0) << end;
  }
}

TEST(Page, ReplacesTheFileWhole) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/page.html";
  ASSERT_TRUE(WritePage(path, "first, and longer").ok());
  ASSERT_TRUE(WritePage(path, "second").ok());
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, "second");
  EXPECT_FALSE(WritePage(folder.path() + "/none/page.html", "x").ok());
}

TEST(Sample, KeepsFindingsFirstAndSpreadsTheRest) {
  constexpr uint64_t kEntries = 100'000;
  Sample forwards(kEntries);
  Sample halves[2] = {Sample(kEntries), Sample(kEntries)};
  const auto add = [](Sample& sample, uint64_t index) {
    ExchangePlaces places;
    places.found = index % 1'000 == 999;
    places.end = End::kProvided;
    places.decision = {{index, 0}};
    if (sample.Wants({index, 0}, places.end, places.found)) sample.Add({index, 0}, places);
  };
  for (uint64_t index = 0; index < kEntries; ++index) add(forwards, index);
  for (uint64_t index = kEntries; index-- > 0;) add(halves[index % 2], index);
  halves[0].Merge(halves[1]);
  const auto indices = [](const Sample& sample) {
    std::vector<uint64_t> all;
    for (const ExchangePlaces& places : sample.Chosen()) all.push_back(places.decision[0].index);
    return all;
  };
  const std::vector<uint64_t> chosen = indices(forwards);
  EXPECT_EQ(chosen, indices(halves[0]));
  ASSERT_EQ(chosen.size(), Sample::kFound + Sample::kSpread + Sample::kOfEachEnd - 1);
  for (size_t i = 0; i < Sample::kFound; ++i) EXPECT_EQ(chosen[i], i * 1'000 + 999);
  EXPECT_EQ(chosen.back(), kEntries - kEntries / Sample::kSpread);
}

TEST(Timeline, CountsAllInFewBinsWhateverTheOrder) {
  Timeline one;
  Timeline other;
  constexpr int64_t kStart = 1'717'340'400'000;
  for (int64_t i = 0; i < 5'000; ++i) one.Add(kStart + i * 60'000, End::kProvided);
  for (int64_t i = 5'000; i-- > 0;) {
    Timeline single;
    single.Add(kStart + i * 60'000, End::kProvided);
    other.Merge(single);
  }
  Timeline narrow;
  Timeline wide;
  for (int64_t i = 0; i < 5'000; ++i) {
    (i < 50 ? narrow : wide).Add(kStart + i * 60'000, End::kProvided);
  }
  narrow.Merge(wide);
  EXPECT_EQ(one.bins(), narrow.bins());
  EXPECT_EQ(one.width_ms(), other.width_ms());
  EXPECT_EQ(one.bins(), other.bins());
  EXPECT_LE(one.bins().size(), Timeline::kMostBins);
  uint64_t sum = 0;
  for (const auto& [begin_ms, counts] : one.bins()) sum += counts[0];
  EXPECT_EQ(sum, 5'000u);
  one.Add(INT64_MIN, End::kUndecided);
  one.Add(INT64_MAX, End::kUndecided);
  EXPECT_LE(one.bins().size(), Timeline::kMostBins);
}

}  // namespace
}  // namespace nakadachi::replay
