#include "tools/replay/retention_judge.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "common/base/fiscal_year.h"

namespace nakadachi::replay {
namespace {

// Above it, gaps are taken as erased.
constexpr size_t kMostRanges = 100'000;
// A statement may be made in one year and recorded in the next.
constexpr int64_t kRecordedWithinMs = 60'000;

bool Intersect(const Range& a, const Range& b) { return a.first < b.end && b.first < a.end; }

bool IsErasure(const RetentionFact& fact) { return fact.operation.kind() == "erasure"; }

Range RangeOf(const v1::Erasure& erasure) { return {erasure.first_index(), erasure.end_index()}; }

bool Covers(const RetentionFact& fact, uint64_t index) {
  return IsErasure(fact) && Intersect(RangeOf(fact.operation.erasure()), {index, index + 1});
}

}  // namespace

void RetentionJudge::TakeErased(Range erased) {
  if (!erased_.empty() && (erased_.back().end == erased.first || erased_.size() == kMostRanges)) {
    erased_.back().end = erased.end;
  } else {
    erased_.push_back(erased);
  }
}

void RetentionJudge::TakeTime(uint64_t index, int64_t time_ms) {
  if (latest_ == nullptr || time_ms < latest_->begins_ms || time_ms >= latest_->ends_ms) {
    const int year = FiscalYearOf(time_ms);
    latest_ = &years_[year];
    latest_->begins_ms = FiscalYearStartMs(year);
    latest_->ends_ms = FiscalYearStartMs(year + 1);
  }
  if (time_ms >= latest_->ends_ms - kRecordedWithinMs) return;
  Range& entries = latest_->entries;
  if (entries.end == 0) entries.first = index;
  entries.end = index + 1;
}

std::vector<ErasureReport> RetentionJudge::Erasures() const {
  std::vector<ErasureReport> erasures;
  for (const RetentionFact& fact : facts_) {
    if (!fact.operation.has_erasure()) continue;
    const v1::Erasure& said = fact.operation.erasure();
    ErasureReport erasure;
    erasure.fiscal_year = said.fiscal_year();
    erasure.first_index = said.first_index();
    erasure.end_index = said.end_index();
    erasure.erased = said.erased();
    erasure.held = said.held();
    erasure.freed_bytes = said.freed_bytes();
    erasure.done = !IsErasure(fact);
    erasure.time_ms = fact.time_ms;
    erasure.entry = {log_, fact.index};
    // What was done replaces what was meant.
    if (erasure.done && !erasures.empty() && !erasures.back().done &&
        erasures.back().fiscal_year == erasure.fiscal_year) {
      erasures.pop_back();
    }
    erasures.push_back(std::move(erasure));
  }
  return erasures;
}

void RetentionJudge::Judge(Findings* findings) const {
  JudgeRecords(findings);
  for (const RetentionFact& fact : facts_)
    if (fact.operation.has_erasure()) JudgeErasure(fact, findings);
  JudgeHolds(findings);
}

bool RetentionJudge::IsErased(uint64_t index) const {
  const auto next =
      std::upper_bound(erased_.begin(), erased_.end(), index,
                       [](uint64_t i, const Range& range) { return i < range.first; });
  return next != erased_.begin() && index < std::prev(next)->end;
}

// What the log's Operations say was to go, joined and in order.
std::vector<Range> RetentionJudge::Covered() const {
  std::vector<Range> ranges;
  for (const RetentionFact& fact : facts_)
    if (IsErasure(fact)) ranges.push_back(RangeOf(fact.operation.erasure()));
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  std::vector<Range> joined;
  for (const Range& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

void RetentionJudge::JudgeRecords(Findings* findings) const {
  const std::vector<Range> covered = Covered();
  uint64_t count = 0;
  uint64_t first = 0;
  auto cover = covered.begin();
  for (const Range& erased : erased_) {
    uint64_t from = erased.first;
    while (from < erased.end) {
      while (cover != covered.end() && cover->end <= from) ++cover;
      const bool none = cover == covered.end();
      if (!none && cover->first <= from) {
        from = cover->end;
        continue;
      }
      if (count == 0) first = from;
      const uint64_t until = none ? erased.end : std::min(erased.end, cover->first);
      count += until - from;
      from = until;
    }
  }
  if (count == 0) return;
  Add("erased-without-record", first, 0,
      absl::StrCat(count, " statement(s) are erased, and no Operation says so."), findings);
}

void RetentionJudge::JudgeErasure(const RetentionFact& fact, Findings* findings) const {
  const v1::Erasure& erasure = fact.operation.erasure();
  const int year = erasure.fiscal_year();
  if (fact.time_ms < RetentionEndMs(year, kMinRetentionYears)) {
    Add("erased-early", fact.index, fact.time_ms,
        absl::StrCat("The records of fiscal year ", year, " were to be kept until April of ",
                     int64_t{year} + 1 + kMinRetentionYears, "."),
        findings);
  }
  const bool was_meant = std::any_of(facts_.begin(), facts_.end(), [&](const auto& other) {
    return IsErasure(other) && other.index <= fact.index &&
           other.operation.erasure().fiscal_year() == year;
  });
  if (!was_meant) {
    Add("erased-without-record", fact.index, fact.time_ms,
        "No Operation said before what would be erased.", findings);
  }
  for (const auto& [other_year, other] : years_) {
    if (other_year == year || !Intersect(other.entries, RangeOf(erasure))) continue;
    Add("erasure-range", fact.index, fact.time_ms,
        absl::StrCat("It covers entries of fiscal year ", other_year, ", not only of ", year, "."),
        findings);
    return;
  }
}

// Permit numbers of what is erased cannot be read any more; entries can be counted.
void RetentionJudge::JudgeHolds(Findings* findings) const {
  for (const RetentionFact& placed : facts_) {
    if (placed.operation.kind() != "hold") continue;
    const auto released = std::find_if(facts_.begin(), facts_.end(), [&](const auto& other) {
      return other.operation.kind() == "hold-released" && other.index > placed.index &&
             other.operation.hold().hold_id() == placed.operation.hold().hold_id();
    });
    const uint64_t until = released == facts_.end() ? UINT64_MAX : released->index;
    for (const uint64_t index : placed.operation.hold().entries()) {
      if (!IsErased(index)) continue;
      const bool was_free = std::any_of(facts_.begin(), facts_.end(), [&](const auto& other) {
        return Covers(other, index) && (other.index < placed.index || other.index > until);
      });
      if (was_free) continue;
      Add("held-erased", index, 0,
          absl::StrCat("It was held since entry ", placed.index, ", and is erased."), findings);
    }
  }
}

void RetentionJudge::Add(absl::string_view kind, uint64_t index, int64_t time_ms,
                         std::string reason, Findings* findings) const {
  Finding finding;
  finding.log = log_;
  finding.index = index;
  finding.time_ms = time_ms;
  finding.reason = std::move(reason);
  findings->Add(kind, std::move(finding));
}

}  // namespace nakadachi::replay
