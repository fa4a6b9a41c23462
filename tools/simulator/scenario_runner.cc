#include "tools/simulator/scenario_runner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/rpc/status_mapping.h"
#include "tools/simulator/asker.h"
#include "tools/simulator/people.h"

namespace nakadachi::simulator {
namespace {

constexpr char kDefaultItem[] = "immunization";
constexpr char kDepartment[] = "health";
constexpr char kStaffPseudonym[] = "staff-1";
constexpr int kBulkInFlight = 256;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(10);

absl::TimeZone Japan() { return absl::FixedTimeZone(9 * 60 * 60); }

absl::Status Unexpected(const std::string& message) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "", "expect", message);
}

absl::Status BadWord(absl::string_view field, absl::string_view rule, absl::string_view message) {
  return InvalidField(field, rule, message);
}

absl::StatusOr<absl::Duration> DurationOf(const std::string& word) {
  absl::Duration duration;
  if (absl::ParseDuration(word, &duration)) return duration;
  return BadWord("duration", "duration", "expected something like 90s, 5m or 25h");
}

absl::StatusOr<size_t> CountOf(const std::string& word) {
  size_t count = 0;
  if (absl::SimpleAtoi(word, &count)) return count;
  return BadWord("n", "number", "expected a whole number");
}

absl::StatusOr<absl::Time> TimeOf(const std::string& word) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime("%Y-%m-%dT%H:%M", word, Japan(), &time, &error)) return time;
  if (absl::ParseTime("%Y-%m-%d", word, Japan(), &time, &error)) return time;
  return BadWord("time", "time", "expected 2024-06-03 or 2024-06-03T09:00");
}

