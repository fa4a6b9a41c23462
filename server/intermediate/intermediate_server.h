// The intermediate server platform as an object: what main() runs and a simulator starts.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_INTERMEDIATE_SERVER_H_
#define NAKADACHI_SERVER_INTERMEDIATE_INTERMEDIATE_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "nakadachi/v1/config.pb.h"

namespace nakadachi::intermediate {

struct IntermediateOptions {
  v1::IntermediateConfig config;
  std::string base_folder;   // the config's paths are relative to it
  Clock* clock = nullptr;    // nullptr: by the config (system, or shifted by a file)
  Random* random = nullptr;  // nullptr: the system's
};

class IntermediateServer {
 public:
  // Listens once this returns; the port file is written.
  static absl::StatusOr<std::unique_ptr<IntermediateServer>> Start(
      const IntermediateOptions& options);
  virtual ~IntermediateServer() = default;
  // "network" and "terminal".
  virtual const std::map<std::string, int>& ports() const = 0;
  int network_port() const { return ports().at("network"); }
  int terminal_port() const { return ports().at("terminal"); }
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_INTERMEDIATE_SERVER_H_
