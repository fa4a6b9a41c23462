// The broker's gRPC services: each parses, asks a desk and maps the status.
#ifndef NAKADACHI_SERVER_BROKER_SERVICE_SERVICES_H_
#define NAKADACHI_SERVER_BROKER_SERVICE_SERVICES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/directory/directory.h"
#include "common/inspection/inspection_desk.h"
#include "common/ledger/ledger.h"
#include "common/retention/retention_desk.h"
#include "common/rpc/channel.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/work_pool.h"
#include "common/witness/collector.h"
#include "server/broker/desk/directory_desk.h"
#include "server/broker/desk/figures.h"
#include "server/broker/desk/own_records_desk.h"
#include "server/broker/desk/permit_desk.h"
#include "server/broker/desk/report_desk.h"
#include "server/broker/model/code_deriver.h"
#include "server/broker/store/broker_store.h"

namespace grpc {
class Service;
}

namespace nakadachi::broker {

// What the services use. Everything outlives them.
struct ServiceParts {
  PermitDesk* permits = nullptr;
  ReportDesk* reports = nullptr;
  DirectoryDesk* changes = nullptr;
  inspection::InspectionDesk* inspections = nullptr;
  witness::Collector* witnesses = nullptr;  // nullptr: none are asked
  OwnRecordsDesk* own_records = nullptr;
  const Directory* directory = nullptr;
  const CodeDeriver* codes = nullptr;
  ledger::Ledger* ledger = nullptr;
  BrokerStore* store = nullptr;
  Figures* figures = nullptr;
  Clock* clock = nullptr;
  rpc::WorkPool* pool = nullptr;
  rpc::WorkPool* inspection_pool = nullptr;  // so that who reads for long keeps nobody waiting
  rpc::OpenStreams* streams = nullptr;
  retention::RetentionDesk* retention = nullptr;
  rpc::WorkPool* retention_pool = nullptr;  // an erasure takes minutes
  rpc::TlsMaterial client_tls;              // to speak to intermediate servers
  std::string vkey;                         // C2SP verifier key of the broker's signing key
  int64_t started_ms = 0;
};

// Network listener. Peers: intermediate servers.
std::unique_ptr<grpc::Service> MakePermitService(const ServiceParts& parts);
// Network listener. Peer: juki net.
std::unique_ptr<grpc::Service> MakeCodeService(const ServiceParts& parts);
// Operator listener. Peers: operators.
std::unique_ptr<grpc::Service> MakeOperatorService(const ServiceParts& parts);
// Network listener. Peers: inspectors.
std::unique_ptr<grpc::Service> MakeInspectionService(const ServiceParts& parts);
// Network listener. Peers: portals at which persons see their own records.
std::unique_ptr<grpc::Service> MakeOwnRecordsService(const ServiceParts& parts);
// Operator listener. Peers: operators.
std::unique_ptr<grpc::Service> MakeRetentionService(const ServiceParts& parts);
// Members and inspectors see checkpoints and proofs, members commitments; the operator sees
// statements where `with_statements`, on its own listener. An inspector's way to them is an
// inspection, which is recorded.
std::unique_ptr<grpc::Service> MakeLedgerService(const ServiceParts& parts, bool with_statements);

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_SERVICE_SERVICES_H_
