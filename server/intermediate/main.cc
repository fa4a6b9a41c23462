// nakadachi-intermediate: the intermediate server platform of many municipalities.
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/config.h"
#include "common/rpc/process.h"
#include "server/intermediate/intermediate_server.h"

namespace {

constexpr char kVersion[] = "nakadachi-intermediate 0.1.0";
constexpr char kFooter[] =
    "Example:\n"
    "  nakadachi-intermediate --config intermediate.json\n\n"
    "The file is a nakadachi.v1.IntermediateConfig as JSON; its paths are relative to it.\n"
    "A municipality whose database does not open is named on standard error and not served;\n"
    "the others are.\n\n"
    "Exit codes:\n"
    "  0  served, and stopped by SIGTERM or SIGINT\n"
    "  1  could not start, or did not stop within 5 s\n"
    "  2  wrong command line";

int Fail(const absl::Status& status) {
  std::cerr << "nakadachi-intermediate: " << status.ToString() << std::endl;
  return 1;
}

int Serve(const std::string& config_path) {
  nakadachi::intermediate::IntermediateOptions options;
  options.base_folder = nakadachi::rpc::FolderOf(config_path);
  const absl::Status loaded = nakadachi::rpc::LoadConfig(config_path, &options.config);
  if (!loaded.ok()) return Fail(loaded);
  auto server = nakadachi::intermediate::IntermediateServer::Start(options);
  if (!server.ok()) return Fail(server.status());
  std::cerr << "nakadachi-intermediate: network port " << (*server)->network_port()
            << ", terminal port " << (*server)->terminal_port() << std::endl;
  nakadachi::rpc::ServeUntilSignal();
  (*server)->Shutdown(absl::Seconds(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  nakadachi::rpc::BlockStopSignals();
  CLI::App app("Holds municipalities' replicas and exchanges them by permit.");
  std::string config_path;
  app.add_option("--config", config_path, "Configuration file")->required();
  app.set_version_flag("--version", kVersion);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Serve(config_path);
}
