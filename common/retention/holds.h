// Legal holds on one ledger's records, each under its id.
#ifndef NAKADACHI_COMMON_RETENTION_HOLDS_H_
#define NAKADACHI_COMMON_RETENTION_HOLDS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/retention.pb.h"
#include "nakadachi/v1/retention.pb.h"

namespace nakadachi::retention {

constexpr size_t kHoldIdBytes = 16;
constexpr size_t kPermitNumberBytes = 16;
constexpr size_t kMaxHeldRecords = 1000;
constexpr size_t kMaxReasonCharacters = 200;

// INVALID_ARGUMENT with field and rule: "length" of an id, a permit number or a reason,
// "required" where nothing is named or no reason given, "characters" of a reason, "too-many"
// records.
absl::Status CheckHold(const v1::PlaceHoldRequest& request);
absl::Status CheckRelease(const v1::ReleaseHoldRequest& request);

// What the holds in force name.
struct HeldRecords {
  std::set<std::string> permit_numbers;
  std::set<uint64_t> entries;
};

// Thread-safe. Reads fail with DATA_LOSS only.
class Holds {
 public:
  // `family` is a sealed one of `database`, which outlives this.
  Holds(storage::Database* database, int family) : database_(database), family_(family) {}

  absl::StatusOr<std::optional<stored::v1::StoredHold>> Find(absl::string_view hold_id) const;
  void Put(const stored::v1::StoredHold& hold, storage::Batch& batch) const;
  // Oldest first.
  absl::StatusOr<std::vector<stored::v1::StoredHold>> InForce() const;
  absl::StatusOr<HeldRecords> Held() const;

 private:
  storage::Database* const database_;
  const int family_;
};

}  // namespace nakadachi::retention

#endif  // NAKADACHI_COMMON_RETENTION_HOLDS_H_
