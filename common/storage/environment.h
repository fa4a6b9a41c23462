// What the databases of a process share, and how RocksDB is set up.
#ifndef NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_
#define NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_

#include <rocksdb/options.h>

#include <memory>

#include "common/storage/database.h"

namespace nakadachi::storage {

class RocksEnvironment final : public Environment {
 public:
  explicit RocksEnvironment(size_t memory_budget_bytes);
  // `env` outlives the database.
  rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) const;
  rocksdb::ColumnFamilyOptions FamilyOptions() const;

 private:
  std::shared_ptr<rocksdb::Cache> cache_;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers_;
  std::shared_ptr<rocksdb::RateLimiter> rate_limiter_;
  std::shared_ptr<rocksdb::TableFactory> table_factory_;
};

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_ENVIRONMENT_H_
