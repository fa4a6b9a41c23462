// One server of a simulated network: a program of its own, or an object in this process.
#ifndef NAKADACHI_TOOLS_SIMULATOR_SERVER_PROCESS_H_
#define NAKADACHI_TOOLS_SIMULATOR_SERVER_PROCESS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nakadachi::simulator {

enum class ServerKind { kBroker, kJuki, kIntermediate };

// Not thread-safe. Destruction kills what still runs.
class ServerProcess {
 public:
  virtual ~ServerProcess() = default;
  // Starts it with a configuration file and waits until it listens; the ports by listener.
  virtual absl::StatusOr<std::map<std::string, int>> Start() = 0;
  // SIGTERM and wait. DEADLINE_EXCEEDED after `limit`: it is then killed.
  virtual absl::Status Stop(absl::Duration limit) = 0;
  // SIGKILL and wait; an object goes without any grace.
  virtual void Kill() = 0;
  virtual bool running() = 0;
  virtual int pid() const = 0;  // 0: an object, or not running
};

// `folder` holds config.json and takes ports.json and log.
std::unique_ptr<ServerProcess> MakeProgram(ServerKind kind, const std::string& bin_folder,
                                           const std::string& folder);
std::unique_ptr<ServerProcess> MakeObject(ServerKind kind, const std::string& folder);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_SERVER_PROCESS_H_
