#include "common/rpc/process.h"

#include <csignal>
#include <cstdlib>
#include <thread>

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
  std::thread([signals, wait = absl::ToTimespec(limit)] {
    sigtimedwait(&signals, nullptr, &wait);
    std::_Exit(1);
  }).detach();
  return signal;
}

}  // namespace nakadachi::rpc
