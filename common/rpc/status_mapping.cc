#include "common/rpc/status_mapping.h"

#include <grpcpp/support/status.h>

#include <utility>

#include "absl/strings/cord.h"
#include "common/base/csv.h"
#include "common/base/status.h"
#include "google/rpc/status.pb.h"
#include "nakadachi/v1/error.pb.h"

namespace nakadachi::rpc {
namespace {

constexpr char kDetailUrl[] = "type.googleapis.com/nakadachi.v1.ErrorDetail";

// The codes have the same numbers on both sides, by the definition of google.rpc.Code.
int CodeNumber(absl::StatusCode code) { return static_cast<int>(code); }

absl::StatusCode CodeOf(int number) {
  constexpr int kLast = static_cast<int>(absl::StatusCode::kUnauthenticated);
  if (number < 0 || number > kLast) return absl::StatusCode::kUnknown;
  return static_cast<absl::StatusCode>(number);
}

// A proto3 string that is not UTF-8 could not be read at the other end, and the error with it.
// Texts are cut so that a status always fits into the trailers that peers accept.
std::string SafeText(absl::string_view text) {
  constexpr size_t kMaxBytes = 2048;
  text = text.substr(0, kMaxBytes);
  while (text.size() + 3 > kMaxBytes && !text.empty() && !IsUtf8(text)) text.remove_suffix(1);
  return IsUtf8(text) ? std::string(text) : "(text is not UTF-8)";
}

google::rpc::Status ToProto(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(CodeNumber(status.code()));
  proto.set_message(SafeText(status.message()));
  const FieldRule cause = GetFieldRule(status);
  if (cause.field.empty() && cause.rule.empty()) return proto;
  v1::ErrorDetail detail;
  detail.set_field(SafeText(cause.field));
  detail.set_rule(SafeText(cause.rule));
  auto* any = proto.add_details();
  any->set_type_url(kDetailUrl);
  any->set_value(detail.SerializeAsString());
  return proto;
}

// Details of other types are dropped: only what FieldError attaches means anything to us.
void TakeDetail(const google::rpc::Status& proto, absl::Status* status) {
  for (const auto& any : proto.details()) {
    v1::ErrorDetail detail;
    if (any.type_url() != kDetailUrl || !detail.ParseFromString(any.value())) continue;
    status->SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
    return;
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status proto = ToProto(status);
  return grpc::Status(static_cast<grpc::StatusCode>(proto.code()), proto.message(),
                      proto.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(CodeOf(status.error_code()), status.error_message());
  google::rpc::Status proto;
  if (proto.ParseFromString(status.error_details())) TakeDetail(proto, &result);
  if (absl::IsResourceExhausted(result) && result.message() == kTooManyCalls) {
    return FieldError(result.code(), "call", "rate", "too many calls a second");
  }
  return result;
}

std::string ToBytes(const absl::Status& status) {
  return status.ok() ? std::string() : ToProto(status).SerializeAsString();
}

absl::Status FromBytes(const std::string& bytes) {
  if (bytes.empty()) return absl::OkStatus();
  google::rpc::Status proto;
  if (!proto.ParseFromString(bytes) || proto.code() == 0) {
    return FieldError(absl::StatusCode::kInternal, "error", "encoding",
                      "the peer's error is no google.rpc.Status");
  }
  absl::Status result(CodeOf(proto.code()), proto.message());
  TakeDetail(proto, &result);
  return result;
}

}  // namespace nakadachi::rpc
