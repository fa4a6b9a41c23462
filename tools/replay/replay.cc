#include "tools/replay/replay.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "tools/replay/evidence_set.h"
#include "tools/replay/history.h"
#include "tools/replay/joins.h"
#include "tools/replay/scan.h"
#include "tools/replay/structure.h"
#include "tools/replay/tally.h"

namespace nakadachi::replay {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Replayer {
 public:
  explicit Replayer(const ReplayOptions& options)
      : options_(options), findings_(options.kept_findings) {}

  absl::StatusOr<Report> Run(ReplayTimes* times);

 private:
  absl::Status Open();
  void CheckLogs(Scan* scan);
  StructureOptions ToCheck(const LogSource& source, Scan* scan);
  void AddLog(const LogSource& source, const StructureReport& structure, const Scan::Held& held);
  void AddStructure(const LogSource& source, const StructureReport& structure);
  LogReport ReportOf(const LogSource& source, const StructureReport& structure,
                     const Scan::Held& held) const;

  using MakeJoin = std::unique_ptr<Join> (*)(const Scene&, Tally*);
  absl::Status RunJoin(absl::string_view step, MakeJoin make);
  void Finish();
  void AddNotJudged();
  void AddEvents();
  void Progress(absl::string_view step, uint64_t done, uint64_t all);

  const ReplayOptions options_;
  EvidenceSet evidence_;
  Findings findings_;
  Interners interners_;
  Rereader rereader_;
  Stores stores_;
  Scene scene_;
  std::unique_ptr<Directory> broker_directory_;  // as the broker's own log proves it
  std::unique_ptr<History> history_;
  std::vector<std::unique_ptr<Tally>> tallies_;
  Report report_;
  absl::Mutex progress_mutex_;
};

absl::StatusOr<Report> Replayer::Run(ReplayTimes* times) {
  const auto start = std::chrono::steady_clock::now();
  NAKADACHI_RETURN_IF_ERROR(Open());
  {
    Scan scan(&scene_, history_.get());
    CheckLogs(&scan);
    NAKADACHI_RETURN_IF_ERROR(scan.Flush());
  }
  if (!report_.logs.front().sound && report_.logs.front().size == 0) {
    const absl::Status& status = evidence_.logs.front().status;
    if (!status.ok()) return status;
    return FieldError(absl::StatusCode::kDataLoss, evidence_.logs.front().folder, "unreadable",
                      "the broker's log cannot be read");
  }
  const double structure_s = SecondsSince(start);
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    tallies_.push_back(std::make_unique<Tally>(history_.get(), &interners_, &rereader_,
                                               report_.logs.front().size));
  }
  if (!history_->of_another_key()) {
    NAKADACHI_RETURN_IF_ERROR(RunJoin("decisions", JoinDecisions));
    NAKADACHI_RETURN_IF_ERROR(RunJoin("answers", JoinAnswers));
    NAKADACHI_RETURN_IF_ERROR(RunJoin("references", JoinReferences));
    NAKADACHI_RETURN_IF_ERROR(RunJoin("permit numbers", JoinNumbers));
    NAKADACHI_RETURN_IF_ERROR(RunJoin("what was not judged", JoinUnjudged));
  }
  Finish();
  report_.elapsed_s = SecondsSince(start);
  if (times != nullptr) *times = {structure_s, report_.elapsed_s - structure_s};
  return std::move(report_);
}

absl::Status Replayer::Open() {
  NAKADACHI_ASSIGN_OR_RETURN(evidence_, OpenEvidence(options_.folders));
  for (const std::string& note : options_.seen_checkpoints) {
    NAKADACHI_RETURN_IF_ERROR(AddSeenCheckpoint(note, &evidence_));
  }
  NAKADACHI_ASSIGN_OR_RETURN(const Ed25519PublicKey anchor,
                             TrustAnchor(evidence_, options_.verifier_key));
  report_.trust_anchor = ledger::VerifierKey(ledger::Origin(Author::Broker()), anchor);
  report_.anchor_given = !options_.verifier_key.empty();
  report_.tolerance_ms = options_.tolerance_ms;
  broker_directory_ = std::make_unique<Directory>(anchor);
  history_ = std::make_unique<History>(anchor, &findings_);

  std::error_code error;
  const std::string folder = options_.temporary_folder.empty()
                                 ? std::filesystem::temp_directory_path(error).string()
                                 : options_.temporary_folder;
  NAKADACHI_ASSIGN_OR_RETURN(stores_, Stores::Create(folder));

  scene_.joined_bytes = options_.joined_bytes;
  scene_.tolerance_ms = options_.tolerance_ms;
  scene_.edge_ms = options_.edge_ms;
  scene_.history = history_.get();
  scene_.interners = &interners_;
  scene_.rereader = &rereader_;
  scene_.findings = &findings_;
  scene_.stores = &stores_;
  interners_.institutions.Intern(Author::Broker().ToString());
  for (const LogSource& source : evidence_.logs) {
    const uint32_t number = interners_.institutions.Intern(source.author.ToString());
    rereader_.Add(number, source.reader.get());
  }
  return absl::OkStatus();
}

