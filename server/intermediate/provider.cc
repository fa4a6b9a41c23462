#include "server/intermediate/provider.h"

#include <array>
#include <functional>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/layout.h"
#include "server/intermediate/permit_judge.h"

namespace nakadachi::intermediate {
namespace {

constexpr size_t kSweptAtOnce = 512;
// A review is a working paper; the record is the Provision.
constexpr int64_t kReviewsKeptMs = int64_t{30} * 24 * 3'600 * 1'000;

// What becomes durable in the same commit as a Provision, ready but for the leaf's index.
struct AlsoDurable {
  std::string permit_number;
  std::string answered;    // AnsweredPermit without its index
  std::string end_key;     // empty where nothing is to be forgotten
  std::string review_key;  // empty where there is no review
  std::string review;
  std::optional<stored::v1::OutboxEntry> delivery;
};

void Write(AlsoDurable& also, uint64_t leaf_index, Outbox& outbox, storage::Batch& batch) {
  // Serialised messages behind one another parse as one: the writer's thread adds what only it
  // knows, and the rest was serialised on the caller's.
  stored::v1::AnsweredPermit index;
  index.set_provision_index(leaf_index);
  index.AppendToString(&also.answered);
  batch.Put(kProvisions, also.permit_number, also.answered);
  if (!also.end_key.empty()) batch.Put(kProvisions, also.end_key, {});
  if (!also.review_key.empty()) batch.Put(kReviews, also.review_key, also.review);
  if (also.delivery.has_value()) outbox.AddDelivery(*also.delivery, batch);
}

v1::Provision ProvisionOf(const GenuinePermit& genuine, const PermitAnswer& answer) {
  const v1::Permit& permit = genuine.permit();
  v1::Provision provision;
  provision.set_permit_commitment(std::string(AsView(genuine.commitment)));
  provision.set_permit_number(permit.permit_number());
  provision.set_requester(permit.requester());
  provision.set_provider(permit.provider());
  provision.set_outcome(answer.outcome);
  provision.set_reason(answer.reason);
  provision.set_procedure(permit.procedure());
  *provision.mutable_items() = permit.items();
  if (answer.outcome == v1::PROVIDED) {
    provision.set_payload_digest(std::string(AsView(ledger::PayloadDigest(answer.payload))));
  }
  for (const v1::Provision::Version& version : answer.versions) {
    *provision.add_versions() = version;
  }
  return provision;
}

stored::v1::AnsweredPermit AnsweredOf(const GenuinePermit& genuine, const PermitAnswer& answer,
                                      const Hash& provision_commitment) {
  stored::v1::AnsweredPermit answered;
  answered.set_permit_commitment(std::string(AsView(genuine.commitment)));
  answered.set_valid_until_ms(genuine.permit().valid_until_ms());
  answered.set_provision_commitment(std::string(AsView(provision_commitment)));
  answered.set_outcome(answer.outcome);
  answered.set_reason(answer.reason);
  return answered;
}

stored::v1::StoredReview ReviewOf(const GenuinePermit& genuine, const std::string& addressee,
                                  int64_t now_ms) {
  const v1::Permit& permit = genuine.permit();
  stored::v1::StoredReview stored;
  stored.set_permit_commitment(std::string(AsView(genuine.commitment)));
  v1::Review& review = *stored.mutable_review();
  review.set_permit_number(permit.permit_number());
  review.set_requester(permit.requester());
  review.set_department(permit.department());
  review.set_procedure(permit.procedure());
  *review.mutable_items() = permit.items();
  review.set_received_ms(now_ms);
  review.set_valid_until_ms(permit.valid_until_ms());
  review.set_addressee_number(addressee);
  return stored;
}

stored::v1::OutboxEntry DeliveryOf(const GenuinePermit& genuine) {
  stored::v1::OutboxEntry entry;
  entry.set_permit_number(genuine.permit().permit_number());
  entry.set_permit_commitment(std::string(AsView(genuine.commitment)));
  *entry.mutable_route() = genuine.permit().requester_route();
  entry.set_requester(genuine.permit().requester());
  entry.set_give_up_ms(genuine.permit().valid_until_ms());
  return entry;
}

// What keeps the directory behind the permit says nothing of the permit: it may be presented again.
absl::Status NotYet(const absl::Status& why) {
  return FieldError(absl::StatusCode::kUnavailable, "directory", "behind",
                    absl::StrCat("cannot be brought up to the permit's now (", Reason(why), ")"));
}

// What a permit says of the directory before anything of it is proven; 0 where it says nothing.
uint64_t ClaimedDirectorySize(const v1::Recorded& permit) {
  v1::Statement statement;
  if (!statement.ParseFromString(permit.statement())) return 0;
  return statement.permit().directory_size();
}

class ProviderImpl final : public Provider {
 public:
  explicit ProviderImpl(const ProviderParts& parts)
      : institution_(parts.institution),
        outbox_(parts.outbox),
        follower_(parts.follower),
        judge_(parts.institution, parts.codes, parts.replica) {}

