#include "client/cli/recorded_lists.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "common/permission/permission_list.h"

namespace nakadachi::cli {
namespace {

absl::StatusOr<v1::Statement> ParseEntry(const v1::LedgerEntry& entry) {
  v1::Statement statement;
  if (entry.erased()) return statement;
  if (entry.unreadable()) {
    return FieldError(absl::StatusCode::kDataLoss, "ledger.statement", "unreadable",
                      absl::StrCat("that of entry ", entry.index(), " is damaged or lost"));
  }
  const Hash commitment = ledger::Commit(entry.salt(), entry.statement());
  if (AsView(commitment) != absl::string_view(entry.commitment()) ||
      !statement.ParseFromString(entry.statement())) {
    return FieldError(absl::StatusCode::kDataLoss, "ledger.entry", "commitment",
                      absl::StrCat("statement ", entry.index(), " is not what was committed to"));
  }
  return statement;
}

}  // namespace

void BrokerLedgerOptions::Declare(Command& command) {
  Option folder = command.Add(
      "--data", data, "Read a stopped broker's database in this folder instead of a running one");
  command.Add("--kek", kek, "File of the key-encryption key of --data").Needs(folder);
}

absl::Status ReadBrokerLedger(Context& context, const BrokerLedgerOptions& options,
                              const std::function<void(uint64_t, const v1::Statement&)>& visit,
                              bool* input_error) {
  *input_error = true;
  std::unique_ptr<client::LedgerConnection> connection;
  std::unique_ptr<LedgerSource> source;
  const std::string broker = Author::Broker().ToString();
  if (options.data.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
    NAKADACHI_ASSIGN_OR_RETURN(connection, profile.Ledger(broker));
    source = RemoteLedger(connection.get(), broker);
  } else {
    NAKADACHI_ASSIGN_OR_RETURN(source,
                               StoredLedger::Open(options.data, options.kek, Author::Broker()));
  }
  *input_error = false;
  Progress progress(context.console->err(), "ledger entries read", Progress::Of(0));
  absl::Status parsed;
  const absl::Status read =
      source->Read(0, UINT64_MAX, /*with_statements=*/true, [&](const v1::LedgerEntry& entry) {
        const absl::StatusOr<v1::Statement> statement = ParseEntry(entry);
        parsed = statement.status();
        if (!parsed.ok()) return false;
        visit(entry.index(), *statement);
        progress.At(entry.index() + 1);
        return true;
      });
  NAKADACHI_RETURN_IF_ERROR(parsed);
  return read;
}

const RecordedList* ListOnDay(const std::vector<RecordedList>& lists, absl::CivilDay day) {
  const RecordedList* found = nullptr;
  for (const RecordedList& list : lists) {
    const int64_t from = std::max(list.published_ms, list.in_force_from_ms);
    if (permission::JapanDay(from) <= day) found = &list;
  }
  return found;
}

}  // namespace nakadachi::cli
