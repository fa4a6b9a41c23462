// An access to a ledger is a statement in it: an Operation, recorded once a request id and durable
// before anything is handed out.
#ifndef NAKADACHI_COMMON_INSPECTION_ACCESS_LOG_H_
#define NAKADACHI_COMMON_INSPECTION_ACCESS_LOG_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/ledger/ledger.h"
#include "common/storage/database.h"
#include "nakadachi/stored/v1/access.pb.h"

namespace nakadachi::inspection {

// Thread-safe. Calls wait for the disk.
class AccessLog {
 public:
  // Everything outlives the log. `family` is a sealed one of `database`, which the ledger is kept
  // in; keys begin with "access/".
  struct Parts {
    ledger::Ledger* ledger = nullptr;
    storage::Database* database = nullptr;
    int family = 0;
    Clock* clock = nullptr;
    Random* random = nullptr;
  };
  explicit AccessLog(const Parts& parts) : parts_(parts) {}

  // Who asks for what: fixes what an id stands for.
  struct Access {
    std::string kind;       // of the Operation: "inspection", "own-records"
    std::string id;         // 16 bytes
    std::string pseudonym;  // of who asks
    std::string request;    // the request's bytes
    std::string detail;     // of the Operation; no personal data
  };
  // Durable on return; the same access gets the same answer, also after a restart. ALREADY_EXISTS,
  // rule "<kind>-id-reused", where the id stands for something else; errors of the ledger.
  absl::StatusOr<stored::v1::Access> Record(const Access& access);

  // What was recorded under an id.
  absl::StatusOr<std::optional<stored::v1::Access>> Find(absl::string_view kind,
                                                         absl::string_view id) const;

 private:
  absl::StatusOr<stored::v1::Access> Append(const Access& access, const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<stored::v1::Access> Complete(stored::v1::Access recorded, v1::Recorded operation,
                                              const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Parts parts_;
  absl::Mutex mutex_;  // an access is looked up and recorded by one call at a time
};

}  // namespace nakadachi::inspection

#endif  // NAKADACHI_COMMON_INSPECTION_ACCESS_LOG_H_
