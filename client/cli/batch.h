// A batch of questions: asks what its output does not answer for good yet.
#ifndef NAKADACHI_CLIENT_CLI_BATCH_H_
#define NAKADACHI_CLIENT_CLI_BATCH_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "client/bulk_query.h"
#include "client/cli/batch_input.h"
#include "client/cli/batch_output.h"

namespace nakadachi::cli {

struct BatchAccount {
  uint64_t questions = 0;
  uint64_t kept = 0;                        // answered by an earlier run
  uint64_t answered = 0;                    // by this run; not "under-way", not "error"
  std::map<std::string, uint64_t> results;  // of both
  // Questions that wait for somebody who is not reached, by code; "broker".
  std::map<std::string, uint64_t> not_reached;
};

// `progress` is told how many rows are written in all. An error is of the input (it was changed
// meanwhile), of the output, or of the connection as AskAll says it; the account is right either
// way. In memory are the questions under way, and a bit a row.
absl::Status RunBatch(client::MunicipalConnection& connection, BatchInput& input,
                      BatchOutput& output, const client::BulkOptions& options,
                      const std::function<void(uint64_t)>& progress, BatchAccount* account);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_BATCH_H_
