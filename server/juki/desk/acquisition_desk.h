// Acquisition of linkage codes: an acquisition number and an individual number come in, the number
// and the resident code go to the broker. An acquisition number does not outlive its purpose: its
// record dies with success or at the end of its life.
#ifndef NAKADACHI_SERVER_JUKI_DESK_ACQUISITION_DESK_H_
#define NAKADACHI_SERVER_JUKI_DESK_ACQUISITION_DESK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "nakadachi/v1/broker.pb.h"
#include "nakadachi/v1/juki.pb.h"
#include "server/juki/store/juki_store.h"

namespace nakadachi::juki {

// A call on its way through the broker.
struct Submission {
  v1::SubmitAcquisitionsResponse response;  // errors of the entries that do not go on are filled
  v1::DeriveCodesRequest relayed;           // the entries that go on, in order
  struct Origin {
    int position;  // in the call
    std::string acquisition_key;
    stored::v1::Acquisition acquisition;
  };
  std::vector<Origin> origins;  // of the relayed entries
};

// Thread-safe. Calls wait for the disk.
class AcquisitionDesk {
 public:
  static constexpr int kMaxEntries = 1000;

  // `store` and `clock` outlive the desk.
  AcquisitionDesk(JukiStore* store, Clock* clock, int64_t lifetime_ms)
      : store_(store), clock_(clock), lifetime_ms_(lifetime_ms) {}

  // Binds each acquisition number to its institution and person, durably. Errors of single
  // entries: those of the identifiers; NOT_FOUND, rule "unknown-individual-number";
  // ALREADY_EXISTS, rule "already-acquired" (the institution has the person's code by another
  // number; by the same number it is no error), or "acquisition-number-reused" (for another
  // person or institution); INVALID_ARGUMENT, rule "duplicate" (the person twice in a call). Of
  // the whole call: INVALID_ARGUMENT, rule "too-many", or the disk's.
  absl::StatusOr<Submission> Begin(const LocalGovernmentCode& institution,
                                   const v1::SubmitAcquisitionsRequest& request);

  // Takes in what the broker answered; durable on return. INTERNAL, rule "count", where it did not
  // answer every entry.
  absl::StatusOr<v1::SubmitAcquisitionsResponse> Complete(Submission submission,
                                                          const v1::DeriveCodesResponse& answers);

  // Forgets the numbers whose life is over.
  absl::Status Sweep();

 private:
  struct Call;
  absl::Status BeginOne(const v1::SubmitAcquisitionsRequest::Entry& entry, Call& call);

  JukiStore* const store_;
  Clock* const clock_;
  const int64_t lifetime_ms_;
};

}  // namespace nakadachi::juki

#endif  // NAKADACHI_SERVER_JUKI_DESK_ACQUISITION_DESK_H_
