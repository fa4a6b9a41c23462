#include "common/ledger/checkpoint_cache.h"

#include <algorithm>
#include <utility>

namespace nakadachi::ledger {

CheckpointCache::CheckpointCache(size_t size)
    : generation_size_(std::max<size_t>(1, size / (2 * kShards))) {}

absl::StatusOr<SharedCheckpoint> CheckpointCache::Get(
    const Hash& note_digest, const std::function<absl::StatusOr<SharedCheckpoint>()>& verify) {
  Shard& shard = shards_[note_digest[0] % kShards];
  std::shared_ptr<Flight> flight;
  bool first = false;
  {
    absl::MutexLock lock(&shard.mutex);
    if (SharedCheckpoint found = Find(shard, note_digest)) return found;
    std::shared_ptr<Flight>& known = shard.flights[note_digest];
    first = known == nullptr;
    if (first) known = std::make_shared<Flight>();
    flight = known;
  }
  if (!first) {
    flight->landed.WaitForNotification();
    return flight->result;
  }
  flight->result = verify();
  {
    absl::MutexLock lock(&shard.mutex);
    if (flight->result.ok()) Keep(shard, note_digest, *flight->result);
    shard.flights.erase(note_digest);
  }
  flight->landed.Notify();
  return flight->result;
}

void CheckpointCache::Forget(const Hash& note_digest) {
  Shard& shard = shards_[note_digest[0] % kShards];
  absl::MutexLock lock(&shard.mutex);
  shard.young.erase(note_digest);
  shard.old.erase(note_digest);
}

SharedCheckpoint CheckpointCache::Find(Shard& shard, const Hash& digest) {
  const auto young = shard.young.find(digest);
  if (young != shard.young.end()) return young->second;
  const auto old = shard.old.find(digest);
  if (old == shard.old.end()) return nullptr;
  SharedCheckpoint found = old->second;
  Keep(shard, digest, found);
  return found;
}

void CheckpointCache::Keep(Shard& shard, const Hash& digest, SharedCheckpoint checkpoint) {
  if (shard.young.size() >= generation_size_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
  }
  shard.young[digest] = std::move(checkpoint);
}

}  // namespace nakadachi::ledger
