#include "tests/support/small_disk.h"

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace nakadachi {

namespace fs = std::filesystem;

SmallDisk::SmallDisk(int mebibytes) {
  const std::string options = absl::StrCat("size=", mebibytes, "m,mode=0700");
  if (mount("none", path().c_str(), "tmpfs", 0, options.c_str()) == 0) return;
  problem_ = absl::StrCat("cannot mount a disk of its own: ", std::strerror(errno));
}

SmallDisk::~SmallDisk() {
  if (mounted()) umount2(path().c_str(), MNT_DETACH);
}

void SmallDisk::Fill() const {
  for (int i = 0; i < 64 && fs::space(path()).available > 0; ++i) {
    std::ofstream file(folder_ / "filler", std::ios::binary | std::ios::app);
    const std::string block(fs::space(path()).available > (1 << 20) ? 1 << 20 : 4096, 'f');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())) && file.flush()) {
    }
  }
}

void SmallDisk::MakeRoom() const { fs::remove(folder_ / "filler"); }

}  // namespace nakadachi
