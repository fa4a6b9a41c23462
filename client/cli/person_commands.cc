#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command_line.h"
#include "client/cli/person_csv.h"
#include "client/cli/secret_input.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kResidentBatch = 500;
constexpr size_t kPersonChunk = 2'000;
constexpr size_t kProblemsTold = 20;

// ---- register

struct RegisterOptions {
  std::string addressee_number;
  std::string file;
  bool resident = false;
  void Declare(Command& command) {
    Option one = command.Add("addressee-number", addressee_number,
                             "One person; the individual number is read from standard input");
    command
        .Add("--file", file,
             "CSV of addressee_number, individual_number[, resident_code]; - for standard "
             "input")
        .Excludes(one);
    command.AddFlag("--resident", resident, "Register the residents at juki net first");
    command.Footer(
        "Examples:\n"
        "  nakadachi person register --file persons.csv\n"
        "  nakadachi person register 1000001 < number.txt\n"
        "Individual numbers are read from files or standard input only and never printed.");
  }
};

absl::StatusOr<std::vector<PersonRow>> ReadOne(const std::string& addressee_number) {
  const auto addressee = AddresseeNumber::Parse(addressee_number);
  if (!addressee.ok()) return addressee.status();
  const auto individual = IndividualNumber::Parse(ReadUnseen(), "standard input");
  if (!individual.ok()) return individual.status();
  return std::vector<PersonRow>{PersonRow{0, {*addressee, *individual}, ""}};
}

absl::StatusOr<std::vector<PersonRow>> ReadRows(const RegisterOptions& options,
                                                std::vector<absl::Status>* problems) {
  if (!options.addressee_number.empty()) return ReadOne(options.addressee_number);
  if (options.file.empty()) {
    return InvalidField("file", "missing", "give an addressee number or --file");
  }
  if (options.file == "-") return ReadPersons(std::cin, problems);
  std::ifstream file(options.file, std::ios::binary);
  if (file) return ReadPersons(file, problems);
  return FieldError(absl::StatusCode::kNotFound, options.file, "missing", "cannot be read");
}

absl::Status RegisterResidents(client::JukiConnection& juki, const std::string& municipality,
                               const std::vector<PersonRow>& rows, Progress& progress,
                               std::vector<absl::Status>* results) {
  for (size_t begin = 0; begin < rows.size(); begin += kResidentBatch) {
    const size_t end = std::min(begin + kResidentBatch, rows.size());
    v1::RegisterResidentsRequest request;
    request.set_municipality(municipality);
    for (size_t i = begin; i < end; ++i) {
      auto& entry = *request.add_entries();
      entry.set_individual_number(rows[i].person.individual_number.Reveal());
      entry.set_resident_code(rows[i].resident_code);
    }
    NAKADACHI_ASSIGN_OR_RETURN(const auto response, juki.RegisterResidents(request));
    if (static_cast<size_t>(response.errors_size()) != end - begin) {
      return absl::InternalError("juki net answered another number of entries than it was asked");
    }
    for (size_t i = begin; i < end; ++i) {
      (*results)[i] = rpc::FromBytes(response.errors(static_cast<int>(i - begin)));
    }
    progress.At(end);
  }
  return absl::OkStatus();
}

struct RegisterAccount {
  size_t acquired = 0;
  size_t already = 0;
  std::vector<std::pair<int, absl::Status>> problems;  // by line
};

// Acquires the codes of those rows that are in order so far.
absl::Status AcquireCodes(client::MunicipalClient& municipal, client::JukiConnection& juki,
                          const std::vector<PersonRow>& rows, Progress& progress,
                          std::vector<absl::Status>* results) {
  std::vector<client::MunicipalClient::Person> persons;
  std::vector<size_t> places;
  const auto flush = [&]() -> absl::Status {
    NAKADACHI_ASSIGN_OR_RETURN(const auto acquired, municipal.AcquireCodes(juki, persons));
    for (size_t i = 0; i < acquired.size(); ++i) (*results)[places[i]] = acquired[i];
    persons.clear();
    places.clear();
    return absl::OkStatus();
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!(*results)[i].ok()) continue;
    persons.push_back(rows[i].person);
    places.push_back(i);
    if (persons.size() == kPersonChunk) {
      NAKADACHI_RETURN_IF_ERROR(flush());
      progress.At(i + 1);
    }
  }
  return flush();
}

// The intermediate server holds a code under this very addressee number. Juki net's error of the
// same rule is about the individual number: the person has a code here under another number.
bool IsHeld(const absl::Status& status) {
  const FieldRule cause = GetFieldRule(status);
  return cause.rule == "already-acquired" && cause.field == "addressee_number";
}

RegisterAccount Count(const std::vector<PersonRow>& rows,
                      const std::vector<absl::Status>& results) {
  RegisterAccount account;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (results[i].ok()) {
      ++account.acquired;
    } else if (IsHeld(results[i])) {
      ++account.already;
    } else {
      account.problems.emplace_back(rows[i].line, results[i]);
    }
  }
  return account;
}

