#include "client/cli/evidence_search.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/evidence/log_reader.h"
#include "common/evidence/manifest.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::cli {
namespace {

constexpr size_t kPermitNumberBytes = 16;

using Matches = std::function<bool(absl::string_view commitment, const v1::Statement& statement)>;

struct Hit {
  uint64_t index = 0;
  v1::Statement statement;
};

// The last entry that matches.
absl::StatusOr<std::optional<Hit>> FindLast(const std::string& root, const Author& author,
                                            const Matches& matches) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto log,
                             evidence::LogReader::Open(evidence::LogFolder(root, author)));
  std::optional<Hit> hit;
  v1::Statement statement;
  NAKADACHI_RETURN_IF_ERROR(log.ForEach(
      0, log.size(), [&](uint64_t index, absl::string_view commitment, const evidence::Body& body) {
        if (body.state != evidence::BodyState::kPresent) return true;
        const int bytes = static_cast<int>(body.statement.size());
        if (!statement.ParseFromArray(body.statement.data(), bytes)) return true;
        if (matches(commitment, statement)) hit = Hit{index, statement};
        return true;
      }));
  return hit;
}

absl::Status NotFound(absl::string_view field, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kNotFound, field, rule, message);
}

}  // namespace

absl::StatusOr<std::string> ParsePermitNumber(absl::string_view hex) {
  const bool digits = std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit);
  if (hex.size() == 2 * kPermitNumberBytes && digits) return absl::HexStringToBytes(hex);
  return InvalidField("permit", "hex", "must be 32 hex digits");
}

absl::StatusOr<FoundRecord> FindOfExchange(const std::string& root,
                                           const std::string& permit_number,
                                           const std::string& kind) {
  NAKADACHI_ASSIGN_OR_RETURN(
      const std::optional<Hit> permitted,
      FindLast(root, Author::Broker(), [&](absl::string_view, const v1::Statement& statement) {
        return statement.has_permit() && statement.permit().permit_number() == permit_number;
      }));
  if (!permitted) {
    return NotFound("permit", "unknown-permit", "the broker's log of the export holds none such");
  }
  if (kind == "permit") return FoundRecord{Author::Broker(), permitted->index};

  const v1::Permit& permit = permitted->statement.permit();
  const std::string& party = kind == "provision" ? permit.provider() : permit.requester();
  NAKADACHI_ASSIGN_OR_RETURN(const Author author, Author::Parse(party));
  NAKADACHI_ASSIGN_OR_RETURN(
      const std::optional<Hit> hit,
      FindLast(root, author, [&](absl::string_view commitment, const v1::Statement& statement) {
        if (kind == "query") {
          return statement.has_query() &&
                 commitment == absl::string_view(permit.query_commitment());
        }
        if (kind == "provision") {
          return statement.has_provision() &&
                 statement.provision().permit_number() == permit_number;
        }
        return statement.has_receipt() && statement.receipt().permit_number() == permit_number;
      }));
  if (hit) return FoundRecord{author, hit->index};
  return NotFound("kind", "absent",
                  absl::StrCat("the log of ", author.ToString(), " in the export holds no ", kind,
                               " of this exchange"));
}

}  // namespace nakadachi::cli
