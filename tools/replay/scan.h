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
    bool has_stubs = false;
  };
  // Before a log is checked. `checkpoint_ms` of its newest checkpoint.
  void Begin(const Author& log, int64_t checkpoint_ms);
  Held End();
  // After the last log. Errors of the disk.
  absl::Status Flush();

  std::unique_ptr<Prepared> Prepare(const Author& log, absl::Span<const Entry> run) override;
  void Take(const Author& log, absl::Span<const Entry> run,
            std::unique_ptr<Prepared> prepared) override;

 private:
  void CheckTimes(const std::vector<std::pair<uint64_t, int64_t>>& times);

  Scene& scene_;
  History& history_;
  Parts<QueryFact>::Writer queries_;
  Parts<DecisionFact>::Writer decisions_;
  Parts<AnswerFact>::Writer answers_;
  Parts<Stub>::Writer stubs_;

  // Of the log at hand.
  uint32_t number_ = 0;
  int64_t checkpoint_ms_ = 0;
  int64_t latest_ms_ = 0;
  uint64_t latest_index_ = 0;
  Held held_;
  std::unique_ptr<RetentionJudge> retention_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SCAN_H_
