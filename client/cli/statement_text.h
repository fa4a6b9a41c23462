// Statements in readable form, without personal data: linkage codes, sealed codes and nonces are
// left out, staff appear by their pseudonyms.
#ifndef NAKADACHI_CLIENT_CLI_STATEMENT_TEXT_H_
#define NAKADACHI_CLIENT_CLI_STATEMENT_TEXT_H_

#include <string>

#include "client/cli/output.h"
#include "nakadachi/v1/ledger.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {

// "query", "permit", "refusal", "provision", "receipt", "operation", "directory"; else "unknown".
std::string StatementKind(const v1::Statement& statement);
// The kind's fields, without author, time and kind.
Json StatementFields(const v1::Statement& statement);
// {"index", "commitment", "state", "time", "author", "kind", "fields"}: state is "present",
// "erased", "commitment-only", or "altered" where the statement is not what was committed to.
Json LedgerEntryJson(const v1::LedgerEntry& entry, bool with_statements);
// LedgerEntryJson on one line, ended by LF.
std::string LedgerEntryText(const Json& entry);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_STATEMENT_TEXT_H_
