// Counting of calls that were bad input and no query.
#ifndef NAKADACHI_SERVER_BROKER_SERVICE_REJECTIONS_H_
#define NAKADACHI_SERVER_BROKER_SERVICE_REJECTIONS_H_

#include "absl/status/status.h"
#include "server/broker/desk/figures.h"

namespace nakadachi::broker {

inline bool IsBadInput(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

// The status as it is, counted where it is the caller's fault.
inline absl::Status Counted(Figures* figures, absl::Status status) {
  if (IsBadInput(status)) ++figures->rejected_calls;
  return status;
}

}  // namespace nakadachi::broker

#endif  // NAKADACHI_SERVER_BROKER_SERVICE_REJECTIONS_H_
