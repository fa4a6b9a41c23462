// Statements into facts.
#ifndef NAKADACHI_TOOLS_REPLAY_EXTRACT_H_
#define NAKADACHI_TOOLS_REPLAY_EXTRACT_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/facts.h"
#include "tools/replay/interner.h"
#include "tools/replay/retention_judge.h"

namespace nakadachi::replay {

// The interners of one replay. Institutions are numbered from the logs on.
struct Interners {
  Interner institutions;
  Interner questions;  // QuestionText
  Interner departments;
  Interner bases;  // BasisText
};

using Names = google::protobuf::RepeatedPtrField<std::string>;

// Procedure and items as one text: the procedure, then each item after a zero byte.
std::string QuestionText(absl::string_view procedure, const Names& items);
struct Question {
  std::string procedure;
  std::vector<std::string> items;
};
Question ParseQuestion(absl::string_view text);
// The legal basis of each item, ended by a zero byte.
template <typename Bases>
std::string BasisText(const Bases& bases) {
  std::string text;
  for (const auto& basis : bases) text.append(basis).push_back('\0');
  return text;
}
// A provision's items, with those that its versions name beyond them.
Names ItemsAnswered(const v1::Provision& provision);

// A lower-case name for reports: "query", "permit", …
absl::string_view KindName(v1::Statement::KindCase kind);
// NOT_PERMITTED is "not-permitted".
std::string ReasonName(int reason);
std::string OutcomeName(int outcome);

// An operation that changed what can be seen: an erasure, an inspection, a fork.
struct Operation {
  uint64_t index;
  int64_t time_ms;
  std::string kind;
};

// What a run of statements of one log says.
struct Facts {
  std::vector<QueryFact> queries;
  std::vector<DecisionFact> decisions;
  std::vector<AnswerFact> answers;
  std::vector<std::pair<uint64_t, v1::Statement>> directory;  // by index
  std::vector<std::pair<uint64_t, int64_t>> times;            // by index
  std::vector<Operation> operations;
  std::vector<RetentionFact> retention;
  std::vector<uint64_t> misplaced;   // of a kind that the log's author may not record
  std::array<uint64_t, 16> kinds{};  // by KindCase
};

// `log` is the author's number. A statement of a kind that its author may not record is misplaced
// and says nothing else.
void Extract(const v1::Statement& statement, const Hash& commitment, Place place, bool is_broker,
             Interners& interners, Facts* facts);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_EXTRACT_H_
