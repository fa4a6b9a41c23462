#include "tools/simulator/interruptible.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/time/clock.h"
#include "common/base/check.h"

namespace nakadachi::simulator {
namespace {

namespace fs = std::filesystem;

constexpr int kSignalled = 128;  // as shells say it

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, signal);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  // Under nohup a closed terminal is no reason to end.
  if (hangup.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);
  return signals;
}

int CodeOf(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

// The exit code of the worker, which leads the process group `worker`.
int Await(pid_t worker, const sigset_t& signals, absl::Duration grace) {
  int stopped_by = 0;
  absl::Time give_up = absl::InfiniteFuture();
  int status = 0;
  while (waitpid(worker, &status, WNOHANG) == 0) {
    const absl::Duration left = give_up - absl::Now();
    if (left <= absl::ZeroDuration()) kill(-worker, SIGKILL);
    const timespec wait = absl::ToTimespec(
        left > absl::ZeroDuration() ? std::min(left, absl::Hours(1)) : absl::Hours(1));
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal <= 0 || signal == SIGCHLD) continue;
    if (stopped_by != 0) {
      give_up = absl::InfinitePast();
      continue;
    }
    stopped_by = signal;
    give_up = absl::Now() + grace;
    kill(worker, SIGTERM);
  }
  return stopped_by != 0 && WIFSIGNALED(status) ? kSignalled + stopped_by : CodeOf(status);
}

}  // namespace

WorkFolder::WorkFolder(const std::string& parent, const std::string& name) {
  const fs::path base = parent.empty() ? fs::temp_directory_path() : fs::path(parent);
  std::string pattern = (base / (name + "-XXXXXX")).string();
  if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

int RunInterruptible(const std::function<int()>& work, absl::Duration grace) {
  const sigset_t signals = WatchedSignals();
  sigset_t before;
  signal(SIGCHLD, SIG_DFL);
  NAKADACHI_CHECK(pthread_sigmask(SIG_BLOCK, &signals, &before) == 0);
  // Processes whose starter was killed become this one's, which can then await them.
  NAKADACHI_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  const pid_t worker = fork();
  NAKADACHI_CHECK(worker >= 0);
  if (worker == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A program that a shell started in the background ignores SIGINT, not this one's SIGTERM.
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    std::exit(work());
  }
  setpgid(worker, worker);  // here too, so that it is done before either goes on
  const int code = Await(worker, signals, grace);
  kill(-worker, SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return code;
}

}  // namespace nakadachi::simulator
