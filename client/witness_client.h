// What an intermediate server knows of others' ledgers, as a witness.
#ifndef NAKADACHI_CLIENT_WITNESS_CLIENT_H_
#define NAKADACHI_CLIENT_WITNESS_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/witness.pb.h"

namespace nakadachi::client {

// Thread-safe.
class WitnessConnection {
 public:
  virtual ~WitnessConnection() = default;
  virtual absl::StatusOr<v1::ListForksResponse> ListForks(const v1::ListForksRequest& request) = 0;
  virtual absl::StatusOr<v1::ClearForkResponse> ClearFork(const v1::ClearForkRequest& request) = 0;
};

std::unique_ptr<WitnessConnection> ConnectWitness(const Endpoint& endpoint,
                                                  const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_WITNESS_CLIENT_H_
