#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cli/command_line.h"
#include "client/cli/evidence_search.h"
#include "client/cli/statement_text.h"
#include "client/evidence_export.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/evidence/bundle.h"
#include "common/evidence/disk.h"
#include "common/evidence/log_reader.h"
#include "common/evidence/manifest.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::cli {
namespace {

// The Directory statements of a country's members take some megabytes.
constexpr size_t kMaxBundleFileBytes = 256 << 20;

// The broker's keys to depend on: those given, else the profile's.
absl::StatusOr<std::vector<Ed25519PublicKey>> BrokerKeys(const Context& context,
                                                         const std::vector<std::string>& given) {
  if (!given.empty()) return ParseBrokerKeys(given);
  const auto profile = context.LoadProfile();
  if (absl::IsNotFound(profile.status())) {
    return InvalidField("vkey", "missing",
                        "give the broker's founding key, or a profile that has it");
  }
  NAKADACHI_RETURN_IF_ERROR(profile.status());
  return profile->BrokerKeys();
}

// ---- export

struct ExportOptions {
  std::string folder;
  std::string from;
  std::string to;
  std::vector<std::string> institutions;
  std::vector<std::string> vkeys;
  bool no_statements = false;
  bool no_persons = false;
  void Declare(Command& command) {
    command.Add("folder", folder, "Where to; a later run adds what is new").Required();
    command.Add("--from", from,
                "Statements from this day or time on (default: as the certificate allows)");
    command.Add("--to", to,
                "Statements up to this day (with it) or time (without it; default: as the "
                "certificate allows)");
    command.Add("--institution", institutions,
                "Whose ledger: a code; may be repeated; the broker's comes along (default: "
                "all that the certificate reaches)");
    command.AddFlag("--no-statements", no_statements,
                    "Commitments only; of statements those of the directory");
    command.AddFlag("--no-persons", no_persons,
                    "Without the broker's record-management codes, where the certificate allows "
                    "them");
    command.Add("--vkey", vkeys,
                "The broker's founding key (default: the profile's), and behind it later "
                "ones");
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile inspector.json evidence export evidence\n"
        "  nakadachi --profile inspector.json evidence export --from 令和6年4月1日 "
        "--to 令和6年6月30日 evidence\n"
        "  nakadachi --profile inspector.json evidence export --institution 072028 "
        "--from 2024-04-01 --to 2024-06-30 evidence\n"
        "Exit code 4: a server was not reached, or cannot read a statement; the rest is there.\n"
        "Each run is recorded in every ledger that it reads, before anything is handed out.");
  }
};

// Also where one end is given and the other is the certificate's.
absl::Status CheckPeriod(const client::ExportRequest& request, const ExportOptions& options) {
  if (request.until_ms == 0 || request.from_ms < request.until_ms) return absl::OkStatus();
  if (options.to.empty()) {
    return InvalidField("from", "period", "lies behind the end of the certificate's period");
  }
  return InvalidField("to", "period", "the period ends before it begins");
}

absl::StatusOr<client::ExportRequest> MakeRequest(const Context& context,
                                                  const ExportOptions& options) {
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  client::ExportRequest request;
  request.folder = options.folder;
  request.policy = profile.policy();
  NAKADACHI_ASSIGN_OR_RETURN(request.broker, profile.BrokerNetwork());
  NAKADACHI_ASSIGN_OR_RETURN(request.broker_keys, BrokerKeys(context, options.vkeys));
  NAKADACHI_ASSIGN_OR_RETURN(const rpc::Peer inspector,
                             client::PeerOfCertificate(request.broker.tls, absl::Now()));
  const rpc::InspectionScope& scope = inspector.inspection;
  request.statements = scope.statements && !options.no_statements;
  request.persons =
      scope.persons && (scope.all || scope.broker) && request.statements && !options.no_persons;
  request.from_ms = scope.from_ms;
  request.until_ms = scope.until_ms;
  if (!options.from.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(request.from_ms, ParseFrom(options.from, "from"));
  }
  if (!options.to.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(request.until_ms, ParseUntil(options.to, "to"));
  }
  NAKADACHI_RETURN_IF_ERROR(CheckPeriod(request, options));
  // Without the broker's log nobody would know whose keys are whose.
  if (!options.institutions.empty()) request.logs.push_back(Author::Broker());
  for (const std::string& institution : options.institutions) {
    NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(institution, "institution"));
    if (!author.IsBroker()) request.logs.push_back(author);
  }
  return request;
}

// The worst that happened; a server that was not reached is no finding about its ledger.
int ExportCode(const std::vector<client::ExportedLog>& logs) {
  size_t failed = 0, unreached = 0;
  uint64_t unreadable = 0;
  for (const client::ExportedLog& log : logs) {
    unreadable += log.unreadable;
    if (log.status.ok()) continue;
    ++failed;
    if (absl::IsUnavailable(log.status) || absl::IsDeadlineExceeded(log.status)) ++unreached;
  }
  if (failed == 0) return unreadable == 0 ? kOk : kPartly;
  if (unreached < failed) return kFailed;
  return unreached == logs.size() ? kNotReached : kPartly;
}