int Tell(Console& console, const RegisterAccount& account) {
  for (size_t i = 0; i < account.problems.size() && i < kProblemsTold; ++i) {
    const auto& [line, status] = account.problems[i];
    const std::string where = line > 0 ? absl::StrCat("line ", line, ": ") : "";
    console.Complain(absl::StrCat(where, ErrorText(status)));
  }
  if (account.problems.size() > kProblemsTold) {
    console.Complain(absl::StrCat("and ", account.problems.size() - kProblemsTold, " more"));
  }
  if (console.json()) {
    Json json = {{"acquired", account.acquired},
                 {"already_acquired", account.already},
                 {"failed", account.problems.size()},
                 {"problems", Json::array()}};
    for (const auto& [line, status] : account.problems) {
      Json problem = {{"line", line}};
      problem.update(ErrorJson(status));
      json["problems"].push_back(problem);
    }
    console.Print(json);
  } else {
    console.out() << account.acquired << " linkage codes acquired, " << account.already
                  << " held already, " << account.problems.size() << " failed\n";
  }
  if (account.problems.empty()) return kOk;
  return account.acquired + account.already > 0 ? kPartly : kFailed;
}

int Register(Context& context, const RegisterOptions& options) {
  Console& console = *context.console;
  std::vector<absl::Status> problems;
  const auto rows = ReadRows(options, &problems);
  if (!rows.ok()) {
    const int code = console.InputError(rows.status());
    for (size_t i = 1; i < problems.size() && i < kProblemsTold; ++i) {
      console.Complain(ErrorText(problems[i]));
    }
    return code;
  }
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  const auto juki = profile->Juki();
  if (!juki.ok()) return console.InputError(juki.status());

  std::vector<absl::Status> results(rows->size());
  if (options.resident) {
    Progress progress(console.err(), "residents registered", Progress::Of(rows->size()));
    const absl::Status status = RegisterResidents(**juki, (*municipal)->municipality().ToString(),
                                                  *rows, progress, &results);
    if (!status.ok()) return console.CallError(status);
  }
  {
    Progress progress(console.err(), "codes acquired", Progress::Of(rows->size()));
    const absl::Status status = AcquireCodes(**municipal, **juki, *rows, progress, &results);
    if (!status.ok()) return console.CallError(status);
  }
  return Tell(console, Count(*rows, results));
}

// ---- protect

struct ProtectOptions {
  std::string addressee_number;
  bool off = false;
  std::vector<std::string> withheld;
  void Declare(Command& command) {
    command.Add("addressee-number", addressee_number, "The person").Required();
    command.AddFlag("--off", off, "Answer automatically again");
    command.Add("--withhold", withheld,
                "Item that may not be given; may be repeated. What is not named is given, also "
                "where it was withheld before");
    command.Footer(
        "Examples:\n"
        "  nakadachi person protect 1000001             staff look before anything is sent\n"
        "  nakadachi person protect 1000001 --off\n"
        "  nakadachi person protect 1000001 --withhold immunization\n"
        "Both parts are set anew each time: without --withhold nothing is withheld any more, "
        "without --off staff look.\n"
        "A question that names a withheld item is answered \"withheld\" at once, without staff.");
  }
};

// What becomes of questions from now on; permit_judge.cc decides so.
std::string ProtectionText(const ProtectOptions& options) {
  if (options.withheld.empty()) {
    return absl::StrCat(options.off ? "Answered automatically." : "Staff look first.",
                        " Nothing is withheld, whatever was before.");
  }
  return absl::StrCat("Questions for ", absl::StrJoin(options.withheld, ", "),
                      " are answered \"withheld\" at once, without staff.\n",
                      options.off ? "All others are answered automatically."
                                  : "Before any other is answered, staff look.");
}

int Protect(Context& context, const ProtectOptions& options) {
  Console& console = *context.console;
  const auto person = AddresseeNumber::Parse(options.addressee_number);
  if (!person.ok()) return console.InputError(person.status());
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  v1::SetProtectionRequest request;
  request.set_municipality((*municipal)->municipality().ToString());
  request.set_addressee_number(person->Reveal());
  request.set_automatic_reply_disabled(!options.off);
  for (const std::string& item : options.withheld) request.add_withheld_items(item);
  const auto response = (*municipal)->connection().SetProtection(request);
  if (!response.ok()) return console.CallError(response.status());
  if (console.json()) {
    console.Print({{"automatic_reply_disabled", !options.off},
                   {"withheld", options.withheld},
                   {"code_held", response->code_held()}});
  } else {
    console.out() << ProtectionText(options) << "\n";
    // It may be the first that is heard of the person, or a typing error.
    if (!response->code_held()) {
      console.out() << "No code is held for this number yet: is it the right one?\n";
    }
  }
  return kOk;
}

}  // namespace

void AddPersonCommands(Command& app, Context& context) {
  Command group = app.Group("person", "Persons of the addressee system",
                            "Example: nakadachi person register --file persons.csv");
  AddCommand(group.Subcommand("register", "Acquire linkage codes"), context, &Register);
  AddCommand(group.Subcommand("protect", "Set whether staff look first, and what is withheld"),
             context, &Protect);
}

}  // namespace nakadachi::cli
