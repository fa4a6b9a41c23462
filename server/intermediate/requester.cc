#include "server/intermediate/requester.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "server/intermediate/backoff.h"
#include "server/intermediate/exchange_answer.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/exchange_store.h"
#include "server/intermediate/gate.h"
#include "server/intermediate/in_flight.h"
#include "server/intermediate/timer.h"
#include "server/intermediate/unreached.h"

namespace nakadachi::intermediate {
namespace {

// A query that the broker was never reached for is given up after this.
constexpr int64_t kUnpermittedMs = int64_t{24} * 3'600 * 1'000;
constexpr absl::Duration kResumePause = absl::Milliseconds(20);
constexpr absl::Duration kLookForRoom = absl::Milliseconds(250);
constexpr absl::Duration kReadAgain = absl::Seconds(1);
constexpr char kBroker[] = "broker";
constexpr char kProvider[] = "provider";

using Ref = InFlight::Ref;

bool IsKeyProblem(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsPermissionDenied(status);
}

std::string Bytes(const Hash& hash) { return std::string(AsView(hash)); }

absl::Status ShuttingDown() { return absl::UnavailableError("shutting down"); }

absl::Status DiskFull(absl::string_view where) {
  return FieldError(absl::StatusCode::kResourceExhausted, where, "disk-full",
                    "no space on a disk; the query stays open and goes on");
}

absl::Status NotReached(absl::string_view where, absl::string_view who, const absl::Status& why) {
  return FieldError(absl::StatusCode::kUnavailable, where, "not-reached",
                    absl::StrCat(where == kBroker ? "the broker" : who, " gives no answer (",
                                 Reason(why), "); the question is recorded and goes on by itself"));
}

absl::Status CheckDelivery(const ledger::Verified& verified,
                           const std::function<bool(const LocalGovernmentCode&)>& may_speak_for) {
  if (!verified.statement.has_provision()) {
    return InvalidField("provision", "kind", "is no provision");
  }
  const auto provider = LocalGovernmentCode::Parse(verified.author.ToString(), "provision.author");
  if (!provider.ok()) return provider.status();
  if (!may_speak_for(*provider)) {
    return FieldError(absl::StatusCode::kPermissionDenied, "provision.author", "provider",
                      "the peer may not speak for the provider");
  }
  if (verified.statement.provision().outcome() == v1::AWAITING_REVIEW) {
    return InvalidField("provision.outcome", "outcome", "is not final");
  }
  return absl::OkStatus();
}

class RequesterImpl final : public Requester {
 public:
  explicit RequesterImpl(const RequesterParts& parts)
      : parts_(parts),
        institution_(parts.institution),
        platform_(parts.institution->platform()),
        store_(&parts.institution->database()),
        in_flight_(parts.max_in_flight) {}
  ~RequesterImpl() override { Shutdown(); }

  absl::Status ResumeOpen();

  void Query(const v1::QueryRequest& request, Answer<v1::QueryResponse> done) override;
  absl::StatusOr<v1::QueryResponse> GetExchange(const std::string& request_id) override;
  void Receive(const v1::DeliverRequest& delivery,
               const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
               Answer<v1::Recorded> receipt) override;
  uint64_t open_exchanges() const override { return open_.load(); }
  std::map<std::string, int64_t> unreached() const override;
  absl::Status Sweep() override;
  void Shutdown() override;

 private:
  // Claiming and letting go.
  absl::StatusOr<Ref> ClaimStored(const std::string& request_id);
  void Fail(const Ref& exchange, const absl::Status& status);
  void Answered(const Ref& exchange);

  // The steps of an exchange, in order.
  void Begin(const Ref& exchange);
  absl::Status Load(Exchange& exchange, stored::v1::StoredExchange stored) const;
  void Resume(const Ref& exchange);
  void ResumeLater(const Ref& exchange);
  void RecordQuery(const Ref& exchange, const LinkageCode& code);
  void Ask(const Ref& exchange);
  void AskBroker(const Ref& exchange, v1::Recorded query);
  void AskBrokerFreshly(const Ref& exchange);
  void OnDecision(const Ref& exchange, absl::StatusOr<v1::Recorded> decision);
  void OnPermit(const Ref& exchange, v1::Recorded recorded, ledger::Verified verified);
  void AskProvider(const Ref& exchange);
  void PresentPermit(const Ref& exchange);
  void OnProvision(const Ref& exchange, absl::StatusOr<v1::ProvideResponse> response);
  void Settle(const Ref& exchange, Judgement judgement);
  void StoreAwaiting(const Ref& exchange);
  void RecordReceipt(const Ref& exchange, Judgement judgement);
  void OnReceipt(const Ref& exchange, const std::shared_ptr<stored::v1::StoredExchange>& finished,
                 absl::StatusOr<v1::Recorded> receipt);

