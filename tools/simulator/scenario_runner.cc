#include "tools/simulator/scenario_runner.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/permission/permission_list.h"
#include "tools/simulator/asker.h"
#include "tools/simulator/people.h"
#include "tools/simulator/scenario_answers.h"
#include "tools/simulator/scenario_words.h"

namespace nakadachi::simulator {
namespace {

constexpr char kDefaultItem[] = "immunization";
constexpr char kDepartment[] = "health";
constexpr char kStaffPseudonym[] = "staff-1";
constexpr int kBulkInFlight = 256;
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(10);
constexpr absl::Duration kSilence = absl::Seconds(2);

std::vector<std::string> ItemsOf(const Step& step) {
  if (!step.Has("items")) return {kDefaultItem};
  return absl::StrSplit(step.Word("items"), ',');
}

std::string ProcedureOf(const Step& step) {
  return step.Has("procedure") ? step.Word("procedure") : kDefaultItem;
}

// Speaks up, on a thread of its own, when it has lived for longer than kSilence.
class SlowNotice {
 public:
  explicit SlowNotice(const std::function<void()>& speak_up)
      : thread_([this, speak_up] {
          if (!over_.WaitForNotificationWithTimeout(kSilence)) speak_up();
        }) {}
  ~SlowNotice() {
    over_.Notify();
    thread_.join();
  }
  SlowNotice(const SlowNotice&) = delete;
  SlowNotice& operator=(const SlowNotice&) = delete;

 private:
  absl::Notification over_;
  std::thread thread_;
};

std::string Where(const Step& step) {
  return absl::StrCat("line ", step.line, " '", step.text, "'");
}

class Runner final : public ScenarioRunner {
 public:
  Runner(const Scenario& scenario, Network* network, std::string base_folder,
         std::function<void(const std::string&)> say,
         std::function<void(const std::string&)> progress, uint64_t seed)
      : scenario_(scenario),
        network_(network),
        base_folder_(std::move(base_folder)),
        say_(std::move(say)),
        progress_(std::move(progress)),
        people_(network, seed),
        answers_(network, &people_, &account_) {}

  absl::Status Run() override;
  const Account& account() const override { return account_; }

 private:
  absl::Status RunStep(const Step& step);
  absl::Status RunPopulationStep(const Step& step);
  absl::Status RunProcessStep(const Step& step);

  absl::Status Join(const Step& step, const std::string& category);
  absl::Status Residents(const Step& step);
  absl::Status OneResident(const Step& step);
  absl::Status MoveMany(const Step& step);
  absl::Status SetProtection(const Step& step);
  absl::Status Query(const Step& step);
  absl::Status Bulk(const Step& step);
  absl::Status Load(const Step& step);
  absl::Status Finish();
  absl::Status Review(const Step& step);
  absl::Status VerifyAnswered();
  absl::Status VerifyLedgers();

  absl::StatusOr<LocalGovernmentCode> CodeIn(const Step& step, const std::string& word) const;
  absl::StatusOr<PersonIndex> PersonIn(const Step& step) const;
  absl::StatusOr<client::MunicipalClient*> Office(const LocalGovernmentCode& code) const;
  absl::StatusOr<std::string> ProcessIn(const Step& step) const;
  Question NewQuestion(PersonIndex person, const LocalGovernmentCode& requester,
                       const LocalGovernmentCode& provider, const Step& step);

  const Scenario& scenario_;
  Network* network_;
  std::string base_folder_;
  std::function<void(const std::string&)> say_;
  std::function<void(const std::string&)> progress_;
  People people_;
  Account account_;
  ScenarioAnswers answers_;

  std::map<std::string, PersonIndex> names_;
  // As an institution was told last: it is told all at once.
  struct Protection {
    bool automatic_reply_disabled = false;
    std::set<std::string> withheld_items;
  };
  std::map<std::pair<PersonIndex, LocalGovernmentCode>, Protection> protections_;
  struct Mover {
    PersonIndex person;
    LocalGovernmentCode from;
    LocalGovernmentCode to;
    bool asked = false;
  };
  std::vector<Mover> movers_;

