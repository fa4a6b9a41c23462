#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "client/cli/command_line.h"
#include "common/base/fiscal_year.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kHoldIdBytes = 16;

// Whose ledger, and the server that keeps it.
struct LedgerChoice {
  std::string institution;
  void Declare(Command& command) {
    command.Add("--institution", institution,
                "Whose ledger: a local-government code or \"broker\" (the profile's own "
                "municipality where it has one, else the broker)");
  }
};
struct Keeper {
  std::string institution;
  std::unique_ptr<client::RetentionConnection> connection;
};
absl::StatusOr<Keeper> FindKeeper(const Context& context, const LedgerChoice& choice) {
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  Keeper keeper;
  keeper.institution = choice.institution.empty() ? profile.OwnInstitution() : choice.institution;
  NAKADACHI_ASSIGN_OR_RETURN(keeper.connection, profile.Retention(keeper.institution));
  return keeper;
}

std::string YearText(int year) { return absl::StrFormat("%d-04-01..%d-03-31", year, year + 1); }

absl::string_view StateWord(v1::Period::State state) {
  switch (state) {
    case v1::Period::KEPT:
      return "kept";
    case v1::Period::EXPIRED:
      return "expired";
    case v1::Period::ERASING:
      return "interrupted";
    case v1::Period::ERASED:
      return "erased";
    default:
      return "unknown";
  }
}

std::string BytesText(uint64_t bytes) {
  constexpr double kMega = 1e6;
  if (bytes < 1'000'000) return absl::StrCat(bytes, " bytes");
  return absl::StrFormat("%.1f MB (%d bytes)", static_cast<double>(bytes) / kMega, bytes);
}

Json ErasureJson(const v1::Erasure& erasure) {
  Json json;
  json["fiscal_year"] = erasure.fiscal_year();
  json["first_index"] = erasure.first_index();
  json["end_index"] = erasure.end_index();
  json["erased"] = erasure.erased();
  json["held"] = erasure.held();
  json["freed_bytes"] = erasure.freed_bytes();
  return json;
}

// ---------------------------------------------------------------- status

struct StatusOptions : LedgerChoice {
  void Declare(Command& command) {
    LedgerChoice::Declare(command);
    command.Footer("Example: nakadachi --profile staff.json retention status");
  }
};

absl::StatusOr<v1::GetRetentionResponse> Ask(const Keeper& keeper) {
  v1::GetRetentionRequest request;
  request.set_institution(keeper.institution);
  return keeper.connection->Get(request);
}

int Status(Context& context, const StatusOptions& options) {
  Console& console = *context.console;
  const auto keeper = FindKeeper(context, options);
  if (!keeper.ok()) return console.InputError(keeper.status());
  const auto answer = Ask(*keeper);
  if (!answer.ok()) return console.CallError(answer.status());

  Json json = {{"institution", keeper->institution},
               {"retention_years", answer->retention_years()},
               {"now", TimeText(answer->now_ms())},
               {"holds", answer->holds_size()},
               {"periods", Json::array()}};
  Table table(
      {"fiscal year", "days", "entries", "state", "may go from", "erased", "held", "freed"});
  for (const v1::Period& period : answer->periods()) {
    Json one;
    one["fiscal_year"] = period.fiscal_year();
    one["first_index"] = period.first_index();
    one["end_index"] = period.end_index();
    one["state"] = StateWord(period.state());
    one["expires"] = TimeText(period.expires_ms());
    if (period.has_erasure()) one["erasure"] = ErasureJson(period.erasure());
    json["periods"].push_back(std::move(one));
    const bool gone = period.has_erasure();
    table.Add({absl::StrCat(period.fiscal_year()), YearText(period.fiscal_year()),
               absl::StrCat(period.end_index() - period.first_index()),
               std::string(StateWord(period.state())), TimeText(period.expires_ms()).substr(0, 10),
               gone ? absl::StrCat(period.erasure().erased()) : "",
               gone ? absl::StrCat(period.erasure().held()) : "",
               gone ? BytesText(period.erasure().freed_bytes()) : ""});
  }
  if (console.json()) {
    console.Print(json);
    return kOk;
  }
  console.out() << "Ledger of " << keeper->institution << ", kept for " << answer->retention_years()
                << " years after each fiscal year; legal holds: " << answer->holds_size() << ".\n"
                << (table.empty() ? "It has no entry yet.\n" : table.ToString());
  return kOk;
}

// ---------------------------------------------------------------- erase

struct EraseOptions : LedgerChoice {
  int year = 0;
  bool dry_run = false;
  bool yes = false;
  std::string staff;
  void Declare(Command& command) {
    LedgerChoice::Declare(command);
    command.Add("year", year, "Fiscal year: 2018 is 2018-04-01 to 2019-03-31").Required();
    command.AddFlag("--dry-run", dry_run, "Only say what would go");
    command.AddFlag("--yes", yes, "Do not ask: what is erased cannot come back");
    command.Add("--staff", staff, "Pseudonym, where the certificate does not name it");
    command.Footer("Example: nakadachi --profile staff.json retention erase 2018 --dry-run");
  }
};

