#include "server/intermediate/hosting.h"

#include "common/base/status.h"

namespace nakadachi::intermediate {

absl::StatusOr<Hosted*> Hosting::Find(absl::string_view code, absl::string_view field) {
  NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode parsed,
                             LocalGovernmentCode::Parse(code, field));
  const auto found = hosted_.find(parsed);
  if (found == hosted_.end()) {
    return FieldError(absl::StatusCode::kNotFound, field, "unknown-municipality",
                      "the institution is not on this platform");
  }
  const absl::Status& opened = found->second.opened;
  if (opened.ok()) return &found->second;
  const bool lost = absl::IsDataLoss(opened);
  return FieldError(lost ? absl::StatusCode::kDataLoss : absl::StatusCode::kUnavailable, field,
                    "not-served", "the institution's database did not open");
}

void Hosting::ForEachServed(const std::function<void(const LocalGovernmentCode&, Hosted&)>& visit) {
  for (auto& [code, hosted] : hosted_) {
    if (hosted.opened.ok()) visit(code, hosted);
  }
}

absl::Status Hosting::Counted(absl::Status status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      rejected_calls_.fetch_add(1, std::memory_order_relaxed);
      break;
    default:
      break;
  }
  return status;
}

}  // namespace nakadachi::intermediate
