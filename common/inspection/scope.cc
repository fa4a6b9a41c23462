#include "common/inspection/scope.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status.h"

namespace nakadachi::inspection {
namespace {

constexpr char kBroker[] = "broker";

absl::Status Beyond(absl::string_view field, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kPermissionDenied, field, rule, message);
}

bool ReachesLedger(const rpc::Peer& inspector, const v1::OpenInspectionRequest& request) {
  if (inspector.inspection.all) return true;
  if (request.institution() == kBroker) return inspector.inspection.broker || !request.statements();
  const auto code = LocalGovernmentCode::Parse(request.institution());
  return code.ok() && inspector.MaySpeakFor(*code);
}

bool ReachesPeriod(const rpc::InspectionScope& scope, const v1::OpenInspectionRequest& request) {
  if (request.from_ms() < scope.from_ms) return false;
  if (scope.until_ms == 0) return true;
  return request.until_ms() != 0 && request.until_ms() <= scope.until_ms;
}

std::string TimeOr(int64_t time_ms, absl::string_view open) {
  if (time_ms == 0) return std::string(open);
  return absl::FormatTime(absl::RFC3339_full, absl::FromUnixMillis(time_ms), absl::UTCTimeZone());
}

}  // namespace

absl::Status CheckRequest(const v1::OpenInspectionRequest& request) {
  if (request.inspection_id().size() != kIdBytes) {
    return InvalidField("inspection_id", "length", "must have 16 bytes");
  }
  if (request.from_ms() < 0 || request.until_ms() < 0 ||
      (request.until_ms() != 0 && request.until_ms() <= request.from_ms())) {
    return InvalidField("until_ms", "period", "the period ends before it begins");
  }
  if (!request.persons()) return absl::OkStatus();
  if (request.institution() != kBroker || !request.statements()) {
    return InvalidField("persons", "persons", "go with statements of the broker's ledger");
  }
  return absl::OkStatus();
}

absl::Status CheckScope(const rpc::Peer& inspector, const v1::OpenInspectionRequest& request) {
  const rpc::InspectionScope& scope = inspector.inspection;
  if (inspector.staff_pseudonym.empty()) {
    return Beyond("peer", "pseudonym", "the certificate does not name an inspector");
  }
  if (!ReachesLedger(inspector, request)) {
    return Beyond("institution", "scope-institution", "is not in the certificate's scope");
  }
  if (!request.statements()) return absl::OkStatus();
  if (!scope.statements) {
    return Beyond("statements", "scope-statements", "are not in the certificate's scope");
  }
  if (!ReachesPeriod(scope, request)) {
    return Beyond("from_ms", "scope-period", "the period exceeds the certificate's");
  }
  if (request.persons() && !scope.persons) {
    return Beyond("persons", "scope-persons", "are not in the certificate's scope");
  }
  return absl::OkStatus();
}

bool IsGiven(const v1::OpenInspectionRequest& request, const v1::Statement& statement) {
  if (statement.has_directory()) return true;
  if (!request.statements() || statement.time_ms() < request.from_ms()) return false;
  return request.until_ms() == 0 || statement.time_ms() < request.until_ms();
}

std::string Describe(const v1::OpenInspectionRequest& request) {
  std::string text = absl::StrCat("inspection ", absl::BytesToHexString(request.inspection_id()),
                                  ": entries from ", request.first());
  if (!request.statements()) return absl::StrCat(text, ", no statements");
  absl::StrAppend(&text, ", statements from ", TimeOr(request.from_ms(), "the beginning"), " to ",
                  TimeOr(request.until_ms(), "the end"));
  return request.persons() ? absl::StrCat(text, ", persons") : text;
}

}  // namespace nakadachi::inspection