  void Provide(const v1::Recorded& permit,
               const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
               Answer<v1::ProvideResponse> done) override;
  absl::StatusOr<std::vector<v1::Review>> ListReviews() override;
  absl::StatusOr<v1::Outcome> DecideReview(const std::string& permit_number, bool release,
                                           const std::string& staff_pseudonym) override;
  absl::Status Sweep() override;

 private:
  // A permit that this call has taken on; others that present it meanwhile wait for it.
  struct Task {
    GenuinePermit permit;
    v1::Recorded recorded;
  };
  using Waiting = std::vector<Answer<v1::ProvideResponse>>;

  absl::StatusOr<GenuinePermit> Check(
      const v1::Recorded& permit,
      const std::function<bool(const LocalGovernmentCode&)>& may_speak_for) const;
  void Take(GenuinePermit permit, const v1::Recorded& recorded, Answer<v1::ProvideResponse> done);
  // True where the caller is the first and must see to the answer.
  bool Join(const Hash& permit_commitment, Answer<v1::ProvideResponse> done);
  void Finish(const Hash& permit_commitment, absl::StatusOr<v1::ProvideResponse> response);
  // nullopt where the permit is new.
  absl::StatusOr<std::optional<v1::ProvideResponse>> AnswerAgain(const GenuinePermit& permit);
  uint64_t Sequence() const;  // of the directory here
  bool KnowsList(const v1::Permit& permit) const;
  void Decide(Task task);
  void Record(Task task, PermitAnswer answer, int64_t now_ms);
  absl::StatusOr<v1::Outcome> RecordReviewed(const GenuinePermit& permit,
                                             stored::v1::StoredReview review,
                                             const PermitAnswer& answer, int64_t now_ms)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(review_mutex_);

  absl::StatusOr<std::optional<stored::v1::AnsweredPermit>> ReadAnswered(
      absl::string_view permit_number) const;
  absl::StatusOr<stored::v1::StoredReview> ReadReview(const std::string& permit_number) const;
  absl::Status ForgetPayloads(int64_t now_ms);
  absl::Status ForgetReviews(int64_t now_ms);

  Institution* const institution_;
  Outbox* const outbox_;
  DirectoryFollower* const follower_;
  PermitJudge judge_;

