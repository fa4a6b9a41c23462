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
// Reads the files; paths are relative to `base_folder`. Errors are those of
// common/crypto/private_file.h, among them FAILED_PRECONDITION, rule "mode", where others may read
// the private key; and FAILED_PRECONDITION, rule "pem", for a file that is none.
absl::StatusOr<TlsMaterial> ReadTls(const v1::TlsFiles& files, const std::string& base_folder);

// Largest message either way, and largest metadata of a call, bytes.
inline constexpr int kMaxMessageBytes = 4 << 20;
inline constexpr int kMaxMetadataBytes = 16 << 10;

// A channel to "host:port", connected by its first call, reconnecting by itself (backoff from 0.1
// to 5 s). Calls fail fast with UNAVAILABLE while there is no connection, also where the peer's
// certificate is not signed by `tls.trust_root` or lacks the DNS name `tls_name`; both are
// required. Thread-safe.
std::shared_ptr<grpc::Channel> Connect(const std::string& address, const std::string& tls_name,
                                       const TlsMaterial& tls);

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_CHANNEL_H_
