// TLS 1.3 only, for a gRPC (1.51) whose C++ API has no setting for it.
#ifndef NAKADACHI_COMMON_RPC_TLS_VERSION_H_
#define NAKADACHI_COMMON_RPC_TLS_VERSION_H_

namespace nakadachi::rpc {

// Of the cipher suites of TLS 1.2, leaves gRPC a single one that needs a pre-shared key. gRPC
// never has one, so that no handshake below 1.3 can succeed, whatever certificate an end shows;
// OpenSSL keeps the suites of 1.3 apart and as they are. Works through an environment variable
// that gRPC reads when the first credentials are made: called before each. Thread-safe.
void RequireTls13();

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_TLS_VERSION_H_
