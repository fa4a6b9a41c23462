#include "client/cli/batch.h"

#include <atomic>
#include <unordered_map>

#include "common/base/status.h"

namespace nakadachi::cli {

absl::Status RunBatch(client::MunicipalConnection& connection,
                      const std::vector<v1::QueryRequest>& questions, BatchOutput& output,
                      const client::BulkOptions& options,
                      const std::function<void(uint64_t)>& progress, BatchAccount* account) {
  account->questions = questions.size();
  account->kept = output.kept().size();
  for (const auto& [row, result] : output.kept()) ++account->results[result];

  std::unordered_map<std::string, uint64_t> rows;
  for (size_t i = 0; i < questions.size(); ++i) {
    if (output.kept().count(i + 1) == 0) rows.emplace(questions[i].request_id(), i + 1);
  }
  // Set by the thread that takes answers, read by the one that sends.
  std::atomic<bool> output_failed = false;
  absl::Status written;
  size_t next_index = 0;
  const auto next = [&](v1::QueryRequest* question) {
    while (next_index < questions.size() && output.kept().count(next_index + 1) > 0) ++next_index;
    if (next_index == questions.size() || output_failed) return false;
    *question = questions[next_index++];
    return true;
  };
  const auto on_answer = [&](const v1::QueryRequest& question,
                             const absl::StatusOr<v1::QueryResponse>& answer) {
    if (!written.ok()) return;
    written = output.Add(rows.at(question.request_id()), question, answer);
    if (!written.ok()) {
      output_failed = true;
      return;
    }
    ++account->answered;
    ++account->results[ResultOf(answer)];
    if (progress) progress(account->kept + account->answered);
  };
  const absl::Status asked = client::AskAll(connection, next, on_answer, options);
  NAKADACHI_RETURN_IF_ERROR(written);
  NAKADACHI_RETURN_IF_ERROR(asked.ok() ? output.Finish() : output.Sync());
  return asked;
}

}  // namespace nakadachi::cli
