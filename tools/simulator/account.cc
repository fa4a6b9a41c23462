#include "tools/simulator/account.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace nakadachi::simulator {
namespace {

std::string Word(const std::string& name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

std::string Latency(const std::vector<double>& samples) {
  return absl::StrFormat("p50 %.2f  p90 %.2f  p99 %.2f ms  (%d)", Percentile(samples, 50),
                         Percentile(samples, 90), Percentile(samples, 99), samples.size());
}

}  // namespace

std::string WordOf(v1::RefusalReason reason) { return Word(v1::RefusalReason_Name(reason)); }
std::string WordOf(v1::Outcome outcome) { return Word(v1::Outcome_Name(outcome)); }

uint64_t Account::Refused() const {
  uint64_t sum = 0;
  for (const auto& [reason, count] : refused) sum += count;
  return sum;
}

double Percentile(std::vector<double> samples, double percent) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
  return samples[std::max<size_t>(static_cast<size_t>(rank), 1) - 1];
}

std::string Summary(const Account& account) {
  std::string text;
  const auto line = [&](absl::string_view name, const std::string& value) {
    absl::StrAppendFormat(&text, "  %-24s %s\n", name, value);
  };
  line("residents", absl::StrCat(account.residents, ", of whom ", account.moved, " moved"));
  line("provided", absl::StrCat(account.provided));
  line("not held", absl::StrCat(account.not_held));
  line("not registered there", absl::StrCat(account.not_registered));
  line("withheld", absl::StrCat(account.withheld));
  line("awaiting review",
       absl::StrCat(account.awaiting_review, ", of which released ", account.released));
  line("lapsed", absl::StrCat(account.lapsed));
  line("refused", absl::StrCat(account.Refused()));
  for (const auto& [reason, count] : account.refused) {
    line(absl::StrCat("  ", reason), absl::StrCat(count));
  }
  line("not asked (bad input)", [&] {
    uint64_t sum = 0;
    for (const auto& [rule, count] : account.errors) sum += count;
    return absl::StrCat(sum);
  }());
  for (const auto& [rule, count] : account.errors) {
    line(absl::StrCat("  ", rule), absl::StrCat(count));
  }
  line("records compared", absl::StrCat(account.compared, ", mismatches ", account.mismatches,
                                        ", unverified answers ", account.unverified));
  if (!account.lone_ms.empty()) line("latency, one by one", Latency(account.lone_ms));
  if (!account.bulk_ms.empty()) line("latency, in bulk", Latency(account.bulk_ms));
  for (const auto& [author, entries] : account.ledger_entries) {
    line(absl::StrCat("ledger ", author), absl::StrCat(entries, " entries, verified"));
  }
  line("elapsed", absl::StrFormat("%.1f s", account.elapsed_s));
  return text;
}

}  // namespace nakadachi::simulator