  std::unique_ptr<BackgroundLoad> load_;
};

absl::Status Runner::Run() {
  const absl::Time begin = absl::Now();
  for (const Step& step : scenario_.steps) {
    const absl::Status done = [&] {
      const SlowNotice notice([&] { progress_(absl::StrCat(Where(step), " goes on")); });
      return RunStep(step);
    }();
    account_.elapsed_s = absl::ToDoubleSeconds(absl::Now() - begin);
    if (!done.ok()) {
      load_.reset();
      return UnderField(Where(step), done);
    }
  }
  const absl::Status finished = [&] {
    const SlowNotice notice([&] { progress_("the load in background goes on"); });
    return Finish();
  }();
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
      return answers_.AskAgain();
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
      return answers_.Expect(step);
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
    case Verb::kUnwithhold:
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
  return InvalidField("id", "unknown-resident", "no resident of this name");
}

absl::StatusOr<client::MunicipalClient*> Runner::Office(const LocalGovernmentCode& code) const {
  client::MunicipalClient* office = network_->Municipality(code);
  if (office != nullptr) return office;
  return InvalidField("code", "unknown-institution", "no such institution has joined");
}

absl::StatusOr<std::string> Runner::ProcessIn(const Step& step) const {
  const std::string process = network_->ProcessOf(step.Word("name"));
  if (!process.empty()) return process;
  return InvalidField("name", "unknown-process", "neither a process nor an institution");
}

absl::Status Runner::Join(const Step& step, const std::string& category) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, CodeIn(step, "code"));
  const InstitutionSpec spec{code, step.Word("name"), category};
  if (!step.Has("platform")) return network_->AddPlatform(code.ToString(), {spec});
  // Institutions that share a platform start together with the first of them.
  if (network_->Municipality(code) != nullptr) return absl::OkStatus();
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
    return InvalidField("id", "known-resident", "a resident has this name already");
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
    return InvalidField("id", "unknown-resident", "not known to that institution");
  }
  Protection& protection = protections_[{person, code}];
  if (step.verb == Verb::kWithhold) {
    protection.withheld_items.insert(step.Word("item"));
  } else if (step.verb == Verb::kUnwithhold) {
    protection.withheld_items.erase(step.Word("item"));
  } else {
    protection.automatic_reply_disabled = step.verb == Verb::kProtect;
  }
  v1::SetProtectionRequest request;
  request.set_municipality(code.ToString());
  request.set_addressee_number(number->second.Reveal());
  request.set_automatic_reply_disabled(protection.automatic_reply_disabled);
  for (const std::string& item : protection.withheld_items) request.add_withheld_items(item);
  return office->connection().SetProtection(request).status();
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
  answers_.Ask(NewQuestion(person, requester, provider, step));
  return absl::OkStatus();
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
  NAKADACHI_ASSIGN_OR_RETURN(const auto answered,
                             AskMany(office->connection(), questions, kBulkInFlight, kPatience));
  answers_.TakeBulk(answered);
  return absl::OkStatus();
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
  NAKADACHI_ASSIGN_OR_RETURN(const auto answered, load->Finish(kPatience));
  answers_.TakeBulk(answered);
  return absl::OkStatus();
}

absl::Status Runner::Review(const Step& step) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode provider, CodeIn(step, "code"));
  NAKADACHI_ASSIGN_OR_RETURN(const PersonIndex person, PersonIn(step));
  return answers_.Review(provider, person, step.Word("decision") == "release");
}

absl::Status Runner::VerifyAnswered() {
  NAKADACHI_RETURN_IF_ERROR(Finish());
  const uint64_t may_be_open = answers_.may_be_open();
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
      const std::string line = absl::StrCat("line ", step.line);
      auto csv = ReadFile(base_folder, step.Word("file"));
      if (!csv.ok()) return UnderField(line, csv.status());
      const auto list = permission::PermissionList::Parse(*csv);
      if (!list.ok()) {
        return InvalidField(line, "list",
                            absl::StrCat(step.Word("file"), ": ", list.status().message()));
      }
      options.permission_list_csv = *std::move(csv);
    }
  }
  return options;
}

absl::StatusOr<std::unique_ptr<ScenarioRunner>> ScenarioRunner::Create(
    const Scenario& scenario, Network* network, const std::string& base_folder,
    const std::function<void(const std::string&)>& say,
    const std::function<void(const std::string&)>& progress) {
  uint64_t seed = 1;
  for (const Step& step : scenario.settings) {
    if (step.verb != Verb::kSeed) continue;
    NAKADACHI_ASSIGN_OR_RETURN(seed, SeedOf(step.Word("n")));
  }
  return std::make_unique<Runner>(scenario, network, base_folder, say, progress, seed);
}

}  // namespace nakadachi::simulator