Json ExportJson(const client::ExportRequest& request,
                const std::vector<client::ExportedLog>& logs) {
  Json json = {{"folder", request.folder},
               {"from", TimeText(request.from_ms)},
               {"until", TimeText(request.until_ms)},
               {"statements", request.statements},
               {"persons", request.persons},
               {"logs", Json::array()}};
  for (const client::ExportedLog& log : logs) {
    Json one = {{"log", log.author.ToString()},
                {"entries", log.size},
                {"added", log.added},
                {"inspection", absl::BytesToHexString(log.inspection_id)},
                {"ok", log.status.ok()},
                {"unreadable", log.unreadable},
                {"unreadable_entries", log.unreadable_entries}};
    if (!log.status.ok()) one["error"] = ErrorJson(log.status);
    json["logs"].push_back(std::move(one));
  }
  return json;
}

std::string UnreadableText(const client::ExportedLog& log) {
  return absl::StrCat(log.author.ToString(), ": its server cannot read ", log.unreadable,
                      " statement(s), the export has their commitments only: entries ",
                      absl::StrJoin(log.unreadable_entries, ", "),
                      log.unreadable > log.unreadable_entries.size() ? ", …" : "", " [unreadable]");
}

int Export(Context& context, const ExportOptions& options) {
  Console& console = *context.console;
  auto request = MakeRequest(context, options);
  if (!request.ok()) return console.InputError(request.status());

  std::unique_ptr<Progress> progress;
  std::string current;
  request->progress = [&](const Author& log, uint64_t done, uint64_t total) {
    if (current != log.ToString()) {
      current = log.ToString();
      progress.reset();
      progress = std::make_unique<Progress>(console.err(), absl::StrCat("entries of ", current),
                                            Progress::Of(total, done));
    }
    progress->At(done);
  };
  const auto logs = client::ExportEvidence(*request);
  progress.reset();
  if (!logs.ok()) return console.CallError(logs.status());
  const int code = ExportCode(*logs);
  if (console.json()) {
    console.Print(ExportJson(*request, *logs));
    return code;
  }
  Table table({"log", "entries", "new", "inspection"});
  for (const client::ExportedLog& log : *logs) {
    table.Add({log.author.ToString(), absl::StrCat(log.size), absl::StrCat(log.added),
               absl::BytesToHexString(log.inspection_id)});
  }
  console.out() << table.ToString();
  for (const client::ExportedLog& log : *logs) {
    if (log.unreadable > 0) console.Complain(UnreadableText(log));
    if (!log.status.ok()) {
      console.Complain(absl::StrCat(log.author.ToString(), ": ", ErrorText(log.status)));
    }
  }
  return code;
}

// ---- bundle

struct BundleOptions {
  std::string folder;
  std::string output;
  std::string log;
  int64_t index = -1;
  std::string permit;
  std::string kind = "permit";
  std::vector<std::string> vkeys;
  bool overwrite = false;
  void Declare(Command& command) {
    command.Add("folder", folder, "An export").Required();
    command.Add("--out", output, "File to make").Required();
    Option in = command.Add("--log", log, "Whose ledger: a code or broker");
    Option at = command.Add("--index", index, "Index of the entry in --log").Needs(in);
    in.Needs(at);
    Option number = command.Add("--permit", permit, "Permit number, 32 hex digits");
    number.Excludes(at);
    command
        .Add("--kind", kind,
             "Of the exchange of --permit: query, permit (default), provision or receipt")
        .OneOf({"query", "permit", "provision", "receipt"});
    command.Add("--vkey", vkeys,
                "The broker's founding key (default: as the export says; who verifies the "
                "bundle brings their own)");
    command.AddFlag("--overwrite", overwrite, "Replace a file that is there already");
    command.Footer(
        "Examples:\n"
        "  nakadachi evidence bundle evidence --log broker --index 12 --out record.bundle\n"
        "  nakadachi evidence bundle evidence --permit 5b2f… --kind provision --out answer.bundle");
  }
};

absl::StatusOr<FoundRecord> Locate(const BundleOptions& options) {
  if (!options.permit.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::string number, ParsePermitNumber(options.permit));
    return FindOfExchange(options.folder, number, options.kind);
  }
  if (options.log.empty()) {
    return InvalidField("log", "missing", "give --log and --index, or --permit");
  }
  if (options.index < 0) return InvalidField("index", "range", "must not be negative");
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(options.log, "log"));
  return FoundRecord{author, static_cast<uint64_t>(options.index)};
}

// The export can be read and does not hold what was asked for.
bool IsNotInExport(const absl::Status& status) {
  return absl::IsNotFound(status) && GetFieldRule(status).rule != "missing";
}

// The founding key is the first of the broker's.
absl::StatusOr<Ed25519PublicKey> FoundingKeyOf(const BundleOptions& options) {
  if (!options.vkeys.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto keys, ParseBrokerKeys(options.vkeys));
    return keys.front();
  }
  NAKADACHI_ASSIGN_OR_RETURN(const auto broker, evidence::LogReader::Open(evidence::LogFolder(
                                                    options.folder, Author::Broker())));
  if (!broker.keys().empty()) return broker.keys().front().key;
  return InvalidField("vkey", "missing", "the export names no key of the broker");
}

