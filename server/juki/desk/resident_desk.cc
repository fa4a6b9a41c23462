#include "server/juki/desk/resident_desk.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "server/juki/model/registration.h"

namespace nakadachi::juki {
namespace {

constexpr uint64_t kCodeSerials = 10'000'000'000;

// What the store holds was checked when it came; the rule may have changed since.
absl::StatusOr<Holding> AsHolding(const stored::v1::Resident& resident) {
  ResidentCodeRule any;
  any.checked = false;
  auto code = ResidentCode::Parse(resident.resident_code(), "resident_code", any);
  auto municipality = LocalGovernmentCode::Parse(resident.municipality());
  if (code.ok() && municipality.ok()) return Holding{*std::move(code), *std::move(municipality)};
  return FieldError(absl::StatusCode::kDataLoss, "resident", "stored-format", "cannot be read");
}

absl::StatusOr<std::optional<Holding>> FindHolding(const std::string& person_key,
                                                   JukiStore::Round& round) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Resident> resident,
                             round.FindResident(person_key));
  if (!resident) return std::optional<Holding>();
  NAKADACHI_ASSIGN_OR_RETURN(Holding holding, AsHolding(*resident));
  return std::optional<Holding>(std::move(holding));
}

stored::v1::Resident MakeResident(const ResidentCode& code,
                                  const LocalGovernmentCode& municipality) {
  stored::v1::Resident resident;
  resident.set_resident_code(code.Reveal());
  resident.set_municipality(municipality.ToString());
  return resident;
}

}  // namespace

absl::StatusOr<v1::RegisterResidentsResponse> ResidentDesk::Register(
    const LocalGovernmentCode& municipality, const v1::RegisterResidentsRequest& request) {
  if (request.entries_size() > kMaxEntries) {
    return InvalidField("entries", "too-many", "holds more than 1000");
  }
  v1::RegisterResidentsResponse response;
  JukiStore::Round round(*store_);
  for (int i = 0; i < request.entries_size(); ++i) {
    const absl::Status status = RegisterOne(municipality, request.entries(i), round);
    if (status.code() == absl::StatusCode::kDataLoss) return status;
    response.add_errors(rpc::ToBytes(status));
  }
  NAKADACHI_RETURN_IF_ERROR(round.Commit());
  return response;
}

absl::StatusOr<ResidentCode> ResidentDesk::Find(const IndividualNumber& number) {
  JukiStore::Round round(*store_);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<Holding> holding,
                             FindHolding(store_->PersonKey(number), round));
  if (holding) return std::move(holding->code);
  return FieldError(absl::StatusCode::kNotFound, "individual_number", "unknown-individual-number",
                    "is registered with no municipality");
}

absl::Status ResidentDesk::RegisterOne(const LocalGovernmentCode& municipality,
                                       const v1::RegisterResidentsRequest::Entry& entry,
                                       JukiStore::Round& round) {
  NAKADACHI_ASSIGN_OR_RETURN(IndividualNumber number,
                             IndividualNumber::Parse(entry.individual_number()));
  std::optional<ResidentCode> asked;
  if (!entry.resident_code().empty()) {
    NAKADACHI_ASSIGN_OR_RETURN(asked,
                               ResidentCode::Parse(entry.resident_code(), "resident_code", rule_));
  }
  const std::string person_key = store_->PersonKey(number);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<Holding> under_number, FindHolding(person_key, round));
  std::optional<stored::v1::CodeHolder> holder;
  std::optional<Holding> under_code;
  if (asked) {
    NAKADACHI_ASSIGN_OR_RETURN(holder, round.FindHolder(store_->CodeKey(*asked)));
    if (holder) {
      NAKADACHI_ASSIGN_OR_RETURN(under_code, FindHolding(holder->person_key(), round));
    }
  }
  NAKADACHI_ASSIGN_OR_RETURN(RegistrationStep step,
                             DecideRegistration(municipality, asked, under_number, under_code));
  switch (step) {
    case RegistrationStep::kNothing:
      return absl::OkStatus();
    case RegistrationStep::kMove:
      round.UpdateResident(person_key, MakeResident(under_number->code, municipality));
      return absl::OkStatus();
    case RegistrationStep::kCorrectNumber:
      round.RenameResident(holder->person_key(), person_key, store_->CodeKey(*asked),
                           MakeResident(*asked, municipality));
      return absl::OkStatus();
    case RegistrationStep::kCreate:
      break;
  }
  if (!asked) {
    NAKADACHI_ASSIGN_OR_RETURN(asked, AssignCode(round));
  }
  return round.AddResident(person_key, store_->CodeKey(*asked), MakeResident(*asked, municipality));
}

absl::StatusOr<ResidentCode> ResidentDesk::AssignCode(JukiStore::Round& round) {
  while (true) {
    const auto bytes = random_->Bytes<8>();
    uint64_t drawn;
    std::memcpy(&drawn, bytes.data(), sizeof(drawn));
    ResidentCode code = ResidentCode::FromSerial(drawn % kCodeSerials, rule_);
    NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::CodeHolder> holder,
                               round.FindHolder(store_->CodeKey(code)));
    if (!holder) return code;
  }
}

}  // namespace nakadachi::juki
