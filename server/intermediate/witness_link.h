// What a witness asks of the ledgers of others. Implemented over gRPC (witness_links.cc) and by
// tests.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_WITNESS_LINK_H_
#define NAKADACHI_SERVER_INTERMEDIATE_WITNESS_LINK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/channel.h"
#include "nakadachi/v1/ledger.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::intermediate {

// Thread-safe. Calls block, five seconds at most; every call is idempotent. UNAVAILABLE,
// DEADLINE_EXCEEDED or CANCELLED: not reached.
class LedgerLink {
 public:
  virtual ~LedgerLink() = default;
  virtual absl::StatusOr<v1::GetCheckpointResponse> GetCheckpoint(
      const v1::Route& route, const std::string& institution) = 0;
  // One proof a size, in order.
  virtual absl::StatusOr<std::vector<std::string>> GetPrefixProofs(
      const v1::Route& route, const std::string& institution,
      const std::vector<uint64_t>& old_sizes, uint64_t new_size) = 0;
  virtual absl::Status AddCosignatures(const v1::Route& route, const std::string& institution,
                                       const std::string& note) = 0;
  // Ends the calls under way and refuses further ones.
  virtual void Close() = 0;
};

// Over gRPC with mTLS, as this process's own certificate.
std::unique_ptr<LedgerLink> MakeLedgerLink(const rpc::TlsMaterial& tls);

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_WITNESS_LINK_H_
