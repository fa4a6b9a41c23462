#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "client/cli/ledger_source.h"
#include "client/cli/statement_text.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"

namespace nakadachi::cli {
namespace {

// ---- show

struct ShowOptions {
  std::string institution;
  uint64_t start = 0;
  int64_t limit = 20;
  std::string kind;
  bool commitments = false;
  std::string data;
  std::string kek;
  void Declare(Command& command) {
    command.Add("--institution", institution,
                "Whose ledger: a code or broker (default: the profile's own)");
    command.Add("--start", start, "First entry (default: 0)");
    command.Add("--limit", limit, "How many to show (default: 20; 0: all)")
        .Within(int64_t{0}, INT64_MAX);
    command
        .Add("--kind", kind,
             "Only query, permit, refusal, provision, receipt, operation or directory")
        .OneOf({"query", "permit", "refusal", "provision", "receipt", "operation", "directory"});
    command.AddFlag("--commitments", commitments, "Only indices and commitments");
    Option folder = command.Add("--data", data, "Read a stopped server's database here");
    command.Add("--kek", kek, "File of the key-encryption key of --data").Needs(folder);
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile operator.json ledger show --start 100 --limit 10\n"
        "  nakadachi --profile staff.json ledger show --kind query --json\n"
        "Linkage codes are never shown.");
  }
};

struct OpenedSource {
  std::unique_ptr<client::LedgerConnection> connection;
  std::unique_ptr<LedgerSource> source;
};

absl::StatusOr<OpenedSource> OpenSource(const Context& context, const ShowOptions& options) {
  OpenedSource opened;
  if (!options.data.empty()) {
    if (options.institution.empty()) {
      return InvalidField("institution", "missing", "--data does not say whose ledger it is");
    }
    NAKADACHI_ASSIGN_OR_RETURN(const Author author,
                               Author::Parse(options.institution, "institution"));
    NAKADACHI_ASSIGN_OR_RETURN(opened.source,
                               StoredLedger::Open(options.data, options.kek, author));
    return opened;
  }
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  const std::string institution =
      options.institution.empty() ? profile.OwnInstitution() : options.institution;
  NAKADACHI_RETURN_IF_ERROR(Author::Parse(institution, "institution").status());
  NAKADACHI_ASSIGN_OR_RETURN(opened.connection, profile.Ledger(institution));
  opened.source = RemoteLedger(opened.connection.get(), institution);
  return opened;
}

int Show(Context& context, const ShowOptions& options) {
  Console& console = *context.console;
  const auto opened = OpenSource(context, options);
  if (!opened.ok()) return console.InputError(opened.status());
  Json json = {{"entries", Json::array()}};
  int64_t shown = 0;
  bool damaged = false;
  // Without a kind no more is fetched than is shown.
  const bool bounded = options.kind.empty() && options.limit > 0;
  const uint64_t end = bounded ? options.start + static_cast<uint64_t>(options.limit) : UINT64_MAX;
  const absl::Status read = opened->source->Read(
      options.start, end, !options.commitments, [&](const v1::LedgerEntry& entry) {
        const Json one = LedgerEntryJson(entry, !options.commitments);
        damaged |= one["state"] == "altered" || one["state"] == "unreadable";
        if (!options.kind.empty() && one.value("kind", "") != options.kind) return true;
        if (console.json()) {
          json["entries"].push_back(one);
        } else {
          console.out() << LedgerEntryText(one);
        }
        ++shown;
        return options.limit == 0 || shown < options.limit;
      });
  if (!read.ok()) return console.CallError(read);
  if (console.json()) console.Print(json);
  return damaged ? kFailed : kOk;
}

// ---- verify

struct VerifyOptions {
  std::string institution;
  std::vector<std::string> vkeys;
  std::string remember;
  bool statements = false;
  std::string data;
  std::string kek;
  void Declare(Command& command) {
    command.Add("--institution", institution,
                "Whose ledger: a code or broker (default: the profile's own)");
    command.Add("--vkey", vkeys,
                "C2SP verifier key to check with; may be repeated. Without it the key that "
                "the server names is taken: then it can only be found consistent");
    command.Add("--remember", remember,
                "File of the last checkpoint seen: what is in it must lie in the same "
                "history; it is replaced by the newest");
    command.AddFlag("--statements", statements,
                    "Also check that every statement fits its commitment");
    Option folder = command.Add("--data", data, "Read a stopped server's database in this folder");
    Option kek_option = command.Add("--kek", kek, "File of the key-encryption key of --data");
    kek_option.Needs(folder);
    folder.Needs(kek_option);
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile operator.json ledger verify --remember broker.checkpoint\n"
        "  nakadachi ledger verify --data /var/lib/nakadachi/broker --kek broker.kek --vkey "
        "'nakadachi/broker/statements+…'\n"
        "Exit code 0: verified; 1: not verified.");
  }
};

// The verifier keys that the server itself names.
absl::StatusOr<std::vector<std::string>> KeysFromServer(const Profile& profile,
                                                        const std::string& institution) {
  if (institution == Author::Broker().ToString()) {
    NAKADACHI_ASSIGN_OR_RETURN(const auto broker, profile.Broker());
    NAKADACHI_ASSIGN_OR_RETURN(const auto status, broker->GetStatus());
    return std::vector<std::string>{status.vkey()};
  }
  NAKADACHI_ASSIGN_OR_RETURN(const auto intermediate, profile.Intermediate());
  NAKADACHI_ASSIGN_OR_RETURN(const auto status, intermediate->GetStatus());
  for (const auto& municipality : status.municipalities()) {
    if (municipality.code() == institution && !municipality.vkey().empty()) {
      return std::vector<std::string>{municipality.vkey()};
    }
  }
  return FieldError(absl::StatusCode::kNotFound, "institution", "unknown-ledger",
                    "the server keeps no ledger of it");
}