// False where a person said no; an error where there is nobody to ask.
absl::StatusOr<bool> IsWanted(Console& console) {
  if (isatty(STDIN_FILENO) != 1)
    return InvalidField("--yes", "required", "what is erased cannot come back: say --yes");
  console.err() << "This cannot be undone. Erase? [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  const std::string said = absl::AsciiStrToLower(absl::StripAsciiWhitespace(line));
  return said == "y" || said == "yes";
}

// Says that the server is at it.
class Patience {
 public:
  explicit Patience(Console& console) : thread_([this, &console] { Run(console); }) {}
  ~Patience() {
    done_.Notify();
    thread_.join();
  }

 private:
  void Run(Console& console) {
    Progress progress(console.err(), "erasing, seconds", Progress::Of(0));
    for (uint64_t seconds = 1; !done_.WaitForNotificationWithTimeout(absl::Seconds(1)); ++seconds)
      progress.At(seconds);
  }
  absl::Notification done_;
  std::thread thread_;
};

void Tell(Console& console, const v1::Erasure& erasure, bool dry_run) {
  if (console.json()) {
    Json json = ErasureJson(erasure);
    json["dry_run"] = dry_run;
    return console.Print(json);
  }
  console.out() << (dry_run ? "Would erase " : "Erased ") << erasure.erased() << " of the "
                << erasure.end_index() - erasure.first_index() << " entries of fiscal year "
                << erasure.fiscal_year() << " (" << YearText(erasure.fiscal_year()) << "); "
                << erasure.held() << " held";
  if (!dry_run) console.out() << "; " << BytesText(erasure.freed_bytes()) << " freed";
  console.out() << ".\n";
}

int Erase(Context& context, const EraseOptions& options) {
  Console& console = *context.console;
  const auto keeper = FindKeeper(context, options);
  if (!keeper.ok()) return console.InputError(keeper.status());
  v1::ErasePeriodRequest request;
  request.set_institution(keeper->institution);
  request.set_fiscal_year(options.year);
  request.set_staff_pseudonym(options.staff);
  if (options.dry_run || !options.yes) {
    request.set_dry_run(true);
    const auto planned = keeper->connection->Erase(request);
    if (!planned.ok()) return console.CallError(planned.status());
    if (options.dry_run || !console.json()) Tell(console, planned->erasure(), /*dry_run=*/true);
    if (options.dry_run) return kOk;
    const auto wanted = IsWanted(console);
    if (!wanted.ok()) return console.InputError(wanted.status());
    if (!*wanted) {
      console.Complain("nothing was erased");
      return kFailed;
    }
  }
  request.set_dry_run(false);
  absl::StatusOr<v1::ErasePeriodResponse> answer;
  {
    const Patience patience(console);
    answer = keeper->connection->Erase(request);
  }
  if (!answer.ok()) return console.CallError(answer.status());
  Tell(console, answer->erasure(), /*dry_run=*/false);
  return kOk;
}

// ---------------------------------------------------------------- holds

struct HoldOptions : LedgerChoice {
  std::vector<std::string> permits;
  std::vector<uint64_t> entries;
  std::string reason;
  std::string hold_id;
  std::string staff;
  void Declare(Command& command) {
    LedgerChoice::Declare(command);
    command.Add("--permit", permits, "Permit number: this ledger's records of the exchange");
    command.Add("--entry", entries, "Index of a single entry");
    command.Add("--reason", reason, "For the ledger: one line, no personal data").Required();
    command.Add("--hold-id", hold_id, "32 hexadecimal digits; random where absent");
    command.Add("--staff", staff, "Pseudonym, where the certificate does not name it");
    command.Footer(
        "Example: nakadachi --profile staff.json retention hold --reason \"case 12\" --permit "
        "0123456789abcdef0123456789abcdef");
  }
};

absl::StatusOr<v1::PlaceHoldRequest> ToRequest(const HoldOptions& options) {
  NAKADACHI_RETURN_IF_ERROR(CheckWords("reason", options.reason));
  v1::PlaceHoldRequest request;
  request.set_reason(options.reason);
  request.set_staff_pseudonym(options.staff);
  v1::Hold& hold = *request.mutable_hold();
  hold.set_hold_id(SystemRandom().String(kHoldIdBytes));
  if (!options.hold_id.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(*hold.mutable_hold_id(), HexDecode(options.hold_id, "--hold-id"));
  }
  for (const std::string& permit : options.permits) {
    NAKADACHI_ASSIGN_OR_RETURN(*hold.add_permit_numbers(), HexDecode(permit, "--permit"));
  }
  for (const uint64_t entry : options.entries) hold.add_entries(entry);
  return request;
}

