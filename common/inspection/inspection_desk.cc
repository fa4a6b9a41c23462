#include "common/inspection/inspection_desk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/inspection/scope.h"
#include "common/ledger/checkpoint.h"

namespace nakadachi::inspection {
namespace {

constexpr char kKind[] = "inspection";
// Leaves room for the last entry below the largest message of common/rpc.
constexpr size_t kMaxResponseBytes = 3 << 20;

size_t SizeOf(const ledger::StoredEntry& entry) { return entry.statement.size() + 128; }

absl::Status OutOfRange(absl::string_view field, absl::string_view message) {
  return FieldError(absl::StatusCode::kOutOfRange, field, "range", message);
}

}  // namespace

absl::StatusOr<v1::OpenInspectionResponse> InspectionDesk::Open(
    const rpc::Peer& inspector, const v1::OpenInspectionRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckRequest(request));
  NAKADACHI_RETURN_IF_ERROR(CheckScope(inspector, request));
  if (request.first() > parts_.ledger->Head().size) {
    return OutOfRange("first", "lies behind the ledger");
  }
  AccessLog::Access access;
  access.kind = kKind;
  access.id = request.inspection_id();
  access.pseudonym = inspector.staff_pseudonym;
  access.request = request.SerializeAsString();
  access.detail = Describe(request);
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::Access recorded, parts_.log->Record(access));
  v1::OpenInspectionResponse response;
  *response.mutable_inspection() = std::move(*recorded.mutable_operation());
  return response;
}

absl::StatusOr<v1::ReadInspectionResponse> InspectionDesk::Read(
    const rpc::Peer& inspector, const v1::ReadInspectionRequest& request) const {
  if (request.inspection_id().size() != kIdBytes) {
    return InvalidField("inspection_id", "length", "must have 16 bytes");
  }
  if (request.limit() > kMaxEntries) {
    return InvalidField("limit", "range", "more than 1,024 entries");
  }
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Access> access,
                             parts_.log->Find(kKind, request.inspection_id()));
  if (!access || !access->has_operation() || access->pseudonym() != inspector.staff_pseudonym) {
    return FieldError(absl::StatusCode::kNotFound, "inspection_id", "unknown-inspection",
                      "no inspection of this inspector has been opened under it");
  }
  v1::OpenInspectionRequest scope;
  const auto end = ledger::ParseCheckpoint(access->operation().checkpoint());
  if (!end.ok() || !scope.ParseFromString(access->request())) {
    return FieldError(absl::StatusCode::kDataLoss, "inspection", "stored-format", "cannot be read");
  }
  NAKADACHI_RETURN_IF_ERROR(CheckScope(inspector, scope));
  const uint64_t size = end->checkpoint.size;
  if (request.start() < scope.first() || request.start() >= size) {
    return OutOfRange("start", "is not among the entries of the inspection");
  }
  const uint64_t limit = request.limit() == 0 ? kMaxEntries : request.limit();

  v1::ReadInspectionResponse response;
  response.set_start(request.start());
  const uint64_t until = request.start() + std::min(limit, size - request.start());
  NAKADACHI_RETURN_IF_ERROR(ReadRange(scope, until, &response));
  return response;
}

// As many entries before `end` as fit. What is damaged or lost is named.
absl::Status InspectionDesk::ReadRange(const v1::OpenInspectionRequest& scope, uint64_t end,
                                       v1::ReadInspectionResponse* page) const {
  size_t bytes = 0;
  absl::Status filled;
  NAKADACHI_RETURN_IF_ERROR(
      ledger::ReadEveryEntry(*parts_.store, page->start(), end,
                             [&](uint64_t, ledger::StoredEntry entry, const absl::Status& body) {
                               bytes += SizeOf(entry);
                               if (page->entries_size() > 0 && bytes > kMaxResponseBytes)
                                 return false;
                               v1::InspectedEntry& out = *page->add_entries();
                               if (body.ok()) {
                                 filled = Fill(scope, std::move(entry), &out);
                               } else {
                                 out.set_commitment(std::string(AsView(entry.commitment)));
                                 out.set_body(v1::InspectedEntry::UNREADABLE);
                               }
                               return filled.ok();
                             }));
  return filled;
}

absl::Status InspectionDesk::Fill(const v1::OpenInspectionRequest& scope, ledger::StoredEntry entry,
                                  v1::InspectedEntry* out) const {
  out->set_commitment(std::string(AsView(entry.commitment)));
  if (entry.salt.empty()) {
    out->set_body(v1::InspectedEntry::ERASED);
    return absl::OkStatus();
  }
  v1::Statement statement;
  if (!statement.ParseFromString(entry.statement)) {
    out->set_body(v1::InspectedEntry::UNREADABLE);
    return absl::OkStatus();
  }
  if (!IsGiven(scope, statement)) {
    out->set_body(v1::InspectedEntry::OUT_OF_SCOPE);
    return absl::OkStatus();
  }
  out->set_body(v1::InspectedEntry::GIVEN);
  out->set_salt(std::move(entry.salt));
  out->set_statement(std::move(entry.statement));
  if (!scope.persons() || !statement.has_permit() || parts_.person_of == nullptr) {
    return absl::OkStatus();
  }
  NAKADACHI_ASSIGN_OR_RETURN(*out->mutable_person(),
                             parts_.person_of(statement.permit().permit_number()));
  return absl::OkStatus();
}

}  // namespace nakadachi::inspection
