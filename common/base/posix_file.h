// What POSIX leaves to whoever opens, writes and syncs files.
#ifndef NAKADACHI_COMMON_BASE_POSIX_FILE_H_
#define NAKADACHI_COMMON_BASE_POSIX_FILE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace nakadachi {

// Closed at the end of its scope.
class Descriptor {
 public:
  // What open(2) gave; a negative one is no file.
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  const int fd_;
};

// Writes all of it. 0, or the errno of what failed; how much was written is then unknown.
int WriteAll(int fd, absl::string_view content);
// Makes names in the folder durable: new, renamed and removed ones. 0 or the errno.
int SyncFolder(const std::string& folder);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_POSIX_FILE_H_
