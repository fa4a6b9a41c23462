#ifndef NAKADACHI_CLIENT_CLI_ADD_COMMAND_H_
#define NAKADACHI_CLIENT_CLI_ADD_COMMAND_H_

#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/commands.h"

namespace nakadachi::cli {

// What a subcommand does: `Options` has a method `void Declare(CLI::App&)`; `run` does the work
// and returns the exit code.
template <typename Options>
void AddCommand(CLI::App* command, Context& context, int (*run)(Context&, const Options&)) {
  auto options = std::make_shared<Options>();
  options->Declare(*command);
  command->callback([&context, options, run] {
    context.run = [&context, options, run] { return run(context, *options); };
  });
}

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_ADD_COMMAND_H_
