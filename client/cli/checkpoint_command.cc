#include <nlohmann/json.hpp>

#include "client/cli/command_line.h"
#include "client/ledger_client.h"
#include "client/witness_client.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::cli {
namespace {

struct CheckpointOptions {
  std::string institution;
  bool cosigned = false;
  bool seen = false;
  void Declare(Command& command) {
    command.Add("--institution", institution,
                "Whose ledger: a code or broker (default: the profile's own; with --seen the "
                "broker's)");
    Option with_witnesses = command.AddFlag(
        "--cosigned", cosigned, "The newest that enough witnesses have cosigned, with their lines");
    command
        .AddFlag("--seen", seen,
                 "What the profile's own institution keeps of another's ledger, as its witness: "
                 "the last that was proved to continue what it had seen before")
        .Excludes(with_witnesses);
    command.Footer(
        "Examples:\n"
        "  nakadachi --profile operator.json ledger checkpoint --cosigned > broker.checkpoint\n"
        "  nakadachi --profile 072028-operator.json ledger checkpoint > 072028.checkpoint\n"
        "  nakadachi --profile 072028-operator.json ledger checkpoint --seen > seen.checkpoint\n"
        "Prints the signed note (C2SP tlog-checkpoint) as it is, for a file that is handed to an "
        "inspector, or given to `ledger verify --remember` or `nakadachi-replay --checkpoint`. "
        "Signatures are judged there.");
  }
};

absl::Status None(absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kNotFound, "checkpoint", rule, message);
}

// An inspector's profile names the broker's network listener only.
absl::StatusOr<std::unique_ptr<client::LedgerConnection>> KeeperOf(const Profile& profile,
                                                                   const Author& author) {
  if (!author.IsBroker() || profile.has_broker()) return profile.Ledger(author.ToString());
  NAKADACHI_ASSIGN_OR_RETURN(const client::Endpoint broker, profile.BrokerNetwork());
  return client::ConnectLedger(broker, profile.policy());
}

absl::StatusOr<std::string> NewestNote(client::LedgerConnection& ledger, const Author& author,
                                       bool cosigned) {
  v1::GetCheckpointRequest request;
  request.set_institution(author.ToString());
  NAKADACHI_ASSIGN_OR_RETURN(const v1::GetCheckpointResponse response,
                             ledger.GetCheckpoint(request));
  if (!cosigned) return response.checkpoint();
  if (!response.has_witnessing()) {
    return None("no-witnesses", "no witnesses are asked to cosign this ledger's");
  }
  if (response.witnessing().cosigned().empty()) {
    return None("not-cosigned", "not enough witnesses have cosigned one yet");
  }
  return response.witnessing().cosigned();
}

absl::StatusOr<std::string> SeenNote(client::WitnessConnection& witness,
                                     const LocalGovernmentCode& own, const Author& author) {
  v1::ListForksRequest request;
  request.set_municipality(own.ToString());
  NAKADACHI_ASSIGN_OR_RETURN(const v1::ListForksResponse response, witness.ListForks(request));
  for (const v1::FollowedLedger& ledger : response.ledgers()) {
    if (ledger.institution() != author.ToString()) continue;
    if (ledger.checkpoint().empty()) return None("not-proved", "none of it was proved yet");
    return ledger.checkpoint();
  }
  return None("not-followed", "the institution follows no such ledger");
}

Json NoteJson(const Author& author, const std::string& note,
              const ledger::SignedCheckpoint& parsed) {
  Json cosigners = Json::array();
  for (const ledger::NoteSignature& signature : parsed.signatures) {
    const auto witness = ledger::AuthorOfWitnessName(signature.name);
    if (witness.ok()) cosigners.push_back(witness->ToString());
  }
  return {{"institution", author.ToString()},
          {"size", parsed.checkpoint.size},
          {"root", HexEncode(AsView(parsed.checkpoint.root))},
          {"time", TimeText(parsed.checkpoint.time_ms)},
          {"cosigned_by", cosigners},
          {"checkpoint", note}};
}

int Tell(Console& console, const Author& author, const absl::StatusOr<std::string>& note) {
  if (!note.ok()) return console.CallError(note.status());
  const auto parsed = ledger::ParseCheckpoint(*note);
  if (!parsed.ok()) return console.CallError(parsed.status());
  if (console.json()) {
    console.Print(NoteJson(author, *note, *parsed));
  } else {
    console.out() << *note;
  }
  return kOk;
}

int Checkpoint(Context& context, const CheckpointOptions& options) {
  Console& console = *context.console;
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const std::string otherwise =
      options.seen ? Author::Broker().ToString() : profile->OwnInstitution();
  const auto author =
      Author::Parse(options.institution.empty() ? otherwise : options.institution, "institution");
  if (!author.ok()) return console.InputError(author.status());
  if (!options.seen) {
    const auto ledger = KeeperOf(*profile, *author);
    if (!ledger.ok()) return console.InputError(ledger.status());
    return Tell(console, *author, NewestNote(**ledger, *author, options.cosigned));
  }
  const auto own = profile->Municipality();
  if (!own.ok()) return console.InputError(own.status());
  const auto witness = profile->Witness();
  if (!witness.ok()) return console.InputError(witness.status());
  return Tell(console, *author, SeenNote(**witness, *own, *author));
}

}  // namespace

void AddCheckpointCommand(Command& group, Context& context) {
  AddCommand(group.Subcommand("checkpoint", "A ledger's newest signed checkpoint, as a file"),
             context, &Checkpoint);
}

}  // namespace nakadachi::cli
