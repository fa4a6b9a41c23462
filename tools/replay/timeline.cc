#include "tools/replay/timeline.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace nakadachi::replay {
namespace {

constexpr int64_t kSecond = 1'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
// Each divides the next, so that bins can be joined.
constexpr std::array<int64_t, 16> kWidths = {kSecond, 5 * kSecond, 10 * kSecond, 30 * kSecond,
                                             kMinute, 5 * kMinute, 10 * kMinute, 30 * kMinute,
                                             kHour,   3 * kHour,   6 * kHour,    12 * kHour,
                                             kDay,    7 * kDay,    28 * kDay,    364 * kDay};
// From the epoch, a Thursday in UTC, to where a Monday begins in Japan.
constexpr int64_t kOrigin = 4 * kDay - 9 * kHour;
// What a clock that is right can say: beyond it bins would be without number.
constexpr int64_t kEarliest = int64_t{0};
constexpr int64_t kLatest = 110 * 364 * kDay;

int64_t NumberOf(int64_t time_ms, int64_t width) {
  const int64_t offset = std::clamp(time_ms, kEarliest, kLatest) - kOrigin;
  return offset >= 0 ? offset / width : -((-offset + width - 1) / width);
}

}  // namespace

absl::string_view EndName(End end) {
  switch (end) {
    case End::kProvided:
      return "provided";
    case End::kNotHeld:
      return "not-held";
    case End::kNotRegistered:
      return "not-registered";
    case End::kWithheld:
      return "withheld";
    case End::kRefused:
      return "refused";
    case End::kRefusedByBroker:
      return "refused-by-broker";
    case End::kUnanswered:
      return "unanswered";
    case End::kUndecided:
      return "undecided";
    case End::kWithoutPermit:
      return "without-permit";
  }
  NAKADACHI_CHECK(false);
}

int64_t Timeline::width_ms() const { return kWidths[width_]; }

void Timeline::Add(int64_t time_ms, End end) {
  ++bins_[NumberOf(time_ms, width_ms())][static_cast<size_t>(end)];
  Widen();
}

void Timeline::Merge(const Timeline& other) {
  const std::map<int64_t, Counts> mine = bins();
  const std::map<int64_t, Counts> others = other.bins();
  width_ = std::max(width_, other.width_);
  bins_.clear();
  for (const auto* from : {&mine, &others}) {
    for (const auto& [begin_ms, counts] : *from) {
      Counts& into = bins_[NumberOf(begin_ms, width_ms())];
      for (size_t end = 0; end < kEnds; ++end) into[end] += counts[end];
    }
  }
  Widen();
}

void Timeline::Widen() {
  const auto span = [this] {
    return static_cast<uint64_t>(bins_.rbegin()->first - bins_.begin()->first) + 1;
  };
  while (!bins_.empty() && span() > kMostBins && width_ + 1 < kWidths.size()) {
    const std::map<int64_t, Counts> narrow = bins();
    ++width_;
    bins_.clear();
    for (const auto& [begin_ms, counts] : narrow) {
      Counts& into = bins_[NumberOf(begin_ms, width_ms())];
      for (size_t end = 0; end < kEnds; ++end) into[end] += counts[end];
    }
  }
}

std::map<int64_t, Timeline::Counts> Timeline::bins() const {
  std::map<int64_t, Counts> by_begin;
  for (const auto& [number, counts] : bins_) {
    by_begin[kOrigin + number * width_ms()] = counts;
  }
  return by_begin;
}

}  // namespace nakadachi::replay
