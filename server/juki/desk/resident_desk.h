// Registration of residents: individual number <-> resident code.
#ifndef NAKADACHI_SERVER_JUKI_DESK_RESIDENT_DESK_H_
#define NAKADACHI_SERVER_JUKI_DESK_RESIDENT_DESK_H_

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "nakadachi/v1/juki.pb.h"
#include "server/juki/store/juki_store.h"

namespace nakadachi::juki {

// Thread-safe. Calls wait for the disk.
class ResidentDesk {
 public:
  static constexpr int kMaxEntries = 1000;

  // `store` and `random` outlive the desk.
  ResidentDesk(JukiStore* store, Random* random, ResidentCodeRule rule)
      : store_(store), random_(random), rule_(std::move(rule)) {}

  // Durable on return. Idempotent. Errors of single entries: those of the identifiers and of
  // DecideRegistration. Of the whole call: INVALID_ARGUMENT, rule "too-many", or the disk's.
  absl::StatusOr<v1::RegisterResidentsResponse> Register(
      const LocalGovernmentCode& municipality, const v1::RegisterResidentsRequest& request);

  // Whose individual number it is. NOT_FOUND, rule "unknown-individual-number".
  absl::StatusOr<ResidentCode> Find(const IndividualNumber& number);

 private:
  absl::Status RegisterOne(const LocalGovernmentCode& municipality,
                           const v1::RegisterResidentsRequest::Entry& entry,
                           JukiStore::Round& round);
  // A code that nobody holds.
  absl::StatusOr<ResidentCode> AssignCode(JukiStore::Round& round);

  JukiStore* const store_;
  Random* const random_;
  const ResidentCodeRule rule_;
};

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_DESK_RESIDENT_DESK_H_
