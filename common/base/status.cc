#include "common/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nakadachi/v1/error.pb.h"

namespace nakadachi {
namespace {

constexpr absl::string_view kDetailUrl = "type.googleapis.com/nakadachi.v1.ErrorDetail";

void Attach(absl::Status& status, absl::string_view field, absl::string_view rule) {
  v1::ErrorDetail detail;
  detail.set_field(std::string(field));
  detail.set_rule(std::string(rule));
  status.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
}

std::string Join(absl::string_view prefix, absl::string_view field) {
  if (field.empty()) return std::string(prefix);
  return absl::StrCat(prefix, field.front() == '[' ? "" : ".", field);
}

}  // namespace

absl::Status FieldError(absl::StatusCode code, absl::string_view field, absl::string_view rule,
                        absl::string_view message) {
  absl::Status status(code, absl::StrCat(field, ": ", message, " [", rule, "]"));
  Attach(status, field, rule);
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view rule,
                          absl::string_view message) {
  return FieldError(absl::StatusCode::kInvalidArgument, field, rule, message);
}

FieldRule GetFieldRule(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kDetailUrl);
  v1::ErrorDetail detail;
  if (!payload || !detail.ParseFromString(std::string(*payload))) return {};
  return {detail.field(), detail.rule()};
}

absl::Status UnderField(absl::string_view prefix, const absl::Status& status) {
  if (status.ok() || prefix.empty()) return status;
  const FieldRule old = GetFieldRule(status);
  const std::string field = Join(prefix, old.field);
  absl::string_view message = status.message();
  absl::ConsumePrefix(&message, absl::StrCat(old.field, ": "));
  absl::Status result(status.code(), absl::StrCat(field, ": ", message));
  status.ForEachPayload([&result](absl::string_view url, const absl::Cord& payload) {
    result.SetPayload(url, payload);
  });
  Attach(result, field, old.rule);
  return result;
}

}  // namespace nakadachi
