// How RocksDB's write-ahead log reaches the disk. Everything else passes through.
//
// - Logs are written in place: space is filled with zeros ahead of the records, a piece at a time,
//   so that a synced commit is one pwrite and one fdatasync that has no metadata to journal.
//   RocksDB's own way to that end, recycled logs, works in 7.8 with a recovery mode only that
//   skips damaged records silently.
// - A full disk is noticed before a commit, not in the middle of one: Reserve holds space both in
//   the present log and in the one that may replace it while the commit is under way. RocksDB
//   therefore never sees a log write fail, and a refused commit leaves no trace.
// - A log that cannot be written or synced ends the process: what the disk then holds is unknown.
// - A log is synced before its successor is created. Only the last log can be torn.
#ifndef NAKADACHI_COMMON_STORAGE_WAL_FILE_SYSTEM_H_
#define NAKADACHI_COMMON_STORAGE_WAL_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace nakadachi::storage {

class WalFile;

// One a database; thread-safe.
class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit WalFileSystem(std::string folder);
  ~WalFileSystem() override;
  const char* Name() const override { return "nakadachi.WalFileSystem"; }

  // Holds space for a commit of `bytes` until Release of as many. False where the disk is full
  // (or no file can be created).
  bool Reserve(size_t bytes);
  void Release(size_t bytes);

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;

 private:
  friend class WalFile;

  // A descriptor, how much of the file holds space on the disk and, for the present log, the end
  // of its records.
  struct Space {
    int fd = -1;
    uint64_t size = 0;
    uint64_t position = 0;
  };
  // Both false: disk full. Grow makes `space` at least `needed` long.
  bool Lengthen(Space& space, uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Grow(Space& space, uint64_t needed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OpenSpare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteNewest(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  const std::string spare_path_;
  absl::Mutex mutex_;
  WalFile* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Space spare_ ABSL_GUARDED_BY(mutex_);
  size_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_WAL_FILE_SYSTEM_H_
