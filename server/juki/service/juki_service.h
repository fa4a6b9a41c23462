// Juki net's gRPC service: parses, asks a desk, passes acquisitions on to the broker.
#ifndef NAKADACHI_SERVER_JUKI_SERVICE_JUKI_SERVICE_H_
#define NAKADACHI_SERVER_JUKI_SERVICE_JUKI_SERVICE_H_

#include <cstdint>
#include <memory>

#include "common/rpc/work_pool.h"
#include "server/juki/desk/acquisition_desk.h"
#include "server/juki/desk/resident_desk.h"
#include "server/juki/store/juki_store.h"

namespace grpc {
class Channel;
class Service;
}  // namespace grpc

namespace nakadachi::juki {

// What the service uses. Everything outlives it.
struct ServiceParts {
  ResidentDesk* residents = nullptr;
  AcquisitionDesk* acquisitions = nullptr;
  JukiStore* store = nullptr;
  rpc::WorkPool* pool = nullptr;
  std::shared_ptr<grpc::Channel> broker;
  int64_t started_ms = 0;
};

// Network listener. Peers: municipalities' own systems.
std::unique_ptr<grpc::Service> MakeJukiService(const ServiceParts& parts);

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_SERVICE_JUKI_SERVICE_H_