absl::StatusOr<std::string> ReadFile(const std::string& base_folder, const std::string& name) {
  const std::string path = (std::filesystem::path(base_folder) / name).string();
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<std::string> ItemsOf(const Step& step) {
  if (!step.Has("items")) return {kDefaultItem};
  return absl::StrSplit(step.Word("items"), ',');
}

std::string ProcedureOf(const Step& step) {
  return step.Has("procedure") ? step.Word("procedure") : kDefaultItem;
}

class Runner final : public ScenarioRunner {
 public:
  Runner(const Scenario& scenario, Network* network, std::string base_folder,
         std::function<void(const std::string&)> say, uint64_t seed)
      : scenario_(scenario),
        network_(network),
        base_folder_(std::move(base_folder)),
        say_(std::move(say)),
        people_(network, seed) {}

  absl::Status Run() override;
  const Account& account() const override { return account_; }

 private:
  absl::Status RunStep(const Step& step);
  absl::Status RunPopulationStep(const Step& step);
  absl::Status RunProcessStep(const Step& step);
  absl::Status RunExpectation(const Step& step);

  absl::Status Join(const Step& step, const std::string& category);
  absl::Status Residents(const Step& step);
  absl::Status OneResident(const Step& step);
  absl::Status MoveMany(const Step& step);
  absl::Status SetProtection(const Step& step);
  absl::Status Query(const Step& step);
  absl::Status AskAgain();
  absl::Status Bulk(const Step& step);
  absl::Status Load(const Step& step);
  absl::Status Finish();
  absl::Status Review(const Step& step);
  absl::Status ExpectCount(const std::string& what, uint64_t got_in_bulk,
                           std::optional<size_t> expected);
  absl::Status ExpectProvided(const Step& step);
  absl::Status ExpectOutcome(const Step& step);
  absl::Status ExpectLapsed();
  absl::Status ExpectSamePermit();
  absl::Status VerifyAnswered();
  absl::Status VerifyLedgers();

  absl::StatusOr<LocalGovernmentCode> CodeIn(const Step& step, const std::string& word) const;
  absl::StatusOr<PersonIndex> PersonIn(const Step& step) const;
  absl::StatusOr<client::MunicipalClient*> Office(const LocalGovernmentCode& code) const;
  absl::StatusOr<std::string> ProcessIn(const Step& step) const;
  Question NewQuestion(PersonIndex person, const LocalGovernmentCode& requester,
                       const LocalGovernmentCode& provider, const Step& step);
  absl::Status AskOne(const Question& question);
  // Counts an answer and compares what it brought.
  void Take(const Question& question, const absl::StatusOr<v1::QueryResponse>& answer);
  void TakeMany(std::vector<Answered> answered);
  void Compare(const Question& question, const v1::QueryResponse& response);

  const Scenario& scenario_;
  Network* network_;
  std::string base_folder_;
  std::function<void(const std::string&)> say_;
  People people_;
  Account account_;

  std::map<std::string, PersonIndex> names_;
  struct Mover {
    PersonIndex person;
    LocalGovernmentCode from;
    LocalGovernmentCode to;
    bool asked = false;
  };
  std::vector<Mover> movers_;

  // The last query, or the last bulk.
  std::optional<Question> last_question_;
  absl::StatusOr<v1::QueryResponse> last_answer_ = absl::UnknownError("nothing was asked");
  std::optional<v1::QueryResponse> answer_before_;
  bool last_was_bulk_ = false;
  std::map<std::string, uint64_t> last_bulk_;  // outcome or refusal reason -> persons
  std::map<PersonIndex, Question> under_review_;
  uint64_t never_answered_ = 0;  // permits that no final provision will answer
  std::unique_ptr<BackgroundLoad> load_;
};

absl::Status Runner::Run() {
  const absl::Time begin = absl::Now();
  for (const Step& step : scenario_.steps) {
    const absl::Status done = RunStep(step);
    account_.elapsed_s = absl::ToDoubleSeconds(absl::Now() - begin);
    if (!done.ok()) {
      return UnderField(absl::StrCat("line ", step.line, " '", step.text, "'"), done);
    }
  }
  const absl::Status finished = Finish();
  account_.elapsed_s = absl::ToDoubleSeconds(absl::Now() - begin);
  NAKADACHI_RETURN_IF_ERROR(finished);
  if (account_.mismatches > 0) {
    return Unexpected("records received differ from what the provider registered");
  }
  return absl::OkStatus();
}

absl::Status Runner::RunStep(const Step& step) {
  switch (step.verb) {
    case Verb::kQuery:
      return Query(step);
    case Verb::kAskAgain:
      return AskAgain();
    case Verb::kBulk:
      return Bulk(step);
    case Verb::kLoad:
      return Load(step);
    case Verb::kFinish:
      return Finish();
    case Verb::kReview:
      return Review(step);
    case Verb::kVerifyAnswered:
      return VerifyAnswered();
    case Verb::kVerifyLedgers:
      return VerifyLedgers();
    case Verb::kSay:
      say_(step.Word("text"));
      return absl::OkStatus();
    case Verb::kExpectProvided:
    case Verb::kExpectOutcome:
    case Verb::kExpectRefused:
    case Verb::kExpectError:
    case Verb::kExpectSamePermit:
      return RunExpectation(step);
    case Verb::kCrash:
    case Verb::kStart:
    case Verb::kRestart:
    case Verb::kAdvance:
    case Verb::kSkew:
    case Verb::kPublish:
    case Verb::kRevokeKey:
    case Verb::kAddKey:
      return RunProcessStep(step);
    default:
      return RunPopulationStep(step);
  }
}

absl::Status Runner::RunPopulationStep(const Step& step) {
  switch (step.verb) {
    case Verb::kCity:
      return Join(step, "municipality");
    case Verb::kPrefecture:
      return Join(step, "prefecture");
    case Verb::kResidents:
      return Residents(step);
    case Verb::kResident:
      return OneResident(step);
    case Verb::kMoveMany:
      return MoveMany(step);
    case Verb::kProtect:
    case Verb::kUnprotect:
    case Verb::kWithhold:
      return SetProtection(step);
    default:
      break;
  }
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, PersonIn(step));
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  if (step.verb == Verb::kEnroll) return people_.Enroll({person}, code);
  if (step.verb == Verb::kCorrect) return people_.Correct(person, code);
  movers_.push_back({person, people_.Get(person).home, code});
  ++account_.moved;
  return people_.Move({person}, code);
}

