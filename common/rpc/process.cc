#include "common/rpc/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/check.h"

namespace nakadachi::rpc {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// A tracer that attaches interrupts the wait: that is no signal of ours.
void WaitFor(const sigset_t& signals, absl::Time until) {
  while (true) {
    const timespec wait = absl::ToTimespec(std::max(absl::ZeroDuration(), until - absl::Now()));
    if (sigtimedwait(&signals, nullptr, &wait) >= 0 || errno != EINTR) return;
  }
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  NAKADACHI_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
}

int ServeUntilSignal(absl::Duration limit) {
  const sigset_t signals = StopSignals();
  int signal = 0;
  NAKADACHI_CHECK(sigwait(&signals, &signal) == 0);
  // Nobody joins the watchdog: the end of main ends it.
  std::thread([signals, until = absl::Now() + limit] {
    WaitFor(signals, until);
    std::_Exit(1);
  }).detach();
  return signal;
}

}  // namespace nakadachi::rpc
