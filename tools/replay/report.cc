#include "tools/replay/report.h"

#include <algorithm>
#include <cmath>

namespace nakadachi::replay {
namespace {

// The classes' bounds rise by a tenth: 400 of them reach beyond a thousand years.
constexpr double kStep = 1.1;

size_t ClassOf(int64_t ms, size_t classes) {
  if (ms <= 1) return 0;
  const double place = std::ceil(std::log(static_cast<double>(ms)) / std::log(kStep));
  return std::min(static_cast<size_t>(place), classes - 1);
}

void Add(const std::map<std::string, uint64_t>& from, std::map<std::string, uint64_t>* to) {
  for (const auto& [name, count] : from) (*to)[name] += count;
}

}  // namespace

void Durations::Add(int64_t ms) {
  ++classes_[ClassOf(ms, kClasses)];
  ++count_;
  max_ms_ = std::max(max_ms_, ms);
}

void Durations::Merge(const Durations& other) {
  for (size_t i = 0; i < kClasses; ++i) classes_[i] += other.classes_[i];
  count_ += other.count_;
  max_ms_ = std::max(max_ms_, other.max_ms_);
}

int64_t Durations::Quantile(double part) const {
  const auto needed = static_cast<uint64_t>(std::ceil(part * static_cast<double>(count_)));
  uint64_t reached = 0;
  for (size_t i = 0; i < kClasses; ++i) {
    reached += classes_[i];
    if (reached < needed) continue;
    return std::min(max_ms_, static_cast<int64_t>(std::ceil(std::pow(kStep, i))));
  }
  return max_ms_;
}

void Use::Merge(const Use& other) {
  queries += other.queries;
  permits += other.permits;
  Add(other.refusals, &refusals);
  Add(other.outcomes, &outcomes);
  awaited_review += other.awaited_review;
  receipts += other.receipts;
  decision.Merge(other.decision);
  answer.Merge(other.answer);
}

}  // namespace nakadachi::replay
