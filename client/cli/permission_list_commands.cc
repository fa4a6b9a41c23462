#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/command_line.h"
#include "client/cli/list_replay.h"
#include "client/cli/recorded_lists.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/crypto/private_file.h"
#include "common/permission/permission_list.h"

namespace nakadachi::cli {
namespace {

using permission::PermissionList;

absl::StatusOr<PermissionList> ReadList(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::string csv, ReadPublicFile(path));
  auto list = PermissionList::Parse(csv);
  if (!list.ok()) return UnderField(path, list.status());
  return list;
}

std::string Day(absl::CivilDay day) {
  return day == absl::CivilDay::max() ? "" : absl::FormatCivilTime(day);
}

absl::CivilDay Today() { return permission::JapanDay(absl::ToUnixMillis(absl::Now())); }

Json RowJson(const permission::Row& row) {
  return {{"line", row.line},
          {"procedure", row.procedure},
          {"legal_basis", row.legal_basis},
          {"requester_category", row.requester_category},
          {"provider_category", row.provider_category},
          {"item", row.item},
          {"effective_from", Day(row.effective_from)},
          {"effective_to", Day(row.effective_to)}};
}

// ---- check

struct CheckOptions {
  std::string file;
  void Declare(Command& command) {
    command.Add("file", file, "The list, CSV").Required();
    command.Footer("Example: nakadachi permission-list check list.csv");
  }
};

int Check(Context& context, const CheckOptions& options) {
  Console& console = *context.console;
  const auto csv = ReadPublicFile(options.file);
  if (!csv.ok()) return console.InputError(csv.status());
  std::vector<std::string> problems;
  const auto list = PermissionList::Parse(*csv, &problems);
  if (!list.ok()) {
    for (const std::string& problem : problems) console.Complain(problem);
    if (problems.empty()) console.Complain(ErrorText(list.status()));
    if (console.json())
      console.Print({{"error", ErrorJson(list.status())}, {"problems", problems}});
    return kUnreadable;
  }
  std::set<std::string> procedures, items, categories;
  for (const permission::Row& row : list->rows()) {
    procedures.insert(row.procedure);
    items.insert(row.item);
    categories.insert({row.requester_category, row.provider_category});
  }
  if (console.json()) {
    console.Print({{"rows", list->rows().size()},
                   {"procedures", procedures},
                   {"items", items},
                   {"categories", categories},
                   {"sha256", HexEncode(AsView(Sha256(*csv)))}});
    return kOk;
  }
  console.out() << "In order: " << list->rows().size() << " rows, " << procedures.size()
                << " procedures, " << items.size() << " items, " << categories.size()
                << " categories.\n";
  return kOk;
}

// ---- publish

struct PublishOptions {
  std::string file;
  std::string from;
  void Declare(Command& command) {
    command.Add("file", file, "The list, CSV").Required();
    command.Add("--from", from, "In force from this time on (default: now)");
    command.Footer("Example: nakadachi permission-list publish list.csv --from 2024-05-27");
  }
};

int Publish(Context& context, const PublishOptions& options) {
  Console& console = *context.console;
  const auto csv = ReadPublicFile(options.file);
  if (!csv.ok()) return console.InputError(csv.status());
  if (const auto list = PermissionList::Parse(*csv); !list.ok()) {
    return console.InputError(list.status());
  }
  v1::PublishListRequest request;
  request.set_request_id(SystemRandom().String(16));
  request.set_csv(*csv);
  if (!options.from.empty()) {
    const auto from = ParseTime(options.from, "from");
    if (!from.ok()) return console.InputError(from.status());
    request.set_in_force_from_ms(absl::ToUnixMillis(*from));
  }
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto broker = profile->Broker();
  if (!broker.ok()) return console.InputError(broker.status());
  const auto changed = (*broker)->PublishList(request);
  if (!changed.ok()) return console.CallError(changed.status());
  v1::Statement statement;
  if (!statement.ParseFromString(changed->statement().statement())) {
    return console.CallError(absl::InternalError("the broker answered with no statement"));
  }
  const v1::ListPublished& published = statement.directory().list_published();
  if (console.json()) {
    console.Print({{"version", published.version()},
                   {"in_force_from", TimeText(published.in_force_from_ms())},
                   {"sequence", statement.directory().sequence()}});
  } else {
    console.out() << "Published as version " << published.version() << ", in force from "
                  << TimeText(published.in_force_from_ms()) << "\n";
  }
  return kOk;
}

// ---- explain

struct ExplainOptions {
  std::string list;
  std::string date;
  std::string requester = "municipality";
  std::string provider = "municipality";
  std::string procedure;
  std::string items;
  BrokerLedgerOptions ledger;
  void Declare(Command& command) {
    command.Add("--list", list,
                "The list, CSV; without it the version that the broker's ledger says was in "
                "force on that day");
    command.Add("--date", date, "YYYY-MM-DD in Japan (default: today)");
    command.Add("--requester-category", requester, "Who asks (default: municipality)");
    command.Add("--provider-category", provider, "Who is asked (default: municipality)");
    command.Add("--procedure", procedure, "The procedure").Required();
    command.Add("--items", items, "Items, separated by commas (default: the procedure's name)");
    ledger.Declare(command);
    command.Footer(
        "Example: nakadachi permission-list explain --list list.csv --date 2024-05-26 "
        "--requester-category municipality --provider-category prefecture --procedure immunization "
        "--items immunization\nExit code 0: permitted; 1: not permitted.");
  }
};

// The list to decide by. `version` 0: a file.
struct Chosen {
  std::string csv;
  uint64_t version = 0;
  bool in_force = true;
};

absl::StatusOr<Chosen> ChooseRecorded(Context& context, const ExplainOptions& options,
                                      absl::CivilDay day, bool* input_error) {
  std::vector<RecordedList> lists;
  NAKADACHI_RETURN_IF_ERROR(ReadBrokerLedger(
      context, options.ledger,
      [&](uint64_t, const v1::Statement& statement) {
        if (!statement.directory().has_list_published()) return;
        const v1::ListPublished& list = statement.directory().list_published();
        lists.push_back({list.version(), statement.time_ms(), list.in_force_from_ms(), list.csv()});
      },
      input_error));
  if (lists.empty()) {
    return FieldError(absl::StatusCode::kNotFound, "list", "missing", "none was ever published");
  }
  const RecordedList* list = ListOnDay(lists, day);
  if (list == nullptr) return Chosen{lists.front().csv, lists.front().version, false};
  return Chosen{list->csv, list->version, true};
}

absl::StatusOr<permission::Question> QuestionOf(const ExplainOptions& options) {
  permission::Question question;
  question.date = Today();
  if (!options.date.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(question.date, ParseDay(options.date, "date"));
  }
  for (const auto& [field, category] : {std::make_pair("requester-category", &options.requester),
                                        std::make_pair("provider-category", &options.provider)}) {
    if (permission::IsCategory(*category)) continue;
    return InvalidField(field, "category",
                        absl::StrCat("is none of ", absl::StrJoin(permission::Categories(), ", ")));
  }
  question.requester_category = options.requester;
  question.provider_category = options.provider;
  question.procedure = options.procedure;
  question.items = SplitList(options.items);
  if (question.items.empty()) question.items = {options.procedure};
  return question;
}

Json ExplanationJson(const Chosen& chosen, const permission::Question& question,
                     const permission::Decision& decision) {
  Json json;
  json["permitted"] = decision.permitted;
  json["verdict"] = std::string(permission::VerdictName(decision.verdict));
  json["date"] = Day(question.date);
  json["requester_category"] = question.requester_category;
  json["provider_category"] = question.provider_category;
  json["procedure"] = question.procedure;
  if (chosen.version > 0) {
    json["list_version"] = chosen.version;
    json["in_force"] = chosen.in_force;
  }
  json["items"] = Json::array();
  for (const permission::ItemDecision& item : decision.items) {
    Json one = {{"item", item.item},
                {"verdict", std::string(permission::VerdictName(item.verdict))}};
    one["row"] = item.row == nullptr ? Json() : RowJson(*item.row);
    json["items"].push_back(one);
  }
  return json;
}

int Explain(Context& context, const ExplainOptions& options) {
  Console& console = *context.console;
  const auto question = QuestionOf(options);
  if (!question.ok()) return console.InputError(question.status());
  Chosen chosen;
  if (!options.list.empty()) {
    const auto csv = ReadPublicFile(options.list);
    if (!csv.ok()) return console.InputError(csv.status());
    chosen.csv = *csv;
  } else {
    bool input_error = false;
    const auto recorded = ChooseRecorded(context, options, question->date, &input_error);
    if (!recorded.ok()) {
      return input_error ? console.InputError(recorded.status())
                         : console.CallError(recorded.status());
    }
    chosen = *recorded;
  }
  const auto list = PermissionList::Parse(chosen.csv);
  if (!list.ok()) return console.InputError(list.status());
  const permission::Decision decision = permission::Decide(*list, *question);
  const int code = decision.permitted ? kOk : kFailed;
  if (console.json()) {
    console.Print(ExplanationJson(chosen, *question, decision));
    return code;
  }
  if (chosen.version > 0) {
    console.out() << (chosen.in_force ? "By version " : "No version was in force then. By version ")
                  << chosen.version << ":\n";
  }
  console.out() << Printable(permission::VerdictName(decision.verdict)) << "\n"
                << permission::Explain(*list, *question);
  return code;
}

// ---- diff

struct DiffOptions {
  std::string before;
  std::string after;
  bool ledger = false;
  std::string as_on;
  BrokerLedgerOptions source;
  void Declare(Command& command) {
    command.Add("before", before, "The list as it is, CSV").Required();
    command.Add("after", after, "The list as it would be, CSV").Required();
    Option flag = command.AddFlag("--ledger", ledger,
                                  "Also decide every query that the broker recorded again under "
                                  "the list as it would be, and show which would change");
    command.Add("--as-on", as_on, "Decide them as if asked on this day (default: each on its own)")
        .Needs(flag);
    source.Declare(command);
    command.Footer(
        "Example: nakadachi permission-list diff list.csv amended.csv\n"
        "         nakadachi permission-list diff list.csv amended.csv --ledger --as-on 2024-05-27\n"
        "Exit code 0 whether or not there are differences.");
  }
};

std::string RowText(absl::string_view sign, const permission::Row& row) {
  return absl::StrCat(sign, " line ", row.line, ": ", row.requester_category, " may ask ",
                      row.provider_category, " for ", row.item, " (", row.procedure, ", ",
                      row.legal_basis, ", ", Day(row.effective_from), " to ", Day(row.effective_to),
                      ")");
}

std::string ChangeText(const ListReplay::Change& change) {
  return absl::StrCat(
      change.was_permitted ? "  would be refused:   " : "  would be permitted: ", change.queries,
      " x ", change.requester_category, " asks ", change.provider_category, " for ",
      absl::StrJoin(change.items, ","), " (", change.procedure, "): ", change.verdict,
      "; first: entry ", change.first_index, "\n");
}

Json ReplayJson(const ListReplay& replay) {
  Json json;
  json["permits"] = replay.permits();
  json["refusals_by_list"] = replay.refusals();
  json["other_refusals"] = replay.other_refusals();
  json["changes"] = Json::array();
  for (const ListReplay::Change& change : replay.Changes()) {
    json["changes"].push_back({{"was_permitted", change.was_permitted},
                               {"requester_category", change.requester_category},
                               {"provider_category", change.provider_category},
                               {"procedure", change.procedure},
                               {"items", change.items},
                               {"verdict", change.verdict},
                               {"queries", change.queries},
                               {"first_index", change.first_index}});
  }
  return json;
}

int Diff(Context& context, const DiffOptions& options) {
  Console& console = *context.console;
  const auto before = ReadList(options.before);
  if (!before.ok()) return console.InputError(before.status());
  const auto after = ReadList(options.after);
  if (!after.ok()) return console.InputError(after.status());
  std::optional<absl::CivilDay> as_on;
  if (!options.as_on.empty()) {
    const auto day = ParseDay(options.as_on, "as-on");
    if (!day.ok()) return console.InputError(day.status());
    as_on = *day;
  }
  const permission::ListDifference difference = permission::Diff(*before, *after);
  ListReplay replay(&*after, as_on);
  if (options.ledger) {
    bool input_error = false;
    const absl::Status read = ReadBrokerLedger(
        context, options.source,
        [&](uint64_t index, const v1::Statement& statement) { replay.Take(index, statement); },
        &input_error);
    if (!read.ok()) return input_error ? console.InputError(read) : console.CallError(read);
  }
  if (console.json()) {
    Json json = {{"removed", Json::array()}, {"added", Json::array()}};
    for (const auto& row : difference.removed) json["removed"].push_back(RowJson(row));
    for (const auto& row : difference.added) json["added"].push_back(RowJson(row));
    if (options.ledger) json["recorded"] = ReplayJson(replay);
    console.Print(json);
    return kOk;
  }
  for (const auto& row : difference.removed) console.out() << Printable(RowText("-", row)) << "\n";
  for (const auto& row : difference.added) console.out() << Printable(RowText("+", row)) << "\n";
  console.out() << difference.removed.size() << " rows removed, " << difference.added.size()
                << " rows added\n";
  if (!options.ledger) return kOk;
  console.out() << replay.permits() << " permits and " << replay.refusals()
                << " refusals by the list were decided again; " << replay.other_refusals()
                << " refusals had other reasons\n";
  const auto changes = replay.Changes();
  for (const ListReplay::Change& change : changes) console.out() << ChangeText(change);
  if (changes.empty()) console.out() << "  no recorded query would be decided otherwise\n";
  return kOk;
}

}  // namespace

void AddPermissionListCommands(Command& app, Context& context) {
  Command group = app.Group("permission-list", "The query-permission list",
                            "Example: nakadachi permission-list check list.csv");
  AddCommand(group.Subcommand("check", "Check a list and name every problem"), context, &Check);
  AddCommand(group.Subcommand("publish", "Publish a list (by the broker's operator)"), context,
             &Publish);
  AddCommand(group.Subcommand("explain", "Say whether a query is permitted, and by which row"),
             context, &Explain);
  AddCommand(group.Subcommand("diff", "Say what an amendment would change"), context, &Diff);
}

}  // namespace nakadachi::cli
