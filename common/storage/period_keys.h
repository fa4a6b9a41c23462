// The keys of a database's retention periods, each in a file of its own (`period-2018`), so that
// what was sealed under one can be destroyed for good without touching the rest.
#ifndef NAKADACHI_COMMON_STORAGE_PERIOD_KEYS_H_
#define NAKADACHI_COMMON_STORAGE_PERIOD_KEYS_H_

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/crypto/crypto.h"
#include "common/storage/key_provider.h"

namespace nakadachi::storage {

// Thread-safe.
class PeriodKeys {
 public:
  // `provider` and `random` outlive the keys. Completes destructions that a crash interrupted.
  static absl::StatusOr<std::unique_ptr<PeriodKeys>> Open(const std::string& folder,
                                                          const std::string& owner,
                                                          KeyProvider* provider, Random* random);

  // The newest period that was entered; 0: none yet.
  int current() const { return current_.load(std::memory_order_acquire); }
  // As Database::EnterPeriod, DestroyPeriod, IsDestroyed.
  absl::Status Enter(int period);
  absl::Status Destroy(int period);
  bool IsDestroyed(int period) const;

  // DATA_LOSS, rule "period-key", where there is none, also where it was destroyed.
  absl::StatusOr<Secret> Find(int period);

 private:
  PeriodKeys(std::string folder, std::string owner, KeyProvider* provider, Random* random)
      : folder_(std::move(folder)),
        owner_(std::move(owner)),
        provider_(*provider),
        random_(*random) {}
  absl::Status ReadFolder();
  std::string MarkOf(int period) const;

  const std::string folder_;
  const std::string owner_;
  KeyProvider& provider_;
  Random& random_;
  std::atomic<int> current_{0};
  mutable absl::Mutex mutex_;
  std::map<int, Secret> keys_ ABSL_GUARDED_BY(mutex_);  // those in use
  std::set<int> destroyed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_PERIOD_KEYS_H_
