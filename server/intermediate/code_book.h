// Linkage codes and acquisition numbers of an institution's persons. Number Act art. 21-2; the
// server never sees an individual number or a resident code.
#ifndef NAKADACHI_SERVER_INTERMEDIATE_CODE_BOOK_H_
#define NAKADACHI_SERVER_INTERMEDIATE_CODE_BOOK_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "nakadachi/stored/v1/intermediate.pb.h"
#include "server/intermediate/institution.h"

namespace nakadachi::intermediate {

// Thread-safe; writes are durable on return.
class CodeBook {
 public:
  explicit CodeBook(Institution* institution) : institution_(institution) {}

  // A new acquisition number for each person, or the pending one. ALREADY_EXISTS, rule
  // "already-acquired", where the code is held.
  std::vector<absl::StatusOr<AcquisitionNumber>> IssueAcquisitionNumbers(
      const std::vector<AddresseeNumber>& persons);

  // Stores a code under the person that the acquisition number stands for, and forgets the
  // number. OK again for the same code. NOT_FOUND, rule "acquisition-number", where the number
  // is unknown, used or past its time.
  struct Arrival {
    AcquisitionNumber number;
    LinkageCode code;
  };
  std::vector<absl::Status> ReceiveCodes(const std::vector<Arrival>& arrivals);

  // NOT_FOUND, rule "no-linkage-code", where the person has none.
  absl::StatusOr<LinkageCode> CodeOf(const AddresseeNumber& person);
  // nullopt: no person here has this code.
  absl::StatusOr<std::optional<stored::v1::PersonCode>> PersonOf(const LinkageCode& code);

  // Also of a person who is not known yet: protection comes before the code, so that nothing is
  // answered between the two. INVALID_ARGUMENT, rule "unknown-item", where no permission list in
  // force or announced names an item.
  absl::Status SetProtection(const AddresseeNumber& person, bool automatic_reply_disabled,
                             const std::vector<std::string>& withheld_items);

  // Forgets acquisition numbers past their time.
  absl::Status Sweep();

 private:
  Institution* institution_;
  absl::Mutex mutex_;  // orders read-modify-write of a person
};

}  // namespace nakadachi::intermediate

#endif  // NAKADACHI_SERVER_INTERMEDIATE_CODE_BOOK_H_
