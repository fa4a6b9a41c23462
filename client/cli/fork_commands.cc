#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/command_line.h"
#include "client/cli/ledger_source.h"
#include "client/witness_client.h"
#include "common/base/status.h"
#include "common/crypto/private_file.h"
#include "common/rpc/status_mapping.h"
#include "common/witness/fork_proof.h"

namespace nakadachi::cli {
namespace {

struct Asked {
  std::unique_ptr<client::WitnessConnection> connection;
  std::string municipality;
};

absl::StatusOr<Asked> Connect(const Context& context) {
  NAKADACHI_ASSIGN_OR_RETURN(const Profile profile, context.LoadProfile());
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code, profile.Municipality());
  NAKADACHI_ASSIGN_OR_RETURN(auto connection, profile.Witness());
  return Asked{std::move(connection), code.ToString()};
}

// ---- forks

struct ForksOptions {
  std::string out;
  void Declare(Command& command) {
    command.Add("--out", out, "Write each proof into this folder, as <id>.fork");
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile 072028-staff.json ledger forks\n"
        "  nakadachi --profile 072028-staff.json ledger forks --out proofs --json\n"
        "Exit code 0: no fork is open; 1: there are some.");
  }
};

std::string SizeOf(const std::string& note) {
  const auto parsed = ledger::ParseCheckpoint(note);
  return parsed.ok() ? absl::StrCat(parsed->checkpoint.size) : "-";
}

Json LedgerJson(const v1::FollowedLedger& ledger) {
  const absl::Status problem = rpc::FromBytes(ledger.problem());
  const auto parsed = ledger::ParseCheckpoint(ledger.checkpoint());
  return {{"institution", ledger.institution()},
          {"size", parsed.ok() ? Json(parsed->checkpoint.size) : Json()},
          {"checkpoint", ledger.checkpoint()},
          {"proved", TimeText(ledger.proved_ms())},
          {"waiting", ledger.waiting()},
          {"problem", problem.ok() ? Json() : ErrorJson(problem)},
          {"last_error", ledger.last_error()}};
}

Json ForkJson(const v1::Fork& fork) {
  return {{"id", HexEncode(fork.id())},
          {"institution", fork.institution()},
          {"kind", fork.kind()},
          {"found", TimeText(fork.found_ms())},
          {"cleared", TimeText(fork.cleared_ms())},
          {"proof", fork.proof()}};
}

std::string Text(const v1::ListForksResponse& response) {
  Table ledgers({"ledger of", "proved size", "proved at", "waiting", "state"});
  for (const v1::FollowedLedger& ledger : response.ledgers()) {
    const absl::Status problem = rpc::FromBytes(ledger.problem());
    ledgers.Add({ledger.institution(), SizeOf(ledger.checkpoint()), TimeText(ledger.proved_ms()),
                 absl::StrCat(ledger.waiting()),
                 problem.ok() ? Printable(ledger.last_error()) : ErrorText(problem)});
  }
  std::string text = ledgers.ToString();
  if (response.forks().empty()) return absl::StrCat(text, "No fork was found.\n");
  Table forks({"fork", "ledger of", "kind", "found", "cleared"});
  for (const v1::Fork& fork : response.forks()) {
    forks.Add({HexEncode(fork.id()), fork.institution(), fork.kind(), TimeText(fork.found_ms()),
               TimeText(fork.cleared_ms())});
  }
  return absl::StrCat(text, "\n", forks.ToString());
}

int Forks(Context& context, const ForksOptions& options) {
  Console& console = *context.console;
  const auto asked = Connect(context);
  if (!asked.ok()) return console.InputError(asked.status());
  v1::ListForksRequest request;
  request.set_municipality(asked->municipality);
  const auto response = asked->connection->ListForks(request);
  if (!response.ok()) return console.CallError(response.status());
  Json json = {{"ledgers", Json::array()}, {"forks", Json::array()}};
  bool open = false;
  for (const auto& ledger : response->ledgers()) json["ledgers"].push_back(LedgerJson(ledger));
  for (const v1::Fork& fork : response->forks()) {
    open |= fork.cleared_ms() == 0;
    json["forks"].push_back(ForkJson(fork));
    if (options.out.empty()) continue;
    const absl::Status written =
        WritePublicFile(absl::StrCat(options.out, "/", HexEncode(fork.id()), ".fork"), fork.proof(),
                        Overwrite::kAllowed);
    if (!written.ok()) return console.InputError(UnderField("out", written));
  }
  if (console.json()) {
    console.Print(json);
  } else {
    console.out() << Text(*response);
  }
  return open ? kFailed : kOk;
}

