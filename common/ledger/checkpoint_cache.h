// The checkpoints whose signatures were found right, by the digest of their notes.
#ifndef NAKADACHI_COMMON_LEDGER_CHECKPOINT_CACHE_H_
#define NAKADACHI_COMMON_LEDGER_CHECKPOINT_CACHE_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::ledger {

// What a right signature over a note proves. Whether the key was valid is another question.
struct VerifiedCheckpoint {
  Author author = Author::Broker();
  Checkpoint checkpoint;
  Ed25519PublicKey key{};
};
using SharedCheckpoint = std::shared_ptr<const VerifiedCheckpoint>;

// Thread-safe. Bounded; what does not verify takes no room, so that junk drives nothing out.
class CheckpointCache {
 public:
  explicit CheckpointCache(size_t size);

  // The kept checkpoint, or what `verify` makes of the note. Of several threads with the same
  // unknown note one verifies, the others wait for its result.
  absl::StatusOr<SharedCheckpoint> Get(
      const Hash& note_digest, const std::function<absl::StatusOr<SharedCheckpoint>()>& verify);
  void Forget(const Hash& note_digest);

 private:
  struct Flight {
    absl::Notification landed;
    absl::StatusOr<SharedCheckpoint> result;
  };
  using Generation = absl::flat_hash_map<Hash, SharedCheckpoint>;
  // Two generations: when the younger is full it becomes the older, and what was not asked for
  // meanwhile goes.
  struct Shard {
    absl::Mutex mutex;
    Generation young ABSL_GUARDED_BY(mutex);
    Generation old ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<Hash, std::shared_ptr<Flight>> flights ABSL_GUARDED_BY(mutex);
  };
  SharedCheckpoint Find(Shard& shard, const Hash& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  void Keep(Shard& shard, const Hash& digest, SharedCheckpoint checkpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  static constexpr size_t kShards = 16;
  const size_t generation_size_;
  std::array<Shard, kShards> shards_;
};

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_CHECKPOINT_CACHE_H_
