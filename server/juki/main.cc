// nakadachi-juki: the registry of resident codes (juki net).
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "common/rpc/config.h"
#include "common/rpc/process.h"
#include "server/juki/juki_server.h"

namespace {

constexpr char kVersion[] = "nakadachi-juki 0.1.0";
constexpr char kFooter[] =
    "Example:\n"
    "  nakadachi-juki --config juki.json\n\n"
    "The file is a nakadachi.v1.JukiConfig as JSON; its paths are relative to it.\n\n"
    "Exit codes: 0 stopped by SIGTERM or SIGINT; 1 could not start, or did not stop within 5 s;\n"
    "2 wrong command line.";

int Fail(const absl::Status& status) {
  std::cerr << "nakadachi-juki: " << status.ToString() << std::endl;
  return 1;
}

int Run(const std::string& config_path) {
  nakadachi::juki::JukiOptions options;
  options.base_folder = nakadachi::rpc::FolderOf(config_path);
  if (auto status = nakadachi::rpc::LoadConfig(config_path, &options.config); !status.ok()) {
    return Fail(status);
  }
  auto server = nakadachi::juki::JukiServer::Start(options);
  if (!server.ok()) return Fail(server.status());
  std::cerr << "nakadachi-juki: network listener on port " << (*server)->network_port()
            << std::endl;
  nakadachi::rpc::ServeUntilSignal();
  (*server)->Shutdown(absl::Seconds(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  nakadachi::rpc::BlockStopSignals();
  CLI::App app(
      "Knows which resident code belongs to which individual number; passes acquisitions on.");
  std::string config_path;
  app.add_option("--config", config_path, "Configuration file")->required();
  app.set_version_flag("--version", kVersion);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return Run(config_path);
}
