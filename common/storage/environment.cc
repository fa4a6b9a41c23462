#include "common/storage/environment.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdarg>

namespace nakadachi::storage {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Background writes in bursts of this leave the disk to the commits' syncs in between.
constexpr int64_t kBackgroundBytesPerSecond = 256 * static_cast<int64_t>(kMiB);

// Of a write buffer's filter: for some 25,000 keys at ten bits each.
constexpr double kFilterBytes = 32 << 10;

// RocksDB's own log goes nowhere: what it can say comes back as a status, too, and on a full disk
// the file that it would write itself ends the process (an assertion, from the second line on).
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::FATAL_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

// Hundreds of databases need more descriptors than the usual soft limit gives.
void RaiseOpenFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  // Where it cannot be raised, opening a file fails with its own error.
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

std::shared_ptr<rocksdb::TableFactory> MakeTableFactory(std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions options;
  options.block_cache = std::move(cache);
  options.block_size = 8 << 10;
  options.format_version = 5;
  options.checksum = rocksdb::kXXH3;
  options.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Indexes and filters count against the budget, too.
  options.cache_index_and_filter_blocks = true;
  options.cache_index_and_filter_blocks_with_high_priority = true;
  options.pin_l0_filter_and_index_blocks_in_cache = true;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(options));
}

}  // namespace

// Half of the budget at most is write buffers.
RocksEnvironment::RocksEnvironment(size_t memory_budget_bytes)
    : buffer_limit_(memory_budget_bytes / 2) {
  RaiseOpenFileLimit();
  rocksdb::LRUCacheOptions cache;
  cache.capacity = memory_budget_bytes;
  cache.high_pri_pool_ratio = 0.25;
  cache_ = rocksdb::NewLRUCache(cache);
  // Charged to the cache.
  write_buffers_ = std::make_shared<rocksdb::WriteBufferManager>(buffer_limit_, cache_);
  rate_limiter_.reset(rocksdb::NewGenericRateLimiter(kBackgroundBytesPerSecond));
  table_factory_ = MakeTableFactory(cache_);
  no_prefix_.reset(rocksdb::NewFixedPrefixTransform(0));
  rocksdb::Env* const threads = rocksdb::Env::Default();
  threads->SetBackgroundThreads(1, rocksdb::Env::HIGH);  // flushes
  threads->SetBackgroundThreads(1, rocksdb::Env::LOW);   // compactions
}

rocksdb::DBOptions RocksEnvironment::DatabaseOptions(rocksdb::Env* env) const {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_missing_column_families = true;

  options.paranoid_checks = true;
  // CheckLogs has blanked what was torn; nothing else is tolerated.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kAbsoluteConsistency;

  options.write_buffer_manager = write_buffers_;
  options.rate_limiter = rate_limiter_;
  options.bytes_per_sync = kMiB;
  options.manifest_preallocation_size = 64 << 10;
  options.max_total_wal_size = 64 * kMiB;
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 1;
  // Open tables are looked up in shards, by default 64, each of which would hold a single file.
  options.max_open_files = 64;
  options.table_cache_numshardbits = 0;
  options.avoid_unnecessary_blocking_io = true;

  options.info_log = std::make_shared<NoLog>();
  options.track_and_verify_wals_in_manifest = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions RocksEnvironment::FamilyOptions(Expect expect) const {
  rocksdb::ColumnFamilyOptions options;
  options.table_factory = table_factory_;
  // Sealed values and hashes do not compress.
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kNoCompression;
  options.write_buffer_size = 32 * kMiB;
  // What an all but empty family costs; RocksDB's own value is 1 MiB.
  options.arena_block_size = 8 << 10;
  options.max_write_buffer_number = 3;
  options.target_file_size_base = 32 * kMiB;
  options.max_bytes_for_level_base = 256 * kMiB;
  options.level_compaction_dynamic_level_bytes = true;
  // Where a batch is in the order of keys, each is looked for from where the one before was put.
  options.memtable_insert_with_hint_prefix_extractor = no_prefix_;
  if (expect == Expect::kAbsent) {
    options.memtable_whole_key_filtering = true;
    options.memtable_prefix_bloom_size_ratio = kFilterBytes / options.write_buffer_size;
  }
  return options;
}

void RocksEnvironment::Add(Buffered* database) {
  absl::MutexLock lock(&mutex_);
  databases_.push_back(database);
}

void RocksEnvironment::Remove(Buffered* database) {
  absl::MutexLock lock(&mutex_);
  databases_.erase(std::remove(databases_.begin(), databases_.end(), database), databases_.end());
}

void RocksEnvironment::RelieveBuffers() {
  // RocksDB itself begins at seven eighths.
  if (write_buffers_->mutable_memtable_memory_usage() < buffer_limit_ / 4 * 3) return;
  if (!mutex_.TryLock()) return;  // another commit is about it
  Buffered* largest = nullptr;
  uint64_t most = 0;
  for (Buffered* database : databases_) {
    const uint64_t bytes = database->BufferedBytes();
    if (bytes <= most) continue;
    most = bytes;
    largest = database;
  }
  if (largest != nullptr) largest->StartFlush();
  mutex_.Unlock();
}

std::shared_ptr<Environment> Environment::Create(size_t memory_budget_bytes) {
  return std::make_shared<RocksEnvironment>(memory_budget_bytes);
}

}  // namespace nakadachi::storage
