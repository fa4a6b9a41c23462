// Who gives no answer to what an institution asks, and since when.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_UNREACHED_H_
#define NAKADACHI_SERVER_INTERMEDIATE_UNREACHED_H_

#include <atomic>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace nakadachi::intermediate {

// Thread-safe. Names are "broker" and institutions' codes. Of somebody whom nobody has tried to
// reach for a minute nothing is known: what failed long ago says nothing of now.
class Unreached {
 public:
  static constexpr absl::Duration kForgottenAfter = absl::Minutes(1);

  // An attempt has failed. Since when none has succeeded.
  absl::Time Failed(absl::string_view who, absl::Time now);
  void Answered(absl::string_view who);
  bool Contains(absl::string_view who, absl::Time now) const;
  // Since when, by name.
  std::map<std::string, absl::Time> List(absl::Time now) const;

 private:
  struct Failures {
    absl::Time first;
    absl::Time last;
  };

  std::atomic<bool> any_{false};  // spares the lock where all is well
  mutable absl::Mutex mutex_;
  std::map<std::string, Failures, std::less<>> failures_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_UNREACHED_H_
