// Work with processes and a folder of its own that leaves nothing behind, however it ends.
#ifndef NAKADACHI_TOOLS_SIMULATOR_INTERRUPTIBLE_H_
#define NAKADACHI_TOOLS_SIMULATOR_INTERRUPTIBLE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"

namespace nakadachi::simulator {

// A new folder `<parent>/<name>-XXXXXX` that goes with the object; `parent` empty: that of
// temporary files.
class WorkFolder {
 public:
  WorkFolder(const std::string& parent, const std::string& name);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  // Empty: it could not be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Calls `work` in a process of its own and returns its exit code once it and every process that it
// started have ended. SIGINT, SIGTERM and SIGHUP are passed on as SIGTERM; who is still there after
// `grace`, or at a second signal, is killed. The code is 128 + the signal where a signal ended the
// work. What the caller then destroys (a WorkFolder) nobody uses any more.
// Call it before any thread and any channel exists: the process is forked.
int RunInterruptible(const std::function<int()>& work, absl::Duration grace = absl::Seconds(5));

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_INTERRUPTIBLE_H_
