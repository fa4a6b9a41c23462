#include "tools/bench/report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nakadachi::bench {
namespace {

// A line of the table. `limit` bounds the ratio, or the figure itself where `ratio` is empty.
struct Row {
  const char* label;
  const char* figure;
  const char* ratio;
  enum class Target { kNone, kAtLeast, kAtMost } target;
  double limit;
};
constexpr Row kRows[] = {
    {"permits a second", "permits_per_s", "permits", Row::Target::kAtLeast, 0.6},
    {"  floor: bare unary calls a second", "floor_calls_per_s", "", Row::Target::kNone, 0},
    {"exchanges a second, 1 in flight", "exchanges_per_s_1", "exchanges_1", Row::Target::kNone, 0},
    {"  floor: three bare calls in a row", "floor_three_calls_per_s_1", "", Row::Target::kNone, 0},
    {"exchanges a second, 16 in flight", "exchanges_per_s_16", "exchanges_16", Row::Target::kNone,
     0},
    {"  floor: three bare calls in a row", "floor_three_calls_per_s_16", "", Row::Target::kNone, 0},
    {"exchanges a second, 256 in flight", "exchanges_per_s_256", "exchanges_256",
     Row::Target::kAtLeast, 0.5},
    {"  floor: three bare calls in a row", "floor_three_calls_per_s_256", "", Row::Target::kNone,
     0},
    {"lone exchange, p50, us", "lone_p50_us", "lone_p50", Row::Target::kAtMost, 1.5},
    {"lone exchange, p99, us", "lone_p99_us", "", Row::Target::kNone, 0},
    {"  floor: three calls and four syncs, us", "floor_lone_us", "", Row::Target::kNone, 0},
    {"  calls that record, to that floor, us", "floor_recorded_calls_p50_us", "recorded_calls",
     Row::Target::kNone, 0},
    {"  the exchange, to calls that record", "lone_p50_us", "lone_p50_recorded", Row::Target::kNone,
     0},
    {"  floor: three bare calls, p50, us", "floor_three_calls_p50_us", "", Row::Target::kNone, 0},
    {"  floor: fdatasync, p50, us", "floor_fdatasync_us", "", Row::Target::kNone, 0},
    {"  floor: Ed25519 sign, us", "floor_sign_us", "", Row::Target::kNone, 0},
    {"  floor: Ed25519 verify, us", "floor_verify_us", "", Row::Target::kNone, 0},
    {"bulk persons a second", "bulk_persons_per_s", "bulk", Row::Target::kAtLeast, 3},
    {"replica records loaded a second", "load_records_per_s", "load", Row::Target::kNone, 0},
    {"  (by itself)", "load_records_per_s", nullptr, Row::Target::kAtLeast, 300'000},
    {"  floor: sealed and written, one core", "floor_load_records_per_s", "", Row::Target::kNone,
     0},
    {"bytes on disk a record", "bytes_per_record", "", Row::Target::kNone, 0},
    {"resident memory of a platform, MB", "rss_mb", nullptr, Row::Target::kAtMost, 400},
    {"  its residents", "rss_residents", "", Row::Target::kNone, 0},
    {"structure: entries a second, one core", "replay_structure_entries_per_s", "replay_structure",
     Row::Target::kNone, 0},
    {"  (by itself)", "replay_structure_entries_per_s", nullptr, Row::Target::kAtLeast, 1'500'000},
    {"  floor: hashed from memory, one core", "floor_hash_entries_per_s", "", Row::Target::kNone,
     0},
    {"decided exchanges a second, one core", "replay_decided_exchanges_per_s", nullptr,
     Row::Target::kAtLeast, 100'000},
    {"whole replay, exchanges a second", "replay_exchanges_per_s", "", Row::Target::kNone, 0},
    {"  on two cores, ratio to one", "replay_exchanges_per_s_two_cores", "replay_two_cores",
     Row::Target::kAtLeast, 1.8},
    {"  floor: two cores that only hash, to one", "floor_hash_two_cores",
     "replay_two_cores_of_floor", Row::Target::kNone, 0},
    {"memory of a replay, MB", "replay_rss_mb", nullptr, Row::Target::kAtMost, 500},
    {"  its records", "replay_entries", "", Row::Target::kNone, 0},
    {"index: records a second", "index_records_per_s", "", Row::Target::kNone, 0},
    {"search, p50, ms", "search_p50_ms", nullptr, Row::Target::kAtMost, 1000},
    {"search, longest, ms", "search_max_ms", "", Row::Target::kNone, 0},
};

std::string Number(double value) {
  const int decimals = std::abs(value) >= 1000 ? 0 : std::abs(value) >= 10 ? 1 : 2;
  return absl::StrFormat("%.*f", decimals, value);
}

std::string TargetOf(const Row& row, double value) {
  if (row.target == Row::Target::kNone) return "";
  const bool at_least = row.target == Row::Target::kAtLeast;
  const bool reached = at_least ? value >= row.limit : value <= row.limit;
  return absl::StrFormat("%s %g  %s", at_least ? ">=" : "<=", row.limit,
                         reached ? "reached" : "not reached");
}

const double* Find(const std::map<std::string, double>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace

void Report::SetRatio(const std::string& name, const std::string& figure,
                      const std::string& floor) {
  const double* above = Find(figures, figure);
  const double* below = Find(figures, floor);
  if (above != nullptr && below != nullptr && *below > 0) ratios[name] = *above / *below;
}

std::string ToJson(const Report& report) {
  nlohmann::ordered_json json;
  json["figures"] = report.figures;
  json["ratio"] = report.ratios;
  json["quick"] = report.quick;
  json["cores"] = std::thread::hardware_concurrency();
  json["elapsed_s"] = report.elapsed_s;
  return absl::StrCat(json.dump(2), "\n");
}

std::string ToTable(const Report& report) {
  std::string table = absl::StrFormat("%-40s %12s %8s  %s\n", "", "figure", "ratio", "target");
  for (const Row& row : kRows) {
    const double* figure = Find(report.figures, row.figure);
    if (figure == nullptr) continue;
    const double* ratio = row.ratio == nullptr ? nullptr : Find(report.ratios, row.ratio);
    const bool by_figure = row.ratio == nullptr;
    const std::string target =
        by_figure || ratio != nullptr ? TargetOf(row, by_figure ? *figure : *ratio) : "";
    absl::StrAppendFormat(&table, "%-40s %12s %8s  %s\n", row.label, Number(*figure),
                          ratio == nullptr ? "" : absl::StrFormat("%.2f", *ratio), target);
  }
  return table;
}

}  // namespace nakadachi::bench