  absl::Mutex review_mutex_;  // orders changes to what is stored of reviews and answered permits
  absl::Mutex mutex_;
  absl::flat_hash_map<Hash, Waiting> in_flight_ ABSL_GUARDED_BY(mutex_);
};

void ProviderImpl::Provide(const v1::Recorded& permit,
                           const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
                           Answer<v1::ProvideResponse> done) {
  absl::StatusOr<GenuinePermit> genuine = Check(permit, may_speak_for);
  if (genuine.ok()) return Take(*std::move(genuine), permit, std::move(done));
  const uint64_t claimed = ClaimedDirectorySize(permit);
  if (GetFieldRule(genuine.status()).rule != "key-not-valid" || Sequence() >= claimed) {
    return done(genuine.status());
  }
  // Perhaps the broker's key is newer than the directory here.
  follower_->Reach(claimed, [this, permit, may_speak_for,
                             done = std::move(done)](const absl::Status& reached) mutable {
    if (!reached.ok() && !absl::IsOutOfRange(reached)) return done(NotYet(reached));
    absl::StatusOr<GenuinePermit> again = Check(permit, may_speak_for);
    if (!again.ok()) return done(again.status());
    Take(*std::move(again), permit, std::move(done));
  });
}

void ProviderImpl::Take(GenuinePermit genuine, const v1::Recorded& permit,
                        Answer<v1::ProvideResponse> done) {
  const Hash commitment = genuine.commitment;
  if (!Join(commitment, std::move(done))) return;

  absl::StatusOr<std::optional<v1::ProvideResponse>> again = AnswerAgain(genuine);
  if (!again.ok()) return Finish(commitment, again.status());
  if (again->has_value()) return Finish(commitment, **std::move(again));

  Task task{std::move(genuine), permit};
  const uint64_t needed = task.permit.permit().directory_size();
  if (Sequence() >= needed && KnowsList(task.permit.permit())) return Decide(std::move(task));
  follower_->Reach(needed, [this, task = std::move(task)](const absl::Status& reached) mutable {
    if (reached.ok()) return Decide(std::move(task));
    Finish(task.permit.commitment, absl::IsOutOfRange(reached) ? reached : NotYet(reached));
  });
}

absl::StatusOr<GenuinePermit> ProviderImpl::Check(
    const v1::Recorded& permit,
    const std::function<bool(const LocalGovernmentCode&)>& may_speak_for) const {
  absl::StatusOr<ledger::Verified> verified =
      institution_->platform().verifier->Verify(permit, institution_->NowMs());
  if (!verified.ok()) return UnderField("permit", verified.status());
  absl::StatusOr<GenuinePermit> genuine =
      ParsePermit(std::move(verified->statement), verified->commitment);
  if (!genuine.ok()) return UnderField("permit", genuine.status());
  if (genuine->provider != institution_->code()) {
    return FieldError(absl::StatusCode::kPermissionDenied, "permit.provider", "provider",
                      "the permit is for another provider");
  }
  if (!may_speak_for(genuine->requester)) {
    return FieldError(absl::StatusCode::kPermissionDenied, "permit.requester", "requester",
                      "the peer may not speak for the requester");
  }
  return genuine;
}

uint64_t ProviderImpl::Sequence() const { return institution_->platform().directory->sequence(); }

bool ProviderImpl::KnowsList(const v1::Permit& permit) const {
  return institution_->platform().directory->ListByVersion(permit.list_version()) != nullptr;
}

bool ProviderImpl::Join(const Hash& permit_commitment, Answer<v1::ProvideResponse> done) {
  absl::MutexLock lock(&mutex_);
  Waiting& waiting = in_flight_[permit_commitment];
  waiting.push_back(std::move(done));
  return waiting.size() == 1;
}

void ProviderImpl::Finish(const Hash& permit_commitment,
                          absl::StatusOr<v1::ProvideResponse> response) {
  Waiting waiting;
  {
    absl::MutexLock lock(&mutex_);
    auto found = in_flight_.find(permit_commitment);
    NAKADACHI_CHECK(found != in_flight_.end());
    waiting = std::move(found->second);
    in_flight_.erase(found);
  }
  for (size_t i = 1; i < waiting.size(); ++i) waiting[i](response);
  waiting[0](std::move(response));
}

absl::StatusOr<std::optional<v1::ProvideResponse>> ProviderImpl::AnswerAgain(
    const GenuinePermit& permit) {
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::AnsweredPermit> answered,
                             ReadAnswered(permit.permit().permit_number()));
  if (!answered.has_value()) return std::optional<v1::ProvideResponse>();
  if (answered->permit_commitment() != AsView(permit.commitment)) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "permit_number", "number-reused",
                      "another permit was answered under this number");
  }
  const bool past = institution_->NowMs() >= answered->valid_until_ms();
  if (past && answered->reason() != v1::PERMIT_EXPIRED) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "valid_until_ms", "expired",
                      "the permit was answered and its validity is over");
  }
  v1::ProvideResponse response;
  NAKADACHI_ASSIGN_OR_RETURN(*response.mutable_provision(),
                             institution_->ledger().Prove(answered->provision_index()));
  response.set_payload(std::move(*answered->mutable_payload()));
  return std::optional<v1::ProvideResponse>(std::move(response));
}

void ProviderImpl::Decide(Task task) {
  const int64_t now_ms = institution_->NowMs();
  absl::StatusOr<PermitAnswer> answer =
      judge_.Decide(task.permit, now_ms, PermitJudge::Review::kNotYet);
  if (!answer.ok()) return Finish(task.permit.commitment, answer.status());
  Record(std::move(task), *std::move(answer), now_ms);
}