  // Ends without a Receipt.
  void Refuse(const Ref& exchange, v1::ExchangeState state, v1::RefusalReason reason,
              const std::string& detail, uint64_t list_version = 0);
  void Lapse(const Ref& exchange);
  void Conclude(const Ref& exchange, v1::QueryResponse answer);
  v1::QueryResponse NewAnswer(const Exchange& exchange, v1::ExchangeState state) const;
  static stored::v1::StoredExchange Finished(const Exchange& exchange, v1::QueryResponse answer);
  bool IsOver(const Exchange& exchange) const;

  void RefreshKeys(const Ref& exchange, absl::AnyInvocable<void()> give_up);
  void ReceiveInto(const Ref& exchange, const v1::DeliverRequest& delivery,
                   ledger::Verified verified);
  void EndDelivery(const Ref& exchange, absl::StatusOr<v1::Recorded> result);

  // Later.
  void Pause(const Ref& exchange, absl::Duration at_most = absl::InfiniteDuration());
  void PauseTroubled(const Ref& exchange, const absl::Status& why);
  void PauseUnanswered(const Ref& exchange, absl::string_view where, const absl::Status& why);
  void KeepPermit(Exchange& exchange);
  void SetAside(const Exchange& exchange);
  void ResumeSome();
  void ReadAgain(const std::string& request_id);
  std::optional<std::string> TakeResumable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RequesterParts parts_;
  Institution* const institution_;
  const Platform platform_;
  const ExchangeStore store_;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::atomic<uint64_t> open_{0};

  InFlight in_flight_;
  Unreached unreached_;

