// What the servers' main() have in common: one option, a configuration file, serving until a
// signal. Exit codes: 0 stopped by SIGTERM or SIGINT; 1 could not start, or did not stop within
// 5 s; 2 wrong command line.
#ifndef NAKADACHI_COMMON_RPC_SERVER_PROGRAM_H_
#define NAKADACHI_COMMON_RPC_SERVER_PROGRAM_H_

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/config.h"
#include "common/rpc/process.h"

namespace nakadachi::rpc {

struct ServerProgram {
  std::string name;         // "nakadachi-broker"
  std::string description;  // one sentence
  std::string config;       // the message that its file holds, "BrokerConfig"
  std::string note;         // more for the help text; may be empty
};

// First thing in main. The exit code where there is nothing to serve: help, version, or wrong
// usage.
std::optional<int> ParseServerCommandLine(int argc, char** argv, const ServerProgram& program,
                                          std::string* config_path);
int FailToServe(const ServerProgram& program, const absl::Status& status);
// Tells on standard error where it listens.
void SayListening(const ServerProgram& program, const std::map<std::string, int>& ports);

// `Options` has `config` and `base_folder`; `Server` has Start(Options), ports() and Shutdown.
template <typename Server, typename Options>
int ServerMain(int argc, char** argv, const ServerProgram& program) {
  std::string config_path;
  if (const auto ended = ParseServerCommandLine(argc, argv, program, &config_path)) return *ended;
  Options options;
  options.base_folder = FolderOf(config_path);
  const absl::Status loaded = LoadConfig(config_path, &options.config);
  if (!loaded.ok()) return FailToServe(program, loaded);
  const auto server = Server::Start(options);
  if (!server.ok()) return FailToServe(program, server.status());
  SayListening(program, (*server)->ports());
  ServeUntilSignal();
  (*server)->Shutdown(absl::Seconds(2));
  return 0;
}

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_SERVER_PROGRAM_H_