void ProviderImpl::Record(Task task, PermitAnswer answer, int64_t now_ms) {
  const GenuinePermit& permit = task.permit;
  v1::Statement statement = institution_->NewStatement();
  // The time by which the validity was decided.
  statement.set_time_ms(now_ms);
  *statement.mutable_provision() = ProvisionOf(permit, answer);
  ledger::Prepared prepared = ledger::Prepare(statement, *institution_->platform().random);

  AlsoDurable also;
  also.permit_number = permit.permit().permit_number();
  stored::v1::AnsweredPermit answered = AnsweredOf(permit, answer, prepared.commitment);
  if (answer.outcome == v1::AWAITING_REVIEW) {
    *answered.mutable_permit() = std::move(task.recorded);
    also.review_key = also.permit_number;
    also.review = ReviewOf(permit, answer.addressee, now_ms).SerializeAsString();
  }
  if (answer.outcome == v1::PROVIDED) {
    answered.set_payload(std::move(answer.payload));
    also.end_key = ProvisionEndKey(answered.valid_until_ms(), also.permit_number);
  }
  also.answered = answered.SerializeAsString();

  institution_->ledger().Append(
      std::move(prepared),
      [this, also = std::move(also)](uint64_t leaf_index, storage::Batch& batch) mutable {
        Write(also, leaf_index, *outbox_, batch);
      },
      [this, commitment = permit.commitment, payload = std::move(*answered.mutable_payload())](
          absl::StatusOr<v1::Recorded> recorded) mutable {
        if (!recorded.ok()) return Finish(commitment, recorded.status());
        v1::ProvideResponse response;
        *response.mutable_provision() = *std::move(recorded);
        response.set_payload(std::move(payload));
        Finish(commitment, std::move(response));
        outbox_->Wake();
      });
}

absl::StatusOr<std::vector<v1::Review>> ProviderImpl::ListReviews() {
  std::vector<v1::Review> reviews;
  bool corrupt = false;
  const int64_t now_ms = institution_->NowMs();
  NAKADACHI_RETURN_IF_ERROR(institution_->database().Scan(
      kReviews, {}, {}, [&](absl::string_view, absl::string_view value) {
        stored::v1::StoredReview stored;
        corrupt = !stored.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (corrupt) return false;
        v1::Review& review = reviews.emplace_back(std::move(*stored.mutable_review()));
        review.set_lapsed(review.decided() == v1::OUTCOME_UNSPECIFIED &&
                          now_ms >= review.valid_until_ms());
        return true;
      }));
  if (corrupt) return absl::DataLossError("a review does not parse");
  return reviews;
}

absl::StatusOr<v1::Outcome> ProviderImpl::DecideReview(const std::string& permit_number,
                                                       bool release,
                                                       const std::string& staff_pseudonym) {
  absl::MutexLock lock(&review_mutex_);
  NAKADACHI_ASSIGN_OR_RETURN(stored::v1::StoredReview review, ReadReview(permit_number));
  if (review.review().decided() != v1::OUTCOME_UNSPECIFIED) {
    if (review.released() == release) return review.review().decided();
    return FieldError(absl::StatusCode::kFailedPrecondition, "release", "decided-otherwise",
                      "the review was decided the other way");
  }
  const int64_t now_ms = institution_->NowMs();
  if (now_ms >= review.review().valid_until_ms()) {
    return FieldError(absl::StatusCode::kFailedPrecondition, "permit_number", "lapsed",
                      "the permit's validity is over");
  }
  NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::AnsweredPermit> answered,
                             ReadAnswered(permit_number));
  v1::Statement statement;
  if (!answered.has_value() || !statement.ParseFromString(answered->permit().statement())) {
    return absl::DataLossError("the permit under review is missing or does not parse");
  }
  NAKADACHI_ASSIGN_OR_RETURN(const Hash commitment,
                             HashFromBytes(review.permit_commitment(), "permit_commitment"));
  NAKADACHI_ASSIGN_OR_RETURN(const GenuinePermit permit,
                             ParsePermit(std::move(statement), commitment));
  PermitAnswer answer;
  if (release) {
    NAKADACHI_ASSIGN_OR_RETURN(answer,
                               judge_.Decide(permit, now_ms, PermitJudge::Review::kReleased));
  } else {
    answer.outcome = v1::REFUSED;
    answer.reason = v1::STAFF_DECISION;
  }
  review.set_released(release);
  // Who decided stays in this ledger: in the Provision it would be common to all requesters.
  NAKADACHI_RETURN_IF_ERROR(institution_->RecordOperation(
      "review", staff_pseudonym,
      absl::StrCat(release ? "released" : "refused", " permit ", HexEncode(permit_number))));
  return RecordReviewed(permit, std::move(review), answer, now_ms);
}

