// The replica (副本): what this institution holds ready to provide.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_REPLICA_H_
#define NAKADACHI_SERVER_INTERMEDIATE_REPLICA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "common/base/ids.h"
#include "common/directory/directory.h"
#include "nakadachi/v1/vaccination.pb.h"
#include "server/intermediate/institution.h"

namespace nakadachi::intermediate {

// An item of information as the permission list writes it: lower-case letters, digits and hyphens,
// a letter first. INVALID_ARGUMENT, rule "slug".
absl::Status CheckItem(absl::string_view item, absl::string_view field);

// The rules of a set, pure: an item's form, record ids unique, field lengths and forms
// (vaccination.proto), at most 1,000 records and, as they leave, 120 KiB (rules "length" and
// "too-large" of the field "records"). INVALID_ARGUMENT with field and rule.
absl::Status CheckReplicaSet(const v1::ReplicaSet& set);

// Pure: no vaccination of the set is later than `last`; of a date in parts the earliest day that it
// may mean counts. INVALID_ARGUMENT, rule "future".
absl::Status CheckNotLater(const v1::ReplicaSet& set, absl::CivilDay last);

// The items that may be asked for, now or once a list that is announced is in force.
class ListedItems {
 public:
  ListedItems(const Directory& directory, int64_t now_ms);
  // INVALID_ARGUMENT, rule "unknown-item", where no such list names it. Everything is in order
  // where there is no list yet.
  absl::Status Check(absl::string_view item, absl::string_view field) const;

 private:
  std::vector<std::shared_ptr<const PublishedList>> lists_;
};

// Thread-safe; writes are durable on return.
class Replica {
 public:
  explicit Replica(Institution* institution) : institution_(institution) {}

  struct Entry {
    AddresseeNumber person;
    const v1::ReplicaSet* set = nullptr;  // lives until Register returns
  };
  // One synced commit for all that are in order; a status an entry: those of CheckReplicaSet, of
  // ListedItems, and of CheckNotLater, the last day being tomorrow in Japan by the platform's
  // clock. FAILED_PRECONDITION, rule "stale-version", where what is held is newer (or as new and
  // different).
  std::vector<absl::Status> Register(const std::vector<Entry>& entries);

  // The sets held under the items, in their order; those not held are left out.
  absl::StatusOr<std::vector<v1::ReplicaSet>> Read(const AddresseeNumber& person,
                                                   const std::vector<std::string>& items);

 private:
  // A checked entry as it would be stored.
  struct Offer {
    size_t position;  // among the entries
    std::string key;
    std::string value;
  };
  // One call's offers, whose results are OK so far. An error is all offers'.
  struct Registration {
    const std::vector<Offer>* offers;
    std::vector<absl::Status>* results;
    bool done = false;
    absl::Status stored;
  };
  // Calls that come while another commits wait, and then share one commit.
  absl::Status Store(const std::vector<Offer>& offers, std::vector<absl::Status>* results);
  absl::Status StoreTogether(const std::vector<Registration*>& group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Institution* institution_;
  absl::Mutex mutex_;  // from reading what is held to the commit
  absl::Mutex waiting_mutex_ ABSL_ACQUIRED_AFTER(mutex_);
  std::vector<Registration*> waiting_ ABSL_GUARDED_BY(waiting_mutex_);  // in the order they came
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_REPLICA_H_