int Hold(Context& context, const HoldOptions& options) {
  Console& console = *context.console;
  auto request = ToRequest(options);
  if (!request.ok()) return console.InputError(request.status());
  const auto keeper = FindKeeper(context, options);
  if (!keeper.ok()) return console.InputError(keeper.status());
  request->set_institution(keeper->institution);
  const auto answer = keeper->connection->PlaceHold(*request);
  if (!answer.ok()) return console.CallError(answer.status());
  const std::string id = HexEncode(request->hold().hold_id());
  if (console.json()) {
    console.Print({{"hold_id", id}, {"leaf_index", answer->operation().leaf_index()}});
  } else {
    console.out() << "Held under " << id << ", recorded as entry "
                  << answer->operation().leaf_index() << ".\n";
  }
  return kOk;
}

struct ReleaseOptions : LedgerChoice {
  std::string hold_id;
  std::string reason;
  std::string staff;
  void Declare(Command& command) {
    LedgerChoice::Declare(command);
    command.Add("hold-id", hold_id, "As `retention holds` shows it").Required();
    command.Add("--reason", reason, "For the ledger: one line, no personal data").Required();
    command.Add("--staff", staff, "Pseudonym, where the certificate does not name it");
    command.Footer(
        "Example: nakadachi --profile staff.json retention release "
        "0123456789abcdef0123456789abcdef --reason \"case 12 is closed\"");
  }
};

int Release(Context& context, const ReleaseOptions& options) {
  Console& console = *context.console;
  const auto id = HexDecode(options.hold_id, "hold-id");
  if (!id.ok()) return console.InputError(id.status());
  if (auto status = CheckWords("reason", options.reason); !status.ok()) {
    return console.InputError(status);
  }
  const auto keeper = FindKeeper(context, options);
  if (!keeper.ok()) return console.InputError(keeper.status());
  v1::ReleaseHoldRequest request;
  request.set_institution(keeper->institution);
  request.set_hold_id(*id);
  request.set_reason(options.reason);
  request.set_staff_pseudonym(options.staff);
  const auto answer = keeper->connection->ReleaseHold(request);
  if (!answer.ok()) return console.CallError(answer.status());
  if (console.json()) {
    console.Print({{"hold_id", options.hold_id}, {"leaf_index", answer->operation().leaf_index()}});
  } else {
    console.out() << "Released, recorded as entry " << answer->operation().leaf_index()
                  << ". What is over goes with the next erasure of its year.\n";
  }
  return kOk;
}

struct HoldsOptions : LedgerChoice {
  void Declare(Command& command) {
    LedgerChoice::Declare(command);
    command.Footer("Example: nakadachi --profile staff.json retention holds --json");
  }
};

int Holds(Context& context, const HoldsOptions& options) {
  Console& console = *context.console;
  const auto keeper = FindKeeper(context, options);
  if (!keeper.ok()) return console.InputError(keeper.status());
  const auto answer = Ask(*keeper);
  if (!answer.ok()) return console.CallError(answer.status());
  Json json = {{"institution", keeper->institution}, {"holds", Json::array()}};
  Table table({"hold", "placed", "staff", "permits", "entries", "recorded as"});
  for (const v1::PlacedHold& placed : answer->holds()) {
    const v1::Hold& hold = placed.hold();
    Json one = {{"hold_id", HexEncode(hold.hold_id())},
                {"placed", TimeText(placed.placed_ms())},
                {"staff_pseudonym", placed.staff_pseudonym()},
                {"leaf_index", placed.leaf_index()},
                {"permits", Json::array()},
                {"entries", Json::array()}};
    for (const std::string& permit : hold.permit_numbers())
      one["permits"].push_back(HexEncode(permit));
    for (const uint64_t entry : hold.entries()) one["entries"].push_back(entry);
    json["holds"].push_back(std::move(one));
    table.Add({HexEncode(hold.hold_id()), TimeText(placed.placed_ms()), placed.staff_pseudonym(),
               absl::StrCat(hold.permit_numbers_size()), absl::StrJoin(hold.entries(), ","),
               absl::StrCat(placed.leaf_index())});
  }
  if (console.json()) {
    console.Print(json);
  } else {
    console.out() << (table.empty() ? "No legal hold is in force.\n" : table.ToString());
  }
  return kOk;
}

}  // namespace

void AddRetentionCommands(Command& app, Context& context) {
  Command group = app.Group(
      "retention", "How long a ledger's statements are kept: fiscal years, erasures, legal holds",
      "Example: nakadachi --profile staff.json retention status");
  AddCommand(group.Subcommand("status", "The fiscal years of the ledger, and what is erased"),
             context, &Status);
  AddCommand(group.Subcommand("erase", "Destroy the statements of a year that is over"), context,
             &Erase);
  AddCommand(group.Subcommand("hold", "Keep named records beyond their time"), context, &Hold);
  AddCommand(group.Subcommand("release", "End a hold"), context, &Release);
  AddCommand(group.Subcommand("holds", "The holds in force"), context, &Holds);
}

}  // namespace nakadachi::cli