// ---- clear-fork

struct ClearOptions {
  std::string id;
  void Declare(Command& command) {
    command.Add("id", id, "The fork, as `ledger forks` names it").Required();
    command.Footer(
        "Example: nakadachi --profile 072028-operator.json ledger clear-fork 5f0c…\n"
        "For operators, once it is known what happened. It is recorded; the ledger begins anew "
        "with "
        "its next checkpoint, and new questions are asked again.");
  }
};

int Clear(Context& context, const ClearOptions& options) {
  Console& console = *context.console;
  const auto id = HexDecode(options.id, "id");
  if (!id.ok()) return console.InputError(id.status());
  const auto asked = Connect(context);
  if (!asked.ok()) return console.InputError(asked.status());
  v1::ClearForkRequest request;
  request.set_municipality(asked->municipality);
  request.set_id(*id);
  const auto response = asked->connection->ClearFork(request);
  if (!response.ok()) return console.CallError(response.status());
  if (console.json()) {
    console.Print({{"cleared", options.id}});
  } else {
    console.out() << "Cleared.\n";
  }
  return kOk;
}

// ---- check-fork

struct CheckOptions {
  std::string file;
  std::vector<std::string> vkeys;
  void Declare(Command& command) {
    command.Add("file", file, "A proof, as `ledger forks --out` writes it").Required();
    command.Add("--vkey", vkeys,
                "C2SP verifier key of the ledger; may be repeated. Without it the keys named "
                "in the file are taken: whose they are must then be known from elsewhere");
    command.Footer(
        "Example: nakadachi ledger check-fork 5f0c….fork --vkey 'nakadachi/broker/statements+…'\n"
        "Asks no server. Exit code 0: the proof holds; 1: it does not; 2: the file is none.");
  }
};

absl::StatusOr<witness::Fork> Check(const std::string& text, const CheckOptions& options) {
  std::vector<Ed25519PublicKey> keys;
  if (options.vkeys.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(const witness::ForkProof proof, witness::ParseForkProof(text));
    for (const ledger::NamedKey& key : proof.keys) keys.push_back(key.key);
  } else {
    NAKADACHI_ASSIGN_OR_RETURN(const TrustedKeys trusted, ParseTrustedKeys(options.vkeys));
    keys = trusted.keys;
  }
  return witness::VerifyForkProof(text, keys);
}

Json CheckpointJson(const ledger::Checkpoint& checkpoint) {
  return {{"size", checkpoint.size},
          {"root", HexEncode(AsView(checkpoint.root))},
          {"time", TimeText(checkpoint.time_ms)}};
}

int CheckFork(Context& context, const CheckOptions& options) {
  Console& console = *context.console;
  const auto text = ReadPublicFile(options.file);
  if (!text.ok()) return console.InputError(UnderField("file", text.status()));
  const auto fork = Check(*text, options);
  if (GetFieldRule(fork.status()).rule == "fork-format") return console.InputError(fork.status());
  if (!fork.ok()) {
    console.Complain(absl::StrCat("not shown: ", ErrorText(fork.status())));
    if (console.json()) console.Print({{"holds", false}, {"error", ErrorJson(fork.status())}});
    return kFailed;
  }
  if (console.json()) {
    console.Print({{"holds", true},
                   {"institution", fork->author.ToString()},
                   {"kind", witness::ForkKindName(fork->kind)},
                   {"first", CheckpointJson(fork->first)},
                   {"second", CheckpointJson(fork->second)},
                   {"key", options.vkeys.empty() ? "file" : "given"}});
    return kOk;
  }
  console.out() << "The proof holds (" << witness::ForkKindName(fork->kind) << "): the ledger of "
                << fork->author.ToString() << " has signed two histories, of " << fork->first.size
                << " entries at " << TimeText(fork->first.time_ms) << " and of "
                << fork->second.size << " entries at " << TimeText(fork->second.time_ms) << ".\n";
  if (options.vkeys.empty()) {
    console.out() << "By the keys that the file names; give --vkey to depend on the file for "
                     "nothing.\n";
  }
  return kOk;
}

}  // namespace

void AddForkCommands(Command& group, Context& context) {
  AddCommand(group.Subcommand("forks", "Whose ledgers are followed, and the forks found"), context,
             &Forks);
  AddCommand(group.Subcommand("check-fork", "Check a fork's proof offline"), context, &CheckFork);
  AddCommand(group.Subcommand("clear-fork", "Rely on a ledger again"), context, &Clear);
}

}  // namespace nakadachi::cli
