// nakadachi-bench: what the network carries, beside what the machine could.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tools/bench/bare_server.h"
#include "tools/bench/bench.h"
#include "tools/bench/evidence_maker.h"
#include "tools/bench/replay_bench.h"
#include "tools/simulator/interruptible.h"

namespace nakadachi::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::vector<std::string> only;
  std::string folder;
  bool json = false;
  bool quick = false;
  double seconds = 0;
  bool replay = false;
  uint64_t records = 1'000'000;
  size_t members = 20;
  BareServerOptions bare_server;
};

std::string BinFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().string();
}

int Measure(const Arguments& arguments, const std::string& folder) {
  BenchOptions options;
  options.folder = folder;
  options.bin_folder = BinFolder();
  options.quick = arguments.quick;
  options.seconds = arguments.seconds;
  options.only = {arguments.only.begin(), arguments.only.end()};
  options.say = [](const std::string& line) { std::cerr << line << std::endl; };
  const auto report = RunBench(options);
  if (!report.ok()) {
    std::cerr << "nakadachi-bench: " << report.status().message() << "\n";
    return kFailed;
  }
  std::cout << (arguments.json ? ToJson(*report) : ToTable(*report));
  return EXIT_SUCCESS;
}

int MeasureReplay(const Arguments& arguments, const std::string& folder) {
  ReplayBenchOptions options;
  options.folder = folder;
  options.bin_folder = BinFolder();
  options.exchanges = arguments.records / 4;
  options.members = arguments.members;
  options.say = [](const std::string& line) { std::cerr << line << std::endl; };
  const auto report = RunReplayBench(options);
  if (!report.ok()) {
    std::cerr << "nakadachi-bench: " << report.status().message() << "\n";
    return kFailed;
  }
  std::cout << (arguments.json ? ToJson(*report) : ToTable(*report));
  return EXIT_SUCCESS;
}

int Run(const Arguments& arguments) {
  const simulator::WorkFolder folder(arguments.folder, "nakadachi-bench");
  if (folder.path().empty()) {
    std::cerr << "nakadachi-bench: cannot make a folder to work in\n";
    return kFailed;
  }
  return simulator::RunInterruptible([&] {
    return arguments.replay ? MeasureReplay(arguments, folder.path())
                            : Measure(arguments, folder.path());
  });
}

}  // namespace
}  // namespace nakadachi::bench

int main(int argc, char** argv) {
  using nakadachi::bench::kParts;
  // As the servers' programs do, so that the floors have no handicap.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  nakadachi::bench::Arguments arguments;
  CLI::App app(
      "Measures a whole network of real processes on this machine, and in the same run the floors "
      "under it:\nbare calls of the same sizes between as many processes, fdatasync, signatures.",
      "nakadachi-bench");
  app.footer(
      "Example: nakadachi-bench --quick --only permits exchanges\n"
      "         nakadachi-bench replay --records 10000000 --members 1741\n"
      "Exit codes: 0 measured; 1 something failed; 2 wrong options; 130, 143 interrupted.\n"
      "tools/bench/README.md says what each figure means.");
  app.add_flag("--json", arguments.json, "Print figures and ratios as JSON");
  app.add_flag("--quick", arguments.quick,
               "About 15 s instead of 60, with fewer residents: a rough picture");
  app.add_option("--seconds", arguments.seconds, "Length of each load (default 1, quick 0.4)")
      ->check(CLI::Range(0.1, 60.0));
  app.add_option("--only", arguments.only, "Only these parts: permits, lone, exchanges, bulk, load")
      ->check(CLI::IsMember(std::set<std::string>(std::begin(kParts), std::end(kParts))));
  app.add_option("--folder", arguments.folder,
                 "Work in a folder on this disk (default: that of temporary files)")
      ->check(CLI::ExistingDirectory);
  CLI::App* replay = app.add_subcommand(
      "replay", "Measures the inspectors' tools instead: structure, replay, memory, search");
  replay->fallthrough();
  replay
      ->add_option("--records", arguments.records, "In the evidence that is made (default 1000000)")
      ->check(CLI::Range(4, 1'000'000'000));
  replay->add_option("--members", arguments.members, "Municipalities with a log each (default 20)")
      ->check(CLI::Range(size_t{8}, nakadachi::bench::kMostMembers));
  CLI::App* bare_server = app.add_subcommand(nakadachi::bench::kBareServerCommand)->group("");
  bare_server->add_option("--folder", arguments.bare_server.folder)->required();
  bare_server->add_option("--onward", arguments.bare_server.onward);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : nakadachi::bench::kUsage;
  }
  if (bare_server->parsed()) {
    return nakadachi::bench::RunBareServer(arguments.bare_server);
  }
  arguments.replay = replay->parsed();
  if (arguments.replay && arguments.quick)
    arguments.records = std::min<uint64_t>(arguments.records, 200'000);
  return nakadachi::bench::Run(arguments);
}
