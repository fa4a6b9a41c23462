#include "tools/simulator/scenario_answers.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "tools/simulator/scenario_words.h"

namespace nakadachi::simulator {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(10);

v1::GetExchangeRequest ExchangeOf(const Question& question) {
  v1::GetExchangeRequest get;
  get.set_municipality(question.requester.ToString());
  get.set_request_id(question.request.request_id());
  return get;
}

}  // namespace

void ScenarioAnswers::Ask(const Question& question) {
  const absl::Time begin = absl::Now();
  last_answer_ = network_->Municipality(question.requester)->connection().Query(question.request);
  account_->lone_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
  last_question_ = question;
  answer_before_.reset();
  last_was_bulk_ = false;
  Take(question, last_answer_);
}

absl::Status ScenarioAnswers::AskAgain() {
  if (!last_question_.has_value() || !last_answer_.ok()) {
    return Unexpected("there is no answered query to ask again");
  }
  answer_before_ = *last_answer_;
  last_answer_ = network_->Municipality(last_question_->requester)
                     ->connection()
                     .Query(last_question_->request);
  return last_answer_.status();
}

void ScenarioAnswers::TakeBulk(const std::vector<Answered>& answered) {
  last_bulk_.clear();
  last_was_bulk_ = true;
  for (const Answered& one : answered) {
    account_->bulk_ms.push_back(one.ms);
    Take(one.question, one.answer);
  }
}

void ScenarioAnswers::Take(const Question& question,
                           const absl::StatusOr<v1::QueryResponse>& answer) {
  if (!answer.ok()) {
    const std::string rule = GetFieldRule(answer.status()).rule;
    const std::string code = absl::StatusCodeToString(answer.status().code());
    ++account_->errors[rule.empty() ? code : rule];
    ++last_bulk_["error"];
    return;
  }
  if (answer->state() == v1::REFUSED_BY_BROKER || answer->outcome() == v1::REFUSED) {
    ++account_->refused[WordOf(answer->refusal_reason())];
    ++last_bulk_[WordOf(answer->refusal_reason())];
    return;
  }
  ++last_bulk_[WordOf(answer->outcome())];
  switch (answer->outcome()) {
    case v1::PROVIDED:
      ++account_->provided;
      Compare(question, *answer);
      break;
    case v1::NOT_HELD:
      ++account_->not_held;
      break;
    case v1::NOT_REGISTERED:
      ++account_->not_registered;
      break;
    case v1::WITHHELD:
      ++account_->withheld;
      break;
    case v1::AWAITING_REVIEW:
      ++account_->awaiting_review;
      under_review_.insert_or_assign(question.person, question);
      break;
    default:
      break;
  }
  if (answer->state() == v1::ANSWERED && !answer->verified()) ++account_->unverified;
}

void ScenarioAnswers::Compare(const Question& question, const v1::QueryResponse& response) {
  const auto& registered = people_->Get(question.person).registered;
  const auto held = registered.find(question.provider);
  std::vector<const v1::ReplicaSet*> expected;
  for (const std::string& item : question.request.items()) {
    if (held == registered.end()) break;
    for (const v1::ReplicaSet& set : held->second) {
      if (set.item() == item) expected.push_back(&set);
    }
  }
  bool same = static_cast<size_t>(response.sets_size()) == expected.size();
  for (int i = 0; same && i < response.sets_size(); ++i) {
    same = IsWhatWasRegistered(response.sets(i), *expected[static_cast<size_t>(i)]);
  }
  for (const v1::ReplicaSet& set : response.sets()) {
    account_->compared += static_cast<uint64_t>(set.records_size());
  }
  if (!same) ++account_->mismatches;
}

absl::Status ScenarioAnswers::WaitFor(v1::ExchangeState state, const std::string& otherwise) {
  const v1::GetExchangeRequest get = ExchangeOf(*last_question_);
  client::MunicipalConnection& requester =
      network_->Municipality(last_question_->requester)->connection();
  const absl::Time give_up = absl::Now() + kPatience;
  while (true) {
    last_answer_ = requester.GetExchange(get);
    if (last_answer_.ok() && last_answer_->state() == state) return absl::OkStatus();
    if (absl::Now() > give_up) return Unexpected(otherwise);
    absl::SleepFor(kLook);
  }
}

absl::Status ScenarioAnswers::Review(const LocalGovernmentCode& provider, PersonIndex person,
                                     bool release) {
  const auto found = under_review_.find(person);
  if (found == under_review_.end()) return Unexpected("nothing awaits review about this resident");
  const Question question = found->second;
  NAKADACHI_ASSIGN_OR_RETURN(
      const auto waiting,
      network_->Municipality(question.requester)->connection().GetExchange(ExchangeOf(question)));

  v1::DecideReviewRequest decide;
  decide.set_municipality(provider.ToString());
  decide.set_permit_number(waiting.permit_number());
  decide.set_release(release);
  NAKADACHI_RETURN_IF_ERROR(network_->Staff(provider)->connection().DecideReview(decide).status());
  last_question_ = question;
  last_was_bulk_ = false;
  NAKADACHI_RETURN_IF_ERROR(WaitFor(v1::ANSWERED, "the answer was not delivered in time"));
  under_review_.erase(person);
  Take(question, last_answer_);
  if (last_answer_->outcome() == v1::PROVIDED) ++account_->released;
  return absl::OkStatus();
}

