// nakadachi-replay: the inspectors' offline verifier.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/period.h"
#include "common/base/status.h"
#include "common/evidence/disk.h"
#include "common/ledger/checkpoint.h"
#include "tools/replay/film.h"
#include "tools/replay/replay.h"
#include "tools/replay/search.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

constexpr int kClean = 0;
constexpr int kFound = 1;
constexpr int kUnreadable = 2;
constexpr size_t kMaxCheckpointBytes = 128 << 10;

constexpr char kFooter[] =
    "Exit codes: 0 no findings, whether or not all could be judged; 1 findings; 2 unreadable\n"
    "evidence or wrong usage.\n"
    "Example: nakadachi-replay --vkey \"$(cat broker.vkey)\" evidence/\n"
    "         nakadachi-replay evidence/ --html replay.html\n"
    "         nakadachi-replay index evidence/\n"
    "         nakadachi-replay search evidence/ --institution 072028 --outcome provided "
    "--from 2024-04-01\n"
    "         nakadachi-replay explain provision-doubled";

struct Arguments {
  ReplayOptions replay;
  IndexOptions index;
  SearchOptions search;
  std::string from;
  std::string to;
  std::vector<std::string> checkpoints;  // files
  std::string html;                      // where the page goes; empty: nowhere
  bool json = false;
  std::string kind;
};

