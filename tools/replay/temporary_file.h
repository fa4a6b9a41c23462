// A file without a name: it goes with the object, or with the process.
#ifndef NAKADACHI_TOOLS_REPLAY_TEMPORARY_FILE_H_
#define NAKADACHI_TOOLS_REPLAY_TEMPORARY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/posix_file.h"

namespace nakadachi::replay {

// Thread-safe. Errors are of the disk: UNAVAILABLE, or RESOURCE_EXHAUSTED where it is full.
class TemporaryFile {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFile>> Create(const std::string& folder);

  // Bytes between what was written are zero and take no room.
  absl::Status WriteAt(uint64_t offset, const void* bytes, size_t size);
  // All of it has been written.
  absl::Status ReadAt(uint64_t offset, void* to, size_t size) const;

 private:
  explicit TemporaryFile(int fd) : file_(fd) {}
  const Descriptor file_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_TEMPORARY_FILE_H_
