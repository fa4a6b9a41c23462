#include "common/rpc/server_program.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::rpc {
namespace {

constexpr char kVersion[] = "0.1.0";
constexpr int kCouldNotServe = 1;
constexpr int kWrongCommandLine = 2;

}  // namespace

std::optional<int> ParseServerCommandLine(int argc, char** argv, const ServerProgram& program,
                                          std::string* config_path) {
  BlockStopSignals();
  // Debian's Abseil, which gRPC shares, looks at every lock for cycles: under one lock of its own.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app(program.description, program.name);
  app.add_option("--config", *config_path, "Configuration file")->required();
  app.set_version_flag("--version", absl::StrCat(program.name, " ", kVersion));
  app.footer(absl::StrCat(
      "Example:\n  ", program.name, " --config server.json\n\nThe file is a nakadachi.v1.",
      program.config, " as JSON; its paths are relative to it.\n", program.note,
      "\nExit codes: 0 stopped by SIGTERM or SIGINT; 1 could not start, or did not stop within 5 "
      "s;\n2 wrong command line."));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongCommandLine;
  }
  return std::nullopt;
}

int FailToServe(const ServerProgram& program, const absl::Status& status) {
  std::cerr << program.name << ": "
            << (status.message().empty() ? status.ToString() : std::string(status.message()))
            << std::endl;
  return kCouldNotServe;
}

void SayListening(const ServerProgram& program, const std::map<std::string, int>& ports) {
  std::string text;
  for (const auto& [listener, port] : ports) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", listener, " listener on port ", port);
  }
  std::cerr << program.name << ": " << text << std::endl;
}

}  // namespace nakadachi::rpc
