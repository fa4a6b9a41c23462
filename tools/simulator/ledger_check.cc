#include "tools/simulator/ledger_check.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/ledger/ledger.h"
#include "common/storage/database.h"

namespace nakadachi::simulator {

absl::StatusOr<uint64_t> VerifyLedgerOnDisk(const std::string& data,
                                            const std::string& key_encryption_key,
                                            const Author& author,
                                            const std::vector<Ed25519PublicKey>& keys) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto provider, storage::OpenFileKeyProvider(key_encryption_key));
  storage::OpenOptions open;
  open.path = data;
  open.owner = author.ToString();
  open.families = ledger::FamiliesOfLedger();
  open.environment = storage::Environment::Create(64 << 20);
  open.key_provider = provider.get();
  open.random = &SystemRandom();
  NAKADACHI_ASSIGN_OR_RETURN(const auto database, storage::Database::Open(open));
  const auto store = ledger::MakeRocksLedgerStore(database.get());
  const auto result = ledger::VerifyStore(*store, author, keys, nullptr);
  if (result.ok()) return result->entries;
  return absl::Status(result.status().code(), absl::StrCat("ledger of ", author.ToString(), ": ",
                                                           result.status().message()));
}

}  // namespace nakadachi::simulator
