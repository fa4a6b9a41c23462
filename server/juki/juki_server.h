// Juki net as an object: what main() runs and a simulator starts.
#ifndef NAKADACHI_SERVER_JUKI_JUKI_SERVER_H_
#define NAKADACHI_SERVER_JUKI_JUKI_SERVER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "nakadachi/v1/config.pb.h"

namespace nakadachi::juki {

struct JukiOptions {
  v1::JukiConfig config;
  std::string base_folder;   // the config's paths are relative to it
  Clock* clock = nullptr;    // outlives the server; nullptr: by the config (system, or shifted)
  Random* random = nullptr;  // outlives the server; nullptr: the system's
};

// Thread-safe.
class JukiServer {
 public:
  // Listens once this returns, and the port file is written. Errors are those of the files and the
  // store, and INVALID_ARGUMENT, rule "code-rule", for a check rule that cannot be.
  static absl::StatusOr<std::unique_ptr<JukiServer>> Start(const JukiOptions& options);
  // As Shutdown with a grace of one second.
  virtual ~JukiServer() = default;

  // "network".
  virtual const std::map<std::string, int>& ports() const = 0;
  int network_port() const { return ports().at("network"); }

  // Refuses new calls, cancels those still running after `grace`, returns.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_JUKI_SERVER_H_
