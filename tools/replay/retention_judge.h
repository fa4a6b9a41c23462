// Whether what a log has erased was its to erase: every body that is gone under an Operation that
// says so, of a year that was over, and none that was held.
#ifndef NAKADACHI_TOOLS_REPLAY_RETENTION_JUDGE_H_
#define NAKADACHI_TOOLS_REPLAY_RETENTION_JUDGE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/finding.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {

// Entries [first, end).
struct Range {
  uint64_t first = 0;
  uint64_t end = 0;
};

// An Operation about retention, as it stands in a log.
struct RetentionFact {
  uint64_t index = 0;
  int64_t time_ms = 0;
  v1::Operation operation;
};

// Of one log. What it is told comes in the log's order. Memory does not grow with the log, but
// with the gaps in what is erased, up to a bound.
class RetentionJudge {
 public:
  explicit RetentionJudge(std::string log) : log_(std::move(log)) {}

  void TakeErased(Range erased);
  // An entry that stands.
  void TakeTime(uint64_t index, int64_t time_ms);
  void Take(RetentionFact fact) { facts_.push_back(std::move(fact)); }

  // When the log is read.
  std::vector<ErasureReport> Erasures() const;
  void Judge(Findings* findings) const;

 private:
  struct Year {
    int64_t begins_ms = 0;
    int64_t ends_ms = 0;
    Range entries;  // from the first to the last that stands
  };

  bool IsErased(uint64_t index) const;
  std::vector<Range> Covered() const;
  void JudgeRecords(Findings* findings) const;
  void JudgeErasure(const RetentionFact& fact, Findings* findings) const;
  void JudgeHolds(Findings* findings) const;
  void Add(absl::string_view kind, uint64_t index, int64_t time_ms, std::string reason,
           Findings* findings) const;

  const std::string log_;
  std::vector<Range> erased_;
  std::map<int, Year> years_;
  Year* latest_ = nullptr;
  std::vector<RetentionFact> facts_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_RETENTION_JUDGE_H_
