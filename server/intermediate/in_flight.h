// The exchanges that a requester is working on.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_IN_FLIGHT_H_
#define NAKADACHI_SERVER_INTERMEDIATE_IN_FLIGHT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "nakadachi/stored/v1/intermediate.pb.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "server/intermediate/exchange_answer.h"
#include "server/intermediate/links.h"
#include "server/intermediate/timer.h"

namespace nakadachi::intermediate {

// Whoever has claimed an exchange takes its steps, one after the other on whatever thread brings
// the next answer, until it lets go: what is not InFlight's own needs no lock.
struct Exchange {
  struct Waiter {
    uint64_t tag;
    absl::Time asked;
    absl::Duration patience;
    Answer<v1::QueryResponse> done;
  };

  explicit Exchange(const v1::QueryRequest& question);

  const v1::QueryRequest request;     // without what is the caller's own: tag, patience
  stored::v1::StoredExchange stored;  // what is durable, or loses nothing if it is not
  int64_t lapses_ms = 0;
  HeldPermit permit;                            // once permitted
  bool permit_kept = false;                     // in the store
  int failures = 0;                             // in a row
  std::optional<Answer<v1::Recorded>> receipt;  // a delivery waits for it

 private:
  friend class InFlight;
  std::vector<Waiter> waiters_;
  uint64_t retry_ = 0;  // the timer's number of the next attempt, while there is a pause
};

// Thread-safe.
class InFlight {
 public:
  using Ref = std::shared_ptr<Exchange>;

  explicit InFlight(size_t limit) : limit_(limit) {}

  // Claims the exchange for a question, with its first waiter; nullptr where it is claimed
  // already, and `done` waits with the others. On an error `done` is left alone:
  // FAILED_PRECONDITION "request-id-reused", RESOURCE_EXHAUSTED "too-many": in all, or more than
  // half of them with one provider, so that one that is down does not stop the others.
  absl::StatusOr<Ref> JoinOrClaim(const v1::QueryRequest& request, Answer<v1::QueryResponse>* done);
  // For work that nobody waits for; nullptr where the exchange is claimed.
  Ref Claim(const v1::QueryRequest& request);
  // Ends a claim; the caller answers the waiters.
  std::vector<Exchange::Waiter> LetGo(const Exchange& exchange);
  std::vector<Exchange::Waiter> LetAllGo();
  // Those who wait by now, for an answer that comes before the end of the claim.
  std::vector<Exchange::Waiter> TakeWaiters(Exchange& exchange);
  // Of them those whose patience is over at `now`, with somebody who has given no answer since
  // `since` or since they asked. `next_end` becomes when that of the first of the others is.
  std::vector<Exchange::Waiter> TakeImpatient(Exchange& exchange, absl::Time since, absl::Time now,
                                              absl::Time* next_end);
  // Ends the claim where nobody waits and the provider has more exchanges than a few that try: they
  // must not take the room of others. False where it is kept.
  bool LetGoIfIdle(const Exchange& exchange);

  // Goes on with `next` after a pause, unless TakePaused comes before.
  void Pause(const Ref& exchange, absl::Duration pause, Timer& timer, Timer::Task next);
  // Ends an exchange's pause: the caller goes on in its place. nullptr where there is none.
  Ref TakePaused(const std::string& request_id, Timer& timer);

  // Half the room is left to new questions.
  bool HasRoomToResume() const;
  // Likewise; of a provider that is not reached a few exchanges try at a time.
  bool HasRoomToResume(const std::string& provider, bool reached) const;

 private:
  void Add(const Ref& exchange) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(const Exchange& exchange) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t Few() const { return (limit_ + 63) / 64; }

  const size_t limit_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Ref> exchanges_ ABSL_GUARDED_BY(mutex_);  // by request id
  absl::flat_hash_map<std::string, size_t> of_provider_ ABSL_GUARDED_BY(mutex_);
};

absl::Status RequestIdReused();

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_IN_FLIGHT_H_
