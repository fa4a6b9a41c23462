#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace nakadachi::fuzz {

std::string FileWith(absl::string_view content) {
  static const int file = memfd_create("fuzz", MFD_CLOEXEC);
  NAKADACHI_CHECK(file >= 0 && fchmod(file, 0600) == 0 && ftruncate(file, 0) == 0);
  NAKADACHI_CHECK(pwrite(file, content.data(), content.size(), 0) ==
                  static_cast<ssize_t>(content.size()));
  return absl::StrCat("/proc/self/fd/", file);
}

}  // namespace nakadachi::fuzz
