// nakadachi-simulate: runs a scenario on a network of its own.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/status.h"
#include "common/rpc/process.h"
#include "tools/simulator/built_in.h"
#include "tools/simulator/evidence.h"
#include "tools/simulator/interruptible.h"
#include "tools/simulator/network.h"
#include "tools/simulator/scenario_runner.h"
#include "tools/simulator/scenario_words.h"

namespace nakadachi::simulator {
namespace {

namespace fs = std::filesystem;

constexpr int kFailed = 1;      // an expectation did not hold, or a record differs
constexpr int kUnreadable = 2;  // the scenario or an option is wrong

struct Arguments {
  std::string scenario;
  std::string keep;
  std::string bin;
  bool in_process = false;
  bool serve = false;
  bool json = false;
  bool forms = false;
};

std::string BinFolder(const Arguments& arguments) {
  if (!arguments.bin.empty()) return arguments.bin;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? "." : self.parent_path().string();
}

// What --keep leaves beside the network's own files.
struct Kept {
  std::string folder;  // empty: nothing
  ExportedEvidence evidence;
};

void PrintJson(const Account& account, const absl::Status& result, const Kept& kept) {
  nlohmann::ordered_json json;
  json["ok"] = result.ok();
  if (!result.ok()) json["error"] = std::string(result.message());
  json["provided"] = account.provided;
  json["not_held"] = account.not_held;
  json["not_registered"] = account.not_registered;
  json["withheld"] = account.withheld;
  json["awaiting_review"] = account.awaiting_review;
  json["released"] = account.released;
  json["lapsed"] = account.lapsed;
  json["refused"] = account.refused;
  json["errors"] = account.errors;
  json["compared"] = account.compared;
  json["mismatches"] = account.mismatches;
  json["unverified"] = account.unverified;
  json["residents"] = account.residents;
  json["moved"] = account.moved;
  json["lone_p50_ms"] = Percentile(account.lone_ms, 50);
  json["lone_p99_ms"] = Percentile(account.lone_ms, 99);
  json["bulk_p50_ms"] = Percentile(account.bulk_ms, 50);
  json["bulk_p99_ms"] = Percentile(account.bulk_ms, 99);
  json["ledgers"] = account.ledger_entries;
  json["elapsed_s"] = account.elapsed_s;
  if (!kept.folder.empty()) {
    json["evidence"] = {
        {"folder", kept.folder}, {"logs", kept.evidence.logs}, {"entries", kept.evidence.entries}};
  }
  std::cout << json.dump(2) << "\n";
}

void PrintHowToTalk(const Network& network, const Scenario& scenario, std::ostream& out) {
  out << "\nThe network is up until Ctrl-C. To talk to it, for example:\n"
      << "  nakadachi --profile " << network.OperatorProfilePath() << " status\n";
  for (const Step& step : scenario.steps) {
    if (step.verb != Verb::kCity && step.verb != Verb::kPrefecture) continue;
    const auto code = LocalGovernmentCode::Parse(step.Word("code"));
    if (!code.ok()) continue;
    out << "  nakadachi --profile " << network.ProfilePath(*code) << " status   # "
        << step.Word("name") << "\n";
  }
  out << "As staff, who ask and review: the profiles that end in -staff.json beside them.\n"
      << "  nakadachi --profile " << network.InspectorProfilePath()
      << " evidence export FOLDER   # as an inspector\n"
      << std::flush;
}

int Complain(const absl::Status& status, int code) {
  std::cerr << "nakadachi-simulate: " << status.message() << "\n";
  return code;
}

absl::StatusOr<std::string> ReadScenario(const std::string& path) {
  if (path.empty()) return std::string(kDemonstration);
  return ReadFile("", path);
}

int RunScenario(const Arguments& arguments, const std::string& folder) {
  const auto text = ReadScenario(arguments.scenario);
  if (!text.ok()) return Complain(text.status(), kUnreadable);
  const auto scenario = ParseScenario(*text);
  if (!scenario.ok()) return Complain(scenario.status(), kUnreadable);
  const std::string base =
      arguments.scenario.empty() ? "." : fs::path(arguments.scenario).parent_path().string();

  NetworkOptions options;
  options.folder = folder + "/network";
  options.mode = arguments.in_process ? Mode::kInProcess : Mode::kProcesses;
  options.bin_folder = BinFolder(arguments);
  const auto with_settings = WithSettings(options, *scenario, base, kJapanList);
  if (!with_settings.ok()) return Complain(with_settings.status(), kUnreadable);
  const auto network = Network::Start(*with_settings);
  if (!network.ok()) return Complain(network.status(), kFailed);

  std::ostream& narration = arguments.json ? std::cerr : std::cout;
  const auto say = [&](const std::string& line) { narration << line << std::endl; };
  const auto progress = [](const std::string& line) { std::cerr << line << std::endl; };
  auto runner = ScenarioRunner::Create(*scenario, network->get(), base, say, progress);
  if (!runner.ok()) return Complain(runner.status(), kUnreadable);
  absl::Status result = (*runner)->Run();
  Kept kept;
  if (!arguments.keep.empty()) {
    const auto evidence = KeepEvidence(**network, folder + "/evidence");
    result.Update(evidence.status());
    if (evidence.ok()) kept = {folder + "/evidence", *evidence};
  }
  if (arguments.json) {
    PrintJson((*runner)->account(), result, kept);
  } else {
    std::cout << "\n" << Summary((*runner)->account());
    std::cout << "  ledgers and databases    " << options.folder << "/*/data"
              << (arguments.keep.empty() ? " (gone after this; --keep DIR keeps them)" : "")
              << "\n";
    if (!kept.folder.empty()) {
      std::cout << "  evidence                 " << kept.folder << " (" << kept.evidence.entries
                << " entries of " << kept.evidence.logs << " ledgers)\n";
    }
  }
  if (!result.ok()) return Complain(result, kFailed);
  if (arguments.serve) {
    PrintHowToTalk(**network, *scenario, narration);
    rpc::ServeUntilSignal();
  }
  return EXIT_SUCCESS;
}

int Run(const Arguments& arguments) {
  std::optional<WorkFolder> own;
  if (arguments.keep.empty()) own.emplace("", "nakadachi");
  const std::string folder = own ? own->path() : arguments.keep;
  if (folder.empty()) {
    return Complain(absl::UnavailableError("cannot make a folder to work in"), kFailed);
  }
  return RunInterruptible([&] {
    if (arguments.serve) rpc::BlockStopSignals();
    return RunScenario(arguments, folder);
  });
}

}  // namespace
}  // namespace nakadachi::simulator

