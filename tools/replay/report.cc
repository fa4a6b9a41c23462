#include "tools/replay/report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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
  const size_t of_class = ClassOf(ms, kClasses);
  if (classes_.size() <= of_class) classes_.resize(of_class + 1);
  ++classes_[of_class];
  ++count_;
  max_ms_ = std::max(max_ms_, ms);
}

void Durations::Merge(const Durations& other) {
  if (classes_.size() < other.classes_.size()) classes_.resize(other.classes_.size());
  for (size_t i = 0; i < other.classes_.size(); ++i) classes_[i] += other.classes_[i];
  count_ += other.count_;
  max_ms_ = std::max(max_ms_, other.max_ms_);
}

int64_t Durations::Quantile(double part) const {
  const auto needed = static_cast<uint64_t>(std::ceil(part * static_cast<double>(count_)));
  uint64_t reached = 0;
  for (size_t i = 0; i < classes_.size(); ++i) {
    reached += classes_[i];
    if (reached < needed) continue;
    return std::min(max_ms_, static_cast<int64_t>(std::ceil(std::pow(kStep, i))));
  }
  return max_ms_;
}

uint64_t Report::unseen() const {
  return std::accumulate(logs.begin(), logs.end(), uint64_t{0},
                         [](uint64_t sum, const LogReport& log) { return sum + log.unseen(); });
}

std::vector<std::string> Report::UnreadLogs() const {
  std::vector<std::string> unread;
  for (const LogReport& log : logs) {
    if (!log.readable) unread.push_back(log.log);
  }
  for (const MissingLog& missing : missing_logs) unread.push_back(missing.log);
  return unread;
}

bool Report::whole() const {
  return UnreadLogs().empty() && unseen() == 0 && figures.not_judged == 0 &&
         figures.not_redecidable == 0 && totals.count("newer-checkpoint") == 0;
}

bool Report::all_use_seen() const { return !logs.empty() && logs.front().unseen() == 0; }

absl::string_view Report::verdict() const {
  if (!clean()) return "findings";
  return whole() ? "clean" : "no-findings";
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
