#include "common/base/posix_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace nakadachi {

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int WriteAll(int fd, absl::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

int SyncFolder(const std::string& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.ok() && ::fsync(file.get()) == 0 ? 0 : errno;
}

}  // namespace nakadachi