absl::Status Runner::RunProcessStep(const Step& step) {
  switch (step.verb) {
    case Verb::kCrash: {
      NAKADACHI_ASSIGN_OR_RETURN(const std::string process, ProcessIn(step));
      return network_->Crash(process);
    }
    case Verb::kStart: {
      NAKADACHI_ASSIGN_OR_RETURN(const std::string process, ProcessIn(step));
      return network_->StartAgain(process);
    }
    case Verb::kRestart: {
      NAKADACHI_ASSIGN_OR_RETURN(const std::string process, ProcessIn(step));
      NAKADACHI_RETURN_IF_ERROR(network_->Stop(process));
      return network_->StartAgain(process);
    }
    case Verb::kAdvance: {
      NAKADACHI_ASSIGN_OR_RETURN(const absl::Duration by, DurationOf(step.Word("duration")));
      return network_->Advance(by);
    }
    case Verb::kSkew: {
      NAKADACHI_ASSIGN_OR_RETURN(const std::string process, ProcessIn(step));
      NAKADACHI_ASSIGN_OR_RETURN(const absl::Duration by, DurationOf(step.Word("duration")));
      return network_->Skew(process, by);
    }
    case Verb::kPublish: {
      NAKADACHI_ASSIGN_OR_RETURN(const std::string csv, ReadFile(base_folder_, step.Word("file")));
      NAKADACHI_ASSIGN_OR_RETURN(const absl::Time from, TimeOf(step.Word("date")));
      NAKADACHI_RETURN_IF_ERROR(network_->PublishList(csv, from));
      return network_->WaitForDirectory(kPatience);
    }
    default:
      break;
  }
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  return step.verb == Verb::kRevokeKey ? network_->RevokeKey(code) : network_->AddKey(code);
}

absl::StatusOr<LocalGovernmentCode> Runner::CodeIn(const Step& step,
                                                   const std::string& word) const {
  return LocalGovernmentCode::Parse(step.Word(word), word);
}

absl::StatusOr<PersonIndex> Runner::PersonIn(const Step& step) const {
  const auto found = names_.find(step.Word("id"));
  if (found != names_.end()) return found->second;
  return BadWord("id", "unknown-resident", "no resident of this name");
}

absl::StatusOr<client::MunicipalClient*> Runner::Office(const LocalGovernmentCode& code) const {
  client::MunicipalClient* office = network_->Municipality(code);
  if (office != nullptr) return office;
  return BadWord("code", "unknown-institution", "no such institution has joined");
}

absl::StatusOr<std::string> Runner::ProcessIn(const Step& step) const {
  const std::string process = network_->ProcessOf(step.Word("name"));
  if (!process.empty()) return process;
  return BadWord("name", "unknown-process", "neither a process nor an institution");
}

absl::Status Runner::Join(const Step& step, const std::string& category) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  const InstitutionSpec spec{code, step.Word("name"), category};
  if (!step.Has("platform")) return network_->AddPlatform(code.ToString(), {spec});
  // Institutions that share a platform start together with the first of them.
  if (!network_->ProcessOf(step.Word("platform")).empty()) return absl::OkStatus();
  std::vector<InstitutionSpec> sharing;
  for (const Step& other : scenario_.steps) {
    const bool joins = other.verb == Verb::kCity || other.verb == Verb::kPrefecture;
    if (!joins || other.Word("platform") != step.Word("platform")) continue;
    NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode other_code, CodeIn(other, "code"));
    sharing.push_back({other_code, other.Word("name"),
                       other.verb == Verb::kCity ? "municipality" : "prefecture"});
  }
  return network_->AddPlatform(step.Word("platform"), sharing);
}

absl::Status Runner::Residents(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  NAKADACHI_ASSIGN_OR_RETURN(const size_t count, CountOf(step.Word("n")));
  NAKADACHI_ASSIGN_OR_RETURN(const auto settled, people_.Settle(code, count));
  account_.residents += settled.size();
  return absl::OkStatus();
}

