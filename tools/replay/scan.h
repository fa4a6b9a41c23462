// Takes the entries of all logs, once, and writes down their facts.
#ifndef NAKADACHI_TOOLS_REPLAY_SCAN_H_
#define NAKADACHI_TOOLS_REPLAY_SCAN_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tools/replay/extract.h"
#include "tools/replay/history.h"
#include "tools/replay/joins.h"
#include "tools/replay/structure.h"

namespace nakadachi::replay {

// The broker's log comes first.
class Scan final : public EntryConsumer {
 public:
  // All outlive the scan. The scene's logs are filled.
  Scan(Scene* scene, History* history);

  // What a log held, besides the facts.
  struct Held {
    std::map<std::string, uint64_t> kinds;
    std::vector<KeyEvent> operations;  // the first ones
    std::vector<ErasureReport> erasures;
    bool has_stubs = false;  // an entry was read without a body, or not at all
    // Before the first entry that is not there, by the log's own clock: all recorded by then was
    // seen. INT64_MAX: all are there.
    int64_t seen_until_ms = INT64_MAX;
  };
  // Before a log is checked. `checkpoint_ms` of its newest checkpoint.
  void Begin(const Author& log, int64_t checkpoint_ms);
  Held End(const StructureReport& structure);
  // After the last log. Errors of the disk.
  absl::Status Flush();

  std::unique_ptr<Prepared> Prepare(const Author& log, absl::Span<const Entry> run) override;
  void Take(const Author& log, absl::Span<const Entry> run,
            std::unique_ptr<Prepared> prepared) override;

 private:
  void NoteMissing(absl::Span<const Entry> run);
  void TakeDirectory(Facts* facts, const std::vector<Range>& unseen);
  void CheckTimes(const std::vector<std::pair<uint64_t, int64_t>>& times);

  Scene& scene_;
  History& history_;
  Parts<QueryFact, Hash>::Writer queries_;
  Parts<DecisionFact, Hash>::Writer decisions_;
  Parts<AnswerFact, Hash>::Writer answers_;
  Parts<Stub, Hash>::Writer stubs_;

  // Of the log at hand.
  uint32_t number_ = 0;
  int64_t checkpoint_ms_ = 0;
  int64_t latest_ms_ = 0;
  uint64_t latest_index_ = 0;
  uint64_t next_index_ = 0;
  // As Held::seen_until_ms: before the first entry that could not be read, and before the first
  // that not even a tile tells of.
  int64_t read_until_ms_ = INT64_MAX;
  int64_t told_until_ms_ = INT64_MAX;
  Held held_;
  std::unique_ptr<RetentionJudge> retention_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SCAN_H_
