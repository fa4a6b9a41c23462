// The file that a batch writes: one group of lines a question, appended as answers come. A file
// that a crash left is taken up again: whole groups with a final answer stay, all else is dropped
// and asked again under the same request ids.
//
// CSV: a header, then one line a record, at least one a question; columns `line` and `lines` tell
// whether a group is whole. JSON: an array with one object a question, each on a line of its own.
// The file holds personal data: mode 0600.
#ifndef NAKADACHI_CLIENT_CLI_BATCH_OUTPUT_H_
#define NAKADACHI_CLIENT_CLI_BATCH_OUTPUT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::cli {

// Not thread-safe.
class BatchOutput {
 public:
  // The request id of a row (from 1), empty where there is no such row. A file whose ids are others
  // belongs to another input.
  using IdOfRow = std::function<std::string(uint64_t row)>;
  // `path` ends in .csv or .json: INVALID_ARGUMENT, rule "format". FAILED_PRECONDITION, rule
  // "other-batch", where the file is there and is not the output of these questions: nothing is
  // ever overwritten; rule "in-use", where another run is writing to it. UNAVAILABLE, rule "io".
  static absl::StatusOr<std::unique_ptr<BatchOutput>> Open(const std::string& path,
                                                           const IdOfRow& id_of_row);
  virtual ~BatchOutput() = default;

  // Rows that the file answers for good: how many by result, and which.
  virtual const std::map<std::string, uint64_t>& kept() const = 0;
  virtual bool IsKept(uint64_t row) const = 0;
  // Appends a group. It is durable after the next Sync(); one is made by itself every 64 groups.
  virtual absl::Status Add(uint64_t row, const v1::QueryRequest& question,
                           const absl::StatusOr<v1::QueryResponse>& answer) = 0;
  virtual absl::Status Sync() = 0;
  // To be called once all rows are there; then a JSON file is whole.
  virtual absl::Status Finish() = 0;
};

// The result of an answer: ResultWord; "under-way" where the question waits for somebody who is
// not reached; or "error".
std::string ResultOf(const absl::StatusOr<v1::QueryResponse>& answer);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_BATCH_OUTPUT_H_
