// A whole network on this machine: keys, certificates, processes, members, permission list.
//
//   NetworkOptions options;
//   options.folder = folder;                       // made; a later network may not reuse it
//   auto network = Network::Start(options);        // broker and juki net are up
//   (*network)->AddPlatform("072028", {{*code, "会津若松市", "municipality"}});
//   (*network)->Municipality(*code)->connection().Query(…);
//
// Everything listens on 127.0.0.1 over mutual TLS, at ports that were free; a process that is
// started again keeps its port. Nothing outlives the object: processes are killed and awaited in
// its destructor.
#ifndef NAKADACHI_TOOLS_SIMULATOR_NETWORK_H_
#define NAKADACHI_TOOLS_SIMULATOR_NETWORK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/broker_client.h"
#include "client/call.h"
#include "client/juki_client.h"
#include "client/ledger_client.h"
#include "client/municipal_client.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/rpc/peer.h"

namespace nakadachi::simulator {

enum class Mode {
  kInProcess,  // servers are objects in this process; still mutual TLS over loopback
  kProcesses,  // servers are programs of `bin_folder`
};

struct NetworkOptions {
  std::string folder;
  Mode mode = Mode::kInProcess;
  std::string bin_folder;                   // kProcesses: where nakadachi-broker and the others lie
  std::string permission_list_csv;          // in force from the start
  absl::Time start = absl::InfinitePast();  // the network's clock; InfinitePast: the system's
  absl::Duration permit_validity = absl::Hours(24);
  absl::Duration clock_tolerance = absl::Seconds(30);
  // Members, by code, that are asked to cosign the broker's checkpoints; two of them must (one,
  // where there is but one). Empty: nobody is asked. Everybody follows the ledgers of others all
  // the same.
  std::vector<std::string> witnesses;
  absl::Duration witness_every = absl::Seconds(1);
  absl::Duration directory_every = absl::Milliseconds(200);
};

struct InstitutionSpec {
  LocalGovernmentCode code;
  std::string name;
  std::string category;  // "municipality", "prefecture"
};

// Thread-safe where not said otherwise. Process names: "broker", "juki", or a platform's.
class Network {
 public:
  static absl::StatusOr<std::unique_ptr<Network>> Start(const NetworkOptions& options);
  virtual ~Network() = default;

  // Starts an intermediate server for the institutions, makes their keys and admits them.
  virtual absl::Status AddPlatform(const std::string& platform,
                                   const std::vector<InstitutionSpec>& institutions) = 0;

  // The institution's own systems (role office). nullptr: unknown. Lives as long as the network.
  virtual client::MunicipalClient* Municipality(const LocalGovernmentCode& code) = 0;
  // A staff member at a terminal, with a pseudonym.
  virtual client::MunicipalClient* Staff(const LocalGovernmentCode& code) = 0;
  virtual client::JukiConnection* Juki(const LocalGovernmentCode& code) = 0;
  virtual client::BrokerOperatorConnection& BrokerOperator() = 0;

  // kill -9 (in-process: the object goes without a shutdown). Start waits until it listens.
  virtual absl::Status Crash(const std::string& process) = 0;
  virtual absl::Status StartAgain(const std::string& process) = 0;
  // Starts every process that does not run.
  virtual absl::Status StartStopped() = 0;
  // SIGTERM and wait; DEADLINE_EXCEEDED where it takes longer than five seconds.
  virtual absl::Status Stop(const std::string& process) = 0;
  // The process that hosts a name: itself, or an institution's platform. Empty: none.
  virtual std::string ProcessOf(const std::string& name) const = 0;
  virtual std::vector<std::string> Processes() const = 0;
  // kProcesses: 0 where it does not run.
  virtual int Pid(const std::string& process) const = 0;

  virtual Clock& clock() = 0;
  // Moves every process's clock, or one's.
  virtual absl::Status Advance(absl::Duration by) = 0;
  virtual absl::Status Skew(const std::string& process, absl::Duration by) = 0;

  virtual absl::Status PublishList(const std::string& csv, absl::Time in_force_from) = 0;
  virtual absl::Status RevokeKey(const LocalGovernmentCode& code) = 0;
  // A new signing and sealing key: told to the broker, then taken up by a restart.
  virtual absl::Status AddKey(const LocalGovernmentCode& code) = 0;

  // Until every running process knows the broker's newest directory.
  virtual absl::Status WaitForDirectory(absl::Duration timeout) = 0;

  // Stops everything, reads each ledger from disk and recomputes it; starts it again unless
  // `leave_stopped`. Entries by author.
  virtual absl::StatusOr<std::map<std::string, uint64_t>> VerifyLedgers(bool leave_stopped) = 0;

  // How to talk to an institution with `nakadachi`: the profile file's path.
  virtual std::string ProfilePath(const LocalGovernmentCode& code) const = 0;
  virtual std::string OperatorProfilePath() const = 0;
  // An inspector of everything, persons too; a portal at which persons see their own records.
  virtual std::string InspectorProfilePath() const = 0;
  virtual std::string PortalProfilePath() const = 0;
  // A certificate of the network for `peer`, and a profile `name`.json with it.
  virtual absl::StatusOr<std::string> WriteNetworkProfile(const std::string& name,
                                                          const rpc::Peer& peer) = 0;
  // The broker's network listener, for `peer` with a certificate of its own.
  virtual absl::StatusOr<client::Endpoint> BrokerAs(const rpc::Peer& peer) = 0;
  // The C2SP verifier key that the broker began with.
  virtual const std::string& BrokerVerifierKey() const = 0;
  // An operator of the institution at its intermediate server.
  virtual std::string InstitutionOperatorProfilePath(const LocalGovernmentCode& code) const = 0;
  // Where a process keeps its databases.
  virtual std::string DataFolder(const std::string& process) const = 0;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_NETWORK_H_
