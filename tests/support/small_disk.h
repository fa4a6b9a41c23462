// A disk that fills up soon.
#ifndef NAKADACHI_TESTS_SUPPORT_SMALL_DISK_H_
#define NAKADACHI_TESTS_SUPPORT_SMALL_DISK_H_

#include <string>

#include "tests/support/temporary_folder.h"

namespace nakadachi {

// A file system in memory, mounted in a folder of its own for as long as the object lives. To mount
// one takes a privilege: a test that finds it not mounted() skips and says problem().
class SmallDisk {
 public:
  explicit SmallDisk(int mebibytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  const std::string& path() const { return folder_.path(); }

  // Takes all space, down to the last byte, until MakeRoom() gives it back.
  void Fill() const;
  void MakeRoom() const;

 private:
  const TemporaryFolder folder_;
  std::string problem_;
};

}  // namespace nakadachi

#endif  // NAKADACHI_TESTS_SUPPORT_SMALL_DISK_H_
