// nakadachi-intermediate: the intermediate server platform of many municipalities.
#include "common/rpc/server_program.h"
#include "server/intermediate/intermediate_server.h"

int main(int argc, char** argv) {
  using nakadachi::intermediate::IntermediateOptions;
  using nakadachi::intermediate::IntermediateServer;
  return nakadachi::rpc::ServerMain<IntermediateServer, IntermediateOptions>(
      argc, argv,
      {"nakadachi-intermediate", "Holds municipalities' replicas and exchanges them by permit.",
       "IntermediateConfig",
       "A municipality whose database does not open is named on standard error and not served;\n"
       "the others are.\n"});
}
