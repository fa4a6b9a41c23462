// Keeps a process's Directory up to date with the broker, each statement with its proof, and in a
// database of its own so that a member starts and decides without the broker.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/intermediate/institution.h"
#include "server/intermediate/links.h"

namespace nakadachi::intermediate {

// Thread-safe. Polls every two seconds, and at once when asked.
class DirectoryFollower {
 public:
  static absl::StatusOr<std::unique_ptr<DirectoryFollower>> Open(const std::string& folder,
                                                                 storage::KeyProvider* key_provider,
                                                                 const Platform& platform,
                                                                 BrokerLink* broker);
  virtual ~DirectoryFollower() = default;
  // Calls `done` once the directory has at least `sequence` statements: at once, or after a fetch
  // (concurrent callers share one). UNAVAILABLE where the broker cannot be reached.
  virtual void Reach(uint64_t sequence, absl::AnyInvocable<void(absl::Status)> done) = 0;
  virtual void Shutdown() = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_DIRECTORY_FOLLOWER_H_