// A line on standard error that is written over, once a replay takes longer than two seconds.
class ProgressLine {
 public:
  void Show(absl::string_view step, uint64_t done, uint64_t all) {
    const auto now = std::chrono::steady_clock::now();
    if (now - start_ < std::chrono::seconds(2) || now - shown_ < std::chrono::milliseconds(500)) {
      return;
    }
    shown_ = now;
    std::cerr << "\r" << step << ": " << done << " of " << all << "        " << std::flush;
  }
  ~ProgressLine() {
    if (shown_ != std::chrono::steady_clock::time_point()) std::cerr << "\n";
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_;
};

int Fail(const absl::Status& status) {
  std::cerr << "nakadachi-replay: " << status.message() << "\n";
  return kUnreadable;
}

absl::Status ReadCheckpoints(const std::vector<std::string>& files, ReplayOptions* options) {
  for (const std::string& file : files) {
    std::string& note = options->seen_checkpoints.emplace_back();
    NAKADACHI_RETURN_IF_ERROR(evidence::ReadFile(file, kMaxCheckpointBytes, &note));
    const auto parsed = ledger::ParseCheckpoint(note);
    if (!parsed.ok()) return UnderField(file, parsed.status());
  }
  return absl::OkStatus();
}

int RunReplay(Arguments arguments) {
  const absl::Status read = ReadCheckpoints(arguments.checkpoints, &arguments.replay);
  if (!read.ok()) return Fail(read);
  absl::StatusOr<Report> report;
  {
    ProgressLine line;
    arguments.replay.progress = [&line](absl::string_view step, uint64_t done, uint64_t all) {
      line.Show(step, done, all);
    };
    report = Replay(arguments.replay);
  }
  if (!report.ok()) return Fail(report.status());
  std::cout << (arguments.json ? ToJson(*report) : ToText(*report));
  const int code = report->clean() ? kClean : kFound;
  if (arguments.html.empty()) return code;
  const auto page = GatherPage(arguments.replay.folders, *std::move(report));
  if (!page.ok()) return Fail(page.status());
  const absl::Status written = WritePage(arguments.html, RenderPage(*page));
  return written.ok() ? code : Fail(written);
}

int RunIndex(Arguments arguments) {
  absl::StatusOr<Indexed> indexed;
  {
    ProgressLine line;
    arguments.index.progress = [&line](uint64_t done, uint64_t all) {
      line.Show("statements", done, all);
    };
    indexed = BuildIndex(arguments.index);
  }
  if (!indexed.ok()) return Fail(indexed.status());
  std::cout << indexed->rows << " statements can be searched now\n";
  if (indexed->unproven > 0) {
    std::cout << indexed->unproven
              << " entries are not there, or not what was signed: what they said is not found. A "
                 "replay tells which\n";
  }
  if (!indexed->persons.empty()) std::cout << "No search by person: " << indexed->persons << "\n";
  return indexed->unproven == 0 && indexed->persons.empty() ? kClean : kFound;
}

absl::Status ParsePeriod(const Arguments& arguments, SearchOptions* options) {
  if (!arguments.from.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(options->from_ms, ParseFrom(arguments.from, "from"));
  }
  if (!arguments.to.empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(options->until_ms, ParseUntil(arguments.to, "to"));
  }
  return absl::OkStatus();
}

int RunSearch(Arguments arguments) {
  const absl::Status period = ParsePeriod(arguments, &arguments.search);
  if (!period.ok()) return Fail(period);
  const auto result = Search(arguments.search);
  if (!result.ok()) return Fail(result.status());
  std::cout << (arguments.json ? ToJson(*result) : ToText(*result));
  return result->all_proven() ? kClean : kFound;
}

int Explain(const std::string& id) {
  if (id.empty()) {
    for (const Kind& kind : Kinds()) {
      std::cout << kind.id << " (" << SeverityName(kind.severity) << "): " << kind.title << "\n";
    }
    return kClean;
  }
  const Kind* kind = FindKind(id);
  if (kind == nullptr) {
    std::cerr << "nakadachi-replay: no kind of finding is called that; without a name all are "
                 "listed\n";
    return kUnreadable;
  }
  std::cout << kind->id << " (" << SeverityName(kind->severity) << ", " << AreaName(kind->area)
            << "): " << kind->title << "\n"
            << kind->meaning << "\nWhat cannot be concluded: " << kind->not_concluded << "\n\n"
            << kind->title_ja << "\n"
            << kind->meaning_ja << "\n結論できないこと: " << kind->not_concluded_ja << "\n";
  return kClean;
}

constexpr char kSearchFooter[] =
    "A day is 2024-06-03, 令和6年6月3日, R6.6.3 or 2024/6/3; a time is 2024-06-03T09:00 or\n"
    "2024-06-03T09:00:30, in Japan unless an offset follows the seconds.\n"
    "Exit codes: 0 found or not; 1 a hit is not proven; 2 wrong usage, or no index that fits.\n"
    "Example: nakadachi-replay search evidence/ --from 2024-06-03 --to 2024-06-03";

CLI::App* AddSearch(CLI::App& app, Arguments& arguments) {
  SearchOptions& options = arguments.search;
  CLI::App* search = app.add_subcommand(
      "search", "Finds recorded statements, each with its proof; all that is given must hold");
  search->footer(kSearchFooter);
  search->add_option("DIR", options.folders, "Exports, each with an index; hits by time")
      ->required()
      ->check(CLI::ExistingDirectory);
  // Else what was left empty by mistake would look for more than was meant.
  const CLI::Validator filled(
      [](std::string& text) { return std::string(text.empty() ? "is empty" : ""); }, "", "filled");
  const auto add = [&](const char* name, std::string& value, const std::string& help) {
    search->add_option(name, value, help)->check(filled);
  };
  add("--person", options.person,
      "Permits about a person (by the broker's word), by record-management code: 32 hexadecimal "
      "digits, shown with each permit where the export has them");
  add("--institution", options.institution,
      "As requester or provider, or whose other statement: a code, or broker");
  add("--procedure", options.procedure, "As the permission list names it");
  add("--staff", options.staff, "Pseudonym");
  add("--outcome", options.outcome, absl::StrJoin(OutcomeWords(), ", "));
  add("--from", arguments.from, "From this day or time on");
  add("--to", arguments.to, "Up to this day (with it) or time (without it)");
  add("--vkey", options.verifier_key, "The broker's first key (default: as the first export says)");
  search->add_option("--limit", options.limit, "Show so many, the earliest (default 100)")
      ->check(CLI::NonNegativeNumber);
  search->add_flag("--json", arguments.json, "Print JSON");
  return search;
}

CLI::App* AddIndex(CLI::App& app, Arguments& arguments) {
  CLI::App* index = app.add_subcommand(
      "index",
      "Makes an export searchable. Exit code 1 where not all of it can be found: entries that are "
      "not what was signed, or persons' codes that differ");
  index->add_option("DIR", arguments.index.folder, "An export")
      ->required()
      ->check(CLI::ExistingDirectory);
  return index;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Judges exported evidence of a network offline: every tree, every signature, every decision "
      "and\nevery exchange, by the logs and public keys alone.",
      "nakadachi-replay");
  app.footer(kFooter);
  app.add_option("DIR", arguments.replay.folders, "Folders made by `nakadachi evidence export`");
  app.add_option("--vkey", arguments.replay.verifier_key,
                 "The broker's first key as a C2SP verifier key, from another source than the "
                 "export (default: as the export says)");
  app.add_option(
         "--checkpoint", arguments.checkpoints,
         "A file with a signed checkpoint that somebody else was shown, of any of the logs: "
         "it must be a state of the same history (may be repeated)")
      ->allow_extra_args(false)
      ->check(CLI::ExistingFile);
  app.add_flag("--json", arguments.json, "Print the whole report as JSON");
  app.add_option("--html", arguments.html,
                 "Also write the report as one page, Japanese and English, that any browser shows "
                 "without a network");
  app.add_option("--threads", arguments.replay.threads, "How many (default 2)")
      ->check(CLI::Range(1, 256));
  app.add_option_function<double>(
         "--tolerance",
         [&](double seconds) {
           arguments.replay.tolerance_ms = static_cast<int64_t>(seconds * 1000);
         },
         "Seconds by which honest clocks may differ (default 30)")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--temporary", arguments.replay.temporary_folder,
                 "Folder for temporary files, about 800 bytes an exchange")
      ->check(CLI::ExistingDirectory);
  CLI::App* index = AddIndex(app, arguments);
  CLI::App* search = AddSearch(app, arguments);
  CLI::App* explain = app.add_subcommand(
      "explain", "What a kind of finding means, and what cannot be concluded from it");
  explain->add_option("KIND", arguments.kind, "Its name; without one all are listed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kClean : kUnreadable;
  }
  if (explain->parsed()) return Explain(arguments.kind);
  if (index->parsed()) return RunIndex(std::move(arguments));
  if (search->parsed()) return RunSearch(std::move(arguments));
  if (arguments.replay.folders.empty()) {
    std::cerr << "nakadachi-replay: name a folder with evidence (--help)\n";
    return kUnreadable;
  }
  return RunReplay(std::move(arguments));
}

}  // namespace
}  // namespace nakadachi::replay

int main(int argc, char** argv) { return nakadachi::replay::Main(argc, argv); }
