#include "common/base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace nakadachi {
namespace {

class Counter final : public Random {
 public:
  void Fill(uint8_t* out, size_t size) override {
    for (size_t i = 0; i < size; ++i) out[i] = next_++;
  }

 private:
  uint8_t next_ = 0xF0;
};

// The time, version 7 and the variant stand where RFC 9562 section 5.7 has them; all else is drawn.
TEST(TimeOrderedIdTest, HasTheLayoutOfAUuidOfVersion7) {
  Counter random;
  const std::string id = TimeOrderedId(0x017F22E279B0, random);
  const std::string expected("\x01\x7F\x22\xE2\x79\xB0\x76\xF7\xB8\xF9\xFA\xFB\xFC\xFD\xFE\xFF",
                             16);
  EXPECT_EQ(id, expected);
}

TEST(TimeOrderedIdTest, SortsByTimeAndDiffersWithinAMillisecond) {
  Counter random;
  std::string before;
  for (const int64_t time_ms : {int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256},
                                int64_t{1'790'000'000'000}, (int64_t{1} << 48) - 1}) {
    std::set<std::string> same;
    for (int i = 0; i < 10; ++i) same.insert(TimeOrderedId(time_ms, random));
    EXPECT_EQ(same.size(), 10u);
    EXPECT_LT(before, *same.begin());
    before = *same.rbegin();
  }
}

}  // namespace
}  // namespace nakadachi
