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
  template <typename Fact>
  using ByHash = std::unique_ptr<Parts<Fact, Hash>>;
  template <typename Fact>
  using ByNumber = std::unique_ptr<Parts<Fact, PermitNumber>>;

  ByHash<QueryFact> queries;            // by commitment
  ByHash<DecisionFact> decisions;       // by query
  ByHash<DecisionFact> permits;         // by commitment, with what is known of the query
  ByHash<AnswerFact> answers;           // by permit
  ByHash<Reference> references;         // by the leaf hash of what is wanted
  ByHash<Stub> stubs;                   // by leaf hash
  ByNumber<NumberFact> numbers;         // by permit number
  ByNumber<Reference> unknown_permits;  // by permit number
  ByHash<Unjudged> unjudged;            // by exchange

  static absl::StatusOr<Stores> Create(const std::string& folder);
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
  size_t joined_bytes = 0;  // of facts that a thread joins at once
  int64_t tolerance_ms = 0;
  int64_t edge_ms = 0;
  const History* history = nullptr;
  Interners* interners = nullptr;
  const Rereader* rereader = nullptr;
  Findings* findings = nullptr;
  Stores* stores = nullptr;
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
           const std::vector<Place>& related = {}) const;
};

// One thread's share of a join.
class Join {
 public:
  virtual ~Join() = default;
  // Each part is taken by one thread, once. Errors of the disk.
  virtual absl::Status Take(size_t part) = 0;
  // After the last part.
  virtual absl::Status Flush() = 0;
};

// The joins, in this order, each of all parts before the next one. All arguments outlive them.
std::unique_ptr<Join> JoinDecisions(const Scene& scene, Tally* tally);
std::unique_ptr<Join> JoinAnswers(const Scene& scene, Tally* tally);
std::unique_ptr<Join> JoinReferences(const Scene& scene, Tally* tally);
std::unique_ptr<Join> JoinNumbers(const Scene& scene, Tally* tally);
std::unique_ptr<Join> JoinUnjudged(const Scene& scene, Tally* tally);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_JOINS_H_
