// Keeps a process's Directory up to date with the broker, each statement with its proof, and in a
// database of its own so that a member starts and decides without the broker.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/links.h"

namespace nakadachi::intermediate {

// Thread-safe. Polls again and again, and at once when asked. A statement is applied only if its
// proof holds, the broker is its author and it is the next in sequence; once applied it is durable.
class DirectoryFollower {
 public:
  // Applies what the database in `folder` holds; does not wait for the broker. `platform`'s
  // members and the rest outlive the follower. DATA_LOSS where the database was altered.
  static absl::StatusOr<std::unique_ptr<DirectoryFollower>> Open(const std::string& folder,
                                                                 storage::KeyProvider* key_provider,
                                                                 const Platform& platform,
                                                                 BrokerLink* broker,
                                                                 absl::Duration poll_every);
  virtual ~DirectoryFollower() = default;
  // Calls `done` once the directory has at least `sequence` statements: at once, or after a fetch
  // (concurrent callers share one), then on the follower's thread; it must not block. UNAVAILABLE
  // where the broker cannot be reached; OUT_OF_RANGE, rule "sequence", where it has no such
  // statement; or what was wrong with the statements that it sent.
  virtual void Reach(uint64_t sequence, absl::AnyInvocable<void(absl::Status)> done) = 0;
  // Answers who waits with UNAVAILABLE; none is called after it returns.
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_