void Replayer::CheckLogs(Scan* scan) {
  std::vector<StructureOptions> logs;
  for (const LogSource& source : evidence_.logs) logs.push_back(ToCheck(source, scan));
  ChecksOptions checks;
  checks.threads = options_.threads;
  checks.begin = [&](size_t log) {
    const LogSource& source = evidence_.logs[log];
    scan->Begin(source.author, source.reader == nullptr
                                   ? 0
                                   : source.reader->checkpoint().parsed.checkpoint.time_ms);
  };
  checks.end = [&](size_t log, const StructureReport& structure) {
    AddLog(evidence_.logs[log], structure, scan->End(structure));
  };
  checks.progress = [this](uint64_t entries) { Progress("entries", entries, evidence_.entries); };
  replay::CheckLogs(logs, checks);
  report_.members = history_->Members();
  std::set<std::string> missing(evidence_.missing.begin(), evidence_.missing.end());
  for (MemberReport& member : report_.members) {
    member.exported = evidence_.Find(member.code) != nullptr;
    if (!member.exported) missing.insert(member.code);
  }
  for (const std::string& log : missing) report_.missing_logs.push_back({log});
}

StructureOptions Replayer::ToCheck(const LogSource& source, Scan* scan) {
  StructureOptions log;
  log.folder = source.folder;
  log.author = source.author;
  if (source.author.IsBroker()) {
    log.directory = broker_directory_.get();
  } else {
    log.directory = history_->mutable_directory();
    log.directory_may_lack = [this] { return history_->MayLack(); };
  }
  log.seen_checkpoints = source.seen_checkpoints;
  log.consumer = scan;
  return log;
}

void Replayer::AddLog(const LogSource& source, const StructureReport& structure,
                      const Scan::Held& held) {
  AddStructure(source, structure);
  const uint32_t number = interners_.institutions.Intern(source.author.ToString());
  if (number != Interner::kUnlisted) {
    if (number >= scene_.logs.size()) scene_.logs.resize(number + 1);
    scene_.logs[number] = {structure.readable, structure.checkpoint_ms, held.has_stubs,
                           held.seen_until_ms};
  }
  report_.logs.push_back(ReportOf(source, structure, held));
  report_.events.insert(report_.events.end(), held.operations.begin(), held.operations.end());
  report_.figures.entries += structure.entries;
}

LogReport Replayer::ReportOf(const LogSource& source, const StructureReport& structure,
                             const Scan::Held& held) const {
  LogReport log;
  log.log = source.author.ToString();
  log.folder = source.folder;
  log.origin = ledger::Origin(source.author);
  log.readable = structure.readable;
  const bool whole = std::all_of(structure.findings.begin(), structure.findings.end(),
                                 [](const StructureFinding& finding) {
                                   return finding.kind == StructureKind::kNewerCheckpoint;
                                 });
  log.sound = structure.proven && whole && structure.more_findings == 0;
  log.size = structure.size;
  log.note = structure.checkpoint;
  log.checkpoint_ms = structure.checkpoint_ms;
  log.statements = held.kinds;
  log.unread = structure.size - structure.entries;
  log.erased = structure.erased;
  log.out_of_scope = structure.withheld;
  log.absent = structure.absent;
  log.changed = structure.changed;
  log.unreadable = structure.unreadable;
  log.erasures = held.erasures;
  log.root = HexEncode(structure.root);
  log.verifier_key = structure.verifier_key;
  log.cosigned_size = structure.cosigned_size;
  log.cosigned_by = structure.cosigned_by;
  return log;
}

void Replayer::AddStructure(const LogSource& source, const StructureReport& structure) {
  for (const StructureFinding& found : structure.findings) {
    Finding finding;
    finding.log = found.author.ToString();
    if (found.has_index) finding.index = found.index;
    finding.reason = found.reason;
    if (!found.file.empty()) absl::StrAppend(&finding.reason, " (", found.file, ")");
    if (found.has_index && found.other != found.index && found.other != 0) {
      finding.related.push_back({finding.log, found.other});
    }
    findings_.Add(ToWord(found.kind), std::move(finding));
  }
  const auto note = [&](absl::string_view kind, uint64_t count, absl::string_view what) {
    if (count == 0) return;
    Finding finding;
    finding.log = source.author.ToString();
    finding.reason = absl::StrCat(count, " statement(s) are ", what, ".");
    findings_.Add(kind, std::move(finding));
  };
  note("body-absent", structure.absent, "absent");
  note("body-unreadable", structure.unreadable, "unreadable");
}

