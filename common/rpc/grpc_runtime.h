// What a process needs of gRPC 1.51 that its C++ API does not offer.
#ifndef NAKADACHI_COMMON_RPC_GRPC_RUNTIME_H_
#define NAKADACHI_COMMON_RPC_GRPC_RUNTIME_H_

namespace nakadachi::rpc {

// Called before any credentials are made; the first call takes effect. Thread-safe.
//
// TLS 1.3 only: of the cipher suites of TLS 1.2, a single one is left that needs a pre-shared key.
// gRPC never has one, so that no handshake below 1.3 can succeed, whatever certificate an end
// shows; OpenSSL keeps the suites of 1.3 apart and as they are. This works through an environment
// variable that gRPC reads once.
//
// Threads that stay awake and alive: the two threads that poll for the callback API sleep for
// 100 ms after each second in which they had nothing to do, and a call that finds both asleep
// waits for them; a heartbeat of a few calls a second within the process keeps one awake. They end
// with the last channel or server, which goes wrong when one of them drops it (with the context of
// a finished call, say); an idle server that is never destroyed keeps them.
void PrepareGrpc();

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_GRPC_RUNTIME_H_