absl::Status ScenarioAnswers::Expect(const Step& step) {
  switch (step.verb) {
    case Verb::kExpectProvided:
      return ExpectProvided(step);
    case Verb::kExpectSamePermit:
      return ExpectSamePermit();
    case Verb::kExpectOutcome:
      return ExpectOutcome(step.Word("outcome"));
    case Verb::kExpectError:
      return ExpectError(step.Word("rule"));
    default:
      return ExpectRefused(step.Word("reason"));
  }
}

absl::Status ScenarioAnswers::ExpectError(const std::string& rule) const {
  if (last_was_bulk_) return Unexpected("a bulk has no single error");
  if (last_answer_.ok()) return Unexpected("it was answered");
  if (GetFieldRule(last_answer_.status()).rule == rule) return absl::OkStatus();
  return Unexpected(std::string(last_answer_.status().message()));
}

absl::Status ScenarioAnswers::ExpectRefused(const std::string& reason) const {
  if (last_was_bulk_) return ExpectCount(reason, std::nullopt);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (WordOf(last_answer_->refusal_reason()) == reason) return absl::OkStatus();
  return OtherOutcome();
}

absl::Status ScenarioAnswers::OtherOutcome() const {
  std::vector<std::string> parts = {
      absl::StrCat("state ", v1::ExchangeState_Name(last_answer_->state()))};
  if (last_answer_->outcome() != v1::OUTCOME_UNSPECIFIED) {
    parts.push_back(absl::StrCat("outcome ", WordOf(last_answer_->outcome())));
  }
  if (last_answer_->refusal_reason() != v1::REFUSAL_REASON_UNSPECIFIED) {
    parts.push_back(absl::StrCat("reason ", WordOf(last_answer_->refusal_reason())));
  }
  if (!last_answer_->refusal_detail().empty()) parts.push_back(last_answer_->refusal_detail());
  return Unexpected(absl::StrJoin(parts, ", "));
}

absl::Status ScenarioAnswers::ExpectCount(const std::string& what,
                                          std::optional<size_t> expected) const {
  uint64_t all = 0;
  for (const auto& [outcome, count] : last_bulk_) all += count;
  const auto found = last_bulk_.find(what);
  const uint64_t got = found == last_bulk_.end() ? 0 : found->second;
  const uint64_t wanted = expected.value_or(all);
  if (got == wanted) return absl::OkStatus();
  return Unexpected(absl::StrCat(what, " for ", got, " of ", all, " persons, expected ", wanted));
}

absl::Status ScenarioAnswers::ExpectProvided(const Step& step) const {
  std::optional<size_t> expected;
  if (step.Has("n")) {
    NAKADACHI_ASSIGN_OR_RETURN(expected, CountOf(step.Word("n")));
  }
  if (last_was_bulk_) return ExpectCount("provided", expected);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (last_answer_->outcome() != v1::PROVIDED || !last_answer_->verified()) return OtherOutcome();
  size_t records = 0;
  for (const v1::ReplicaSet& set : last_answer_->sets()) {
    records += static_cast<size_t>(set.records_size());
  }
  if (!expected.has_value() || *expected == records) return absl::OkStatus();
  return Unexpected(absl::StrCat(records, " records"));
}

absl::Status ScenarioAnswers::ExpectOutcome(const std::string& outcome) {
  if (outcome == "lapsed") return ExpectLapsed();
  if (last_was_bulk_) return ExpectCount(outcome, std::nullopt);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (WordOf(last_answer_->outcome()) == outcome) return absl::OkStatus();
  return OtherOutcome();
}

absl::Status ScenarioAnswers::ExpectLapsed() {
  if (!last_question_.has_value() || last_was_bulk_) return Unexpected("there is no last query");
  NAKADACHI_RETURN_IF_ERROR(WaitFor(v1::LAPSED, "the exchange has not lapsed"));
  ++account_->lapsed;
  ++lapsed_;
  under_review_.erase(last_question_->person);
  return absl::OkStatus();
}

absl::Status ScenarioAnswers::ExpectSamePermit() const {
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (!answer_before_.has_value()) return Unexpected("nothing was asked again");
  const bool same =
      answer_before_->permit_commitment() == last_answer_->permit_commitment() &&
      answer_before_->provision_commitment() == last_answer_->provision_commitment() &&
      answer_before_->receipt_commitment() == last_answer_->receipt_commitment() &&
      !last_answer_->permit_commitment().empty();
  return same ? absl::OkStatus() : Unexpected("another permit, provision or receipt");
}

}  // namespace nakadachi::simulator
