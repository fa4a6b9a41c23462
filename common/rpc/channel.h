// Outgoing connections: mTLS 1.3 with the certificate of this process; the peer must carry the
// DNS name asked for.
#ifndef NAKADACHI_COMMON_RPC_CHANNEL_H_
#define NAKADACHI_COMMON_RPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nakadachi/v1/config.pb.h"

namespace grpc {
class Channel;
}

namespace nakadachi::rpc {

// PEM contents. `private_key` never reaches a log.
struct TlsMaterial {
  std::string certificate;
  std::string private_key;
  std::string trust_root;
};
// Reads the files; paths are relative to `base_folder`. FAILED_PRECONDITION, rule "mode", where
// others may read the private key.
absl::StatusOr<TlsMaterial> ReadTls(const v1::TlsFiles& files, const std::string& base_folder);

// Largest message either way, bytes.
inline constexpr int kMaxMessageBytes = 4 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address, const std::string& tls_name,
                                       const TlsMaterial& tls);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_CHANNEL_H_
