// The commands of `nakadachi`, a file a group. Each adds its subcommands to the parser; the one
// that was named leaves what it is to do in Context::run.
#ifndef NAKADACHI_CLIENT_CLI_COMMANDS_H_
#define NAKADACHI_CLIENT_CLI_COMMANDS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "client/cli/profile.h"

namespace CLI {
class App;
}

namespace nakadachi::cli {

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

void AddPkiCommands(CLI::App& app, Context& context);
void AddMemberCommands(CLI::App& app, Context& context);
void AddPermissionListCommands(CLI::App& app, Context& context);
void AddPersonCommands(CLI::App& app, Context& context);
void AddReplicaCommands(CLI::App& app, Context& context);
void AddQueryCommands(CLI::App& app, Context& context);
void AddReviewCommands(CLI::App& app, Context& context);
void AddLedgerCommands(CLI::App& app, Context& context);
void AddRetentionCommands(CLI::App& app, Context& context);
void AddEvidenceCommands(CLI::App& app, Context& context);
void AddOwnRecordsCommand(CLI::App& group, Context& context);  // of "evidence"
// Below "ledger".
void AddForkCommands(CLI::App& group, Context& context);
void AddStatusCommand(CLI::App& app, Context& context);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_COMMANDS_H_
