#include "tests/integration/ledgers.h"

#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::integration {
namespace {

constexpr size_t kSaltSize = 32;

// What there is of one kind, by commitment.
using Statements = std::map<std::string, v1::Statement>;

Statements Where(const std::vector<Entry>& ledger,
                 const std::function<bool(const v1::Statement&)>& wanted) {
  Statements found;
  for (const Entry& entry : ledger) {
    if (wanted(entry.statement)) found.emplace(entry.commitment, entry.statement);
  }
  return found;
}

absl::Status Wrong(const std::string& what, const std::string& permit_number) {
  return absl::FailedPreconditionError(
      absl::StrCat(what, " (permit ", HexEncode(permit_number), ")"));
}

absl::Status CheckCount(const char* what, size_t got, size_t expected) {
  if (got == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(got, " ", what, " in the ledger, ", expected, " expected"));
}

struct Books {
  Statements queries;
  Statements permits;
  Statements provisions;  // final ones
  Statements receipts;
};

absl::Status CheckExchange(const Books& books, const v1::QueryResponse& answer) {
  const std::string& number = answer.permit_number();
  if (books.queries.count(answer.query_commitment()) == 0) return Wrong("no Query", number);
  const auto permit = books.permits.find(answer.permit_commitment());
  if (permit == books.permits.end() || permit->second.permit().permit_number() != number ||
      permit->second.permit().query_commitment() != answer.query_commitment()) {
    return Wrong("no Permit for the Query", number);
  }
  const auto provision = books.provisions.find(answer.provision_commitment());
  if (provision == books.provisions.end() ||
      provision->second.provision().permit_commitment() != answer.permit_commitment() ||
      provision->second.provision().outcome() != answer.outcome()) {
    return Wrong("no Provision of that outcome for the Permit", number);
  }
  const auto receipt = books.receipts.find(answer.receipt_commitment());
  if (receipt == books.receipts.end() ||
      receipt->second.receipt().provision_commitment() != answer.provision_commitment() ||
      !receipt->second.receipt().verified()) {
    return Wrong("no verified Receipt for the Provision", number);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Entry>> ReadLedger(const Town& town, const std::string& process,
                                              const std::string& author) {
  std::string folder = absl::StrCat(town.folder(), "/network/", process, "/data");
  if (author != "broker") absl::StrAppend(&folder, "/", author);
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<Stored> database,
                             ReadDatabase(folder, author, town.KeyEncryptionKey(process)));
  std::map<std::string, Entry> by_index;
  for (const Stored& stored : database) {
    if (stored.family == "commitments") by_index[stored.key].commitment = stored.value;
    if (stored.family != "statements") continue;
    if (!by_index[stored.key].statement.ParseFromString(stored.value.substr(kSaltSize))) {
      return absl::DataLossError("a recorded statement does not parse");
    }
  }
  std::vector<Entry> entries;
  for (auto& [index, entry] : by_index) entries.push_back(std::move(entry));
  return entries;
}

absl::Status CheckBooks(Town& town, const Parties& parties,
                        const std::vector<v1::QueryResponse>& answers) {
  NAKADACHI_RETURN_IF_ERROR(town.network().VerifyLedgers(/*leave_stopped=*/true).status());
  NAKADACHI_ASSIGN_OR_RETURN(const auto broker, ReadLedger(town, "broker", "broker"));
  NAKADACHI_ASSIGN_OR_RETURN(const auto requester,
                             ReadLedger(town, parties.requester_process, parties.requester));
  NAKADACHI_ASSIGN_OR_RETURN(const auto provider,
                             ReadLedger(town, parties.provider_process, parties.provider));
  Books books;
  books.queries = Where(requester, [&](const v1::Statement& statement) {
    return statement.has_query() && statement.query().provider() == parties.provider;
  });
  books.permits = Where(broker, [&](const v1::Statement& statement) {
    return statement.has_permit() && statement.permit().requester() == parties.requester &&
           statement.permit().provider() == parties.provider;
  });
  books.provisions = Where(provider, [&](const v1::Statement& statement) {
    return statement.has_provision() && statement.provision().requester() == parties.requester &&
           statement.provision().outcome() != v1::AWAITING_REVIEW;
  });
  books.receipts = Where(requester, [&](const v1::Statement& statement) {
    return statement.has_receipt() && statement.receipt().provider() == parties.provider;
  });
  for (const v1::QueryResponse& answer : answers) {
    NAKADACHI_RETURN_IF_ERROR(CheckExchange(books, answer));
  }
  NAKADACHI_RETURN_IF_ERROR(CheckCount("Queries", books.queries.size(), answers.size()));
  NAKADACHI_RETURN_IF_ERROR(CheckCount("Permits", books.permits.size(), answers.size()));
  NAKADACHI_RETURN_IF_ERROR(CheckCount("Provisions", books.provisions.size(), answers.size()));
  return CheckCount("Receipts", books.receipts.size(), answers.size());
}

}  // namespace nakadachi::integration
