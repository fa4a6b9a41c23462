// nakadachi-replay: the inspectors' offline verifier.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tools/replay/film.h"
#include "tools/replay/replay.h"
#include "tools/replay/search.h"
#include "tools/replay/search_index.h"

namespace nakadachi::replay {
namespace {

constexpr int kClean = 0;
constexpr int kFound = 1;
constexpr int kUnreadable = 2;

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
  std::string html;  // where the page goes; empty: nowhere
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

int RunReplay(Arguments arguments) {
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
  absl::StatusOr<uint64_t> rows;
  {
    ProgressLine line;
    arguments.index.progress = [&line](uint64_t done, uint64_t all) {
      line.Show("statements", done, all);
    };
    rows = BuildIndex(arguments.index);
  }
  if (!rows.ok()) return Fail(rows.status());
  std::cout << *rows << " statements can be searched now\n";
  return kClean;
}

// A day in Japan, from its begin, or an instant as in RFC 3339.
bool ParseTime(const std::string& text, int64_t* time_ms) {
  if (text.empty()) return true;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime("%Y-%m-%d", text, absl::FixedTimeZone(9 * 3600), &time, &error) &&
      !absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return false;
  }
  *time_ms = absl::ToUnixMillis(time);
  return true;
}

int RunSearch(Arguments arguments) {
  if (!ParseTime(arguments.from, &arguments.search.from_ms) ||
      !ParseTime(arguments.to, &arguments.search.until_ms)) {
    std::cerr << "nakadachi-replay: a time is a day, 2024-04-01, or an instant, "
                 "2024-04-01T09:00:00+09:00\n";
    return kUnreadable;
  }
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

CLI::App* AddSearch(CLI::App& app, Arguments& arguments) {
  SearchOptions& options = arguments.search;
  CLI::App* search = app.add_subcommand(
      "search",
      "Finds recorded statements, each with its proof; all that is given must hold. Exit code 1 "
      "where a hit is not proven");
  search->add_option("DIR", options.folder, "An export with an index")
      ->required()
      ->check(CLI::ExistingDirectory);
  search->add_option("--person", options.person,
                     "Permits about a person, by record-management code (by the broker's word)");
  search->add_option("--institution", options.institution, "As requester or provider, by code");
  search->add_option("--procedure", options.procedure, "As the permission list names it");
  search->add_option("--staff", options.staff, "Pseudonym");
  search->add_option("--outcome", options.outcome,
                     "permitted, provided, not-held, not-registered, withheld, awaiting-review, "
                     "refused-<reason>");
  search->add_option("--from", arguments.from, "From this day in Japan, or instant");
  search->add_option("--to", arguments.to, "Before this day in Japan, or instant");
  search->add_option("--limit", options.limit, "Show so many (default 100)");
  search->add_option("--vkey", options.verifier_key, "The broker's first key");
  search->add_flag("--json", arguments.json, "Print JSON");
  return search;
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
  CLI::App* index = app.add_subcommand("index", "Makes an export searchable");
  index->add_option("DIR", arguments.index.folder, "An export")
      ->required()
      ->check(CLI::ExistingDirectory);
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
