// Which exchanges a report shows: a bounded choice that depends on the evidence alone.
#ifndef NAKADACHI_TOOLS_REPLAY_SAMPLE_H_
#define NAKADACHI_TOOLS_REPLAY_SAMPLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "tools/replay/facts.h"
#include "tools/replay/timeline.h"

namespace nakadachi::replay {

// Where the statements of an exchange stand.
struct ExchangePlaces {
  PermitNumber number{};  // where `has_permit`
  bool has_permit = false;
  bool found = false;  // something about it is a finding, or is looked into
  End end = End::kUnanswered;
  std::vector<Place> query;  // none or one, as the next
  std::vector<Place> decision;
  std::vector<Place> provisions;
  std::vector<Place> receipts;
};

// Three kinds of reasons to be shown: something was found; one of the first that ended so; the
// first in its stretch of the broker's log, all stretches of one length.
class Sample {
 public:
  static constexpr size_t kFound = 60;
  static constexpr size_t kOfEachEnd = 3;
  static constexpr size_t kSpread = 100;

  // Of a broker's log of so many entries.
  explicit Sample(uint64_t broker_size) : broker_size_(broker_size) {}

  // `anchor` stands for the exchange: its decision, or its first statement where there is none.
  bool Wants(Place anchor, End end, bool found) const;
  // Requires Wants.
  void Add(Place anchor, ExchangePlaces places);
  void Merge(const Sample& other);
  // Those with findings first, then in the order of their anchors.
  std::vector<ExchangePlaces> Chosen() const;

 private:
  using Order = std::pair<uint32_t, uint64_t>;  // log, index
  using First = std::map<Order, ExchangePlaces>;
  static Order OrderOf(Place anchor) { return {anchor.log, anchor.index}; }
  size_t StretchOf(Place anchor) const;

  uint64_t broker_size_;
  First found_;
  std::array<First, kEnds> by_end_;
  std::map<size_t, std::pair<Order, ExchangePlaces>> spread_;  // by stretch
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SAMPLE_H_
