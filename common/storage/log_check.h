// Reads the write-ahead logs of a database before RocksDB replays them, so that what a crash left
// unfinished is told from what was damaged later.
//
// - Torn: the last commit of the last log is there in part, whole sectors of it being zero. It was
//   never acknowledged; it is blanked, and everything before it is kept.
// - Damaged: anything else that does not check, no log at all, one of an impossible length, a
// commit behind
//   the faulty one. Nothing is touched; DATA_LOSS, rule "corrupt".
//
// The manifest is looked at, too, for the one kind of damage that RocksDB takes for unfinished.
//
// RocksDB then replays under kAbsoluteConsistency, which tolerates nothing. A record that power
// failure tore while a later one that was not synced either reached the disk counts as damaged.
#ifndef NAKADACHI_COMMON_STORAGE_LOG_CHECK_H_
#define NAKADACHI_COMMON_STORAGE_LOG_CHECK_H_

#include <string>

#include "absl/status/status.h"

namespace nakadachi::storage {

// Of a database that was open before; only while nobody has it open.
absl::Status CheckLogs(const std::string& folder);

}  // namespace nakadachi::storage

#endif  // NAKADACHI_COMMON_STORAGE_LOG_CHECK_H_
