// nakadachi-juki: the registry of resident codes (juki net).
#include "common/rpc/server_program.h"
#include "server/juki/juki_server.h"

int main(int argc, char** argv) {
  using nakadachi::juki::JukiOptions;
  using nakadachi::juki::JukiServer;
  return nakadachi::rpc::ServerMain<JukiServer, JukiOptions>(
      argc, argv,
      {"nakadachi-juki",
       "Knows which resident code belongs to which individual number; passes acquisitions on.",
       "JukiConfig", ""});
}
