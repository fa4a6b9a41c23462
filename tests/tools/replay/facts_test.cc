// Texts as numbers, and facts by their keys.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/replay/grouped.h"
#include "tools/replay/interner.h"

namespace nakadachi::replay {
namespace {

TEST(Interner, EveryThreadGetsTheSameNumbers) {
  constexpr size_t kTexts = 5'000;
  Interner interner;
  std::vector<std::vector<uint32_t>> numbers(4, std::vector<uint32_t>(kTexts));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < numbers.size(); ++t) {
    threads.emplace_back([&interner, &mine = numbers[t], t] {
      for (size_t i = 0; i < kTexts; ++i) {
        const size_t text = (i + t * kTexts / 3) % kTexts;
        mine[text] = interner.Intern(absl::StrCat("text ", text));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& one : numbers) EXPECT_EQ(one, numbers[0]);
  EXPECT_EQ(interner.size(), kTexts);
  for (size_t i = 0; i < kTexts; ++i)
    EXPECT_EQ(interner.Text(numbers[0][i]), absl::StrCat("text ", i));
  std::vector<uint32_t> sorted = numbers[0];
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < kTexts; ++i) EXPECT_EQ(sorted[i], i);
}

TEST(Interner, IsBounded) {
  Interner few(2, 1'000);
  EXPECT_EQ(few.Intern("a"), 0u);
  EXPECT_EQ(few.Intern(""), 1u);
  EXPECT_EQ(few.Intern("c"), Interner::kUnlisted);
  EXPECT_EQ(few.Intern("a"), 0u);
  Interner small(10, 4);
  EXPECT_EQ(small.Intern("12345"), Interner::kUnlisted);
  EXPECT_EQ(small.Intern("1234"), 0u);
  EXPECT_EQ(small.Intern("5"), Interner::kUnlisted);
}

struct Fact {
  std::array<uint8_t, 16> key;
  int number;
};

// Keys that differ only in their last bytes, or not at all, among others.
TEST(Grouped, ByTheWholeKeyAndAsRecorded) {
  std::mt19937 random(3);
  std::vector<Fact> facts(2'000);
  std::map<std::array<uint8_t, 16>, std::vector<int>> expected;
  for (size_t i = 0; i < facts.size(); ++i) {
    facts[i] = {{}, static_cast<int>(i)};
    facts[i].key[random() % 2 == 0 ? 15 : 7] = static_cast<uint8_t>(random());
    facts[i].key[0] = static_cast<uint8_t>(random() % 3 * 100);
    expected[facts[i].key].push_back(facts[i].number);
  }
  Grouped<Fact, std::array<uint8_t, 16>> grouped(facts, &Fact::key);
  for (const auto& [key, numbers] : expected) {
    ASSERT_NE(grouped.next(), nullptr);
    EXPECT_EQ(*grouped.next(), key);
    std::vector<int> got;
    for (const Fact* fact : grouped.Take(key)) got.push_back(fact->number);
    EXPECT_EQ(got, numbers);
    EXPECT_TRUE(grouped.Take(key).empty());
  }
  EXPECT_EQ(grouped.next(), nullptr);
}

}  // namespace
}  // namespace nakadachi::replay
