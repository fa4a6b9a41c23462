// Links over gRPC with mTLS, as this process's own certificate.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_GRPC_LINKS_H_
#define NAKADACHI_SERVER_INTERMEDIATE_GRPC_LINKS_H_

#include <memory>

#include "common/rpc/channel.h"
#include "nakadachi/v1/config.pb.h"
#include "server/intermediate/links.h"

namespace nakadachi::intermediate {

// Destruction fails what is unanswered with UNAVAILABLE and returns after the last callback.
std::unique_ptr<BrokerLink> MakeBrokerLink(const v1::Endpoint& broker, const rpc::TlsMaterial& tls);
// Keeps one connection a route.
std::unique_ptr<PeerLink> MakePeerLink(const rpc::TlsMaterial& tls);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_GRPC_LINKS_H_