Json VerifiedJson(const Author& author, uint64_t entries, uint64_t erased) {
  Json json;
  json["verified"] = true;
  json["institution"] = author.ToString();
  json["entries"] = entries;
  json["erased"] = erased;
  return json;
}

// What a check of the ledger itself says is its answer; what keeps it from being read is not.
int NotVerified(Console& console, const absl::Status& status) {
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
    return console.CallError(status);
  }
  console.Complain(absl::StrCat("not verified: ", ErrorText(status)));
  if (console.json()) console.Print({{"verified", false}, {"error", ErrorJson(status)}});
  return kFailed;
}

int VerifyStored(Context& context, const VerifyOptions& options) {
  Console& console = *context.console;
  const auto trusted = ParseTrustedKeys(options.vkeys);
  if (!trusted.ok()) return console.InputError(trusted.status());
  const auto ledger = StoredLedger::Open(options.data, options.kek, trusted->author);
  if (!ledger.ok()) {
    return absl::IsDataLoss(ledger.status()) ? NotVerified(console, ledger.status())
                                             : console.InputError(ledger.status());
  }
  Progress progress(console.err(), "entries verified", Progress::Of(0));
  const auto result = (*ledger)->Verify(trusted->keys, [&](uint64_t done) { progress.At(done); });
  if (!result.ok()) return NotVerified(console, result.status());
  if (console.json()) {
    console.Print(VerifiedJson(trusted->author, result->entries, result->erased));
  } else {
    console.out() << "Verified: " << result->entries << " entries of " << trusted->author.ToString()
                  << ", " << result->erased << " erased; tree, tiles, head and signature agree.\n";
  }
  return kOk;
}

absl::StatusOr<std::optional<ledger::Checkpoint>> ReadRemembered(const std::string& path,
                                                                 const TrustedKeys& trusted) {
  if (path.empty() || !std::filesystem::exists(path)) return std::optional<ledger::Checkpoint>();
  NAKADACHI_ASSIGN_OR_RETURN(const std::string note, ReadPublicFile(path));
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, TrustedCheckpoint(note, trusted));
  return std::optional<ledger::Checkpoint>(checkpoint);
}

int VerifyRemote(Context& context, const VerifyOptions& options) {
  Console& console = *context.console;
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const std::string institution =
      options.institution.empty() ? profile->OwnInstitution() : options.institution;
  const auto author = Author::Parse(institution, "institution");
  if (!author.ok()) return console.InputError(author.status());
  const auto connection = profile->Ledger(institution);
  if (!connection.ok()) return console.InputError(connection.status());

  absl::StatusOr<std::vector<std::string>> vkeys = options.vkeys;
  const bool from_server = options.vkeys.empty();
  if (from_server) vkeys = KeysFromServer(*profile, institution);
  if (!vkeys.ok()) return console.CallError(vkeys.status());
  const auto trusted = ParseTrustedKeys(*vkeys);
  if (!trusted.ok()) return console.InputError(trusted.status());
  if (trusted->author != *author) {
    return console.InputError(InvalidField("vkey", "author", "the key is another ledger's"));
  }
  const auto earlier = ReadRemembered(options.remember, *trusted);
  if (!earlier.ok()) return console.InputError(UnderField("remember", earlier.status()));

  const auto source = RemoteLedger(connection->get(), institution);
  absl::StatusOr<LedgerVerification> result;
  {
    std::optional<Progress> progress;
    result = VerifyLedger(
        *source, *trusted, *earlier, options.statements, [&](uint64_t done, uint64_t total) {
          if (!progress.has_value()) {
            progress.emplace(console.err(), "entries verified", Progress::Of(total));
          }
          progress->At(done);
        });
  }
  if (!result.ok()) return NotVerified(console, result.status());
  if (!options.remember.empty()) {
    const absl::Status kept = WritePublicFile(options.remember, result->note, Overwrite::kAllowed);
    if (!kept.ok()) return console.InputError(kept);
  }
  if (console.json()) {
    Json json = VerifiedJson(*author, result->checkpoint.size, result->erased);
    json["root"] = HexEncode(AsView(result->checkpoint.root));
    json["time"] = TimeText(result->checkpoint.time_ms);
    json["key"] = from_server ? "server" : "given";
    json["vkeys"] = *vkeys;
    json["consistent_with"] = earlier->has_value() ? Json((*earlier)->size) : Json();
    console.Print(json);
    return kOk;
  }
  console.out() << "Verified: " << result->checkpoint.size << " entries of " << institution << ", "
                << result->erased << " erased, as signed at "
                << TimeText(result->checkpoint.time_ms) << ".\n";
  if (earlier->has_value()) {
    console.out() << "The checkpoint of " << (*earlier)->size
                  << " entries seen before lies in the same history.\n";
  }
  if (from_server) {
    console.out() << "The key was the server's own word (" << vkeys->front()
                  << "); give --vkey to depend on no server.\n";
  }
  return kOk;
}

int Verify(Context& context, const VerifyOptions& options) {
  return options.data.empty() ? VerifyRemote(context, options) : VerifyStored(context, options);
}

}  // namespace

void AddLedgerCommands(Command& app, Context& context) {
  Command group = app.Group("ledger", "What an institution has recorded",
                            "Example: nakadachi --profile operator.json ledger verify");
  AddCommand(group.Subcommand("show", "Entries in readable form"), context, &Show);
  AddCommand(group.Subcommand("verify", "Recompute the whole ledger and check its signature"),
             context, &Verify);
  AddCheckpointCommand(group, context);
  AddForkCommands(group, context);
}

}  // namespace nakadachi::cli
