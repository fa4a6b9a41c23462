#include "server/intermediate/institution.h"

#include <optional>

#include "common/base/status.h"
#include "server/intermediate/layout.h"

namespace nakadachi::intermediate {

absl::StatusOr<std::unique_ptr<Institution>> Institution::Open(const LocalGovernmentCode& code,
                                                               const std::string& folder,
                                                               InstitutionKeys keys,
                                                               storage::KeyProvider* key_provider,
                                                               const Platform& platform) {
  std::unique_ptr<Institution> institution(new Institution(code, std::move(keys), platform));

  storage::OpenOptions database;
  database.path = folder;
  database.owner = code.ToString();
  database.families = Families();
  database.environment = platform.environment;
  database.key_provider = key_provider;
  database.random = platform.random;
  NAKADACHI_ASSIGN_OR_RETURN(institution->database_, storage::Database::Open(database));
  institution->store_ =
      ledger::MakeRocksLedgerStore(institution->database_.get(), LedgerFamiliesOf());

  ledger::Options ledger;
  ledger.author = Author::Of(code);
  ledger.key = &institution->keys_.signing;
  ledger.store = institution->store_.get();
  ledger.clock = platform.clock;
  // The stored checkpoint may be signed by a key that was replaced since.
  if (const std::optional<Member> member = platform.directory->Find(code)) {
    for (const MemberKey& key : member->keys) ledger.previous_keys.push_back(key.signing_key);
  }
  NAKADACHI_ASSIGN_OR_RETURN(institution->ledger_, ledger::Ledger::Open(ledger));
  return institution;
}

Institution::~Institution() = default;

v1::Statement Institution::NewStatement() const {
  v1::Statement statement;
  statement.set_author(code_.ToString());
  statement.set_time_ms(NowMs());
  return statement;
}

absl::Status Institution::RecordOperation(absl::string_view kind, absl::string_view staff_pseudonym,
                                          absl::string_view detail) {
  v1::Statement statement = NewStatement();
  v1::Operation& operation = *statement.mutable_operation();
  operation.set_kind(std::string(kind));
  operation.set_staff_pseudonym(std::string(staff_pseudonym));
  operation.set_detail(std::string(detail));
  return ledger_->AppendAndWait(ledger::Prepare(statement, *platform_.random)).status();
}

std::string Institution::PersonKey(const AddresseeNumber& number) const {
  return database_->BlindKey(kBlindAddressee, number.Reveal());
}

}  // namespace nakadachi::intermediate