absl::Status Runner::OneResident(const Step& step) {
  if (names_.count(step.Word("id")) > 0) {
    return BadWord("id", "known-resident", "a resident has this name already");
  }
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  People::Single how;
  how.acquire_code = !step.Has("without-code");
  if (step.Has("n")) {
    NAKADACHI_ASSIGN_OR_RETURN(const size_t records, CountOf(step.Word("n")));
    how.records = static_cast<int>(records);
  }
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, people_.SettleOne(code, how));
  names_[step.Word("id")] = person;
  ++account_.residents;
  return absl::OkStatus();
}

absl::Status Runner::MoveMany(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode from, CodeIn(step, "from"));
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode to, CodeIn(step, "code"));
  NAKADACHI_ASSIGN_OR_RETURN(const size_t count, CountOf(step.Word("n")));
  NAKADACHI_ASSIGN_OR_RETURN(const auto drawn, people_.DrawResidents(from, count));
  for (const PersonIndex person : drawn) movers_.push_back({person, from, to});
  account_.moved += drawn.size();
  return people_.Move(drawn, to);
}

absl::Status Runner::SetProtection(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, PersonIn(step));
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  NAKADACHI_ASSIGN_OR_RETURN(client::MunicipalClient * office, Office(code));
  const auto number = people_.Get(person).numbers.find(code);
  if (number == people_.Get(person).numbers.end()) {
    return BadWord("id", "unknown-resident", "not known to that institution");
  }
  v1::SetProtectionRequest request;
  request.set_municipality(code.ToString());
  request.set_addressee_number(number->second.Reveal());
  request.set_automatic_reply_disabled(step.verb == Verb::kProtect);
  if (step.verb == Verb::kWithhold) request.add_withheld_items(step.Word("item"));
  return office->connection().SetProtection(request);
}

Question Runner::NewQuestion(PersonIndex person, const LocalGovernmentCode& requester,
                             const LocalGovernmentCode& provider, const Step& step) {
  const Person& asked = people_.Get(person);
  const auto number = asked.numbers.find(requester);
  // A person that the requester has never enrolled has no number there; any other will do.
  const AddresseeNumber addressee =
      number != asked.numbers.end() ? number->second : *AddresseeNumber::Parse("999999999999999");
  v1::QueryRequest request = network_->Municipality(requester)->NewQuery(
      addressee, provider, ProcedureOf(step), ItemsOf(step));
  request.set_department(kDepartment);
  request.set_staff_pseudonym(kStaffPseudonym);
  return {person, requester, provider, std::move(request)};
}

absl::Status Runner::Query(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode requester, CodeIn(step, "requester"));
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode provider, CodeIn(step, "provider"));
  NAKADACHI_RETURN_IF_ERROR(Office(requester).status());
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, PersonIn(step));
  answer_before_.reset();
  return AskOne(NewQuestion(person, requester, provider, step));
}

absl::Status Runner::AskOne(const Question& question) {
  const absl::Time begin = absl::Now();
  last_answer_ = network_->Municipality(question.requester)->connection().Query(question.request);
  account_.lone_ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
  last_question_ = question;
  last_was_bulk_ = false;
  Take(question, last_answer_);
  return absl::OkStatus();
}

absl::Status Runner::AskAgain() {
  if (!last_question_.has_value() || !last_answer_.ok()) {
    return Unexpected("there is no answered query to ask again");
  }
  answer_before_ = *last_answer_;
  last_answer_ = network_->Municipality(last_question_->requester)
                     ->connection()
                     .Query(last_question_->request);
  return last_answer_.status();
}

void Runner::Take(const Question& question, const absl::StatusOr<v1::QueryResponse>& answer) {
  if (!answer.ok()) {
    const std::string rule = GetFieldRule(answer.status()).rule;
    ++account_.errors[rule.empty() ? std::string(absl::StatusCodeToString(answer.status().code()))
                                   : rule];
    ++last_bulk_["error"];
    return;
  }
  if (answer->state() == v1::REFUSED_BY_BROKER || answer->outcome() == v1::REFUSED) {
    ++account_.refused[WordOf(answer->refusal_reason())];
    ++last_bulk_[WordOf(answer->refusal_reason())];
    return;
  }
  ++last_bulk_[WordOf(answer->outcome())];
  switch (answer->outcome()) {
    case v1::PROVIDED:
      ++account_.provided;
      Compare(question, *answer);
      break;
    case v1::NOT_HELD:
      ++account_.not_held;
      break;
    case v1::NOT_REGISTERED:
      ++account_.not_registered;
      break;
    case v1::WITHHELD:
      ++account_.withheld;
      break;
    case v1::AWAITING_REVIEW:
      ++account_.awaiting_review;
      under_review_.insert_or_assign(question.person, question);
      break;
    default:
      break;
  }
  if (answer->state() == v1::ANSWERED && !answer->verified()) ++account_.unverified;
}

