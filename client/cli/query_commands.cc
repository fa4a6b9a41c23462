#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/answer.h"
#include "client/cli/batch.h"
#include "client/cli/batch_input.h"
#include "client/cli/command_line.h"
#include "client/cli/regular_file.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::cli {
namespace {

struct QueryOptions {
  std::string addressee_number;
  std::string provider;
  std::string procedure = "immunization";
  std::string items;
  std::string department;
  std::string staff;
  bool non_disclosure = false;
  std::string request_id;
  std::string show;
  std::string batch;
  std::string out;
  int in_flight = 256;
  void Declare(Command& command) {
    command.Add("addressee-number", addressee_number, "Whom to ask about");
    command.Add("--provider", provider, "Local-government code of who is asked");
    command.Add("--procedure", procedure, "Procedure (default: immunization)");
    command.Add("--items", items, "Items, separated by commas (default: the procedure's name)");
    command.Add("--department", department,
                "Department that asks, where the certificate does not name it");
    command.Add("--staff", staff, "Pseudonym of who asks, where the certificate does not name it");
    command.AddFlag("--non-disclosure", non_disclosure, "The record is not shown to the person");
    Option id =
        command.Add("--request-id", request_id,
                    "32 hexadecimal digits: the same question under the same id is one exchange");
    Option shown = command.Add("--show", show, "Show the exchange of this request id as it stands");
    Option input = command.Add(
        "--batch", batch, "CSV of addressee_number[, provider, procedure, items, non_disclosure]");
    Option output = command.Add("--out", out,
                                "Answers of --batch: a file ending in .csv or .json. A "
                                "file that a crash left is gone on with");
    // A batch has ids of its own, and --show takes one.
    id.Excludes(input).Excludes(shown);
    input.Needs(output);
    output.Needs(input);
    command.Add("--in-flight", in_flight, "Questions of --batch asked at a time (256)")
        .Within(1, 4096);
    command.Footer(
        "Examples:\n"
        "  nakadachi query 1000001 --provider 072010\n"
        "  nakadachi query --show 0123456789abcdef0123456789abcdef\n"
        "  nakadachi query --batch moved-in.csv --out answers.csv --provider 072010\n"
        "Exit codes: 0 answered; 1 refused, lapsed or not verified; 4 not final yet, or a batch "
        "done in part.");
  }
};

absl::StatusOr<std::string> ParseRequestId(const std::string& text) {
  NAKADACHI_ASSIGN_OR_RETURN(std::string id, HexDecode(text, "request-id"));
  if (id.size() == 16) return id;
  return InvalidField("request-id", "length", "not 32 hexadecimal digits");
}

std::vector<std::string> Items(const QueryOptions& options) {
  const std::vector<std::string> items = SplitList(options.items);
  return items.empty() ? std::vector<std::string>{options.procedure} : items;
}

int TellAnswer(Console& console, const v1::QueryResponse& response,
               const std::vector<std::string>& items) {
  if (console.json()) {
    console.Print(AnswerJson(response));
  } else {
    console.out() << AnswerText(response, items);
    if (!response.legal_basis().empty()) {
      console.out() << "\nPermit " << HexEncode(response.permit_number()) << " by list version "
                    << response.list_version() << ":";
      for (const std::string& basis : response.legal_basis()) {
        console.out() << " " << Printable(basis);
      }
      console.out() << "\n";
    }
  }
  return ExitCodeOf(ResultWord(response));
}

int TellUnderWay(Console& console, const v1::QueryRequest& request, const absl::Status& why) {
  const std::string id = HexEncode(request.request_id());
  console.Complain(ErrorText(why));
  if (console.json()) {
    console.Print({{"request_id", id}, {"result", "under-way"}, {"error", ErrorJson(why)}});
  } else {
    console.Complain(absl::StrCat("see it later with: nakadachi query --show ", id,
                                  "; or ask the same again with --request-id ", id));
  }
  return kPartly;
}

int AskOne(Context& context, const QueryOptions& options, client::MunicipalClient& municipal) {
  Console& console = *context.console;
  const auto person = AddresseeNumber::Parse(options.addressee_number);
  if (!person.ok()) return console.InputError(person.status());
  if (options.provider.empty()) {
    return console.InputError(
        InvalidField("provider", "missing", "say with --provider whom to ask"));
  }
  const auto provider = LocalGovernmentCode::Parse(options.provider, "provider");
  if (!provider.ok()) return console.InputError(provider.status());
  v1::QueryRequest request =
      municipal.NewQuery(*person, *provider, options.procedure, Items(options));
  if (!options.request_id.empty()) {
    const auto id = ParseRequestId(options.request_id);
    if (!id.ok()) return console.InputError(id.status());
    request.set_request_id(*id);
  }
  request.set_department(options.department);
  request.set_staff_pseudonym(options.staff);
  request.set_non_disclosure(options.non_disclosure);
  // No call is held for longer: who has more patience asks again, which is the same exchange.
  request.set_patience_ms(
      client::PatienceMs(std::min(absl::Seconds(context.wait_s), absl::Seconds(20))));
  const auto answer = municipal.connection().Query(request);
  if (answer.ok()) return TellAnswer(console, *answer, Items(options));
  if (client::IsUnderWay(answer.status())) return TellUnderWay(console, request, answer.status());
  const int code = console.CallError(answer.status());
  // The question may have been recorded: this is how to learn what became of it.
  if (code == kNotReached) {
    console.Complain(
        absl::StrCat("to ask the same again: --request-id ", HexEncode(request.request_id())));
  }
  return code;
}

int Show(Context& context, const QueryOptions& options, client::MunicipalClient& municipal) {
  Console& console = *context.console;
  const auto id = ParseRequestId(options.show);
  if (!id.ok()) return console.InputError(id.status());
  v1::GetExchangeRequest request;
  request.set_municipality(municipal.municipality().ToString());
  request.set_request_id(*id);
  const auto answer = municipal.connection().GetExchange(request);
  if (!answer.ok()) return console.CallError(answer.status());
  return TellAnswer(console, *answer, {});
}

// ---- batch

int TellProblems(Console& console, const absl::Status& status, const BatchProblems& problems) {
  const int code = console.InputError(status);
  for (size_t i = 1; i < problems.first.size(); ++i) {
    console.Complain(ErrorText(problems.first[i]));
  }
  if (problems.count > problems.first.size()) {
    console.Complain(absl::StrCat(problems.count - problems.first.size(), " more problems"));
  }
  return code;
}

BatchSettings SettingsOf(const QueryOptions& options, const LocalGovernmentCode& municipality) {
  BatchSettings settings;
  settings.municipality = municipality.ToString();
  settings.provider = options.provider;
  settings.procedure = options.procedure;
  settings.items = Items(options);
  settings.department = options.department;
  settings.staff_pseudonym = options.staff;
  settings.non_disclosure = options.non_disclosure;
  return settings;
}

uint64_t CountOf(const BatchAccount& account, const std::string& result) {
  const auto found = account.results.find(result);
  return found == account.results.end() ? 0 : found->second;
}

// Answered with a refusal is answered; a batch is done in part where a question has no final
// answer.
uint64_t OpenQuestions(const BatchAccount& account) {
  return account.questions - account.kept - account.answered + CountOf(account, "awaiting-review");
}

int BatchCode(const BatchAccount& account, const absl::Status& status) {
  if (status.ok()) return OpenQuestions(account) == 0 ? kOk : kPartly;
  if (!account.results.empty()) return kPartly;
  const bool lost = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  return lost ? kNotReached : kFailed;
}

std::string Questions(uint64_t count) {
  return absl::StrCat(count, count == 1 ? " question" : " questions");
}

// What is left, and what can be done about it.
void TellNext(Console& console, const BatchAccount& account, const absl::Status& status, int code) {
  for (const auto& [who, count] : account.not_reached) {
    console.out() << (who == "broker" ? "The broker" : who)
                  << " was not reached: " << Questions(count) << (count == 1 ? " waits" : " wait")
                  << " for it, recorded, and will go on without being asked again.\n";
  }
  const uint64_t errors = CountOf(account, "error");
  // A changed input is another batch.
  if (code != kPartly || GetFieldRule(status).rule == "changed") return;
  if (OpenQuestions(account) > errors) {
    console.out() << "Run the same command again to go on.\n";
  }
  if (errors > 0) {
    console.out()
        << Questions(errors) << " with an error: asking again helps only once what the "
        << "columns reason and detail say is put right.\nA row that is itself wrong needs "
        << "another input file and another --out.\n";
  }
}

int TellBatch(Console& console, const BatchAccount& account, const absl::Status& status,
              const std::string& out) {
  if (!status.ok()) console.Complain(ErrorText(status));
  const int code = BatchCode(account, status);
  if (console.json()) {
    Json json = {{"questions", account.questions},     {"kept", account.kept},
                 {"answered", account.answered},       {"results", account.results},
                 {"not_reached", account.not_reached}, {"out", out}};
    if (!status.ok()) json["error"] = ErrorJson(status);
    console.Print(json);
    return code;
  }
  console.out() << account.kept + account.answered << " of " << account.questions
                << " questions answered";
  if (account.kept > 0) console.out() << " (" << account.kept << " by an earlier run)";
  console.out() << "\n";
  for (const auto& [result, count] : account.results) {
    console.out() << "  " << result << "  " << count << "\n";
  }
  TellNext(console, account, status, code);
  return code;
}

int Batch(Context& context, const QueryOptions& options, client::MunicipalClient& municipal) {
  Console& console = *context.console;
  auto file = OpenRegularFile(options.batch);
  if (!file.ok()) return console.InputError(file.status());
  BatchProblems problems;
  const auto input =
      BatchInput::Open(*file, SettingsOf(options, municipal.municipality()), &problems);
  if (!input.ok()) return TellProblems(console, input.status(), problems);
  const auto output =
      BatchOutput::Open(options.out, [&](uint64_t row) { return (*input)->RequestId(row); });
  if (!output.ok()) return console.InputError(output.status());

  BatchAccount account;
  absl::Status status;
  {
    uint64_t kept = 0;
    for (const auto& [result, count] : (*output)->kept()) kept += count;
    Progress progress(console.err(), "questions done", Progress::Of((*input)->size(), kept));
    client::BulkOptions bulk;
    bulk.in_flight = options.in_flight;
    bulk.patience = bulk.question_patience = absl::Seconds(context.wait_s);
    status = RunBatch(
        municipal.connection(), **input, **output, bulk, [&](uint64_t done) { progress.At(done); },
        &account);
  }
  return TellBatch(console, account, status, options.out);
}

int Query(Context& context, const QueryOptions& options) {
  Console& console = *context.console;
  const bool one = !options.addressee_number.empty();
  const int modes =
      (one ? 1 : 0) + (options.show.empty() ? 0 : 1) + (options.batch.empty() ? 0 : 1);
  if (modes != 1) {
    return console.InputError(InvalidField("addressee-number", "missing",
                                           "give either an addressee number, --show or --batch"));
  }
  if (!options.items.empty() && SplitList(options.items).empty()) {
    return console.InputError(InvalidField("items", "empty", "names no item"));
  }
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  if (one) return AskOne(context, options, **municipal);
  if (!options.show.empty()) return Show(context, options, **municipal);
  return Batch(context, options, **municipal);
}

}  // namespace

void AddQueryCommands(Command& app, Context& context) {
  AddCommand(app.Subcommand("query", "Ask another institution"), context, &Query);
}

}  // namespace nakadachi::cli
