#include "tools/bench/replay_bench.h"

#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/directory/directory.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/merkle/merkle.h"
#include "tools/bench/evidence_maker.h"
#include "tools/bench/load.h"
#include "tools/bench/memory.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/replay.h"
#include "tools/replay/search.h"
#include "tools/replay/search_index.h"
#include "tools/replay/structure.h"

namespace nakadachi::bench {
namespace {

using Steady = std::chrono::steady_clock;

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// Seconds of a core that this process has used, in all threads: other programs do not count.
double CoreSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Others on the machine only slow a round down, so that the fastest of them tells the most; a floor
// and its figure follow each other.
constexpr int kRounds = 5;
constexpr int kHashedEntries = 500'000;

// Hashes entries from a buffer: the commitment of a statement of the usual size, its leaf, and the
// inner node that each leaf costs.
void HashEntries() {
  const std::string salt(32, 's');
  const std::string statement(260, 'x');
  Hash node{};
  for (int i = 0; i < kHashedEntries; ++i) {
    const Hash leaf = merkle::LeafHash(AsView(ledger::Commit(salt, statement)));
    node = merkle::NodeHash(node, leaf);
  }
  NAKADACHI_CHECK(node != Hash{});
}

// Entries a second of a core.
double HashFloor() {
  const double start = CoreSeconds();
  HashEntries();
  return kHashedEntries / (CoreSeconds() - start);
}

// By the clock: one thread that hashes, and two of which each hashes as much. What they give is
// what a second core of this machine gives.
void HashFloorTwoCores(double* one_s, double* two_s) {
  auto start = Steady::now();
  HashEntries();
  *one_s = std::min(*one_s, SecondsSince(start));
  start = Steady::now();
  std::thread other(HashEntries);
  HashEntries();
  other.join();
  *two_s = std::min(*two_s, SecondsSince(start));
}

class ReplayBench {
 public:
  explicit ReplayBench(const ReplayBenchOptions& options) : options_(options) {}
  absl::StatusOr<Report> Run();

 private:
  void Say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }
  absl::StatusOr<double> StructureSeconds();
  absl::Status MeasureStructure();
  absl::StatusOr<double> ReplaySeconds(int threads);
  absl::Status MeasureReplay();
  absl::Status MeasureMemory();
  absl::Status MeasureSearch();

  const ReplayBenchOptions options_;
  std::string evidence_;
  MadeEvidence made_;
  double structure_s_ = 0;
  Report report_;
};

absl::StatusOr<Report> ReplayBench::Run() {
  const auto start = Steady::now();
  evidence_ = (std::filesystem::path(options_.folder) / "evidence").string();
  Say(absl::StrCat("making ", 4 * options_.exchanges, " records of ", options_.members,
                   " municipalities"));
  NAKADACHI_ASSIGN_OR_RETURN(made_, MakeEvidence(evidence_, options_.exchanges, options_.members));
  report_.figures["replay_entries"] = static_cast<double>(made_.entries);
  NAKADACHI_RETURN_IF_ERROR(MeasureStructure());
  NAKADACHI_RETURN_IF_ERROR(MeasureReplay());
  NAKADACHI_RETURN_IF_ERROR(MeasureMemory());
  NAKADACHI_RETURN_IF_ERROR(MeasureSearch());
  report_.SetRatio("replay_structure", "replay_structure_entries_per_s",
                   "floor_hash_entries_per_s");
  report_.elapsed_s = SecondsSince(start);
  return std::move(report_);
}

// Of a core.
absl::StatusOr<double> ReplayBench::StructureSeconds() {
  NAKADACHI_ASSIGN_OR_RETURN(const replay::EvidenceSet evidence, replay::OpenEvidence({evidence_}));
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey anchor, replay::TrustAnchor(evidence, ""));
  Directory directory(anchor);
  const double start = CoreSeconds();
  for (const replay::LogSource& source : evidence.logs) {
    replay::StructureOptions options;
    options.folder = source.folder;
    options.author = source.author;
    options.directory = &directory;
    const replay::StructureReport structure = replay::CheckLog(options, /*threads=*/1);
    if (!structure.proven || !structure.findings.empty()) {
      return absl::InternalError("the evidence made here is not sound");
    }
  }
  return CoreSeconds() - start;
}

absl::Status ReplayBench::MeasureStructure() {
  Say("structure");
  double floor = 0;
  structure_s_ = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    floor = std::max(floor, HashFloor());
    NAKADACHI_ASSIGN_OR_RETURN(const double took_s, StructureSeconds());
    structure_s_ = std::min(structure_s_, took_s);
  }
  report_.figures["floor_hash_entries_per_s"] = floor;
  report_.figures["replay_structure_entries_per_s"] =
      static_cast<double>(made_.entries) / structure_s_;
  return absl::OkStatus();
}