void Runner::Compare(const Question& question, const v1::QueryResponse& response) {
  const auto& registered = people_.Get(question.person).registered;
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
    account_.compared += static_cast<uint64_t>(set.records_size());
  }
  if (!same) ++account_.mismatches;
}

absl::Status Runner::Bulk(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode requester, CodeIn(step, "requester"));
  NAKADACHI_ASSIGN_OR_RETURN(client::MunicipalClient * office, Office(requester));
  std::vector<Question> questions;
  for (Mover& mover : movers_) {
    if (mover.asked || mover.to != requester) continue;
    if (step.Has("provider") && mover.from.ToString() != step.Word("provider")) continue;
    mover.asked = true;
    questions.push_back(NewQuestion(mover.person, requester, mover.from, step));
  }
  if (questions.empty()) return Unexpected("nobody is left to ask about");
  NAKADACHI_ASSIGN_OR_RETURN(auto answered,
                             AskMany(office->connection(), questions, kBulkInFlight, kPatience));
  last_bulk_.clear();
  TakeMany(std::move(answered));
  last_was_bulk_ = true;
  return absl::OkStatus();
}

void Runner::TakeMany(std::vector<Answered> answered) {
  for (const Answered& one : answered) {
    account_.bulk_ms.push_back(one.ms);
    Take(one.question, one.answer);
  }
}

absl::Status Runner::Load(const Step& step) {
  if (load_ != nullptr) return Unexpected("a load runs already; 'finish' comes first");
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode requester, CodeIn(step, "requester"));
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode provider, CodeIn(step, "provider"));
  NAKADACHI_ASSIGN_OR_RETURN(client::MunicipalClient * office, Office(requester));
  NAKADACHI_ASSIGN_OR_RETURN(const absl::Duration duration, DurationOf(step.Word("duration")));
  size_t in_flight = 16;
  if (step.Has("n")) {
    NAKADACHI_ASSIGN_OR_RETURN(in_flight, CountOf(step.Word("n")));
  }
  std::vector<Question> questions;
  for (const Mover& mover : movers_) {
    if (mover.from != provider || mover.to != requester) continue;
    questions.push_back(NewQuestion(mover.person, requester, provider, step));
  }
  if (questions.empty()) return Unexpected("nobody has moved between the two");
  const auto next = [questions = std::move(questions), at = size_t{0}]() mutable {
    Question question = questions[at++ % questions.size()];
    question.request.set_request_id(SystemRandom().String(16));
    return question;
  };
  load_ = BackgroundLoad::Start(&office->connection(), next, static_cast<int>(in_flight), duration);
  return absl::OkStatus();
}

absl::Status Runner::Finish() {
  if (load_ == nullptr) return absl::OkStatus();
  const std::unique_ptr<BackgroundLoad> load = std::move(load_);
  NAKADACHI_ASSIGN_OR_RETURN(auto answered, load->Finish(kPatience));
  last_bulk_.clear();
  last_was_bulk_ = true;
  TakeMany(std::move(answered));
  return absl::OkStatus();
}

