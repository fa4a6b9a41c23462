// How every client calls: mutual TLS, a deadline, and for idempotent calls a retry with a growing
// pause while the server cannot be reached.
#ifndef NAKADACHI_CLIENT_CALL_H_
#define NAKADACHI_CLIENT_CALL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/rpc/channel.h"

namespace grpc {
class Channel;
class ClientContext;
class Status;
}  // namespace grpc

namespace nakadachi::client {

// Where a server is and as whom to speak to it.
struct Endpoint {
  std::string address;   // host:port
  std::string tls_name;  // the DNS name its certificate must carry
  rpc::TlsMaterial tls;
};

struct RetryPolicy {
  absl::Duration deadline = absl::Seconds(30);     // of one attempt
  absl::Duration keep_trying = absl::Seconds(30);  // from the first attempt to the last
  absl::Duration first_pause = absl::Milliseconds(50);
  absl::Duration longest_pause = absl::Seconds(2);
  std::string server = {};  // how errors name it, with its address; empty: they do not
};

// Whether asking again cannot do harm. `method` is "/nakadachi.v1.Service/Method". Decided for
// every method in one place (idempotency.cc); an unknown method is not idempotent.
bool IsIdempotent(absl::string_view method);

// Of an error that no server has said, UNAVAILABLE or DEADLINE_EXCEEDED: the same with the field
// policy.server and the rule "not-reached". Any other as it is.
absl::Status NameServer(const RetryPolicy& policy, const absl::Status& error);

// Calls `attempt` with a fresh context until it succeeds, fails for good, or time is over.
// Retries UNAVAILABLE (and, where idempotent, DEADLINE_EXCEEDED) of idempotent methods only. Errors
// as NameServer leaves them.
absl::Status Call(absl::string_view method, const RetryPolicy& policy,
                  const std::function<grpc::Status(grpc::ClientContext&)>& attempt);

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_CALL_H_
