// Sorts more than fits into memory: sorted runs in a temporary file, merged as they are read.
#ifndef NAKADACHI_TOOLS_REPLAY_EXTERNAL_SORT_H_
#define NAKADACHI_TOOLS_REPLAY_EXTERNAL_SORT_H_

#include <algorithm>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/replay/temporary_file.h"

namespace nakadachi::replay {

// Of trivially copyable values with operator<. Not thread-safe.
template <typename Value>
class ExternalSort {
 public:
  // Holds at most `in_memory` values.
  static absl::StatusOr<std::unique_ptr<ExternalSort>> Create(const std::string& folder,
                                                              size_t in_memory) {
    auto file = TemporaryFile::Create(folder);
    if (!file.ok()) return file.status();
    return std::unique_ptr<ExternalSort>(new ExternalSort(*std::move(file), in_memory));
  }

  absl::Status Add(const Value& value) {
    values_.push_back(value);
    return values_.size() < in_memory_ ? absl::OkStatus() : WriteRun();
  }

  // All values in order. Once, after the last Add.
  absl::Status ForEach(const std::function<absl::Status(const Value&)>& visit) {
    if (runs_.empty()) {
      std::sort(values_.begin(), values_.end());
      for (const Value& value : values_) {
        absl::Status status = visit(value);
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    }
    absl::Status status = WriteRun();
    if (!status.ok()) return status;
    std::vector<Value>().swap(values_);
    return Merge(visit);
  }

 private:
  // What is left of a run: read ahead, and in the file.
  struct Run {
    uint64_t offset;
    uint64_t left;  // values in the file
    std::vector<Value> ahead;
    size_t at = 0;
  };

  ExternalSort(std::unique_ptr<TemporaryFile> file, size_t in_memory)
      : file_(std::move(file)), in_memory_(in_memory) {}

  absl::Status WriteRun() {
    if (values_.empty()) return absl::OkStatus();
    std::sort(values_.begin(), values_.end());
    runs_.push_back({end_, values_.size(), {}, 0});
    const size_t bytes = values_.size() * sizeof(Value);
    absl::Status status = file_->WriteAt(end_, values_.data(), bytes);
    end_ += bytes;
    values_.clear();
    return status;
  }

  // False at the run's end.
  absl::StatusOr<bool> Fill(Run& run, size_t most) {
    if (run.at < run.ahead.size()) return true;
    if (run.left == 0) return false;
    run.ahead.resize(std::min<uint64_t>(run.left, most));
    run.at = 0;
    const size_t bytes = run.ahead.size() * sizeof(Value);
    absl::Status status = file_->ReadAt(run.offset, run.ahead.data(), bytes);
    if (!status.ok()) return status;
    run.offset += bytes;
    run.left -= run.ahead.size();
    return true;
  }

  absl::Status Merge(const std::function<absl::Status(const Value&)>& visit) {
    const size_t most = std::max<size_t>(64, in_memory_ / (runs_.size() + 1));
    const auto later = [](const std::pair<Value, size_t>& a, const std::pair<Value, size_t>& b) {
      return b.first < a.first;
    };
    std::priority_queue<std::pair<Value, size_t>, std::vector<std::pair<Value, size_t>>,
                        decltype(later)>
        next(later);
    const auto push = [&](size_t number) -> absl::Status {
      Run& run = runs_[number];
      auto filled = Fill(run, most);
      if (!filled.ok()) return filled.status();
      if (*filled) next.emplace(run.ahead[run.at++], number);
      return absl::OkStatus();
    };
    absl::Status status;
    for (size_t number = 0; number < runs_.size() && status.ok(); ++number) status = push(number);
    while (status.ok() && !next.empty()) {
      const auto [value, number] = next.top();
      next.pop();
      status = visit(value);
      if (status.ok()) status = push(number);
    }
    return status;
  }

  const std::unique_ptr<TemporaryFile> file_;
  const size_t in_memory_;
  std::vector<Value> values_;
  std::vector<Run> runs_;
  uint64_t end_ = 0;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_EXTERNAL_SORT_H_
