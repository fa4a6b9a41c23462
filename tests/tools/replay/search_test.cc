#include "tools/replay/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/replay/story.h"
#include "tools/replay/external_sort.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

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
    const auto rows = BuildIndex(options);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_GT(*rows, 50u);
  }
  SearchOptions Options() const {
    SearchOptions options;
    options.folder = folder_.path();
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
  const std::vector<std::string> names = {
      "about", "rows", "by-institution", "by-procedure", "by-staff", "by-outcome", "by-exchange"};
  for (const std::string& name : names) before.push_back(read(name));
  Index(7);
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_FALSE(before[i].empty());
    EXPECT_EQ(read(names[i]), before[i]) << names[i];
  }
}

TEST_F(SearchTest, FindsAPersonByTheBrokersWord) {
  SearchOptions permitted = Options();
  permitted.outcome = "permitted";
  const SearchResult permits = Find(permitted);
  std::vector<std::string> rows;
  for (const size_t i : {0u, 2u}) {
    std::string row(16, '\x11');
    for (int shift = 56; shift >= 0; shift -= 8) {
      row.push_back(static_cast<char>(permits.hits[i].entry.index >> shift));
    }
    rows.push_back(row);
  }
  std::ofstream file(folder_.path() + "/broker/persons", std::ios::binary);
  file << std::string(24, '\x01') << rows[0] << rows[1] << std::string(24, '\x7f');
  file.close();

  SearchOptions options = Options();
  options.person = std::string(32, '1');
  const SearchResult result = Find(options);
  ASSERT_EQ(result.hits.size(), 2u);
  EXPECT_EQ(result.hits[1].entry.index, permits.hits[2].entry.index);
  EXPECT_TRUE(result.person_by_assertion);
  EXPECT_THAT(ToText(result), HasSubstr("assertion"));
  EXPECT_EQ(result.hits[0].exchange.size(), 3u);
  options.person = std::string(32, '2');
  EXPECT_EQ(Find(options).matches, 0u);
}

TEST_F(SearchTest, BadQuestionsAreRefused) {
  EXPECT_EQ(GetFieldRule(Search(Options()).status()).rule, "required");
  SearchOptions options = Options();
  options.person = "zz";
  EXPECT_FALSE(Search(options).ok());
  options.person = std::string(32, '1');
  EXPECT_EQ(GetFieldRule(Search(options).status()).rule, "no-persons");
}

TEST_F(SearchTest, AnIndexOfAnotherStateIsNotUsed) {
  const TemporaryFolder another;
  TestNetwork longer(1);
  Tell(longer);
  longer.Ask({});
  longer.Export(another.path());
  fs::copy(folder_.path() + "/index", another.path() + "/index");
  SearchOptions options = Options();
  options.folder = another.path();
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
    options.folder = folder.path();
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
