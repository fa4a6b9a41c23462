// The permission lists that the broker's ledger says were published.
#ifndef NAKADACHI_CLIENT_CLI_RECORDED_LISTS_H_
#define NAKADACHI_CLIENT_CLI_RECORDED_LISTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "client/cli/commands.h"
#include "client/cli/ledger_source.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {

// Where a command is to read the broker's ledger: its operator's listener, or where a folder is
// given a stopped broker's database.
struct BrokerLedgerOptions {
  std::string data;
  std::string kek;
  void Declare(Command& command);
};

// Reads every statement of the broker's ledger, each checked against its commitment, in order,
// with progress. Errors of `input` are the command's input's, others the server's.
absl::Status ReadBrokerLedger(Context& context, const BrokerLedgerOptions& options,
                              const std::function<void(uint64_t, const v1::Statement&)>& visit,
                              bool* input_error);

struct RecordedList {
  uint64_t version = 0;
  int64_t published_ms = 0;
  int64_t in_force_from_ms = 0;
  std::string csv;
};
// The version in force at the end of a day in Japan: the highest that was published and in force
// by then. Null where there was none.
const RecordedList* ListOnDay(const std::vector<RecordedList>& lists, absl::CivilDay day);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_RECORDED_LISTS_H_
