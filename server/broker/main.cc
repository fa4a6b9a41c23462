// nakadachi-broker: the core of the information-provision network.
#include "common/rpc/server_program.h"
#include "server/broker/broker_server.h"

int main(int argc, char** argv) {
  using nakadachi::broker::BrokerOptions;
  using nakadachi::broker::BrokerServer;
  return nakadachi::rpc::ServerMain<BrokerServer, BrokerOptions>(
      argc, argv,
      {"nakadachi-broker", "Permits each query by law, records it, and translates linkage codes.",
       "BrokerConfig", ""});
}
