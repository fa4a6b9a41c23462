// What the write-ahead log's two halves (wal_file_system.h writes it, log_check.h reads it before
// RocksDB does) agree on.
#ifndef NAKADACHI_COMMON_STORAGE_WAL_FORMAT_H_
#define NAKADACHI_COMMON_STORAGE_WAL_FORMAT_H_

#include <cstddef>

namespace nakadachi::storage {

// A log file is always a multiple of this long, also after a crash, and zero behind its records.
constexpr size_t kWalExtent = size_t{256} << 10;

constexpr char kWalSuffix[] = ".log";
// A file of zeros that becomes the next log.
constexpr char kSpareWal[] = "next-wal";
// Holds the number of the newest log, so that one that is missing is missed. It is written once the
// log is there, and before anything is in it.
constexpr char kNewestWal[] = "newest-wal";

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_WAL_FORMAT_H_
