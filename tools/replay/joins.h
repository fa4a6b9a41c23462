// Follows exchanges through all logs: query to decision, permit to answers, and what a statement
// names to where it must stand. Each join takes one part of the facts, so that several can be
// worked on at once.
#ifndef NAKADACHI_TOOLS_REPLAY_JOINS_H_
#define NAKADACHI_TOOLS_REPLAY_JOINS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/replay/extract.h"
#include "tools/replay/facts.h"
#include "tools/replay/finding.h"
#include "tools/replay/history.h"
#include "tools/replay/partitions.h"
#include "tools/replay/rereader.h"
#include "tools/replay/tally.h"

namespace nakadachi::replay {

// The broker's number among the institutions.
constexpr uint32_t kBroker = 0;

// Facts, each parted by what it is joined by.
struct Stores {
  std::unique_ptr<Parts<QueryFact>> queries;       // by commitment
  std::unique_ptr<Parts<DecisionFact>> decisions;  // by query
  std::unique_ptr<Parts<DecisionFact>> permits;    // by commitment, with what is known of the query
  std::unique_ptr<Parts<AnswerFact>> answers;      // by permit
  std::unique_ptr<Parts<Reference>> references;    // by the leaf hash of what is wanted
  std::unique_ptr<Parts<Stub>> stubs;              // by leaf hash
  std::unique_ptr<Parts<NumberFact>> numbers;      // by permit number
  std::unique_ptr<Parts<Reference>> unknown_permits;  // by permit number
  std::unique_ptr<Parts<Unjudged>> unjudged;          // by exchange

  static absl::StatusOr<Stores> Create(const std::string& folder, size_t parts);
};

// What is known of a log.
struct LogState {
  bool exported = false;
  int64_t checkpoint_ms = 0;
  bool has_stubs = false;             // some of its bodies or entries are not there
  int64_t seen_until_ms = INT64_MAX;  // all that it recorded by then was seen; see Scan::Held
};

// Everything the joins share. All pointers outlive them.
struct Scene {
  int64_t tolerance_ms = 0;
  int64_t edge_ms = 0;
  const History* history = nullptr;
  Interners* interners = nullptr;
  const Rereader* rereader = nullptr;
  Findings* findings = nullptr;
  Stores* stores = nullptr;
  Parting parting{1, 0};
  std::vector<LogState> logs;  // by the institution's number

  const LogState& Log(uint32_t number) const;
  // Whether the log's export goes beyond that time: then what was recorded by then is in it.
  bool Reaches(uint32_t log, int64_t time_ms) const;
  // Whether what was recorded by then was also seen, a body perhaps excepted: what is not among it
  // was not recorded.
  bool Shows(uint32_t log, int64_t time_ms) const;
  EntryRef RefOf(Place place) const;
  ExchangeRefs RefsOf(const ExchangePlaces& places) const;
  // Within the network's life as its broker tells it, so that a false clock stretches no timeline.
  int64_t Within(int64_t time_ms) const;
  void Add(absl::string_view kind, Place place, int64_t time_ms, std::string reason,
           std::vector<Place> related = {}) const;
};

// The joins, in this order; each for every part. Several at once, each with its own tally.
absl::Status JoinDecisions(const Scene& scene, size_t part, Tally* tally);
absl::Status JoinAnswers(const Scene& scene, size_t part, Tally* tally);
absl::Status JoinReferences(const Scene& scene, size_t part, Tally* tally);
absl::Status JoinNumbers(const Scene& scene, size_t part, Tally* tally);
absl::Status JoinUnjudged(const Scene& scene, size_t part, Tally* tally);

// Notes, for JoinUnjudged, that an exchange can not be judged for what a log does not show.
class UnjudgedWriter {
 public:
  explicit UnjudgedWriter(const Scene& scene)
      : scene_(scene), writer_(scene.stores->unjudged.get()) {}
  void Add(const Hash& exchange, uint32_t log) {
    writer_.Add(scene_.parting.PartOf(AsView(exchange)), {exchange, log});
  }
  absl::Status Flush() { return writer_.Flush(); }

 private:
  const Scene& scene_;
  Parts<Unjudged>::Writer writer_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_JOINS_H_
