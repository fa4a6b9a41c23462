// Writing files so that a reader never meets half of one: the seam at which tests let an exporter
// die.
#ifndef NAKADACHI_COMMON_EVIDENCE_DISK_H_
#define NAKADACHI_COMMON_EVIDENCE_DISK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nakadachi::evidence {

// Not thread-safe. Errors have the path as their field and rule "io" (UNAVAILABLE), "disk-full"
// (RESOURCE_EXHAUSTED), "missing" (NOT_FOUND) or "length" (DATA_LOSS).
class Disk {
 public:
  virtual ~Disk() = default;
  // Gives `path` this content, whole or not at all; folders are made as needed. Not yet durable.
  virtual absl::Status Write(const std::string& path, absl::string_view content) = 0;
  // The same, durable on return: after a loss of power the file has its old or its new content.
  virtual absl::Status WriteDurably(const std::string& path, absl::string_view content) = 0;
  // What was written is durable on return, also under its names.
  virtual absl::Status Sync() = 0;
  // It is no error where there is no such file.
  virtual absl::Status Remove(const std::string& path) = 0;

  static std::unique_ptr<Disk> Open();
};

// Appends nothing: replaces `content` by that of the file, of at most `max` bytes. Thread-safe.
absl::Status ReadFile(const std::string& path, size_t max, std::string* content);
// Whether a file of that name is one that a writer died over.
bool IsTemporary(absl::string_view name);
// Names of the files in a folder, sorted; none where there is no such folder.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_DISK_H_
