// A file of a set length that is written in place, a record at a time, each synced: what a
// write-ahead log that is used again asks of a disk.
#ifndef NAKADACHI_TOOLS_BENCH_RECORD_FILE_H_
#define NAKADACHI_TOOLS_BENCH_RECORD_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace nakadachi::bench {

class RecordFile {
 public:
  // Makes the file, filled and synced; it goes with the object. UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<RecordFile>> Create(const std::string& path);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  // Writes 1 KiB behind the last one (or at the beginning again) and syncs it. UNAVAILABLE.
  absl::Status Write();

 private:
  RecordFile(std::string path, int file);
  bool WriteAt(const std::string& bytes, size_t offset) const;

  const std::string path_;
  const int file_;
  const std::string record_;
  size_t at_ = 0;
};

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_RECORD_FILE_H_
