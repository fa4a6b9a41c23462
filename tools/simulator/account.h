// What happened in a scenario.
#ifndef NAKADACHI_TOOLS_SIMULATOR_ACCOUNT_H_
#define NAKADACHI_TOOLS_SIMULATOR_ACCOUNT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::simulator {

// In queries (one a person), records and milliseconds.
struct Account {
  uint64_t provided = 0;
  uint64_t not_held = 0;
  uint64_t not_registered = 0;
  uint64_t withheld = 0;
  uint64_t awaiting_review = 0;  // answered so at first, whatever came later
  uint64_t released = 0;         // provided after review
  uint64_t lapsed = 0;
  std::map<std::string, uint64_t> refused;  // by reason, e.g. "not-permitted"
  std::map<std::string, uint64_t> errors;   // by rule: refused before anything was recorded
  uint64_t compared = 0;    // records received and compared with what the provider registered
  uint64_t mismatches = 0;  // answers that differ from what the provider registered
  uint64_t unverified = 0;  // answers whose Receipt says that they did not verify
  uint64_t residents = 0;
  uint64_t moved = 0;
  std::vector<double> lone_ms;                     // each single query, from call to answer
  std::vector<double> bulk_ms;                     // each query of a bulk or load
  std::map<std::string, uint64_t> ledger_entries;  // by author, where ledgers were verified
  double elapsed_s = 0;

  uint64_t Refused() const;
};

// The smallest sample that at least `percent` of the samples do not exceed; 0 of none.
double Percentile(std::vector<double> samples, double percent);

// For a person to read.
std::string Summary(const Account& account);

// "not-permitted" for NOT_PERMITTED, and so on.
std::string WordOf(v1::RefusalReason reason);
std::string WordOf(v1::Outcome outcome);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_ACCOUNT_H_
