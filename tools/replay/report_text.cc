#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tools/replay/report.h"

namespace nakadachi::replay {
namespace {

constexpr size_t kShown = 50;

std::string Time(int64_t time_ms) {
  if (time_ms == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S UTC", absl::FromUnixMillis(time_ms),
                          absl::UTCTimeZone());
}

std::string Where(const std::string& log, const std::optional<uint64_t>& index) {
  if (log.empty()) return "export";
  return index.has_value() ? absl::StrCat(log, " #", *index) : log;
}

std::string Counts(const std::map<std::string, uint64_t>& counts) {
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& count) {
    absl::StrAppend(out, count.first, " ", count.second);
  });
}

void AddFinding(const Finding& finding, std::string* text) {
  absl::StrAppend(text, "  ", finding.kind->id, "  ", Where(finding.log, finding.index), "  ",
                  Time(finding.time_ms), "\n    ", finding.reason, "\n");
  if (finding.related.empty()) return;
  absl::StrAppend(text, "    see ",
                  absl::StrJoin(finding.related, ", ",
                                [](std::string* out, const EntryRef& ref) {
                                  absl::StrAppend(out, Where(ref.log, ref.index));
                                }),
                  "\n");
}

void AddFindings(const Report& report, Severity severity, std::string* text) {
  const uint64_t total = severity == Severity::kFinding ? report.finding_count : report.note_count;
  if (total == 0) return;
  absl::StrAppend(text, severity == Severity::kFinding ? "Findings: " : "Notes: ", total, "\n");
  size_t shown = 0;
  for (const Finding& finding : report.findings) {
    if (finding.kind->severity != severity) continue;
    if (++shown > kShown) break;
    AddFinding(finding, text);
  }
  if (total > kShown) absl::StrAppend(text, "  … and ", total - kShown, " more (--json)\n");
}

// Only what there is.
std::map<std::string, uint64_t> UnseenOf(const LogReport& log) {
  std::map<std::string, uint64_t> unseen;
  const auto add = [&](const char* state, uint64_t count) {
    if (count > 0) unseen[state] = count;
  };
  add("entries not there", log.unread);
  add("erased", log.erased);
  add("out of scope", log.out_of_scope);
  add("absent", log.absent);
  add("changed", log.changed);
  add("unreadable", log.unreadable);
  return unseen;
}

// What the verdict does not cover.
void AddNotJudged(const Report& report, std::string* text) {
  std::map<std::string, uint64_t> unseen;
  for (const LogReport& log : report.logs) {
    for (const auto& [state, count] : UnseenOf(log)) unseen[state] += count;
  }
  absl::StrAppend(text, "Not judged: ", report.figures.not_judged, " exchanges or parts of such, ",
                  report.unseen(), " statements");
  if (!unseen.empty()) absl::StrAppend(text, " (", Counts(unseen), ")");
  const std::vector<std::string> unread = report.UnreadLogs();
  if (!unread.empty()) {
    absl::StrAppend(text, ", ", unread.size(), " logs that are not there or unreadable (",
                    absl::StrJoin(unread, ", "), ")");
  }
  if (report.figures.not_redecidable > 0) {
    absl::StrAppend(text, ", ", report.figures.not_redecidable,
                    " refusals that rest on what no ledger holds");
  }
  if (const auto newer = report.totals.find("newer-checkpoint"); newer != report.totals.end()) {
    absl::StrAppend(text, ", ", newer->second, " checkpoints from after the export");
  }
  absl::StrAppend(text, "\n");
}

std::string VerdictInWords(const Report& report) {
  if (!report.clean()) return "FINDINGS";
  return report.whole() ? "CLEAN: no findings" : "NO FINDINGS, but not all could be judged,";
}

void AddLog(const LogReport& log, std::string* text) {
  absl::StrAppend(text, "  ", log.log, "  ", log.sound ? "sound" : "NOT SOUND", "  ", log.size,
                  " entries to ", Time(log.checkpoint_ms), "  ", Counts(log.statements));
  const std::map<std::string, uint64_t> unseen = UnseenOf(log);
  if (!unseen.empty()) absl::StrAppend(text, "; ", Counts(unseen));
  if (log.not_judged > 0) absl::StrAppend(text, "; exchanges not judged ", log.not_judged);
  if (log.cosigned_size > 0) {
    absl::StrAppend(text, "; cosigned up to entry ", log.cosigned_size, " by ",
                    absl::StrJoin(log.cosigned_by, ", "));
  }
  absl::StrAppend(text, "\n");
  for (const ErasureReport& erasure : log.erasures) {
    absl::StrAppend(text, "    ", erasure.done ? "erased" : "erasure begun", " ",
                    Time(erasure.time_ms), "  fiscal year ", erasure.fiscal_year, ", entries ",
                    erasure.first_index, " to ", erasure.end_index, ": ", erasure.erased,
                    " erased, ", erasure.held, " held, ", erasure.freed_bytes, " bytes freed\n");
  }
}

void AddProcedure(const std::string& name, const Use& use, std::string* text) {
  absl::StrAppend(text, "  ", name, "  queries ", use.queries, ", permits ", use.permits);
  if (!use.outcomes.empty()) absl::StrAppend(text, "; ", Counts(use.outcomes));
  if (!use.refusals.empty()) absl::StrAppend(text, "; refused: ", Counts(use.refusals));
  if (use.answer.count() > 0) {
    absl::StrAppend(text, "; answered in ", use.answer.Quantile(0.5), " ms (median), ",
                    use.answer.max_ms(), " ms (longest)");
  }
  absl::StrAppend(text, "\n");
}

}  // namespace

std::string ToText(const Report& report) {
  std::string text;
  const Figures& f = report.figures;
  absl::StrAppend(&text, VerdictInWords(report), " in ", f.entries, " entries of ",
                  report.logs.size(), " logs",
                  report.network.empty() ? "" : absl::StrCat(" of ", report.network), " (",
                  absl::StrFormat("%.2f", report.elapsed_s), " s)\n");
  if (!report.whole()) AddNotJudged(report, &text);
  AddFindings(report, Severity::kFinding, &text);
  AddFindings(report, Severity::kNote, &text);
  absl::StrAppend(&text, "Trusted key: ", report.trust_anchor,
                  report.anchor_given ? " (given)\n" : " (by the export's own word: see --vkey)\n");
  absl::StrAppend(&text, "Logs\n");
  for (const LogReport& log : report.logs) AddLog(log, &text);
  absl::StrAppend(&text, "Exchanges: ", f.exchanges, "; completed ", f.completed, ", refused ",
                  f.refused, ", undecided ", f.undecided, ", open ", f.open, ", lapsed ", f.lapsed,
                  ", without receipt ", f.unreceipted, "\n");
  absl::StrAppend(
      &text, "Decided again: ", f.redecided,
      "; resting on what no ledger holds: ", f.not_redecidable,
      "; not judged in whole (erased, out of scope, absent, not reached): ", f.not_judged, "\n");
  absl::StrAppend(&text, report.all_use_seen() ? "Procedures\n"
                                               : "Procedures, as far as statements are here\n");
  for (const auto& [name, use] : report.procedures) {
    if (use.queries + use.permits > 0 || !use.refusals.empty()) AddProcedure(name, use, &text);
  }
  if (!report.all_use_seen()) {
    absl::StrAppend(&text, "Never used: cannot be told, statements of the broker are not here\n");
  } else if (!report.procedures_never_used.empty()) {
    absl::StrAppend(&text, "Never used: ", absl::StrJoin(report.procedures_never_used, ", "), "\n");
  }
  return text;
}

}  // namespace nakadachi::replay
