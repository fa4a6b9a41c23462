#include "tests/client/cli/command_line.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"

namespace nakadachi::cli {
namespace {

constexpr absl::Duration kLimit = absl::Minutes(2);
constexpr absl::Duration kLook = absl::Milliseconds(1);

int CodeOf(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

}  // namespace

std::string BinFolder() {
  const char* folder = std::getenv("NAKADACHI_BIN_DIR");
  NAKADACHI_CHECK(folder != nullptr);
  return folder;
}

Running::Running(const std::string& folder, const std::vector<std::string>& arguments,
                 const std::string& input) {
  static std::atomic<int> count = 0;
  stem_ = absl::StrCat(folder, "/run-", ++count);
  WriteFile(stem_ + ".in", input);
  const std::string program = BinFolder() + "/nakadachi";
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int out_flags = O_WRONLY | O_CREAT | O_TRUNC;
  const std::string in = stem_ + ".in", out = stem_ + ".out", err = stem_ + ".err";
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), out_flags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), out_flags, 0600);
  const int failed = posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  NAKADACHI_CHECK(failed == 0);
}

Running::~Running() { Kill(); }

Finished Running::Wait() {
  const absl::Time give_up = absl::Now() + kLimit;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    NAKADACHI_CHECK(absl::Now() < give_up);
    absl::SleepFor(kLook);
  }
  pid_ = 0;
  return {CodeOf(status), ReadFile(stem_ + ".out"), ReadFile(stem_ + ".err")};
}

bool Running::Kill() {
  if (pid_ == 0) return false;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFSIGNALED(status);
}

bool Eventually(const std::function<bool()>& done) {
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (!done()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(kLook);
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace nakadachi::cli
