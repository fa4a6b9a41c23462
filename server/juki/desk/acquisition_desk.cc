#include "server/juki/desk/acquisition_desk.h"

#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::juki {
namespace {

constexpr size_t kSweepStep = 1000;

absl::Status AlreadyExists(absl::string_view field, absl::string_view rule,
                           absl::string_view message) {
  return FieldError(absl::StatusCode::kAlreadyExists, field, rule, message);
}

}  // namespace

struct AcquisitionDesk::Call {
  const LocalGovernmentCode& institution;
  const int64_t now_ms;
  JukiStore::Round& round;
  int position = 0;
  std::set<std::string> parties;
  Submission submission;
};

absl::StatusOr<Submission> AcquisitionDesk::Begin(const LocalGovernmentCode& institution,
                                                  const v1::SubmitAcquisitionsRequest& request) {
  if (request.entries_size() > kMaxEntries) {
    return InvalidField("entries", "too-many", "holds more than 1000");
  }
  JukiStore::Round round(*store_);
  Call call{institution, clock_->NowMs(), round, 0, {}, {}};
  call.submission.relayed.set_institution(institution.ToString());
  for (; call.position < request.entries_size(); ++call.position) {
    const absl::Status status = BeginOne(request.entries(call.position), call);
    if (status.code() == absl::StatusCode::kDataLoss) return status;
    call.submission.response.add_errors(rpc::ToBytes(status));
  }
  NAKADACHI_RETURN_IF_ERROR(round.Commit());
  return std::move(call.submission);
}

absl::Status AcquisitionDesk::BeginOne(const v1::SubmitAcquisitionsRequest::Entry& entry,
                                       Call& call) {
  NAKADACHI_ASSIGN_OR_RETURN(AcquisitionNumber acquisition_number,
                             AcquisitionNumber::Parse(entry.acquisition_number()));
  NAKADACHI_ASSIGN_OR_RETURN(IndividualNumber number,
                             IndividualNumber::Parse(entry.individual_number()));
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Resident> resident,
                             call.round.FindResident(store_->PersonKey(number)));
  if (!resident) {
    return FieldError(absl::StatusCode::kNotFound, "individual_number", "unknown-individual-number",
                      "is not registered");
  }
  ResidentCodeRule any;
  any.checked = false;
  auto code = ResidentCode::Parse(resident->resident_code(), "resident_code", any);
  if (!code.ok()) {
    return FieldError(absl::StatusCode::kDataLoss, "resident", "stored-format", "cannot be read");
  }

  const std::string party_key = store_->PartyKey(call.institution, *code);
  const std::string acquisition_key = store_->AcquisitionKey(acquisition_number);
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Acquired> acquired,
                             call.round.FindAcquired(party_key));
  if (acquired) {
    const bool the_same =
        acquired->acquisition_key() == acquisition_key && acquired->expires_ms() > call.now_ms;
    if (the_same) return absl::OkStatus();
    return AlreadyExists("individual_number", "already-acquired",
                         "the institution acquired this person's code before, under another "
                         "addressee number: use that one, or correct this individual number");
  }
  if (!call.parties.insert(party_key).second) {
    return InvalidField("individual_number", "duplicate", "stands twice in this call");
  }

  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::Acquisition> pending,
                             call.round.FindAcquisition(acquisition_key));
  if (pending && pending->expires_ms() <= call.now_ms) pending.reset();
  if (pending && pending->party_key() != party_key) {
    return AlreadyExists("acquisition_number", "acquisition-number-reused",
                         "was submitted for another person or institution");
  }
  if (!pending) {
    pending.emplace();
    pending->set_party_key(party_key);
    pending->set_expires_ms(call.now_ms + lifetime_ms_);
    call.round.PutAcquisition(acquisition_key, *pending);
  }
  v1::DeriveCodesRequest::Entry* relayed = call.submission.relayed.add_entries();
  relayed->set_acquisition_number(acquisition_number.Reveal());
  relayed->set_resident_code(code->Reveal());
  call.submission.origins.push_back({call.position, acquisition_key, *std::move(pending)});
  return absl::OkStatus();
}

absl::StatusOr<v1::SubmitAcquisitionsResponse> AcquisitionDesk::Complete(
    Submission submission, const v1::DeriveCodesResponse& answers) {
  if (static_cast<size_t>(answers.errors_size()) != submission.origins.size()) {
    return FieldError(absl::StatusCode::kInternal, "errors", "count",
                      "the broker answered another number of entries");
  }
  JukiStore::Round round(*store_);
  for (size_t i = 0; i < submission.origins.size(); ++i) {
    const Submission::Origin& origin = submission.origins[i];
    const std::string& error = answers.errors(static_cast<int>(i));
    submission.response.set_errors(origin.position, error);
    if (!error.empty()) continue;
    NAKADACHI_RETURN_IF_ERROR(round.Succeed(origin.acquisition_key, origin.acquisition));
  }
  NAKADACHI_RETURN_IF_ERROR(round.Commit());
  return std::move(submission.response);
}

absl::Status AcquisitionDesk::Sweep() {
  size_t swept = kSweepStep;
  while (swept == kSweepStep) {
    JukiStore::Round round(*store_);
    NAKADACHI_ASSIGN_OR_RETURN(swept, round.Sweep(clock_->NowMs(), kSweepStep));
    NAKADACHI_RETURN_IF_ERROR(round.Commit());
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::juki
