#include "tools/replay/scan.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/merkle/merkle.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {
namespace {

struct PreparedFacts final : EntryConsumer::Prepared {
  Facts facts;
  std::vector<Stub> stubs;
  std::vector<Range> erased;
  std::vector<Range> unseen;  // that may be of any kind
};

// Of a log, for the report.
constexpr size_t kMostOperations = 20;

Hash HashOf(absl::string_view bytes) {
  Hash hash{};
  std::memcpy(hash.data(), bytes.data(), std::min(bytes.size(), hash.size()));
  return hash;
}

Hash LeafOf(const Entry& entry) {
  return entry.commitment.empty() ? HashOf(entry.leaf) : merkle::LeafHash(entry.commitment);
}

void AddTo(std::vector<Range>* ranges, uint64_t index) {
  if (ranges->empty() || ranges->back().end != index) ranges->push_back({index, index});
  ++ranges->back().end;
}

}  // namespace

Scan::Scan(Scene* scene, History* history)
    : scene_(*scene),
      history_(*history),
      queries_(scene->stores->queries.get()),
      decisions_(scene->stores->decisions.get()),
      answers_(scene->stores->answers.get()),
      stubs_(scene->stores->stubs.get()) {}

void Scan::Begin(const Author& log, int64_t checkpoint_ms) {
  number_ = scene_.interners->institutions.Intern(log.ToString());
  checkpoint_ms_ = checkpoint_ms;
  latest_ms_ = INT64_MIN;
  latest_index_ = next_index_ = 0;
  read_until_ms_ = told_until_ms_ = INT64_MAX;
  held_ = Held();
  retention_ = std::make_unique<RetentionJudge>(log.ToString());
}

Scan::Held Scan::End(const StructureReport& structure) {
  if (next_index_ < structure.size) {
    read_until_ms_ = std::min(read_until_ms_, latest_ms_);
    told_until_ms_ = std::min(told_until_ms_, latest_ms_);
    if (number_ == kBroker) history_.TakeUnseen(next_index_, structure.size);
  }
  held_.seen_until_ms = structure.rooted ? told_until_ms_ : read_until_ms_;
  held_.has_stubs |= held_.seen_until_ms != INT64_MAX;
  held_.erasures = retention_->Erasures();
  retention_->Judge(scene_.findings);
  return std::move(held_);
}

absl::Status Scan::Flush() {
  absl::Status status = queries_.Flush();
  status.Update(decisions_.Flush());
  status.Update(answers_.Flush());
  status.Update(stubs_.Flush());
  return status;
}

// By several threads: touches nothing that Take does.
std::unique_ptr<EntryConsumer::Prepared> Scan::Prepare(const Author& log,
                                                       absl::Span<const Entry> run) {
  auto prepared = std::make_unique<PreparedFacts>();
  const uint32_t number = scene_.interners->institutions.Intern(log.ToString());
  google::protobuf::Arena arena;
  auto* statement = google::protobuf::Arena::CreateMessage<v1::Statement>(&arena);
  for (const Entry& entry : run) {
    if (entry.body.state != evidence::BodyState::kPresent) {
      prepared->stubs.push_back({LeafOf(entry), number});
      if (entry.body.state == evidence::BodyState::kErased) AddTo(&prepared->erased, entry.index);
      if (entry.body.state == evidence::BodyState::kAbsent ||
          entry.body.state == evidence::BodyState::kUnreadable) {
        AddTo(&prepared->unseen, entry.index);
      }
      continue;
    }
    const absl::string_view bytes = entry.body.statement;
    // What is no statement of this log's author is the structure's finding.
    if (!statement->ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        statement->author() != log.ToString()) {
      continue;
    }
    Extract(*statement, HashOf(entry.commitment), {entry.index, number}, log.IsBroker(),
            *scene_.interners, &prepared->facts);
  }
  return prepared;
}

