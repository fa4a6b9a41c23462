// Ledgers read from disk once their servers have stopped, and the books of many exchanges checked
// against each other.
#ifndef NAKADACHI_TESTS_INTEGRATION_LEDGERS_H_
#define NAKADACHI_TESTS_INTEGRATION_LEDGERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nakadachi/v1/statement.pb.h"
#include "tests/integration/town.h"

namespace nakadachi::integration {

struct Entry {
  std::string commitment;
  v1::Statement statement;
};
// `process` hosts the author, an institution's code or "broker".
absl::StatusOr<std::vector<Entry>> ReadLedger(const Town& town, const std::string& process,
                                              const std::string& author);

// Who asked whom, and on which processes their ledgers are.
struct Parties {
  std::string requester;
  std::string requester_process;
  std::string provider;
  std::string provider_process;
};
// Stops everything and recomputes every ledger. Each of `answers` (final ones) must stand in the
// ledgers as exactly one Query, one Permit, one final Provision and one Receipt, by the commitments
// that it names; and the ledgers must hold no other exchange between the two, but that statements
// AWAITING_REVIEW may precede a Provision. FAILED_PRECONDITION says what does not hold.
absl::Status CheckBooks(Town& town, const Parties& parties,
                        const std::vector<v1::QueryResponse>& answers);

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_LEDGERS_H_
