#include "tools/replay/finding.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace nakadachi::replay {
namespace {

// The broker's log sorts before the members'.
auto LogOrder(const std::string& log) {
  return std::make_pair(log != "broker", absl::string_view(log));
}

}  // namespace

absl::string_view SeverityName(Severity severity) {
  return severity == Severity::kFinding ? "finding" : "note";
}

absl::string_view AreaName(Area area) {
  switch (area) {
    case Area::kStructure:
      return "structure";
    case Area::kDirectory:
      return "directory";
    case Area::kDecision:
      return "decision";
    case Area::kExchange:
      return "exchange";
  }
  NAKADACHI_CHECK(false);
}

const Kind* FindKind(absl::string_view id) {
  const std::vector<Kind>& kinds = Kinds();
  const auto found =
      std::find_if(kinds.begin(), kinds.end(), [id](const Kind& kind) { return kind.id == id; });
  return found == kinds.end() ? nullptr : &*found;
}

bool ComesBefore(const Finding& a, const Finding& b) {
  const auto key = [](const Finding& f) {
    return std::make_tuple(f.kind->severity == Severity::kNote, f.kind->area != Area::kStructure,
                           f.time_ms, LogOrder(f.log), f.index.value_or(UINT64_MAX), f.kind->id,
                           absl::string_view(f.reason));
  };
  return key(a) < key(b);
}

void Findings::Add(absl::string_view kind, Finding finding) {
  finding.kind = FindKind(kind);
  NAKADACHI_CHECK(finding.kind != nullptr);
  absl::MutexLock lock(&mutex_);
  OfKind& of_kind = by_kind_[finding.kind];
  ++of_kind.total;
  std::vector<Finding>& first = of_kind.first;
  if (first.size() == kept_) {
    if (!ComesBefore(finding, first.front())) return;
    std::pop_heap(first.begin(), first.end(), ComesBefore);
    first.pop_back();
  }
  first.push_back(std::move(finding));
  std::push_heap(first.begin(), first.end(), ComesBefore);
}

std::vector<Finding> Findings::Sorted() const {
  std::vector<Finding> all;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [kind, of_kind] : by_kind_) {
      all.insert(all.end(), of_kind.first.begin(), of_kind.first.end());
    }
  }
  std::sort(all.begin(), all.end(), ComesBefore);
  return all;
}

std::map<std::string, uint64_t> Findings::Totals() const {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, uint64_t> totals;
  for (const auto& [kind, of_kind] : by_kind_) totals[std::string(kind->id)] = of_kind.total;
  return totals;
}

uint64_t Findings::Count(Severity severity) const {
  absl::MutexLock lock(&mutex_);
  uint64_t count = 0;
  for (const auto& [kind, of_kind] : by_kind_) {
    if (kind->severity == severity) count += of_kind.total;
  }
  return count;
}

}  // namespace nakadachi::replay
