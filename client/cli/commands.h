// The commands of `nakadachi`, a file a group. Each adds its subcommands to the parser; the one
// that was named leaves what it is to do in Context::run.
#ifndef NAKADACHI_CLIENT_CLI_COMMANDS_H_
#define NAKADACHI_CLIENT_CLI_COMMANDS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "client/cli/profile.h"

namespace nakadachi::cli {

class Command;  // command_line.h

struct Context {
  explicit Context(Console* c) : console(c) {}

  absl::StatusOr<Profile> LoadProfile() const {
    return Profile::Load(ProfilePath(profile), absl::Seconds(wait_s));
  }

  Console* const console;
  std::string profile;  // --profile
  double wait_s = 10;   // --wait: how long a server that is not reached is tried
  std::function<int()> run;
};

void AddPkiCommands(Command& app, Context& context);
void AddMemberCommands(Command& app, Context& context);
void AddPermissionListCommands(Command& app, Context& context);
void AddPersonCommands(Command& app, Context& context);
void AddReplicaCommands(Command& app, Context& context);
void AddQueryCommands(Command& app, Context& context);
void AddReviewCommands(Command& app, Context& context);
void AddLedgerCommands(Command& app, Context& context);
void AddRetentionCommands(Command& app, Context& context);
void AddEvidenceCommands(Command& app, Context& context);
void AddOwnRecordsCommand(Command& group, Context& context);  // of "evidence"
// Below "ledger".
void AddCheckpointCommand(Command& group, Context& context);
void AddForkCommands(Command& group, Context& context);
void AddStatusCommand(Command& app, Context& context);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_COMMANDS_H_
