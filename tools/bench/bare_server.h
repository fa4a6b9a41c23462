// The floors under exchanges: processes that exchange bytes over mutual TLS and do nothing else, or
// nothing but record it.
#ifndef NAKADACHI_TOOLS_BENCH_BARE_SERVER_H_
#define NAKADACHI_TOOLS_BENCH_BARE_SERVER_H_

#include <string>
#include <vector>

namespace nakadachi::bench {

inline constexpr char kBareServerCommand[] = "bare-server";
inline constexpr char kBareDnsName[] = "bare.nakadachi.internal";

struct BareServerOptions {
  std::string folder;  // takes ports.json and what is recorded; its parent holds bare.pem,
                       // bare.key, root.pem
  std::vector<std::string> onward;  // addresses of the servers it may be asked to call
};
// Serves until SIGTERM; the exit code.
int RunBareServer(const BareServerOptions& options);

}  // namespace nakadachi::bench

#endif  // NAKADACHI_TOOLS_BENCH_BARE_SERVER_H_
