#include "tools/replay/structure.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/evidence/log_reader.h"
#include "tools/replay/log_check.h"
#include "tools/replay/pipeline.h"

namespace nakadachi::replay {
namespace {

// Of a log whose checkpoint cannot be read.
StructureReport Unreadable(const StructureOptions& options, const absl::Status& status) {
  StructureReport report;
  report.author = options.author;
  StructureFinding finding;
  finding.kind =
      absl::IsNotFound(status) ? StructureKind::kMissingFile : StructureKind::kUnreadable;
  finding.author = options.author;
  finding.file = GetFieldRule(status).field;
  finding.reason =
      finding.kind == StructureKind::kMissingFile
          ? "Without its checkpoint a log proves nothing. An export that was interrupted goes on "
            "when it is asked for again."
          : std::string(status.message());
  report.findings.push_back(std::move(finding));
  return report;
}

// The pieces of all logs in one row.
class Checks {
 public:
  Checks(const std::vector<StructureOptions>& logs, const ChecksOptions& options)
      : options_(options), logs_(logs.size()) {
    for (size_t i = 0; i < logs.size(); ++i) {
      Log& log = logs_[i];
      log.options = &logs[i];
      log.first_piece = pieces_;
      log.reader = evidence::LogReader::Open(log.options->folder);
      if (log.reader.ok()) log.bundles = BundlesToRead(*log.reader, evidence::FileKind::kEntries);
      // One that holds nothing has its turn too.
      log.pieces = std::max<uint64_t>(1, LogCheck::PiecesOf(log.bundles));
      pieces_ += log.pieces;
    }
  }

  void Run() {
    const int threads = std::max(1, options_.threads);
    std::vector<Bundles> slots(4 * static_cast<size_t>(threads));
    RunInOrder(
        pieces_, threads, slots.size(),
        [&](uint64_t piece, size_t slot) { Make(piece, slots[slot]); },
        [&](uint64_t piece, size_t slot) { Take(piece, slots[slot]); });
  }

 private:
  struct Log {
    const StructureOptions* options = nullptr;
    absl::StatusOr<evidence::LogReader> reader = absl::UnknownError("");
    uint64_t bundles = 0;
    uint64_t first_piece = 0;
    uint64_t pieces = 0;
    // There from when its first piece is made until its last was taken: a few logs' at a time.
    // Never where the log cannot be read.
    std::unique_ptr<LogCheck> check;
    std::once_flag begun;
  };

  size_t LogOf(uint64_t piece) const {
    const auto after =
        std::upper_bound(logs_.begin(), logs_.end(), piece,
                         [](uint64_t p, const Log& log) { return p < log.first_piece; });
    return static_cast<size_t>(after - logs_.begin()) - 1;
  }

  void Make(uint64_t piece, Bundles& bundles) {
    Log& log = logs_[LogOf(piece)];
    if (!log.reader.ok()) return;
    std::call_once(log.begun, [&log] {
      log.check = std::make_unique<LogCheck>(*log.options, *std::move(log.reader), log.bundles);
    });
    log.check->Make(piece - log.first_piece, bundles);
  }

  void Take(uint64_t piece, Bundles& bundles) {
    const size_t number = LogOf(piece);
    Log& log = logs_[number];
    const uint64_t of_log = piece - log.first_piece;
    if (of_log == 0 && options_.begin) options_.begin(number);
    const uint64_t entries = log.check == nullptr ? 0 : log.check->Take(of_log, bundles);
    if (options_.progress) options_.progress(entries_before_ + entries);
    if (of_log + 1 < log.pieces) return;
    entries_before_ += entries;
    options_.end(number, log.check == nullptr ? Unreadable(*log.options, log.reader.status())
                                              : log.check->End());
    log.check.reset();
  }

  const ChecksOptions& options_;
  std::vector<Log> logs_;
  uint64_t pieces_ = 0;
  uint64_t entries_before_ = 0;  // of the logs that have ended
};

}  // namespace

absl::string_view ToWord(StructureKind kind) {
  switch (kind) {
    case StructureKind::kUnreadable:
      return "unreadable";
    case StructureKind::kMissingFile:
      return "missing-file";
    case StructureKind::kTruncated:
      return "truncated";
    case StructureKind::kChangedEntry:
      return "changed-entry";
    case StructureKind::kRemovedEntry:
      return "removed-entry";
    case StructureKind::kInsertedEntry:
      return "inserted-entry";
    case StructureKind::kSwappedEntries:
      return "swapped-entries";
    case StructureKind::kReorderedEntries:
      return "reordered-entries";
    case StructureKind::kRewritten:
      return "rewritten";
    case StructureKind::kChangedTile:
      return "changed-tile";
    case StructureKind::kChangedBody:
      return "changed-body";
    case StructureKind::kForeignStatement:
      return "foreign-statement";
    case StructureKind::kTwoHistories:
      return "two-histories";
    case StructureKind::kForeignKey:
      return "foreign-key";
    case StructureKind::kRevokedKey:
      return "revoked-key";
    case StructureKind::kUnprovenKey:
      return "unproven-key";
    case StructureKind::kForeignOrigin:
      return "foreign-origin";
    case StructureKind::kNewerCheckpoint:
      return "newer-checkpoint";
    case StructureKind::kClockMovedBack:
      return "clock-moved-back";
  }
  return "unreadable";
}

void CheckLogs(const std::vector<StructureOptions>& logs, const ChecksOptions& options) {
  Checks(logs, options).Run();
}

StructureReport CheckLog(const StructureOptions& options, int threads) {
  StructureReport result;
  ChecksOptions checks;
  checks.threads = threads;
  checks.end = [&result](size_t, StructureReport report) { result = std::move(report); };
  CheckLogs({options}, checks);
  return result;
}

}  // namespace nakadachi::replay