int main(int argc, char** argv) {
  nakadachi::simulator::Arguments arguments;
  CLI::App app(
      "Runs a scenario on a whole network: broker, juki net and institutions, each a process of "
      "its "
      "own over mutual TLS on loopback.\nWithout a file: the demonstration of six institutions.",
      "nakadachi-simulate");
  app.footer(
      "Example: nakadachi-simulate --keep /tmp/network tests/scenario/protected_person.scenario\n"
      "Exit codes: 0 all expectations held; 1 one did not, or a record differs; 2 unreadable "
      "scenario or options; 130, 143 interrupted.");
  app.add_option("scenario", arguments.scenario, "Scenario file (tools/simulator/README.md)");
  app.add_flag("--in-process", arguments.in_process,
               "Servers as objects of this process instead of programs");
  app.add_flag("--serve", arguments.serve, "Keep the network up afterwards, until Ctrl-C");
  app.add_option(
      "--keep", arguments.keep,
      "Keep everything in this new folder, and in its evidence/ an inspector's export of "
      "every ledger");
  app.add_option("--bin", arguments.bin, "Folder of the servers' programs (default: beside this)");
  app.add_flag("--json", arguments.json, "Print the account as JSON");
  app.add_flag("--steps", arguments.forms, "Print the forms of a scenario's steps and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : nakadachi::simulator::kUnreadable;
  }
  if (arguments.forms) {
    for (const std::string& form : nakadachi::simulator::StepForms()) std::cout << form << "\n";
    return EXIT_SUCCESS;
  }
  return nakadachi::simulator::Run(arguments);
}
