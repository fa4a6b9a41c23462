// Errors with a cause a program can read. Nothing in Nakadachi throws.
//
// An error that comes of bad input names the field and the rule it broke. The pair travels as
// nakadachi.v1.ErrorDetail: as a payload of absl::Status inside a process and as a detail of
// google.rpc.Status between processes. Texts and fields never hold personal data.
#ifndef NAKADACHI_COMMON_BASE_STATUS_H_
#define NAKADACHI_COMMON_BASE_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nakadachi {

struct FieldRule {
  std::string field;  // a path such as "query.items[0]" or "line 3, column 12 (code)"
  std::string rule;   // a stable word such as "check-digit"
};

// An error of `code` whose text reads "<field>: <message> [<rule>]".
absl::Status FieldError(absl::StatusCode code, absl::string_view field, absl::string_view rule,
                        absl::string_view message);

// FieldError with kInvalidArgument.
absl::Status InvalidField(absl::string_view field, absl::string_view rule,
                          absl::string_view message);

// The pair that FieldError attached; both empty where there is none.
FieldRule GetFieldRule(const absl::Status& status);

// The same error, its field prefixed: "items[0]" under "query" becomes "query.items[0]".
absl::Status UnderField(absl::string_view prefix, const absl::Status& status);

}  // namespace nakadachi

#define NAKADACHI_RETURN_IF_ERROR(expr)                                   \
  do {                                                                    \
    if (absl::Status nakadachi_status_ = (expr); !nakadachi_status_.ok()) \
      return nakadachi_status_;                                           \
  } while (false)

#define NAKADACHI_CONCAT_INNER_(a, b) a##b
#define NAKADACHI_CONCAT_(a, b) NAKADACHI_CONCAT_INNER_(a, b)
#define NAKADACHI_ASSIGN_OR_RETURN(lhs, expr) \
  NAKADACHI_ASSIGN_OR_RETURN_IMPL_(NAKADACHI_CONCAT_(nakadachi_or_, __LINE__), lhs, expr)
#define NAKADACHI_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                     \
  if (!tmp.ok()) return std::move(tmp).status();         \
  lhs = *std::move(tmp)

#endif  // NAKADACHI_COMMON_BASE_STATUS_H_