int Bundle(Context& context, const BundleOptions& options) {
  Console& console = *context.console;
  const auto record = Locate(options);
  if (IsNotInExport(record.status())) return console.CallError(record.status());
  if (!record.ok()) return console.InputError(record.status());
  const auto key = FoundingKeyOf(options);
  if (!key.ok()) return console.InputError(key.status());
  const auto bundle =
      evidence::MakeBundle(options.folder, record->author, record->leaf_index, *key);
  if (!bundle.ok()) return console.CallError(bundle.status());
  const absl::Status written = WritePublicFile(
      options.output, *bundle, options.overwrite ? Overwrite::kAllowed : Overwrite::kNever);
  if (!written.ok()) return console.InputError(written);
  if (console.json()) {
    console.Print({{"file", options.output},
                   {"log", record->author.ToString()},
                   {"index", record->leaf_index},
                   {"bytes", bundle->size()}});
  } else {
    console.out() << "Entry " << record->leaf_index << " of " << record->author.ToString()
                  << " with its proof: " << options.output << " (" << bundle->size() << " bytes)\n";
  }
  return kOk;
}

// ---- verify-bundle

struct VerifyBundleOptions {
  std::string file;
  std::vector<std::string> vkeys;
  void Declare(Command& command) {
    command.Add("file", file, "A bundle").Required();
    command.Add("--vkey", vkeys, "The broker's founding key (default: the profile's)");
    command.Footer(
        "Example: nakadachi evidence verify-bundle record.bundle --vkey "
        "nakadachi/broker/statements+…\n"
        "All that must be known beforehand is the broker's founding key.");
  }
};

std::string Conclusion(const evidence::VerifiedBundle& bundle) {
  std::string text = absl::StrCat(
      "Verified: ", bundle.record.author.ToString(), " recorded this statement as entry ",
      bundle.record.leaf_index, " of a ledger of ", bundle.record.checkpoint_size,
      " entries, signed at ", TimeText(bundle.record.checkpoint_time_ms), " with\n  ",
      bundle.verifier_key, "\n", bundle.directory_size,
      " directory statements were taken into account, up to ", TimeText(bundle.directory_ms),
      ".\n");
  if (bundle.revoked_from_ms != 0) {
    absl::StrAppend(&text, "The key was revoked afterwards, from ",
                    TimeText(bundle.revoked_from_ms), " on.\n");
  }
  return text;
}

int VerifyBundle(Context& context, const VerifyBundleOptions& options) {
  Console& console = *context.console;
  const auto keys = BrokerKeys(context, options.vkeys);
  if (!keys.ok()) return console.InputError(keys.status());
  std::string bytes;
  const absl::Status read = evidence::ReadFile(options.file, kMaxBundleFileBytes, &bytes);
  if (!read.ok()) return console.InputError(read);
  const auto bundle = evidence::VerifyBundle(bytes, keys->front());
  if (GetFieldRule(bundle.status()).rule == "bundle-format") {
    return console.InputError(bundle.status());
  }
  if (!bundle.ok()) return console.CallError(bundle.status());
  const v1::Statement& statement = bundle->record.statement;
  Json json = {{"verified", true},
               {"log", bundle->record.author.ToString()},
               {"index", bundle->record.leaf_index},
               {"commitment", absl::BytesToHexString(AsView(bundle->record.commitment))},
               {"time", TimeText(statement.time_ms())},
               {"kind", StatementKind(statement)},
               {"fields", StatementFields(statement)},
               {"tree_size", bundle->record.checkpoint_size},
               {"root", absl::BytesToHexString(AsView(bundle->root))},
               {"signed_at", TimeText(bundle->record.checkpoint_time_ms)},
               {"key", bundle->verifier_key},
               {"directory_statements", bundle->directory_size},
               {"directory_up_to", TimeText(bundle->directory_ms)},
               {"key_revoked_from", TimeText(bundle->revoked_from_ms)}};
  if (console.json()) {
    console.Print(json);
    return kOk;
  }
  console.out() << Conclusion(*bundle) << TimeText(statement.time_ms()) << " "
                << StatementKind(statement) << " " << json["fields"].dump() << "\n";
  return kOk;
}

}  // namespace

void AddEvidenceCommands(Command& app, Context& context) {
  Command group = app.Group("evidence", "For inspectors: ledgers as evidence",
                            "Example: nakadachi --profile inspector.json evidence export evidence");
  AddCommand(group.Subcommand("export", "Bring ledgers into a folder; again for what is new"),
             context, &Export);
  AddCommand(group.Subcommand("bundle", "One record of an export as a file of its own"), context,
             &Bundle);
  AddCommand(group.Subcommand("verify-bundle", "Check such a file; no server is asked"), context,
             &VerifyBundle);
  AddOwnRecordsCommand(group, context);
}

}  // namespace nakadachi::cli
