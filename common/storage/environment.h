// What the databases of a process share, and how RocksDB is set up.
#ifndef NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_
#define NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_

#include <rocksdb/options.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/storage/database.h"

namespace nakadachi::storage {

// A database as far as the shared write buffers are concerned.
class Buffered {
 public:
  virtual ~Buffered() = default;
  virtual uint64_t BufferedBytes() const = 0;
  // Does not wait for the end.
  virtual void StartFlush() = 0;
};

// Thread-safe.
class RocksEnvironment final : public Environment {
 public:
  explicit RocksEnvironment(size_t memory_budget_bytes);
  // `env` outlives the database.
  rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) const;
  rocksdb::ColumnFamilyOptions FamilyOptions(Expect expect) const;

  void Add(Buffered* database);
  void Remove(Buffered* database);
  // Where the write buffers of all databases together come near their limit: flushes the database
  // that has most. RocksDB would flush the one that happens to write, however little it has, again
  // and again for as long as idle ones hold the rest. To be called after each commit; cheap.
  void RelieveBuffers();

 private:
  const size_t buffer_limit_;
  absl::Mutex mutex_;
  std::vector<Buffered*> databases_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers_;
  std::shared_ptr<rocksdb::RateLimiter> rate_limiter_;
  std::shared_ptr<rocksdb::TableFactory> table_factory_;
  std::shared_ptr<const rocksdb::SliceTransform> no_prefix_;  // all keys share the empty one
};

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_
