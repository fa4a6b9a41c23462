#include "client/call.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::client {
namespace {

bool MayHelpToRetry(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::Status NameServer(const RetryPolicy& policy, const absl::Status& error) {
  const bool said = !GetFieldRule(error).rule.empty();
  if (policy.server.empty() || said || !MayHelpToRetry(error)) return error;
  return FieldError(
      error.code(), policy.server, "not-reached",
      absl::StrCat(absl::IsUnavailable(error) ? "was not reached: " : "gave no answer in time: ",
                   error.message()));
}

absl::Status Call(absl::string_view method, const RetryPolicy& policy,
                  const std::function<grpc::Status(grpc::ClientContext&)>& attempt) {
  const bool idempotent = IsIdempotent(method);
  const absl::Time give_up = absl::Now() + policy.keep_trying;
  absl::Duration pause = policy.first_pause;
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + policy.deadline));
    const absl::Status status = rpc::FromGrpc(attempt(context));
    if (status.ok() || !idempotent || !MayHelpToRetry(status)) return NameServer(policy, status);
    if (absl::Now() + pause > give_up) return NameServer(policy, status);
    absl::SleepFor(pause);
    pause = std::min(pause * 2, policy.longest_pause);
  }
}

}  // namespace nakadachi::client