absl::Status Runner::Review(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode provider, CodeIn(step, "code"));
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, PersonIn(step));
  const auto found = under_review_.find(person);
  if (found == under_review_.end()) return Unexpected("nothing awaits review about this resident");
  const Question question = found->second;
  v1::GetExchangeRequest get;
  get.set_municipality(question.requester.ToString());
  get.set_request_id(question.request.request_id());
  client::MunicipalConnection& requester = network_->Municipality(question.requester)->connection();
  NAKADACHI_ASSIGN_OR_RETURN(const auto waiting, requester.GetExchange(get));

  v1::DecideReviewRequest decide;
  decide.set_municipality(provider.ToString());
  decide.set_permit_number(waiting.permit_number());
  decide.set_release(step.Word("decision") == "release");
  NAKADACHI_RETURN_IF_ERROR(network_->Staff(provider)->connection().DecideReview(decide).status());
  const absl::Time give_up = absl::Now() + kPatience;
  while (true) {
    last_answer_ = requester.GetExchange(get);
    if (last_answer_.ok() && last_answer_->state() == v1::ANSWERED) break;
    if (absl::Now() > give_up) return Unexpected("the answer was not delivered in time");
    absl::SleepFor(kLook);
  }
  under_review_.erase(person);
  last_question_ = question;
  last_was_bulk_ = false;
  Take(question, last_answer_);
  if (last_answer_->outcome() == v1::PROVIDED) ++account_.released;
  return absl::OkStatus();
}

absl::Status Runner::RunExpectation(const Step& step) {
  switch (step.verb) {
    case Verb::kExpectProvided:
      return ExpectProvided(step);
    case Verb::kExpectSamePermit:
      return ExpectSamePermit();
    case Verb::kExpectOutcome:
      return ExpectOutcome(step);
    default:
      break;
  }
  if (step.verb == Verb::kExpectError) {
    if (last_was_bulk_) return Unexpected("a bulk has no single error");
    const std::string rule = GetFieldRule(last_answer_.status()).rule;
    if (!last_answer_.ok() && rule == step.Word("rule")) return absl::OkStatus();
    return Unexpected(last_answer_.ok() ? "it was answered"
                                        : std::string(last_answer_.status().message()));
  }
  const std::string& reason = step.Word("reason");
  if (last_was_bulk_) return ExpectCount(reason, last_bulk_[reason], std::nullopt);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (WordOf(last_answer_->refusal_reason()) == reason) return absl::OkStatus();
  return Unexpected(absl::StrCat("outcome ", WordOf(last_answer_->outcome()), ", reason ",
                                 WordOf(last_answer_->refusal_reason())));
}

absl::Status Runner::ExpectCount(const std::string& what, uint64_t got_in_bulk,
                                 std::optional<size_t> expected) {
  uint64_t all = 0;
  for (const auto& [outcome, count] : last_bulk_) all += count;
  const uint64_t wanted = expected.value_or(all);
  if (got_in_bulk == wanted) return absl::OkStatus();
  return Unexpected(
      absl::StrCat(what, " for ", got_in_bulk, " of ", all, " persons, expected ", wanted));
}

absl::Status Runner::ExpectProvided(const Step& step) {
  std::optional<size_t> expected;
  if (step.Has("n")) {
    NAKADACHI_ASSIGN_OR_RETURN(expected, CountOf(step.Word("n")));
  }
  if (last_was_bulk_) return ExpectCount("provided", last_bulk_["provided"], expected);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (last_answer_->outcome() != v1::PROVIDED || !last_answer_->verified()) {
    return Unexpected(absl::StrCat("state ", v1::ExchangeState_Name(last_answer_->state()),
                                   ", outcome ", WordOf(last_answer_->outcome()), ", reason ",
                                   WordOf(last_answer_->refusal_reason()), " ",
                                   last_answer_->refusal_detail()));
  }
  size_t records = 0;
  for (const v1::ReplicaSet& set : last_answer_->sets()) {
    records += static_cast<size_t>(set.records_size());
  }
  if (!expected.has_value() || *expected == records) return absl::OkStatus();
  return Unexpected(absl::StrCat(records, " records"));
}

absl::Status Runner::ExpectOutcome(const Step& step) {
  const std::string& outcome = step.Word("outcome");
  if (outcome == "lapsed") return ExpectLapsed();
  if (last_was_bulk_) return ExpectCount(outcome, last_bulk_[outcome], std::nullopt);
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (WordOf(last_answer_->outcome()) == outcome) return absl::OkStatus();
  return Unexpected(absl::StrCat("outcome ", WordOf(last_answer_->outcome()), ", reason ",
                                 WordOf(last_answer_->refusal_reason()), " ",
                                 last_answer_->refusal_detail()));
}

