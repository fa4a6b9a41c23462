// How commands declare what they take. The parser behind it, CLI11, is all templates:
// command_line.cc and main.cc alone include it.
#ifndef NAKADACHI_CLIENT_CLI_COMMAND_LINE_H_
#define NAKADACHI_CLIENT_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/commands.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nakadachi::cli {

// Of a command; copies are the same option. What breaks a rule is refused as wrong usage.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required();
  Option OneOf(const std::vector<std::string>& values);
  // Both included.
  Option Within(int64_t lowest, int64_t highest);
  Option Needs(Option other);
  Option Excludes(Option other);

 private:
  CLI::Option* option_;
};

// A command, or a group of such; copies are the same one.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  // A name without dashes is an argument's. What is not given stays as it is; `into` is written
  // while the command line is parsed. A list takes several values, and may be given several times.
  Option Add(const std::string& name, std::string& into, const std::string& help);
  Option Add(const std::string& name, int& into, const std::string& help);
  Option Add(const std::string& name, int64_t& into, const std::string& help);
  Option Add(const std::string& name, uint32_t& into, const std::string& help);
  Option Add(const std::string& name, uint64_t& into, const std::string& help);
  Option Add(const std::string& name, std::vector<std::string>& into, const std::string& help);
  Option Add(const std::string& name, std::vector<uint64_t>& into, const std::string& help);
  Option AddFlag(const std::string& name, bool& into, const std::string& help);

  std::string Name() const;
  // What stands below the help.
  void Footer(const std::string& text);
  Command Subcommand(const std::string& name, const std::string& help);
  // One of whose commands must be named.
  Command Group(const std::string& name, const std::string& help, const std::string& footer);
  void OnNamed(std::function<void()> then);

 private:
  CLI::App* app_;
};

// What a command does: `Options` has a method `void Declare(Command&)`; `run` does the work and
// returns the exit code.
template <typename Options>
void AddCommand(Command command, Context& context, int (*run)(Context&, const Options&)) {
  auto options = std::make_shared<Options>();
  options->Declare(command);
  command.OnNamed([&context, options, run] {
    context.run = [&context, options, run] { return run(context, *options); };
  });
}

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_COMMAND_LINE_H_