  absl::Mutex mutex_;
  bool resuming_ ABSL_GUARDED_BY(mutex_) = false;
  // Open exchanges that are in the store alone: since the start, and of whoever is not reached, by
  // provider.
  std::vector<std::string> unresumed_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> aside_ ABSL_GUARDED_BY(mutex_);
  Timer timer_;
};

// ---- Claiming and letting go

void RequesterImpl::Query(const v1::QueryRequest& request, Answer<v1::QueryResponse> done) {
  const absl::Status checked = CheckQueryRequest(request, institution_->code().ToString());
  if (!checked.ok()) return done(checked);
  const Gate::Pass pass(gate_);
  if (!pass) return done(ShuttingDown());
  const absl::StatusOr<Ref> exchange = in_flight_.JoinOrClaim(request, &done);
  if (!exchange.ok()) return done(exchange.status());
  if (*exchange != nullptr) return Begin(*exchange);
  // Who asks again does not wait for the end of a pause.
  if (const Ref paused = in_flight_.TakePaused(request.request_id(), timer_)) Ask(paused);
}

// An exchange from the store. nullptr where it is in flight, or where there is none; an error where
// it cannot be read.
absl::StatusOr<Ref> RequesterImpl::ClaimStored(const std::string& request_id) {
  NAKADACHI_ASSIGN_OR_RETURN(const auto before, store_.Read(request_id));
  if (!before.has_value()) return nullptr;
  Ref exchange = in_flight_.Claim(before->request());
  if (exchange == nullptr) return nullptr;
  // Only now does nobody else change it.
  auto stored = store_.Read(request_id);
  absl::Status loaded = stored.status();
  if (loaded.ok()) loaded = Load(*exchange, std::move(**stored));
  if (loaded.ok()) return exchange;
  Fail(exchange, loaded);
  return loaded;
}

void RequesterImpl::Fail(const Ref& exchange, const absl::Status& status) {
  for (Exchange::Waiter& waiter : in_flight_.LetGo(*exchange)) waiter.done(status);
}

void RequesterImpl::Answered(const Ref& exchange) {
  std::vector<Exchange::Waiter> waiters = in_flight_.LetGo(*exchange);
  if (waiters.empty()) return;
  v1::QueryResponse response = ResponseOf(std::move(exchange->stored));
  for (size_t i = 0; i + 1 < waiters.size(); ++i) {
    response.set_tag(waiters[i].tag);
    waiters[i].done(response);
  }
  response.set_tag(waiters.back().tag);
  waiters.back().done(std::move(response));
}

// ---- The steps of an exchange

void RequesterImpl::Begin(const Ref& exchange) {
  auto stored = store_.Read(exchange->request.request_id());
  if (!stored.ok()) return Fail(exchange, stored.status());
  if (stored->has_value()) {
    if (!SameQuestion((*stored)->request(), exchange->request)) {
      return Fail(exchange, RequestIdReused());
    }
    const absl::Status loaded = Load(*exchange, std::move(**stored));
    return loaded.ok() ? ResumeLater(exchange) : Fail(exchange, loaded);
  }
  const auto person = AddresseeNumber::Parse(exchange->request.addressee_number());
  if (!person.ok()) return Fail(exchange, person.status());
  const auto code = parts_.codes->CodeOf(*person);
  if (!code.ok()) return Fail(exchange, code.status());
  RecordQuery(exchange, *code);
}

absl::Status RequesterImpl::Load(Exchange& exchange, stored::v1::StoredExchange stored) const {
  NAKADACHI_ASSIGN_OR_RETURN(const std::optional<int64_t> lapses,
                             store_.LapsesAt(exchange.request.request_id()));
  exchange.stored = std::move(stored);
  exchange.lapses_ms = lapses.value_or(0);
  exchange.permit = PermitOf(exchange.stored);
  exchange.permit_kept = exchange.stored.has_permit();
  return absl::OkStatus();
}

// Goes on from what the store says.
void RequesterImpl::Resume(const Ref& exchange) {
  const v1::ExchangeState state = exchange->stored.state();
  if (IsFinal(state)) return Answered(exchange);
  if (IsOver(*exchange)) return Lapse(exchange);
  if (state == v1::AWAITING) return Answered(exchange);
  if (state == v1::PERMITTED) return AskProvider(exchange);
  auto query = institution_->ledger().Prove(exchange->stored.query_index());
  if (!query.ok()) return PauseTroubled(exchange, query.status());
  AskBroker(exchange, *std::move(query));
}

// Likewise, perhaps long after it was recorded.
void RequesterImpl::ResumeLater(const Ref& exchange) {
  return exchange->stored.state() == v1::RECORDED && !IsOver(*exchange) ? AskBrokerFreshly(exchange)
                                                                        : Resume(exchange);
}

void RequesterImpl::RecordQuery(const Ref& exchange, const LinkageCode& code) {
  const v1::QueryRequest& request = exchange->request;
  v1::Statement statement = institution_->NewStatement();
  v1::Query& query = *statement.mutable_query();
  query.set_provider(request.provider());
  query.set_procedure(request.procedure());
  *query.mutable_items() = request.items();
  query.set_linkage_code(std::string(code.RevealBytes()));
  query.set_department(request.department());
  query.set_staff_pseudonym(request.staff_pseudonym());
  query.set_nonce(platform_.random->String(16));
  query.set_non_disclosure(request.non_disclosure());
  ledger::Prepared prepared = ledger::Prepare(statement, *platform_.random);

  exchange->stored.set_state(v1::RECORDED);
  exchange->stored.set_query_commitment(Bytes(prepared.commitment));
  exchange->lapses_ms = statement.time_ms() + kUnpermittedMs;
  institution_->ledger().Append(
      std::move(prepared),
      [exchange](uint64_t leaf_index, storage::Batch& batch) {
        exchange->stored.set_query_index(leaf_index);
        ExchangeStore::PutOpen(exchange->request.request_id(), exchange->stored.SerializeAsString(),
                               exchange->lapses_ms, batch);
      },
      [this, exchange, pass = Gate::Pass::Another(gate_)](absl::StatusOr<v1::Recorded> recorded) {
        if (!recorded.ok()) return Fail(exchange, recorded.status());
        ++open_;
        AskBroker(exchange, *std::move(recorded));
      });
}

void RequesterImpl::Ask(const Ref& exchange) {
  return exchange->stored.state() == v1::PERMITTED ? AskProvider(exchange)
                                                   : AskBrokerFreshly(exchange);
}

// The broker judges this clock by the checkpoint: a query that had to wait needs a new one.
void RequesterImpl::AskBrokerFreshly(const Ref& exchange) {
  const int64_t fresh_from = institution_->NowMs() - platform_.clock_tolerance_ms / 2;
  if (institution_->ledger().Head().time_ms >= fresh_from) return Resume(exchange);
  v1::Statement statement = institution_->NewStatement();
  statement.mutable_operation()->set_kind("resume");
  institution_->ledger().Append(
      ledger::Prepare(statement, *platform_.random), nullptr,
      [this, exchange, pass = Gate::Pass::Another(gate_)](absl::StatusOr<v1::Recorded> recorded) {
        return recorded.ok() ? Resume(exchange) : PauseTroubled(exchange, recorded.status());
      });
}

void RequesterImpl::AskBroker(const Ref& exchange, v1::Recorded query) {
  if (IsOver(*exchange)) return Lapse(exchange);
  parts_.broker->RequestPermit(
      std::move(query), [this, gate = gate_, exchange](absl::StatusOr<v1::Recorded> decision) {
        const Gate::Pass pass(gate);
        if (pass) OnDecision(exchange, std::move(decision));
      });
}

void RequesterImpl::OnDecision(const Ref& exchange, absl::StatusOr<v1::Recorded> decision) {
  if (!decision.ok()) {
    if (MayRetry(decision.status())) return PauseUnanswered(exchange, kBroker, decision.status());
    unreached_.Answered(kBroker);
    return Refuse(exchange, v1::REFUSED_BY_BROKER, v1::REFUSAL_REASON_UNSPECIFIED,
                  Reason(decision.status()));
  }
  unreached_.Answered(kBroker);
  auto verified = platform_.verifier->Verify(*decision, institution_->NowMs());
  const absl::Status checked = verified.ok() ? CheckDecision(*verified, exchange->request,
                                                             exchange->stored.query_commitment())
                                             : verified.status();
  const auto distrust = [this, exchange, why = Reason(checked)] {
    Refuse(exchange, v1::REFUSED_BY_BROKER, v1::PROOF_INVALID, why);
  };
  if (!verified.ok() && IsKeyProblem(checked)) return RefreshKeys(exchange, distrust);
  if (!checked.ok()) return distrust();
  if (verified->statement.has_permit()) {
    return OnPermit(exchange, *std::move(decision), *std::move(verified));
  }
  const v1::Refusal& refusal = verified->statement.refusal();
  Refuse(exchange, v1::REFUSED_BY_BROKER, refusal.reason(), refusal.detail(),
         refusal.list_version());
}

void RequesterImpl::OnPermit(const Ref& exchange, v1::Recorded recorded,
                             ledger::Verified verified) {
  exchange->permit = {std::move(*verified.statement.mutable_permit()), Bytes(verified.commitment)};
  exchange->lapses_ms = exchange->permit.permit.valid_until_ms();
  exchange->failures = 0;
  exchange->stored.set_state(v1::PERMITTED);
  *exchange->stored.mutable_permit() = std::move(recorded);
  AskProvider(exchange);
}

// Once the directory is as new as the one that the permit was decided by.
void RequesterImpl::AskProvider(const Ref& exchange) {
  if (IsOver(*exchange)) return Lapse(exchange);
  parts_.follower->Reach(exchange->permit.permit.directory_size(),
                         [this, gate = gate_, exchange](const absl::Status& reached) {
                           const Gate::Pass pass(gate);
                           if (!pass) return;
                           if (reached.ok()) return PresentPermit(exchange);
                           // The directory's own disk is nobody else's.
                           if (IsDiskFull(reached)) return PauseTroubled(exchange, reached);
                           PauseUnanswered(exchange, kBroker, reached);
                         });
}

void RequesterImpl::PresentPermit(const Ref& exchange) {
  parts_.peers->Provide(
      exchange->permit.permit.provider_route(), exchange->stored.permit(),
      [this, gate = gate_, exchange](absl::StatusOr<v1::ProvideResponse> response) {
        const Gate::Pass pass(gate);
        if (pass) OnProvision(exchange, std::move(response));
      });
}

void RequesterImpl::OnProvision(const Ref& exchange, absl::StatusOr<v1::ProvideResponse> response) {
  if (!response.ok()) {
    if (MayRetry(response.status())) {
      return PauseUnanswered(exchange, kProvider, response.status());
    }
    unreached_.Answered(exchange->request.provider());
    return Refuse(exchange, v1::REFUSED_BY_PROVIDER, v1::REFUSAL_REASON_UNSPECIFIED,
                  Reason(response.status()));
  }
  unreached_.Answered(exchange->request.provider());
  auto verified = platform_.verifier->Verify(response->provision(), institution_->NowMs());
  const absl::Status proof = verified.status();
  Judgement judgement = Judge(response->provision(), response->payload(), exchange->permit,
                              std::move(verified), platform_.clock_tolerance_ms);
  if (!IsKeyProblem(proof)) return Settle(exchange, std::move(judgement));
  RefreshKeys(exchange, [this, exchange, judgement = std::move(judgement)]() mutable {
    Settle(exchange, std::move(judgement));
  });
}

void RequesterImpl::Settle(const Ref& exchange, Judgement judgement) {
  if (judgement.provision.outcome() != v1::AWAITING_REVIEW) {
    return RecordReceipt(exchange, std::move(judgement));
  }
  exchange->stored.set_awaiting_provision_commitment(judgement.provision_commitment);
  // It waits for the disk, which the thread that brought the answer must not.
  timer_.After(absl::ZeroDuration(), [this, exchange] { StoreAwaiting(exchange); });
}

void RequesterImpl::StoreAwaiting(const Ref& exchange) {
  exchange->stored.set_state(v1::AWAITING);
  storage::Batch batch(institution_->database());
  const std::string& request_id = exchange->request.request_id();
  ExchangeStore::PutOpen(request_id, exchange->stored.SerializeAsString(), exchange->lapses_ms,
                         batch);
  ExchangeStore::PutReviewed(exchange->permit.commitment, request_id, batch);
  const absl::Status stored = institution_->database().Commit(std::move(batch));
  if (stored.ok()) return Answered(exchange);
  exchange->stored.set_state(v1::PERMITTED);
  PauseTroubled(exchange, stored);
}

// The Receipt and what it lets out become durable together; nobody sees the data before.
void RequesterImpl::RecordReceipt(const Ref& exchange, Judgement judgement) {
  v1::Statement statement = institution_->NewStatement();
  *statement.mutable_receipt() = ReceiptOf(judgement, exchange->permit);
  ledger::Prepared prepared = ledger::Prepare(statement, *platform_.random);
  const bool reviewed = judgement.provision.after_review() || exchange->receipt.has_value();

  v1::QueryResponse answer = NewAnswer(*exchange, v1::ANSWERED);
  answer.set_receipt_commitment(Bytes(prepared.commitment));
  AddJudgement(std::move(judgement), &answer);
  auto finished =
      std::make_shared<stored::v1::StoredExchange>(Finished(*exchange, std::move(answer)));

  institution_->ledger().Append(
      std::move(prepared),
      [exchange, finished, reviewed](uint64_t leaf_index, storage::Batch& batch) {
        finished->set_receipt_index(leaf_index);
        const std::string& request_id = exchange->request.request_id();
        ExchangeStore::PutFinal(request_id, finished->SerializeAsString(), batch);
        if (reviewed) ExchangeStore::PutReviewed(exchange->permit.commitment, request_id, batch);
      },
      [this, exchange, finished,
       pass = Gate::Pass::Another(gate_)](absl::StatusOr<v1::Recorded> recorded) {
        OnReceipt(exchange, finished, std::move(recorded));
      });
}

void RequesterImpl::OnReceipt(const Ref& exchange,
                              const std::shared_ptr<stored::v1::StoredExchange>& finished,
                              absl::StatusOr<v1::Recorded> receipt) {
  const bool recorded = receipt.ok();
  if (recorded) {
    exchange->stored = std::move(*finished);
    --open_;
    parts_.outbox->Wake();
  }
  if (exchange->receipt.has_value()) return EndDelivery(exchange, std::move(receipt));
  if (recorded) return Answered(exchange);
  // The provider keeps its answer ready.
  PauseTroubled(exchange, receipt.status());
}

// ---- Ends without a Receipt

v1::QueryResponse RequesterImpl::NewAnswer(const Exchange& exchange,
                                           v1::ExchangeState state) const {
  v1::QueryResponse answer;
  answer.set_request_id(exchange.request.request_id());
  answer.set_state(state);
  answer.set_query_commitment(exchange.stored.query_commitment());
  answer.set_answered_ms(institution_->NowMs());
  if (exchange.stored.has_permit()) AddPermit(exchange.permit, &answer);
  return answer;
}

// What is kept of an exchange that is over.
stored::v1::StoredExchange RequesterImpl::Finished(const Exchange& exchange,
                                                   v1::QueryResponse answer) {
  stored::v1::StoredExchange finished;
  *finished.mutable_request() = exchange.request;
  finished.set_state(answer.state());
  finished.set_query_index(exchange.stored.query_index());
  finished.set_query_commitment(exchange.stored.query_commitment());
  finished.set_awaiting_provision_commitment(exchange.stored.awaiting_provision_commitment());
  *finished.mutable_answer() = std::move(answer);
  return finished;
}

void RequesterImpl::Refuse(const Ref& exchange, v1::ExchangeState state, v1::RefusalReason reason,
                           const std::string& detail, uint64_t list_version) {
  v1::QueryResponse answer = NewAnswer(*exchange, state);
  answer.set_outcome(v1::REFUSED);
  answer.set_refusal_reason(reason);
  answer.set_refusal_detail(detail);
  if (list_version != 0) answer.set_list_version(list_version);
  Conclude(exchange, std::move(answer));
}

void RequesterImpl::Lapse(const Ref& exchange) {
  Conclude(exchange, NewAnswer(*exchange, v1::LAPSED));
}

// Not synced: what a crash loses is found out again by asking again.
void RequesterImpl::Conclude(const Ref& exchange, v1::QueryResponse answer) {
  stored::v1::StoredExchange finished = Finished(*exchange, std::move(answer));
  storage::Batch batch(institution_->database());
  ExchangeStore::PutFinal(exchange->request.request_id(), finished.SerializeAsString(), batch);
  const absl::Status stored = institution_->database().CommitUnsynced(std::move(batch));
  if (!stored.ok()) return PauseTroubled(exchange, stored);
  exchange->stored = std::move(finished);
  --open_;
  Answered(exchange);
}

bool RequesterImpl::IsOver(const Exchange& exchange) const {
  return institution_->NowMs() - platform_.clock_tolerance_ms >= exchange.lapses_ms;
}

absl::Status RequesterImpl::Sweep() {
  const Gate::Pass pass(gate_);
  if (!pass) return ShuttingDown();
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<ExchangeStore::Open> open, store_.OpenExchanges());
  const int64_t late_ms = institution_->NowMs() - platform_.clock_tolerance_ms;
  for (const ExchangeStore::Open& candidate : open) {
    if (late_ms < candidate.lapses_ms) continue;
    if (const Ref paused = in_flight_.TakePaused(candidate.request_id, timer_)) {
      Ask(paused);
    } else if (const auto exchange = ClaimStored(candidate.request_id);
               exchange.ok() && *exchange != nullptr) {
      Resume(*exchange);
    }
  }
  return absl::OkStatus();
}

// ---- Answers after review

absl::StatusOr<v1::QueryResponse> RequesterImpl::GetExchange(const std::string& request_id) {
  NAKADACHI_ASSIGN_OR_RETURN(auto stored, store_.Read(request_id));
  if (stored.has_value()) return ResponseOf(*std::move(stored));
  return FieldError(absl::StatusCode::kNotFound, "request_id", "request-id",
                    "no exchange has this id");
}

void RequesterImpl::Receive(const v1::DeliverRequest& delivery,
                            const std::function<bool(const LocalGovernmentCode&)>& may_speak_for,
                            Answer<v1::Recorded> receipt) {
  const Gate::Pass pass(gate_);
  if (!pass) return receipt(ShuttingDown());
  auto verified = platform_.verifier->Verify(delivery.provision(), institution_->NowMs());
  if (!verified.ok()) {
    const absl::Status problem = UnderField("provision", verified.status());
    if (!IsKeyProblem(problem)) return receipt(problem);
    // Perhaps the broker knows a newer key: the provider comes again.
    parts_.follower->Reach(platform_.directory->sequence() + 1, [](const absl::Status&) {});
    return receipt(absl::UnavailableError("the provider's key is not known here yet"));
  }
  const absl::Status checked = CheckDelivery(*verified, may_speak_for);
  if (!checked.ok()) return receipt(checked);
  const auto request_id = store_.FindByPermit(verified->statement.provision().permit_commitment());
  if (!request_id.ok()) return receipt(request_id.status());
  if (!request_id->has_value()) {
    return receipt(FieldError(absl::StatusCode::kNotFound, "provision.permit_commitment", "permit",
                              "no exchange here awaits an answer to this permit"));
  }
  const auto claimed = ClaimStored(**request_id);
  if (!claimed.ok()) return receipt(claimed.status());
  const Ref exchange = *claimed;
  if (exchange == nullptr) {
    return receipt(FieldError(absl::StatusCode::kUnavailable, "exchange", "busy",
                              "the exchange is being worked on"));
  }
  exchange->receipt = std::move(receipt);
  ReceiveInto(exchange, delivery, *std::move(verified));
}

void RequesterImpl::ReceiveInto(const Ref& exchange, const v1::DeliverRequest& delivery,
                                ledger::Verified verified) {
  const stored::v1::StoredExchange& stored = exchange->stored;
  if (stored.state() == v1::ANSWERED) {
    if (stored.answer().provision_commitment() != AsView(verified.commitment)) {
      return EndDelivery(exchange, FieldError(absl::StatusCode::kFailedPrecondition, "provision",
                                              "answered-otherwise", "another answer came before"));
    }
    return EndDelivery(exchange, institution_->ledger().Prove(stored.receipt_index()));
  }
  if (stored.state() != v1::AWAITING || IsOver(*exchange)) {
    return EndDelivery(exchange, FieldError(absl::StatusCode::kFailedPrecondition, "provision",
                                            "lapsed", "the exchange is over"));
  }
  if (verified.author.ToString() != exchange->permit.permit.provider()) {
    return EndDelivery(exchange, FieldError(absl::StatusCode::kPermissionDenied, "provision.author",
                                            "provider", "is not the permit's provider"));
  }
  RecordReceipt(exchange, Judge(delivery.provision(), delivery.payload(), exchange->permit,
                                std::move(verified), platform_.clock_tolerance_ms));
}

// Lets go before it answers, so that who comes again at once finds the exchange free.
void RequesterImpl::EndDelivery(const Ref& exchange, absl::StatusOr<v1::Recorded> result) {
  Answer<v1::Recorded> receipt = *std::move(exchange->receipt);
  Answered(exchange);
  receipt(std::move(result));
}

// ---- Later

// After an answer that did not come, or that a newer directory may let us understand.
void RequesterImpl::Pause(const Ref& exchange, absl::Duration at_most) {
  KeepPermit(*exchange);
  const absl::Duration pause = PauseAfter(++exchange->failures, *platform_.random);
  in_flight_.Pause(exchange, std::min(pause, at_most), timer_, [this, exchange] { Ask(exchange); });
}

// A crash that loses it costs one more question to the broker, with the same answer.
void RequesterImpl::KeepPermit(Exchange& exchange) {
  if (exchange.stored.state() != v1::PERMITTED || exchange.permit_kept) return;
  storage::Batch batch(institution_->database());
  ExchangeStore::PutOpen(exchange.request.request_id(), exchange.stored.SerializeAsString(),
                         exchange.lapses_ms, batch);
  exchange.permit_kept = institution_->database().CommitUnsynced(std::move(batch)).ok();
}

// After trouble that is the institution's own, its disk's above all: nobody is left waiting for the
// end of it.
void RequesterImpl::PauseTroubled(const Ref& exchange, const absl::Status& why) {
  std::vector<Exchange::Waiter> waiters = in_flight_.TakeWaiters(*exchange);
  Pause(exchange);
  const absl::Status told = IsDiskFull(why) ? DiskFull("receipt") : why;
  for (Exchange::Waiter& waiter : waiters) waiter.done(told);
}

// Whoever is away may stay away for long: nobody is left waiting beyond their patience, nor at all
// for a disk that is full.
void RequesterImpl::PauseUnanswered(const Ref& exchange, absl::string_view where,
                                    const absl::Status& why) {
  const std::string who = where == kBroker ? kBroker : exchange->request.provider();
  const absl::Time now = absl::Now();
  const absl::Time since = unreached_.Failed(who, now);
  absl::Time next_end = absl::InfiniteFuture();
  std::vector<Exchange::Waiter> waiters =
      IsDiskFull(why) ? in_flight_.TakeWaiters(*exchange)
                      : in_flight_.TakeImpatient(*exchange, since, now, &next_end);
  KeepPermit(*exchange);
  if (in_flight_.LetGoIfIdle(*exchange)) {
    SetAside(*exchange);
  } else {
    // Tried once more before the next one is told.
    Pause(exchange, next_end - now);
  }
  if (waiters.empty()) return;
  // Last: who is told finds the room free.
  const absl::Status told = IsDiskFull(why) ? DiskFull(where) : NotReached(where, who, why);
  for (Exchange::Waiter& waiter : waiters) waiter.done(told);
}

// Asks again if the directory has news; gives up if the broker has none.
void RequesterImpl::RefreshKeys(const Ref& exchange, absl::AnyInvocable<void()> give_up) {
  parts_.follower->Reach(
      platform_.directory->sequence() + 1,
      [this, gate = gate_, exchange, give_up = std::move(give_up)](absl::Status reached) mutable {
        const Gate::Pass pass(gate);
        if (!pass) return;
        if (reached.ok()) return Ask(exchange);
        if (absl::IsOutOfRange(reached)) return give_up();
        if (IsDiskFull(reached)) return PauseTroubled(exchange, reached);
        PauseUnanswered(exchange, kBroker, reached);
      });
}

// It goes on from the store, once there is room.
void RequesterImpl::SetAside(const Exchange& exchange) {
  absl::MutexLock lock(&mutex_);
  aside_[exchange.request.provider()].insert(exchange.request.request_id());
  if (!std::exchange(resuming_, true)) timer_.After(kLookForRoom, [this] { ResumeSome(); });
}

std::optional<std::string> RequesterImpl::TakeResumable() {
  if (!unresumed_.empty() && in_flight_.HasRoomToResume()) {
    std::string request_id = std::move(unresumed_.back());
    unresumed_.pop_back();
    return request_id;
  }
  const absl::Time now = absl::Now();
  const bool broker_reached = !unreached_.Contains(kBroker, now);
  for (auto of_provider = aside_.begin(); of_provider != aside_.end(); ++of_provider) {
    const bool reached = broker_reached && !unreached_.Contains(of_provider->first, now);
    if (!in_flight_.HasRoomToResume(of_provider->first, reached)) continue;
    std::string request_id = *of_provider->second.begin();
    of_provider->second.erase(of_provider->second.begin());
    if (of_provider->second.empty()) aside_.erase(of_provider);
    return request_id;
  }
  return std::nullopt;
}

void RequesterImpl::ResumeSome() {
  while (true) {
    std::optional<std::string> request_id;
    {
      absl::MutexLock lock(&mutex_);
      request_id = TakeResumable();
      if (!request_id.has_value()) {
        resuming_ = !unresumed_.empty() || !aside_.empty();
        if (!resuming_) return;
        timer_.After(unresumed_.empty() ? kLookForRoom : kResumePause, [this] { ResumeSome(); });
        return;
      }
    }
    const auto exchange = ClaimStored(*request_id);
    if (!exchange.ok()) {
      ReadAgain(*request_id);
    } else if (*exchange != nullptr) {
      ResumeLater(*exchange);
    }
  }
}

// An open exchange that could not be read.
void RequesterImpl::ReadAgain(const std::string& request_id) {
  timer_.After(kReadAgain, [this, request_id] {
    absl::MutexLock lock(&mutex_);
    unresumed_.push_back(request_id);
    if (std::exchange(resuming_, true)) return;
    timer_.After(absl::ZeroDuration(), [this] { ResumeSome(); });
  });
}

absl::Status RequesterImpl::ResumeOpen() {
  NAKADACHI_ASSIGN_OR_RETURN(std::vector<ExchangeStore::Open> open, store_.OpenExchanges());
  open_ = open.size();
  {
    absl::MutexLock lock(&mutex_);
    for (ExchangeStore::Open& exchange : open) {
      unresumed_.push_back(std::move(exchange.request_id));
    }
    resuming_ = true;
  }
  timer_.After(absl::ZeroDuration(), [this] { ResumeSome(); });
  return absl::OkStatus();
}

std::map<std::string, int64_t> RequesterImpl::unreached() const {
  const absl::Time now = absl::Now();
  std::map<std::string, int64_t> since_ms;
  for (const auto& [who, since] : unreached_.List(now)) {
    since_ms[who] = institution_->NowMs() - absl::ToInt64Milliseconds(now - since);
  }
  return since_ms;
}

void RequesterImpl::Shutdown() {
  timer_.Stop();
  gate_->CloseAndWait();
  for (Exchange::Waiter& waiter : in_flight_.LetAllGo()) waiter.done(ShuttingDown());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Requester>> Requester::Open(const RequesterParts& parts) {
  auto requester = std::make_unique<RequesterImpl>(parts);
  NAKADACHI_RETURN_IF_ERROR(requester->ResumeOpen());
  return requester;
}

}  // namespace nakadachi::intermediate