void Scan::Take(const Author& log, absl::Span<const Entry> run,
                std::unique_ptr<Prepared> prepared) {
  NoteMissing(run);
  auto& ready = static_cast<PreparedFacts&>(*prepared);
  Facts& facts = ready.facts;
  for (const QueryFact& query : facts.queries) queries_.Add(query);
  for (const DecisionFact& decision : facts.decisions) decisions_.Add(decision);
  for (const AnswerFact& answer : facts.answers) answers_.Add(answer);
  for (const Stub& stub : ready.stubs) stubs_.Add(stub);
  for (const Range& erased : ready.erased) retention_->TakeErased(erased);
  for (const auto& [index, time_ms] : facts.times) retention_->TakeTime(index, time_ms);
  for (RetentionFact& fact : facts.retention) retention_->Take(std::move(fact));
  held_.has_stubs |= !ready.stubs.empty();
  TakeDirectory(&facts, ready.unseen);
  CheckTimes(facts.times);
  for (const uint64_t index : facts.misplaced) {
    scene_.Add("statement-misplaced", {index, number_}, 0,
               "The log's author has no power to make a statement of this kind.");
  }
  for (Operation& operation : facts.operations) {
    if (held_.operations.size() == kMostOperations) break;
    held_.operations.push_back({std::move(operation.kind),
                                operation.time_ms,
                                {log.ToString(), operation.index},
                                log.ToString()});
  }
  for (size_t kind = 0; kind < facts.kinds.size(); ++kind) {
    if (facts.kinds[kind] == 0) continue;
    held_.kinds[std::string(KindName(static_cast<v1::Statement::KindCase>(kind)))] +=
        facts.kinds[kind];
  }
}

// Before anything else of the run is taken.
void Scan::NoteMissing(absl::Span<const Entry> run) {
  if (run.empty()) return;  // seen by where the next one begins
  if (run.front().index > next_index_) {
    read_until_ms_ = std::min(read_until_ms_, latest_ms_);
    told_until_ms_ = std::min(told_until_ms_, latest_ms_);
    if (number_ == kBroker) history_.TakeUnseen(next_index_, run.front().index);
  }
  const bool whole = std::none_of(run.begin(), run.end(),
                                  [](const Entry& entry) { return entry.commitment.empty(); });
  if (!whole) read_until_ms_ = std::min(read_until_ms_, latest_ms_);
  next_index_ = run.back().index + 1;
}

// With what may be a Directory statement unseen, in the log's order.
void Scan::TakeDirectory(Facts* facts, const std::vector<Range>& unseen) {
  auto next = unseen.begin();
  for (auto& [index, statement] : facts->directory) {
    for (; next != unseen.end() && next->first < index; ++next) {
      history_.TakeUnseen(next->first, next->end);
    }
    history_.Take(index, std::move(statement));
  }
  if (number_ != kBroker) return;
  for (; next != unseen.end(); ++next) history_.TakeUnseen(next->first, next->end);
}

void Scan::CheckTimes(const std::vector<std::pair<uint64_t, int64_t>>& times) {
  for (const auto& [index, time_ms] : times) {
    if (latest_ms_ != INT64_MIN && time_ms < SaturatingSubtract(latest_ms_, scene_.tolerance_ms)) {
      scene_.Add("clock-back", {index, number_}, time_ms,
                 absl::StrCat("Its time is ", SaturatingSubtract(latest_ms_, time_ms),
                              " ms before that of an entry recorded earlier."),
                 {{latest_index_, number_}});
      latest_ms_ = time_ms;  // one finding each time the clock is moved
      latest_index_ = index;
    }
    if (time_ms > SaturatingAdd(checkpoint_ms_, scene_.tolerance_ms)) {
      scene_.Add("time-ahead", {index, number_}, time_ms,
                 absl::StrCat("Its time is ", SaturatingSubtract(time_ms, checkpoint_ms_),
                              " ms after the checkpoint that covers it."));
    }
    if (time_ms > latest_ms_) {
      latest_ms_ = time_ms;
      latest_index_ = index;
    }
  }
}

}  // namespace nakadachi::replay
