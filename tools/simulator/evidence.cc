#include "tools/simulator/evidence.h"

#include <utility>

#include "client/evidence_export.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::simulator {

rpc::Peer InspectorOfEverything() {
  rpc::Peer inspector;
  inspector.role = rpc::Role::kInspector;
  inspector.staff_pseudonym = "inspector-1";
  inspector.inspection.all = true;
  inspector.inspection.statements = true;
  inspector.inspection.persons = true;
  return inspector;
}

absl::StatusOr<ExportedEvidence> KeepEvidence(Network& network, const std::string& folder) {
  NAKADACHI_RETURN_IF_ERROR(network.StartStopped());
  client::ExportRequest request;
  request.folder = folder;
  request.persons = true;
  NAKADACHI_ASSIGN_OR_RETURN(request.broker, network.BrokerAs(InspectorOfEverything()));
  NAKADACHI_ASSIGN_OR_RETURN(const auto key, ledger::ParseVerifierKey(network.BrokerVerifierKey()));
  request.broker_keys = {key.key};
  NAKADACHI_ASSIGN_OR_RETURN(const auto logs, client::ExportEvidence(request));
  ExportedEvidence exported;
  for (const client::ExportedLog& log : logs) {
    if (!log.status.ok()) return UnderField(log.author.ToString(), log.status);
    ++exported.logs;
    exported.entries += log.size;
  }
  return exported;
}

}  // namespace nakadachi::simulator
