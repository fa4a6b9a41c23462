// A folder of a test's own.
#ifndef NAKADACHI_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define NAKADACHI_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <string>

namespace nakadachi {

// A new, empty folder (mode 0700) for as long as the object lives; it goes with all that is in it.
// A process that cannot have one ends; a folder that cannot be removed fails the test.
class TemporaryFolder {
 public:
  // Below `parent`; where that is empty below $TMPDIR, without which it is /tmp.
  explicit TemporaryFolder(const std::string& parent = "");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace nakadachi

#endif  // NAKADACHI_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
