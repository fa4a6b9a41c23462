#include "client/cli/batch.h"

#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"

namespace nakadachi::cli {
namespace {

// One thread draws questions, another one takes answers.
class Batch {
 public:
  Batch(BatchInput& input, BatchOutput& output, const std::function<void(uint64_t)>& progress,
        BatchAccount* account)
      : input_(input), output_(output), progress_(progress), account_(account) {
    account_->questions = input.size();
    account_->results = output.kept();
    for (const auto& [result, count] : output.kept()) account_->kept += count;
  }

  bool Draw(v1::QueryRequest* question) {
    while (status().ok()) {
      const absl::StatusOr<bool> more = input_.Next(question);
      if (!more.ok()) Fail(more.status());
      if (!more.ok() || !*more) return false;
      if (output_.IsKept(input_.row())) continue;
      absl::MutexLock lock(&mutex_);
      rows_.emplace(question->request_id(), input_.row());
      return true;
    }
    return false;
  }

  void Take(const v1::QueryRequest& question, const absl::StatusOr<v1::QueryResponse>& answer) {
    if (output_failed_) return;
    const absl::Status written = output_.Add(RowOf(question), question, answer);
    if (!written.ok()) {
      output_failed_ = true;
      return Fail(written);
    }
    const std::string result = ResultOf(answer);
    if (result != "under-way" && result != "error") ++account_->answered;
    ++account_->results[result];
    if (client::IsUnderWay(answer.status())) {
      const std::string who = client::WaitsFor(question, answer.status());
      if (!who.empty()) ++account_->not_reached[who];
    }
    ++written_;
    if (progress_) progress_(account_->kept + written_);
  }

  // The first failure of input or output.
  absl::Status status() const {
    absl::MutexLock lock(&mutex_);
    return status_;
  }
  bool output_failed() const { return output_failed_; }

 private:
  void Fail(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (status_.ok()) status_ = status;
  }
  // Of a question that was drawn; it is answered once.
  uint64_t RowOf(const v1::QueryRequest& question) {
    absl::MutexLock lock(&mutex_);
    return rows_.extract(question.request_id()).mapped();
  }

  BatchInput& input_;
  BatchOutput& output_;
  const std::function<void(uint64_t)>& progress_;
  BatchAccount* const account_;
  uint64_t written_ = 0;        // known to the thread that takes answers
  bool output_failed_ = false;  // likewise

  mutable absl::Mutex mutex_;
  std::unordered_map<std::string, uint64_t> rows_ ABSL_GUARDED_BY(mutex_);  // under way, by id
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status RunBatch(client::MunicipalConnection& connection, BatchInput& input,
                      BatchOutput& output, const client::BulkOptions& options,
                      const std::function<void(uint64_t)>& progress, BatchAccount* account) {
  input.Rewind();
  Batch batch(input, output, progress, account);
  const absl::Status asked = client::AskAll(
      connection, [&](v1::QueryRequest* question) { return batch.Draw(question); },
      [&](const v1::QueryRequest& question, const absl::StatusOr<v1::QueryResponse>& answer) {
        batch.Take(question, answer);
      },
      options);
  if (batch.output_failed()) return batch.status();
  const bool whole = asked.ok() && batch.status().ok();
  NAKADACHI_RETURN_IF_ERROR(whole ? output.Finish() : output.Sync());
  return batch.status().ok() ? asked : batch.status();
}

}  // namespace nakadachi::cli
