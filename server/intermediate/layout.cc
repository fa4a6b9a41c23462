#include "server/intermediate/layout.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::intermediate {
namespace {

constexpr char kEnds = 'x';
constexpr size_t kU64Size = 8;
constexpr size_t kPermitNumberSize = 16;

}  // namespace

const std::vector<storage::ColumnFamily>& Families() {
  using storage::Expect;
  using storage::Form;
  // In the order of the enum.
  static const auto* const families = new std::vector<storage::ColumnFamily>{
      {"meta", Form::kSealed},
      {"commitments", Form::kPlain},
      {"statements", Form::kPeriod},
      {"tiles", Form::kPlain},
      {"codes", Form::kSealed},
      {"replica", Form::kSealed, Expect::kAbsent},
      {"provisions", Form::kPeriod, Expect::kAbsent},
      {"reviews", Form::kPeriod},
      {"exchanges", Form::kPeriod, Expect::kAbsent},
      {"outbox", Form::kSealed},
      {"accesses", Form::kPeriod},
  };
  return *families;
}

ledger::LedgerFamilies LedgerFamiliesOf() {
  return {/*commitments=*/kCommitments, /*statements=*/kStatements, /*tiles=*/kTiles,
          /*head=*/kMeta};
}

std::string CodesKey(char kind, absl::string_view blind) {
  return absl::StrCat(absl::string_view(&kind, 1), blind);
}

std::string ReplicaKey(absl::string_view person, absl::string_view item) {
  return absl::StrCat(person, item);
}

std::string ProvisionEndKey(int64_t valid_until_ms, absl::string_view permit_number) {
  return absl::StrCat(absl::string_view(&kEnds, 1),
                      storage::KeyU64(static_cast<uint64_t>(valid_until_ms)), permit_number);
}

bool ParseProvisionEndKey(absl::string_view key, int64_t* valid_until_ms,
                          std::string* permit_number) {
  if (key.size() != 1 + kU64Size + kPermitNumberSize || key[0] != kEnds) return false;
  *valid_until_ms = static_cast<int64_t>(storage::U64FromKey(key.substr(1, kU64Size)));
  *permit_number = std::string(key.substr(1 + kU64Size));
  return true;
}

absl::StatusOr<uint64_t> ReadCount(const storage::Database& database, absl::string_view counter) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value, database.Get(kMeta, counter));
  if (!value.has_value()) return 0;
  if (value->size() != kU64Size) return absl::DataLossError("a counter has a wrong length");
  return storage::U64FromKey(*value);
}

void PutCount(absl::string_view counter, uint64_t value, storage::Batch& batch) {
  batch.Put(kMeta, counter, storage::KeyU64(value));
}

}  // namespace nakadachi::intermediate
