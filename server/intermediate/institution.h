// One institution (municipality or prefecture) on the platform: its database, keys and ledger.
// Institutions share nothing but the process's cache, threads and view of the directory.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_INSTITUTION_H_
#define NAKADACHI_SERVER_INTERMEDIATE_INSTITUTION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/crypto/crypto.h"
#include "common/directory/directory.h"
#include "common/ledger/ledger.h"
#include "common/ledger/verifier.h"
#include "common/storage/database.h"

namespace nakadachi::intermediate {

// What all institutions of a process use. Everything outlives them.
struct Platform {
  Clock* clock = nullptr;
  Random* random = nullptr;
  Directory* directory = nullptr;
  ledger::Verifier* verifier = nullptr;
  std::shared_ptr<storage::Environment> environment;
  int64_t clock_tolerance_ms = 30'000;
  int64_t acquisition_lifetime_ms = 86'400'000;
};

struct InstitutionKeys {
  Ed25519PrivateKey signing;
  X25519PrivateKey sealing;
  // Earlier ones: permits given before a rotation are sealed to them.
  std::vector<X25519PrivateKey> previous_sealing = {};
};

// Thread-safe. The members are public because they are the institution: services take what they
// need and add no layer.
class Institution {
 public:
  // Opens (or creates) the database in `folder` and the ledger in it.
  static absl::StatusOr<std::unique_ptr<Institution>> Open(const LocalGovernmentCode& code,
                                                           const std::string& folder,
                                                           InstitutionKeys keys,
                                                           storage::KeyProvider* key_provider,
                                                           const Platform& platform);
  ~Institution();

  const LocalGovernmentCode& code() const { return code_; }
  const InstitutionKeys& keys() const { return keys_; }
  storage::Database& database() { return *database_; }
  ledger::Ledger& ledger() { return *ledger_; }
  ledger::LedgerStore& ledger_store() { return *store_; }
  const Platform& platform() const { return platform_; }
  int64_t NowMs() const { return platform_.clock->NowMs(); }

  // A statement by this institution, now.
  v1::Statement NewStatement() const;

  // Records an Operation statement ("start", "stop", "review", …). Blocks until it is durable.
  absl::Status RecordOperation(absl::string_view kind, absl::string_view staff_pseudonym,
                               absl::string_view detail);

  // blind(addressee number): how a person is named in this database's keys.
  std::string PersonKey(const AddresseeNumber& number) const;

 private:
  Institution(const LocalGovernmentCode& code, InstitutionKeys keys, const Platform& platform)
      : code_(code), keys_(std::move(keys)), platform_(platform) {}

  LocalGovernmentCode code_;
  InstitutionKeys keys_;
  Platform platform_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<ledger::LedgerStore> store_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_INSTITUTION_H_
