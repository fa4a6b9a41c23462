// nakadachi: the command line of staff, operators and inspectors.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "client/cli/command_line.h"

namespace nakadachi::cli {
namespace {

constexpr char kFooter[] =
    "Exit codes: 0 done; 1 failed, refused, not permitted or not verified; 2 wrong usage or "
    "unreadable input;\n3 the server was not reached; 4 done in part, or not final yet.\n"
    "Example: nakadachi --profile staff.json query 1000001 --provider 072010";

int Main(int argc, char** argv) {
  Console console(std::cout, std::cerr);
  Context context(&console);
  bool json = false;
  CLI::App app("Nakadachi: an information-provision network for vaccination records.", "nakadachi");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--profile", context.profile,
                 "Whom to speak to and as whom (default: $NAKADACHI_PROFILE, else "
                 "~/.config/nakadachi/profile.json)");
  app.add_option("--wait", context.wait_s,
                 "Seconds for which a server that is not reached is tried again (default 10)")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_flag("--json", json, "Print JSON");
  Command commands(&app);
  AddPkiCommands(commands, context);
  AddMemberCommands(commands, context);
  AddPermissionListCommands(commands, context);
  AddPersonCommands(commands, context);
  AddReplicaCommands(commands, context);
  AddQueryCommands(commands, context);
  AddReviewCommands(commands, context);
  AddLedgerCommands(commands, context);
  AddEvidenceCommands(commands, context);
  AddRetentionCommands(commands, context);
  AddStatusCommand(commands, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // Of a word that it does not know CLI11 says here only that a command is missing.
    const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
    if (rest.empty()) return app.exit(error) == 0 ? kOk : kUnreadable;
    console.Complain(rest.front() + ": is no command or argument here (--help)");
    return kUnreadable;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUnreadable;
  }
  console.set_json(json);
  return context.run();
}

}  // namespace
}  // namespace nakadachi::cli

int main(int argc, char** argv) {
  // What gRPC has to say about connections is told in the command's own error.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return nakadachi::cli::Main(argc, argv);
}
