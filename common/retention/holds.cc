#include "common/retention/holds.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::retention {
namespace {

constexpr absl::string_view kPrefix = "retention/hold/";

absl::Status Unreadable() {
  return FieldError(absl::StatusCode::kDataLoss, "hold", "stored-format", "cannot be read");
}

absl::Status CheckId(absl::string_view hold_id, absl::string_view field) {
  if (hold_id.size() == kHoldIdBytes) return absl::OkStatus();
  return InvalidField(field, "length", "must have 16 bytes");
}

absl::Status CheckReason(absl::string_view reason) {
  if (absl::StripAsciiWhitespace(reason).empty())
    return InvalidField("reason", "required", "must not be empty: it is part of the record");
  if (std::any_of(reason.begin(), reason.end(), [](char c) { return absl::ascii_iscntrl(c); }))
    return InvalidField("reason", "characters", "holds control characters");
  const auto is_first_byte = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; };
  const auto characters = std::count_if(reason.begin(), reason.end(), is_first_byte);
  if (static_cast<size_t>(characters) <= kMaxReasonCharacters) return absl::OkStatus();
  return InvalidField("reason", "length", "has more than 200 characters");
}

}  // namespace

absl::Status CheckHold(const v1::PlaceHoldRequest& request) {
  const v1::Hold& hold = request.hold();
  NAKADACHI_RETURN_IF_ERROR(CheckId(hold.hold_id(), "hold.hold_id"));
  const auto named =
      static_cast<size_t>(hold.permit_numbers_size()) + static_cast<size_t>(hold.entries_size());
  if (named == 0) return InvalidField("hold", "required", "names no record");
  if (named > kMaxHeldRecords) return InvalidField("hold", "too-many", "names more than 1,000");
  for (int i = 0; i < hold.permit_numbers_size(); ++i) {
    if (hold.permit_numbers(i).size() != kPermitNumberBytes)
      return InvalidField(absl::StrCat("hold.permit_numbers[", i, "]"), "length",
                          "must have 16 bytes");
  }
  return CheckReason(request.reason());
}

absl::Status CheckRelease(const v1::ReleaseHoldRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckId(request.hold_id(), "hold_id"));
  return CheckReason(request.reason());
}

absl::StatusOr<std::optional<stored::v1::StoredHold>> Holds::Find(absl::string_view hold_id) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             database_->Get(family_, absl::StrCat(kPrefix, hold_id)));
  if (!value.has_value()) return std::optional<stored::v1::StoredHold>();
  stored::v1::StoredHold hold;
  if (!hold.ParseFromString(*value)) return Unreadable();
  return std::make_optional(std::move(hold));
}

void Holds::Put(const stored::v1::StoredHold& hold, storage::Batch& batch) const {
  batch.Put(family_, absl::StrCat(kPrefix, hold.hold().hold_id()), hold.SerializeAsString());
}

absl::StatusOr<std::vector<stored::v1::StoredHold>> Holds::InForce() const {
  std::vector<stored::v1::StoredHold> holds;
  bool readable = true;
  NAKADACHI_RETURN_IF_ERROR(
      database_->Scan(family_, kPrefix, {}, [&](absl::string_view, absl::string_view value) {
        stored::v1::StoredHold hold;
        readable = hold.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (readable && !hold.released()) holds.push_back(std::move(hold));
        return readable;
      }));
  if (!readable) return Unreadable();
  std::sort(holds.begin(), holds.end(),
            [](const auto& a, const auto& b) { return a.leaf_index() < b.leaf_index(); });
  return holds;
}

absl::StatusOr<HeldRecords> Holds::Held() const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<stored::v1::StoredHold> holds, InForce());
  HeldRecords held;
  for (const stored::v1::StoredHold& hold : holds) {
    held.permit_numbers.insert(hold.hold().permit_numbers().begin(),
                               hold.hold().permit_numbers().end());
    held.entries.insert(hold.hold().entries().begin(), hold.hold().entries().end());
    held.entries.insert(hold.found_entries().begin(), hold.found_entries().end());
  }
  return held;
}

}  // namespace nakadachi::retention
