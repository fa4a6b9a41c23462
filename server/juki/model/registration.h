// What becomes of a registration. Pure.
#ifndef NAKADACHI_SERVER_JUKI_MODEL_REGISTRATION_H_
#define NAKADACHI_SERVER_JUKI_MODEL_REGISTRATION_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/ids.h"

namespace nakadachi::juki {

// A resident as the registry holds it.
struct Holding {
  ResidentCode code;
  LocalGovernmentCode municipality;
};

enum class RegistrationStep {
  kNothing,        // registered like this already
  kCreate,         // a new resident, under the code asked for or, without one, an assigned one
  kMove,           // known; another municipality registers the resident now
  kCorrectNumber,  // the code is known under another individual number
};

// `asked`: the code that the registration names, if any. `under_number`: who is held under the
// individual number; `under_code`: who is held under `asked`. Errors: ALREADY_EXISTS, rule
// "resident-code-differs", where the number is held with another code, or rule
// "resident-code-taken", where number and code are held as two persons; PERMISSION_DENIED, rule
// "other-municipality", where a number is corrected by another municipality than the resident's.
absl::StatusOr<RegistrationStep> DecideRegistration(const LocalGovernmentCode& municipality,
                                                    const std::optional<ResidentCode>& asked,
                                                    const std::optional<Holding>& under_number,
                                                    const std::optional<Holding>& under_code);

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_MODEL_REGISTRATION_H_