absl::StatusOr<double> ReplayBench::ReplaySeconds(int threads) {
  replay::ReplayOptions options;
  options.folders = {evidence_};
  options.threads = threads;
  options.temporary_folder = options_.folder;
  NAKADACHI_ASSIGN_OR_RETURN(const replay::Report report, replay::Replay(options));
  if (!report.clean() || report.figures.completed != made_.exchanges) {
    return absl::InternalError("honest evidence was not judged clean");
  }
  return report.elapsed_s;
}

absl::Status ReplayBench::MeasureReplay() {
  Say("replay on one core, and on two");
  constexpr double kNever = std::numeric_limits<double>::infinity();
  double core_s = kNever, fastest_one_s = kNever, fastest_two_s = kNever;
  double hash_one_s = kNever, hash_two_s = kNever;
  for (int round = 0; round < kRounds; ++round) {
    HashFloorTwoCores(&hash_one_s, &hash_two_s);
    const double start = CoreSeconds();
    NAKADACHI_ASSIGN_OR_RETURN(const double one_s, ReplaySeconds(1));
    core_s = std::min(core_s, CoreSeconds() - start);
    fastest_one_s = std::min(fastest_one_s, one_s);
    NAKADACHI_ASSIGN_OR_RETURN(const double two_s, ReplaySeconds(2));
    fastest_two_s = std::min(fastest_two_s, two_s);
  }
  const auto exchanges = static_cast<double>(made_.exchanges);
  report_.figures["replay_exchanges_per_s"] = exchanges / core_s;
  report_.figures["replay_exchanges_per_s_two_cores"] = exchanges / fastest_two_s;
  report_.figures["floor_hash_two_cores"] = 2 * hash_one_s / hash_two_s;
  // What is left of a core's time once the structure has been paid for.
  report_.figures["replay_decided_exchanges_per_s"] =
      exchanges / std::max(core_s - structure_s_, 1e-9);
  const double gain = fastest_one_s / fastest_two_s;
  report_.ratios["replay_two_cores"] = gain;
  report_.ratios["replay_two_cores_of_floor"] = gain / report_.figures["floor_hash_two_cores"];
  return absl::OkStatus();
}

// Of the program itself, as a process of its own.
absl::Status ReplayBench::MeasureMemory() {
  Say("memory");
  const std::string program = (std::filesystem::path(options_.bin_folder) / "nakadachi-replay");
  std::vector<std::string> words = {program, "--temporary", options_.folder, evidence_};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {1, 2}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", 1 /* O_WRONLY */, 0);
  }
  pid_t child = 0;
  const int error =
      posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::UnavailableError("nakadachi-replay cannot be started");
  // Looked at again and again: what wait4 tells counts this process's own memory in.
  double most_mb = 0;
  int status = 0;
  while (true) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended < 0) return absl::UnavailableError("nakadachi-replay was lost");
    if (ended == child) break;
    if (const auto memory = ResidentMemoryOf(child); memory.ok()) most_mb = memory->most_mb;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return absl::InternalError("nakadachi-replay did not find honest evidence clean");
  }
  report_.figures["replay_rss_mb"] = most_mb;
  return absl::OkStatus();
}

absl::Status ReplayBench::MeasureSearch() {
  Say("search");
  replay::IndexOptions index;
  index.folder = evidence_;
  index.temporary_folder = options_.folder;
  const auto start = Steady::now();
  NAKADACHI_ASSIGN_OR_RETURN(const replay::Indexed indexed, replay::BuildIndex(index));
  report_.figures["index_records_per_s"] = static_cast<double>(indexed.rows) / SecondsSince(start);

  // Few hits and many, of two logs and of all.
  std::vector<replay::SearchOptions> searches(4);
  searches[0].staff = made_.staff;
  searches[0].institution = made_.institution;
  searches[1].institution = made_.institution;
  searches[1].outcome = searches[2].outcome = "provided";
  searches[3].procedure = made_.procedure;
  std::vector<double> took_ms;
  for (int round = 0; round < kRounds; ++round) {
    for (replay::SearchOptions& options : searches) {
      options.folders = {evidence_};
      const auto begin = Steady::now();
      NAKADACHI_ASSIGN_OR_RETURN(const replay::SearchResult result, replay::Search(options));
      took_ms.push_back(SecondsSince(begin) * 1000);
      if (result.hits.empty() || !result.all_proven()) {
        return absl::InternalError("a search found nothing, or a hit was not proven");
      }
    }
  }
  std::sort(took_ms.begin(), took_ms.end());
  report_.figures["search_p50_ms"] = took_ms[took_ms.size() / 2];
  report_.figures["search_max_ms"] = took_ms.back();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Report> RunReplayBench(const ReplayBenchOptions& options) {
  return ReplayBench(options).Run();
}

}  // namespace nakadachi::bench
