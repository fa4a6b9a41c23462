// An answer to a query, in words, in JSON and as rows.
#ifndef NAKADACHI_CLIENT_CLI_ANSWER_H_
#define NAKADACHI_CLIENT_CLI_ANSWER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/output.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::cli {

// What became of a question, as one stable word: "provided", "not-held", "not-registered",
// "withheld", "awaiting-review", "refused", "lapsed", "under-way", and "unverified" where the
// proof of the answer did not hold.
absl::string_view ResultWord(const v1::QueryResponse& response);
// Whether asking again under the same request id can bring nothing else.
bool IsFinalResult(absl::string_view word);
// kOk for an answer, kFailed for "refused", "lapsed" and "unverified", kPartly for the rest.
int ExitCodeOf(absl::string_view word);
// "network" or "provider"; empty where it was not refused.
absl::string_view RefusedBy(const v1::QueryResponse& response);
// "not-permitted", …; empty for none.
std::string ReasonWord(v1::RefusalReason reason);
std::string OutcomeWord(v1::Outcome outcome);

// For people: a sentence that says what the answer means, its freshness, and the records as a
// table. `items` are those asked for.
std::string AnswerText(const v1::QueryResponse& response, const std::vector<std::string>& items);
Json AnswerJson(const v1::QueryResponse& response);

// The columns of a record and its set, and their cells; a record of other information than a
// vaccination is in column "other" as "name=value; …".
const std::vector<std::string>& RecordColumns();
std::vector<std::string> RecordCells(const v1::ReplicaSet& set, const v1::ReplicaRecord& record);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_ANSWER_H_
