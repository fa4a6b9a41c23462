// The gRPC services of the platform. They adapt only: who calls, which institution, which part of
// it, and the status back.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_SERVICES_H_
#define NAKADACHI_SERVER_INTERMEDIATE_SERVICES_H_

#include <cstdint>
#include <memory>

#include "common/directory/directory.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/work_pool.h"
#include "server/intermediate/hosting.h"
#include "server/intermediate/witness.h"

namespace grpc {
class Service;
}

namespace nakadachi::intermediate {

// What the services use; all of it outlives them.
struct ServiceParts {
  Hosting* hosting = nullptr;
  rpc::WorkPool* pool = nullptr;  // for what may block
  const Directory* directory = nullptr;
  Clock* clock = nullptr;
  int64_t started_ms = 0;
  rpc::WorkPool* inspection_pool = nullptr;  // so that who reads for long keeps nobody waiting
  Witness* witness = nullptr;
  rpc::OpenStreams* streams = nullptr;
  rpc::WorkPool* retention_pool = nullptr;  // an erasure takes minutes
};

// Network listener.
std::unique_ptr<grpc::Service> MakeExchangeService(const ServiceParts& parts);
// Network listener. Peers: inspectors.
std::unique_ptr<grpc::Service> MakeInspectionService(const ServiceParts& parts);
// Terminal listener.
std::unique_ptr<grpc::Service> MakeWitnessService(const ServiceParts& parts);
// Terminal listener. Peers: staff and operators of the institution.
std::unique_ptr<grpc::Service> MakeRetentionService(const ServiceParts& parts);
// Terminal listener.
std::unique_ptr<grpc::Service> MakeMunicipalService(const ServiceParts& parts);

// Checkpoints and consistency proofs for every peer of the listener, commitments but for
// inspectors; statements, which name persons by their codes, on the terminal listener only, for who
// may read the institution's. An inspector's way to them is an inspection, which is recorded.
enum class LedgerReaders { kNetwork, kTerminal };
std::unique_ptr<grpc::Service> MakeLedgerService(const ServiceParts& parts, LedgerReaders readers);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_SERVICES_H_
