#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command_line.h"
#include "client/cli/own_record_bundles.h"
#include "client/cli/secret_input.h"
#include "client/cli/statement_text.h"
#include "client/inspection_client.h"
#include "client/network_directory.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kIdBytes = 16;

struct OwnRecordsOptions {
  std::string code_file;
  std::string bundles;
  void Declare(Command& command) {
    command.Add("--code-file", code_file,
                "File of the person's record-management code, 32 hex digits, mode 0600; "
                "without it the individual number is read from standard input and juki net "
                "finds the code");
    command.Add("--bundles", bundles,
                "A new or empty folder for the records as evidence bundles, which the person "
                "keeps: <permit number>.bundle, mode 0600");
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile portal.json evidence own-records < number.txt\n"
        "  nakadachi --profile portal.json evidence own-records --code-file code.txt --json\n"
        "  nakadachi --profile portal.json evidence own-records --bundles records < number.txt\n"
        "  nakadachi evidence verify-bundle records/5b2f….bundle --vkey "
        "nakadachi/broker/statements+…\n"
        "Permits are shown: what the network let an institution ask about the person. Queries "
        "that it refused are not, for no permit was given and nothing was handed out; nor is "
        "what is under the non-disclosure flag.\n"
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

// What the proofs of records are checked with: the broker's founding key and the directory.
struct Anchor {
  Ed25519PublicKey founding_key;
  std::vector<v1::Recorded> directory;
};

// Asked for behind the records, so that it knows the keys that prove them.
absl::StatusOr<Anchor> FetchAnchor(const client::Endpoint& broker,
                                   const std::vector<Ed25519PublicKey>& keys,
                                   const client::RetryPolicy& policy) {
  const auto connection = client::ConnectInspection(broker, policy);
  NAKADACHI_ASSIGN_OR_RETURN(client::NetworkDirectory network,
                             client::LearnDirectory(*connection, keys));
  return Anchor{keys.front(), std::move(network.statements)};
}

Json RecordJson(const v1::OwnRecord& record) {
  v1::Statement statement;
  const bool readable = statement.ParseFromString(record.permit().statement());
  const v1::Permit& permit = statement.permit();
  return {{"time", TimeText(readable ? statement.time_ms() : 0)},
          {"requester", permit.requester()},
          {"department", permit.department()},
          {"provider", permit.provider()},
          {"procedure", permit.procedure()},
          {"items", permit.items()},
          {"legal_basis", permit.legal_basis()},
          {"permit_number", absl::BytesToHexString(permit.permit_number())},
          {"outcome", OutcomeText(record.outcome())},
          {"answered_at", TimeText(record.answered_ms())}};
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

// What was made of the records.
struct Told {
  Json records = Json::array();
  int failed = 0;   // proofs
  int written = 0;  // bundles
};

// With the proof that the broker recorded each, where the profile names the broker's key; and with
// its bundle, where a folder for them is given. Errors of writing these.
absl::StatusOr<Told> Tell(Console& console, const std::vector<v1::OwnRecord>& records,
                          const std::optional<Anchor>& anchor, const std::string& folder) {
  Told told;
  for (const v1::OwnRecord& record : records) {
    Json json = RecordJson(record);
    if (!anchor.has_value()) {
      json["proof"] = "not checked";
      told.records.push_back(std::move(json));
      continue;
    }
    const auto bundle = MakeOwnRecordBundle(record, anchor->directory, anchor->founding_key);
    json["proof"] = bundle.ok() ? "verified" : "failed";
    if (!bundle.ok()) {
      ++told.failed;
      console.Complain(absl::StrCat("permit ", std::string(json["permit_number"]), ": ",
                                    ErrorText(bundle.status())));
    } else if (!folder.empty()) {
      const std::string path = absl::StrCat(folder, "/", bundle->FileName());
      NAKADACHI_RETURN_IF_ERROR(WritePrivateFile(path, Secret(bundle->bytes), Overwrite::kNever));
      json["bundle"] = path;
      ++told.written;
    }
    told.records.push_back(std::move(json));
  }
  return told;
}

void Print(Console& console, const Told& told, const std::string& folder) {
  if (console.json()) {
    Json json = {{"records", told.records}};
    if (!folder.empty()) json["bundles"] = folder;
    console.Print(json);
    return;
  }
  PrintTable(console, told.records);
  if (told.written == 0) return;
  console.out() << "As evidence that stands alone: " << told.written << " bundle(s) in " << folder
                << "\nTo check one: nakadachi evidence verify-bundle FILE --vkey KEY\n";
}

int OwnRecords(Context& context, const OwnRecordsOptions& options) {
  Console& console = *context.console;
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto endpoint = profile->BrokerNetwork();
  if (!endpoint.ok()) return console.InputError(endpoint.status());
  absl::StatusOr<std::vector<Ed25519PublicKey>> keys = std::vector<Ed25519PublicKey>();
  const bool is_checked = !options.bundles.empty() || !profile->config().broker_vkey().empty();
  if (is_checked) keys = profile->BrokerKeys();
  if (!keys.ok()) return console.InputError(keys.status());

  const auto code = options.code_file.empty() ? FindCode(*profile) : ReadCode(options.code_file);
  if (!code.ok()) {
    const bool input = absl::IsInvalidArgument(code.status()) || !options.code_file.empty();
    return input ? console.InputError(code.status()) : console.CallError(code.status());
  }
  if (!options.bundles.empty()) {
    const absl::Status made = MakeBundleFolder(options.bundles);
    if (!made.ok()) return console.InputError(made);
  }
  const auto broker = client::ConnectOwnRecords(*endpoint, profile->PolicyTo("broker", *endpoint));
  const auto records = ListAll(*broker, *code);
  if (!records.ok()) return console.CallError(records.status());
  std::optional<Anchor> anchor;
  if (is_checked && !records->empty()) {
    auto fetched = FetchAnchor(*endpoint, *keys, profile->PolicyTo("broker", *endpoint));
    if (!fetched.ok()) return console.CallError(fetched.status());
    anchor = *std::move(fetched);
  }
  const auto told = Tell(console, *records, anchor, options.bundles);
  if (!told.ok()) return console.InputError(told.status());
  Print(console, *told, options.bundles);
  return told->failed == 0 ? kOk : kFailed;
}

}  // namespace

void AddOwnRecordsCommand(Command& group, Context& context) {
  AddCommand(group.Subcommand("own-records",
                              "For portals: who asked what about a person, told to the person"),
             context, &OwnRecords);
}

}  // namespace nakadachi::cli