absl::Status Runner::ExpectLapsed() {
  if (!last_question_.has_value() || last_was_bulk_) return Unexpected("there is no last query");
  v1::GetExchangeRequest get;
  get.set_municipality(last_question_->requester.ToString());
  get.set_request_id(last_question_->request.request_id());
  const absl::Time give_up = absl::Now() + kPatience;
  while (true) {
    last_answer_ = network_->Municipality(last_question_->requester)->connection().GetExchange(get);
    if (last_answer_.ok() && last_answer_->state() == v1::LAPSED) break;
    if (absl::Now() > give_up) return Unexpected("the exchange has not lapsed");
    absl::SleepFor(kLook);
  }
  ++account_.lapsed;
  ++never_answered_;
  under_review_.erase(last_question_->person);
  return absl::OkStatus();
}

absl::Status Runner::ExpectSamePermit() {
  NAKADACHI_RETURN_IF_ERROR(last_answer_.status());
  if (!answer_before_.has_value()) return Unexpected("nothing was asked again");
  const bool same =
      answer_before_->permit_commitment() == last_answer_->permit_commitment() &&
      answer_before_->provision_commitment() == last_answer_->provision_commitment() &&
      answer_before_->receipt_commitment() == last_answer_->receipt_commitment() &&
      !last_answer_->permit_commitment().empty();
  return same ? absl::OkStatus() : Unexpected("another permit, provision or receipt");
}

absl::Status Runner::VerifyAnswered() {
  NAKADACHI_RETURN_IF_ERROR(Finish());
  const uint64_t may_be_open = never_answered_ + under_review_.size();
  const absl::Time give_up = absl::Now() + kPatience;
  while (true) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto status, network_->BrokerOperator().GetStatus());
    if (status.open_permits() == may_be_open) return absl::OkStatus();
    if (absl::Now() > give_up) {
      return Unexpected(
          absl::StrCat(status.open_permits(), " permits lack a half, expected ", may_be_open));
    }
    absl::SleepFor(kLook);
  }
}

absl::Status Runner::VerifyLedgers() {
  NAKADACHI_RETURN_IF_ERROR(Finish());
  NAKADACHI_ASSIGN_OR_RETURN(account_.ledger_entries, network_->VerifyLedgers(false));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetworkOptions> WithSettings(NetworkOptions options, const Scenario& scenario,
                                            const std::string& base_folder,
                                            const std::string& japan_list) {
  options.permission_list_csv = japan_list;
  for (const Step& step : scenario.steps) {
    const bool joins = step.verb == Verb::kCity || step.verb == Verb::kPrefecture;
    if (!joins || !LocalGovernmentCode::Parse(step.Word("code")).ok()) continue;
    const std::string& code = step.Word("code");
    const bool known = std::count(options.witnesses.begin(), options.witnesses.end(), code) > 0;
    if (!known) options.witnesses.push_back(code);
  }
  for (const Step& step : scenario.settings) {
    if (step.verb == Verb::kTime) {
      NAKADACHI_ASSIGN_OR_RETURN(options.start, TimeOf(step.Word("time")));
    } else if (step.verb == Verb::kPermitValidity) {
      NAKADACHI_ASSIGN_OR_RETURN(options.permit_validity, DurationOf(step.Word("duration")));
    } else if (step.verb == Verb::kList && step.Word("file") != "japan") {
      NAKADACHI_ASSIGN_OR_RETURN(options.permission_list_csv,
                                 ReadFile(base_folder, step.Word("file")));
    }
  }
  return options;
}

absl::StatusOr<std::unique_ptr<ScenarioRunner>> ScenarioRunner::Create(
    const Scenario& scenario, Network* network, const std::string& base_folder,
    const std::function<void(const std::string&)>& say) {
  uint64_t seed = 1;
  for (const Step& step : scenario.settings) {
    if (step.verb != Verb::kSeed) continue;
    NAKADACHI_ASSIGN_OR_RETURN(seed, CountOf(step.Word("n")));
  }
  return std::make_unique<Runner>(scenario, network, base_folder, say, seed);
}

}  // namespace nakadachi::simulator
