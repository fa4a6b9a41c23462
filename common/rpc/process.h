// The life of a server process: it serves until it is told to stop.
#ifndef NAKADACHI_COMMON_RPC_PROCESS_H_
#define NAKADACHI_COMMON_RPC_PROCESS_H_

#include "absl/time/time.h"

namespace nakadachi::rpc {

// Keeps SIGTERM and SIGINT for ServeUntilSignal. First thing in main: threads started before it
// would take the signals.
void BlockStopSignals();

// Returns once SIGTERM or SIGINT has arrived, with its number; main then shuts down and returns.
// A process that is still there `limit` after the signal, or that gets a second signal, is ended
// with exit code 1: what was acknowledged is durable by then, and a supervisor must not wait.
int ServeUntilSignal(absl::Duration limit = absl::Seconds(5));

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_PROCESS_H_
