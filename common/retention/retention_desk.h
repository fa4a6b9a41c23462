// How long one ledger's statements are kept (nakadachi.v1.RetentionService).
//
// An erasure destroys the key of a fiscal year, and with it everything that was sealed under it:
// the bodies of the ledger's statements and the working copies beside them. What is held is sealed
// anew before, under the key of the running year. In the ledger stand an Operation "erasure",
// durable before anything is destroyed, and an Operation "erased" with what it freed. The tree is
// not touched: every commitment stays, and every proof.
#ifndef NAKADACHI_COMMON_RETENTION_RETENTION_DESK_H_
#define NAKADACHI_COMMON_RETENTION_RETENTION_DESK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/fiscal_year.h"
#include "common/base/random.h"
#include "common/ledger/ledger.h"
#include "common/retention/holds.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/retention.pb.h"
#include "nakadachi/v1/retention.pb.h"

namespace nakadachi::retention {

// Thread-safe. Calls wait for the disk; one erasure at a time.
class RetentionDesk {
 public:
  // Entries of the ledger that belong to exchanges without naming their permit number: the queries
  // of a requester, who did not know it yet.
  using EntriesOf = std::function<absl::StatusOr<std::set<uint64_t>>(
      const std::set<std::string>& permit_numbers)>;
  // Everything outlives the desk. `family` is a sealed one of `database`, which the ledger is kept
  // in; keys begin with "retention/".
  struct Parts {
    ledger::Ledger* ledger = nullptr;
    ledger::LedgerStore* store = nullptr;
    storage::Database* database = nullptr;
    int family = 0;
    Clock* clock = nullptr;
    Random* random = nullptr;
    int years = kMinRetentionYears;
    EntriesOf entries_of;  // empty: there are none
  };
  explicit RetentionDesk(Parts parts)
      : parts_(std::move(parts)), holds_(parts_.database, parts_.family) {}

  // Destroys the keys of erasures that a crash interrupted. Before anything is served.
  absl::Status Resume();

  // Errors: retention.proto, those of the ledger, and DATA_LOSS where the store is damaged.
  absl::StatusOr<v1::GetRetentionResponse> Get() const;
  absl::StatusOr<v1::ErasePeriodResponse> Erase(const v1::ErasePeriodRequest& request);
  absl::StatusOr<v1::PlaceHoldResponse> PlaceHold(const v1::PlaceHoldRequest& request);
  absl::StatusOr<v1::ReleaseHoldResponse> ReleaseHold(const v1::ReleaseHoldRequest& request);

 private:
  using Begun = std::optional<stored::v1::ErasedPeriod>;
  struct Plan {
    std::vector<uint64_t> held;  // to be kept on
    std::vector<uint64_t> over;  // bodies that its hold, since released, kept at the last erasure
    v1::Erasure erasure;
  };

  absl::StatusOr<ledger::StoredPeriod> FindExpired(int fiscal_year) const;
  absl::StatusOr<Begun> ReadBegun(int fiscal_year) const;
  absl::StatusOr<Plan> MakePlan(const ledger::StoredPeriod& period) const;
  // Adds to a hold what belongs to its permits now.
  absl::Status FindEntries(stored::v1::StoredHold* hold) const;
  absl::Status RememberEntries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  absl::Status KeepHeld(const Plan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  absl::Status DropOver(const Plan& plan) ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_);
  absl::Status Destroy(const v1::ErasePeriodRequest& request, const ledger::StoredPeriod& period,
                       const Begun& begun, Plan* plan) ABSL_LOCKS_EXCLUDED(changing_);

  v1::Statement NewOperation(absl::string_view kind, const std::string& staff_pseudonym) const;
  // Records the Operation and keeps the erasure's state with it.
  absl::StatusOr<v1::Recorded> RecordErasure(const v1::ErasePeriodRequest& request,
                                             const v1::Erasure& erasure, bool done);

  const Parts parts_;
  const Holds holds_;
  absl::Mutex erasing_;   // one erasure at a time
  absl::Mutex changing_;  // holds do not change between a plan and what is done by it
};

// What a number of years in a configuration stands for: 0 is the least. INVALID_ARGUMENT of the
// field "runtime.retention_years", rule "range", below the least.
absl::StatusOr<int> RetentionYears(uint32_t configured);

}  // namespace nakadachi::retention

#endif  // NAKADACHI_COMMON_RETENTION_RETENTION_DESK_H_
