// Texts as numbers, and facts by their keys, in memory and on disk.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_folder.h"
#include "tools/replay/grouped.h"
#include "tools/replay/interner.h"
#include "tools/replay/partitions.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {
namespace {

TEST(Saturating, EndsWithItsRange) {
  const struct {
    int64_t a;
    int64_t b;
    int64_t sum;
    int64_t difference;
  } table[] = {
      {5, 3, 8, 2},
      {5, -3, 2, 8},
      {INT64_MAX, 0, INT64_MAX, INT64_MAX},
      {INT64_MAX, 1, INT64_MAX, INT64_MAX - 1},
      {INT64_MAX, -1, INT64_MAX - 1, INT64_MAX},
      {INT64_MIN, 1, INT64_MIN + 1, INT64_MIN},
      {INT64_MIN, -1, INT64_MIN, INT64_MIN + 1},
      {INT64_MAX, INT64_MAX, INT64_MAX, 0},
      {INT64_MIN, INT64_MIN, INT64_MIN, 0},
      {INT64_MAX, INT64_MIN, -1, INT64_MAX},
      {INT64_MIN, INT64_MAX, -1, INT64_MIN},
      {0, INT64_MIN, INT64_MIN, INT64_MAX},
      {-1, INT64_MIN, INT64_MIN, INT64_MAX},
  };
  for (const auto& row : table) {
    EXPECT_EQ(SaturatingAdd(row.a, row.b), row.sum) << row.a << " + " << row.b;
    EXPECT_EQ(SaturatingSubtract(row.a, row.b), row.difference) << row.a << " - " << row.b;
  }
}

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

using Key = std::array<uint8_t, 16>;

struct Left {
  Key key;
  uint64_t number;
};

struct Right {
  Key key;
  uint64_t number;
  std::array<uint64_t, 5> more;
};

Key KeyOf(uint64_t number) {
  Key key{};
  std::memcpy(key.data(), &number, sizeof(number));
  return key;
}

// What is joined of a key: the numbers of both sides, as they were written.
using Joined = std::map<Key, std::pair<std::vector<uint64_t>, std::vector<uint64_t>>>;

struct Told {
  Joined joined;
  size_t calls = 0;
  size_t most_bytes = 0;  // of a call
  bool torn = false;      // a key came in two calls
};

template <typename Fact>
void Sort(const std::vector<Fact>& facts, std::vector<uint64_t> Joined::mapped_type::*side,
          Joined* into) {
  for (const Fact& fact : facts) ((*into)[fact.key].*side).push_back(fact.number);
}

Told JoinAll(const Parts<Left, Key>& lefts, const Parts<Right, Key>& rights, size_t most_bytes) {
  Told told;
  const auto visit = [&](const std::vector<Left>& left, const std::vector<Right>& right) {
    Joined joined;
    Sort(left, &Joined::mapped_type::first, &joined);
    Sort(right, &Joined::mapped_type::second, &joined);
    for (auto& one : joined) told.torn |= !told.joined.insert(std::move(one)).second;
    ++told.calls;
    told.most_bytes =
        std::max(told.most_bytes, left.size() * sizeof(Left) + right.size() * sizeof(Right));
  };
  for (size_t part = 0; part < lefts.parts(); ++part) {
    EXPECT_TRUE(JoinPart(part, most_bytes, visit, lefts, rights).ok());
  }
  return told;
}

struct Sides {
  TemporaryFolder folder;
  std::unique_ptr<Parts<Left, Key>> lefts;
  std::unique_ptr<Parts<Right, Key>> rights;
  Joined expected;

  // So many of each, of keys below `keys`.
  Sides(uint64_t count, uint64_t keys) {
    const Parting parting = Parting::Random();
    lefts = *Parts<Left, Key>::Create(folder.path(), parting, &Left::key);
    rights = *Parts<Right, Key>::Create(folder.path(), parting, &Right::key);
    Parts<Left, Key>::Writer left(lefts.get());
    Parts<Right, Key>::Writer right(rights.get());
    std::mt19937_64 random(7);
    for (uint64_t i = 0; i < count; ++i) {
      const Key a = KeyOf(random() % keys);
      const Key b = KeyOf(random() % keys);
      left.Add({a, i});
      right.Add({b, i, {}});
      expected[a].first.push_back(i);
      expected[b].second.push_back(i);
    }
    EXPECT_TRUE(left.Flush().ok());
    EXPECT_TRUE(right.Flush().ok());
  }
};

TEST(JoinPart, JoinsAllOfAKeyWhateverFitsIntoMemory) {
  const Sides sides(60'000, 20'000);
  for (const size_t most_bytes : {1 << 20, 20'000, 3'000}) {
    const Told told = JoinAll(*sides.lefts, *sides.rights, most_bytes);
    EXPECT_EQ(told.joined, sides.expected) << most_bytes;
    EXPECT_FALSE(told.torn) << most_bytes;
    EXPECT_LE(told.most_bytes, most_bytes);
  }
}

TEST(JoinPart, ReadsAPartAtOnceWhereItFits) {
  const Sides sides(20'000, 1'000'000);
  EXPECT_EQ(JoinAll(*sides.lefts, *sides.rights, 1 << 20).calls, Parting::kMostParts);
}

TEST(JoinPart, AKeyThatDoesNotFitIsReadNevertheless) {
  const Sides sides(5'000, 2);
  const Told told = JoinAll(*sides.lefts, *sides.rights, 1'000);
  EXPECT_EQ(told.joined, sides.expected);
  EXPECT_FALSE(told.torn);
}

TEST(Parts, SeveralThreadsWriteAtOnce) {
  const TemporaryFolder folder;
  auto parts = *Parts<Left, Key>::Create(folder.path(), Parting::Random(), &Left::key);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&parts, thread] {
      Parts<Left, Key>::Writer writer(parts.get());
      for (uint64_t i = 0; i < 50'000; ++i) writer.Add({KeyOf(i), 4 * i + thread});
      EXPECT_TRUE(writer.Flush().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint64_t> numbers;
  for (size_t part = 0; part < parts->parts(); ++part) {
    std::vector<Left> facts;
    ASSERT_TRUE(parts->Read(part, &facts).ok());
    for (const Left& fact : facts) numbers.push_back(fact.number);
  }
  std::sort(numbers.begin(), numbers.end());
  ASSERT_EQ(numbers.size(), 200'000u);
  for (uint64_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], i);
}

}  // namespace
}  // namespace nakadachi::replay
