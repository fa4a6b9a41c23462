// What an institution asks of others over the network. Implemented over gRPC (grpc_links.cc) and
// by tests. Calls do not block; answers come on any thread, once.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_LINKS_H_
#define NAKADACHI_SERVER_INTERMEDIATE_LINKS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "nakadachi/v1/intermediate.pb.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::intermediate {

template <typename T>
using Answer = absl::AnyInvocable<void(absl::StatusOr<T>)>;

// Thread-safe. UNAVAILABLE: not reached, may be asked again; every call is idempotent.
class BrokerLink {
 public:
  virtual ~BrokerLink() = default;
  virtual void RequestPermit(v1::Recorded query, Answer<v1::Recorded> done) = 0;
  // One status a half, in order: OK where the broker has it.
  virtual void Report(std::vector<v1::Recorded> halves,
                      Answer<std::vector<absl::Status>> results) = 0;
  virtual void FetchDirectory(uint64_t after_sequence, Answer<std::vector<v1::Recorded>> done) = 0;
};

// Other institutions' intermediate servers.
class PeerLink {
 public:
  virtual ~PeerLink() = default;
  virtual void Provide(const v1::Route& route, const v1::Recorded& permit,
                       Answer<v1::ProvideResponse> done) = 0;
  virtual void Deliver(const v1::Route& route, const v1::DeliverRequest& request,
                       Answer<v1::Recorded> receipt) = 0;
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_LINKS_H_