// Every part once, by as many threads as there are tallies.
absl::Status Replayer::RunJoin(absl::string_view step, MakeJoin make) {
  constexpr size_t kParts = Parting::kMostParts;
  std::atomic<size_t> next{0};
  std::vector<absl::Status> statuses(tallies_.size());
  const auto work = [&](size_t worker) {
    const std::unique_ptr<Join> join = make(scene_, tallies_[worker].get());
    for (size_t part = next++; part < kParts && statuses[worker].ok(); part = next++) {
      statuses[worker] = join->Take(part);
      Progress(step, part + 1, kParts);
    }
    statuses[worker].Update(join->Flush());
  };
  std::vector<std::thread> threads;
  for (size_t worker = 1; worker < tallies_.size(); ++worker) threads.emplace_back(work, worker);
  work(0);
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  for (const absl::Status& one : statuses) status.Update(one);
  return status;
}

void Replayer::Finish() {
  Sample sample = tallies_.front()->sample;
  for (const auto& tally : tallies_) {
    tally->MergeInto(&report_);
    sample.Merge(tally->sample);
  }
  if (history_->of_another_key()) {
    std::map<std::string, uint64_t>& of_broker = report_.logs.front().statements;
    report_.figures.not_judged = of_broker["permit"] + of_broker["refusal"];
  }
  AddNotJudged();
  for (const ExchangePlaces& places : sample.Chosen()) {
    report_.exchanges.push_back(scene_.RefsOf(places));
  }
  AddEvents();
  for (const auto& list : history_->directory().Lists()) {
    for (const permission::Row& row : list->list->rows()) report_.procedures[row.procedure];
  }
  for (const auto& [procedure, use] : report_.procedures) {
    if (!report_.all_use_seen()) break;
    if (use.queries == 0 && use.permits == 0 && use.refusals.empty()) {
      report_.procedures_never_used.push_back(procedure);
    }
  }
  report_.network = history_->network();
  report_.lists = history_->Lists();
  report_.findings = findings_.Sorted();
  report_.totals = findings_.Totals();
  report_.finding_count = findings_.Count(Severity::kFinding);
  report_.note_count = findings_.Count(Severity::kNote);
}

// What is not there, and how much could not be judged for that.
void Replayer::AddNotJudged() {
  const auto not_judged = [this](const std::string& log) {
    const uint32_t number = interners_.institutions.Intern(log);
    uint64_t count = 0;
    for (const auto& tally : tallies_) {
      const auto found = tally->not_judged_by_log.find(number);
      if (found != tally->not_judged_by_log.end()) count += found->second;
    }
    return count;
  };
  const auto note = [this](absl::string_view kind, const std::string& log, std::string reason) {
    Finding finding;
    finding.log = log;
    finding.reason = std::move(reason);
    findings_.Add(kind, std::move(finding));
  };
  for (MissingLog& missing : report_.missing_logs) {
    missing.not_judged = not_judged(missing.log);
    note("log-missing", missing.log,
         absl::StrCat("This log is not among the evidence; ", missing.not_judged,
                      " exchange(s), or parts of such, could not be judged without it."));
  }
  for (LogReport& log : report_.logs) {
    log.not_judged = not_judged(log.log);
    if (log.not_judged == 0 || (log.readable && log.unseen() == 0)) continue;
    note("not-judged", log.log,
         log.readable
             ? absl::StrCat(log.not_judged,
                            " exchange(s), or parts of such, could not be judged: of this log, ",
                            log.unread, " entries are not there; of the statements, ", log.absent,
                            " are absent, ", log.changed, " changed, ", log.unreadable,
                            " unreadable, ", log.erased, " erased, ", log.out_of_scope,
                            " out of scope.")
             : absl::StrCat(log.not_judged,
                            " exchange(s), or parts of such, could not be judged: this log "
                            "cannot be read."));
  }
}

// After those of the directory, of which none is in the report yet, those of the operations.
void Replayer::AddEvents() {
  report_.events.insert(report_.events.begin(), history_->Events().begin(),
                        history_->Events().end());
  std::stable_sort(report_.events.begin(), report_.events.end(),
                   [](const KeyEvent& a, const KeyEvent& b) { return a.time_ms < b.time_ms; });
}

void Replayer::Progress(absl::string_view step, uint64_t done, uint64_t all) {
  if (!options_.progress) return;
  absl::MutexLock lock(&progress_mutex_);
  options_.progress(step, done, all);
}

}  // namespace

absl::StatusOr<Report> Replay(const ReplayOptions& options, ReplayTimes* times) {
  return Replayer(options).Run(times);
}

}  // namespace nakadachi::replay