absl::StatusOr<v1::Outcome> ProviderImpl::RecordReviewed(const GenuinePermit& permit,
                                                         stored::v1::StoredReview review,
                                                         const PermitAnswer& answer,
                                                         int64_t now_ms) {
  v1::Statement statement = institution_->NewStatement();
  statement.set_time_ms(now_ms);
  v1::Provision& provision = *statement.mutable_provision();
  provision = ProvisionOf(permit, answer);
  provision.set_after_review(true);
  ledger::Prepared prepared = ledger::Prepare(statement, *institution_->platform().random);

  AlsoDurable also;
  also.permit_number = permit.permit().permit_number();
  stored::v1::AnsweredPermit answered = AnsweredOf(permit, answer, prepared.commitment);
  if (answer.outcome == v1::PROVIDED) {
    answered.set_payload(answer.payload);
    also.end_key = ProvisionEndKey(answered.valid_until_ms(), also.permit_number);
  }
  also.answered = answered.SerializeAsString();
  review.mutable_review()->set_decided(answer.outcome);
  also.review_key = also.permit_number;
  also.review = review.SerializeAsString();
  also.delivery = DeliveryOf(permit);

  NAKADACHI_RETURN_IF_ERROR(
      institution_->ledger()
          .AppendAndWait(
              std::move(prepared),
              [this, also = std::move(also)](uint64_t leaf_index, storage::Batch& batch) mutable {
                Write(also, leaf_index, *outbox_, batch);
              })
          .status());
  outbox_->WakeForDelivery();
  return answer.outcome;
}

absl::StatusOr<std::optional<stored::v1::AnsweredPermit>> ProviderImpl::ReadAnswered(
    absl::string_view permit_number) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             institution_->database().Get(kProvisions, permit_number));
  if (!value.has_value()) return std::optional<stored::v1::AnsweredPermit>();
  stored::v1::AnsweredPermit answered;
  if (!answered.ParseFromString(*value)) {
    return absl::DataLossError("an answered permit does not parse");
  }
  return std::optional<stored::v1::AnsweredPermit>(std::move(answered));
}

absl::StatusOr<stored::v1::StoredReview> ProviderImpl::ReadReview(
    const std::string& permit_number) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<std::string> value,
                             institution_->database().Get(kReviews, permit_number));
  if (!value.has_value()) {
    return FieldError(absl::StatusCode::kNotFound, "permit_number", "permit-number",
                      "no review has this permit number");
  }
  stored::v1::StoredReview review;
  if (!review.ParseFromString(*value)) return absl::DataLossError("a review does not parse");
  return review;
}

absl::Status ProviderImpl::Sweep() {
  const int64_t now_ms = institution_->NowMs();
  NAKADACHI_RETURN_IF_ERROR(ForgetPayloads(now_ms));
  return ForgetReviews(now_ms);
}

// The answered permit itself stays: it is what makes a permit single-use.
absl::Status ProviderImpl::ForgetPayloads(int64_t now_ms) {
  const std::string first = ProvisionEndKey(0, {});
  while (true) {
    std::vector<std::pair<std::string, std::string>> ended;  // key, permit number
    NAKADACHI_RETURN_IF_ERROR(institution_->database().Scan(
        kProvisions, first.substr(0, 1), first, [&](absl::string_view key, absl::string_view) {
          int64_t valid_until_ms = 0;
          std::string number;
          if (!ParseProvisionEndKey(key, &valid_until_ms, &number)) return true;
          if (valid_until_ms > now_ms) return false;
          ended.emplace_back(key, std::move(number));
          return ended.size() < kSweptAtOnce;
        }));
    if (ended.empty()) return absl::OkStatus();
    absl::MutexLock lock(&review_mutex_);
    storage::Batch batch(institution_->database());
    for (const auto& [key, number] : ended) {
      NAKADACHI_ASSIGN_OR_RETURN(std::optional<stored::v1::AnsweredPermit> answered,
                                 ReadAnswered(number));
      batch.Delete(kProvisions, key);
      if (!answered.has_value()) continue;
      answered->clear_payload();
      batch.Put(kProvisions, number, answered->SerializeAsString());
    }
    NAKADACHI_RETURN_IF_ERROR(institution_->database().CommitUnsynced(std::move(batch)));
  }
}

absl::Status ProviderImpl::ForgetReviews(int64_t now_ms) {
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<v1::Review> reviews, ListReviews());
  storage::Batch batch(institution_->database());
  bool any = false;
  for (const v1::Review& review : reviews) {
    if (review.valid_until_ms() > now_ms - kReviewsKeptMs) continue;
    batch.Delete(kReviews, review.permit_number());
    any = true;
  }
  if (!any) return absl::OkStatus();
  return institution_->database().CommitUnsynced(std::move(batch));
}

}  // namespace

std::unique_ptr<Provider> Provider::Create(const ProviderParts& parts) {
  return std::make_unique<ProviderImpl>(parts);
}

}  // namespace nakadachi::intermediate
