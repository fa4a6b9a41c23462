// Reading ledgers over the network.
#ifndef NAKADACHI_CLIENT_LEDGER_CLIENT_H_
#define NAKADACHI_CLIENT_LEDGER_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/call.h"
#include "nakadachi/v1/ledger.pb.h"

namespace nakadachi::client {

// Thread-safe.
class LedgerConnection {
 public:
  virtual ~LedgerConnection() = default;
  virtual absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(
      const v1::GetCheckpointRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConsistencyProofResponse> GetConsistencyProof(
      const v1::GetConsistencyProofRequest& request) = 0;
  virtual absl::StatusOr<v1::GetEntriesResponse> GetEntries(
      const v1::GetEntriesRequest& request) = 0;
};

std::unique_ptr<LedgerConnection> ConnectLedger(const Endpoint& endpoint,
                                                const RetryPolicy& policy = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_LEDGER_CLIENT_H_
