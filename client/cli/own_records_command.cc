#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/command_line.h"
#include "client/cli/secret_input.h"
#include "client/cli/statement_text.h"
#include "client/inspection_client.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/directory/directory.h"
#include "common/ledger/verifier.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kIdBytes = 16;

struct OwnRecordsOptions {
  std::string code_file;
  void Declare(Command& command) {
    command.Add("--code-file", code_file,
                "File of the person's record-management code, 32 hex digits, mode 0600; "
                "without it the individual number is read from standard input and juki net "
                "finds the code");
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile portal.json evidence own-records < number.txt\n"
        "  nakadachi --profile portal.json evidence own-records --code-file code.txt --json\n"
        "The individual number and the code are never printed. Each access is recorded in the "
        "broker's ledger, without the person.");
  }
};

absl::StatusOr<std::string> ReadCode(const std::string& path) {
  NAKADACHI_ASSIGN_OR_RETURN(const Secret content, ReadPrivateFile(path));
  const absl::string_view hex = absl::StripAsciiWhitespace(content.Expose());
  const bool digits = std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit);
  if (hex.size() == 2 * kIdBytes && digits) return absl::HexStringToBytes(hex);
  return InvalidField("code-file", "hex", "must hold 32 hex digits");
}

absl::StatusOr<std::string> FindCode(const Profile& profile) {
  const auto number = IndividualNumber::Parse(ReadUnseen(), "standard input");
  if (!number.ok()) return number.status();
  NAKADACHI_ASSIGN_OR_RETURN(const auto juki, profile.Juki());
  v1::FindOwnCodeRequest request;
  request.set_individual_number(number->Reveal());
  NAKADACHI_ASSIGN_OR_RETURN(const auto response, juki->FindOwnCode(request));
  return response.record_management_code();
}

// Page after page, as one access.
absl::StatusOr<std::vector<v1::OwnRecord>> ListAll(client::OwnRecordsConnection& broker,
                                                   const std::string& code) {
  std::vector<v1::OwnRecord> records;
  v1::ListOwnRecordsRequest request;
  request.set_request_id(SystemRandom().String(kIdBytes));
  request.set_record_management_code(code);
  while (true) {
    NAKADACHI_ASSIGN_OR_RETURN(auto page, broker.List(request));
    for (v1::OwnRecord& record : *page.mutable_records()) records.push_back(std::move(record));
    if (!page.more() || page.records().empty()) return records;
    request.set_more(true);
    request.set_after_index(records.back().permit().leaf_index());
  }
}

std::string OutcomeText(v1::Outcome outcome) {
  if (outcome == v1::OUTCOME_UNSPECIFIED) return "not reported";
  return absl::AsciiStrToLower(v1::Outcome_Name(outcome));
}

// With the proof that the broker recorded it, where the profile names the broker's key.
Json RecordJson(const v1::OwnRecord& record, ledger::Verifier* verifier) {
  v1::Statement statement;
  const bool readable = statement.ParseFromString(record.permit().statement());
  const v1::Permit& permit = statement.permit();
  Json json = {{"time", TimeText(readable ? statement.time_ms() : 0)},
               {"requester", permit.requester()},
               {"department", permit.department()},
               {"provider", permit.provider()},
               {"procedure", permit.procedure()},
               {"items", permit.items()},
               {"legal_basis", permit.legal_basis()},
               {"permit_number", absl::BytesToHexString(permit.permit_number())},
               {"outcome", OutcomeText(record.outcome())},
               {"answered_at", TimeText(record.answered_ms())}};
  if (verifier == nullptr) {
    json["proof"] = "not checked";
    return json;
  }
  const auto verified = verifier->Verify(record.permit(), absl::ToUnixMillis(absl::Now()));
  json["proof"] = verified.ok() && verified->author.IsBroker() ? "verified" : "failed";
  return json;
}

void PrintTable(Console& console, const Json& records) {
  Table table({"time", "requester", "provider", "procedure", "items", "outcome", "proof"});
  for (const Json& record : records) {
    table.Add({record["time"], Printable(std::string(record["requester"])),
               Printable(std::string(record["provider"])),
               Printable(std::string(record["procedure"])),
               Printable(absl::StrJoin(record["items"].get<std::vector<std::string>>(), ",")),
               record["outcome"], record["proof"]});
  }
  if (table.empty()) {
    console.out() << "No records.\n";
  } else {
    console.out() << table.ToString();
  }
}

int OwnRecords(Context& context, const OwnRecordsOptions& options) {
  Console& console = *context.console;
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto endpoint = profile->BrokerNetwork();
  if (!endpoint.ok()) return console.InputError(endpoint.status());
  std::unique_ptr<Directory> trusted;
  std::unique_ptr<ledger::Verifier> verifier;
  if (!profile->config().broker_vkey().empty()) {
    const auto keys = profile->BrokerKeys();
    if (!keys.ok()) return console.InputError(keys.status());
    trusted = std::make_unique<Directory>(keys->front());
    verifier = ledger::Verifier::Create(trusted.get());
  }

  const auto code = options.code_file.empty() ? FindCode(*profile) : ReadCode(options.code_file);
  if (!code.ok()) {
    const bool input = absl::IsInvalidArgument(code.status()) || !options.code_file.empty();
    return input ? console.InputError(code.status()) : console.CallError(code.status());
  }
  const auto broker = client::ConnectOwnRecords(*endpoint, profile->policy());
  const auto records = ListAll(*broker, *code);
  if (!records.ok()) return console.CallError(records.status());

  Json list = Json::array();
  bool proven = true;
  for (const v1::OwnRecord& record : *records) {
    list.push_back(RecordJson(record, verifier.get()));
    proven &= list.back()["proof"] != "failed";
  }
  if (console.json()) {
    console.Print({{"records", list}});
  } else {
    PrintTable(console, list);
  }
  return proven ? kOk : kFailed;
}

}  // namespace

void AddOwnRecordsCommand(Command& group, Context& context) {
  AddCommand(group.Subcommand("own-records",
                              "For portals: who asked what about a person, told to the person"),
             context, &OwnRecords);
}

}  // namespace nakadachi::cli
