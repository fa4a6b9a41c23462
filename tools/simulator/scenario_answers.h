// What the queries of a running scenario brought: counted, compared with what the provider had
// registered, and held against the scenario's expectations.
#ifndef NAKADACHI_TOOLS_SIMULATOR_SCENARIO_ANSWERS_H_
#define NAKADACHI_TOOLS_SIMULATOR_SCENARIO_ANSWERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/simulator/account.h"
#include "tools/simulator/asker.h"
#include "tools/simulator/network.h"
#include "tools/simulator/people.h"
#include "tools/simulator/scenario.h"

namespace nakadachi::simulator {

// Not thread-safe. What is handed in outlives it.
class ScenarioAnswers {
 public:
  ScenarioAnswers(Network* network, const People* people, Account* account)
      : network_(network), people_(people), account_(account) {}

  // One query, whatever it brings: expectations judge.
  void Ask(const Question& question);
  // The last query again, under the same request id.
  absl::Status AskAgain();
  // What a bulk or a load brought.
  void TakeBulk(const std::vector<Answered>& answered);
  // The provider's staff decide about the person; waits until the requester has the answer.
  absl::Status Review(const LocalGovernmentCode& provider, PersonIndex person, bool release);

  // FAILED_PRECONDITION, rule "expect": the last query, or the last bulk, brought something else.
  absl::Status Expect(const Step& step);

  // Permits that rightly lack a final provision: they lapsed, or staff have not decided.
  uint64_t may_be_open() const { return lapsed_ + under_review_.size(); }

 private:
  void Take(const Question& question, const absl::StatusOr<v1::QueryResponse>& answer);
  void Compare(const Question& question, const v1::QueryResponse& response);
  // Until the last question's exchange is in the state.
  absl::Status WaitFor(v1::ExchangeState state, const std::string& otherwise);
  absl::Status ExpectCount(const std::string& what, std::optional<size_t> expected) const;
  absl::Status ExpectProvided(const Step& step) const;
  absl::Status ExpectOutcome(const std::string& outcome);
  absl::Status ExpectRefused(const std::string& reason) const;
  absl::Status ExpectError(const std::string& rule) const;
  absl::Status ExpectLapsed();
  absl::Status ExpectSamePermit() const;
  absl::Status OtherOutcome() const;

  Network* network_;
  const People* people_;
  Account* account_;

  // The last query, or the last bulk.
  std::optional<Question> last_question_;
  absl::StatusOr<v1::QueryResponse> last_answer_ = absl::UnknownError("nothing was asked");
  std::optional<v1::QueryResponse> answer_before_;
  bool last_was_bulk_ = false;
  std::map<std::string, uint64_t> last_bulk_;  // outcome or refusal reason -> persons
  std::map<PersonIndex, Question> under_review_;
  uint64_t lapsed_ = 0;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_SCENARIO_ANSWERS_H_
