// The broker as an object: what main() runs and a simulator starts.
#ifndef NAKADACHI_SERVER_BROKER_BROKER_SERVER_H_
#define NAKADACHI_SERVER_BROKER_BROKER_SERVER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "nakadachi/v1/config.pb.h"

namespace nakadachi::broker {

struct BrokerOptions {
  v1::BrokerConfig config;
  std::string base_folder;   // the config's paths are relative to it
  Clock* clock = nullptr;    // outlives the server; nullptr: by the config (system, or shifted)
  Random* random = nullptr;  // outlives the server; nullptr: the system's
};

// Thread-safe.
class BrokerServer {
 public:
  // Listens once this returns, and the port file is written. The first start founds the network;
  // every start and orderly stop is recorded. FAILED_PRECONDITION, rule "unknown-key", where the
  // signing key is none of the network's; else the errors of the files and of the store.
  static absl::StatusOr<std::unique_ptr<BrokerServer>> Start(const BrokerOptions& options);
  // As Shutdown with a grace of one second.
  virtual ~BrokerServer() = default;

  // "network" and "operator".
  virtual const std::map<std::string, int>& ports() const = 0;
  int network_port() const { return ports().at("network"); }
  int operator_port() const { return ports().at("operator"); }

  // Refuses new calls, cancels those still running after `grace`, records the stop, returns.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_BROKER_SERVER_H_
