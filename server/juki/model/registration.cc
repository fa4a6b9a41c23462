#include "server/juki/model/registration.h"

#include "common/base/status.h"

namespace nakadachi::juki {

absl::StatusOr<RegistrationStep> DecideRegistration(const LocalGovernmentCode& municipality,
                                                    const std::optional<ResidentCode>& asked,
                                                    const std::optional<Holding>& under_number,
                                                    const std::optional<Holding>& under_code) {
  if (under_number) {
    if (asked && *asked != under_number->code) {
      return FieldError(absl::StatusCode::kAlreadyExists, "resident_code",
                        under_code ? "resident-code-taken" : "resident-code-differs",
                        "is not the one that is held under the individual number");
    }
    return under_number->municipality == municipality ? RegistrationStep::kNothing
                                                      : RegistrationStep::kMove;
  }
  if (!under_code) return RegistrationStep::kCreate;
  if (under_code->municipality != municipality) {
    return FieldError(absl::StatusCode::kPermissionDenied, "individual_number",
                      "other-municipality", "can be corrected by the resident's municipality only");
  }
  return RegistrationStep::kCorrectNumber;
}

}  // namespace nakadachi::juki
