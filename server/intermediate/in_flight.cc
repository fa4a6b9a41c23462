#include "server/intermediate/in_flight.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "server/intermediate/exchange_rules.h"

namespace nakadachi::intermediate {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

v1::QueryRequest QuestionAlone(v1::QueryRequest request) {
  request.clear_tag();
  request.clear_patience_ms();
  return request;
}

Exchange::Waiter WaiterOf(const v1::QueryRequest& request, Answer<v1::QueryResponse> done) {
  const absl::Duration patience =
      request.patience_ms() == 0 ? kPatience : absl::Milliseconds(request.patience_ms());
  return {request.tag(), absl::Now(), patience, std::move(done)};
}

}  // namespace

Exchange::Exchange(const v1::QueryRequest& question) : request(QuestionAlone(question)) {
  *stored.mutable_request() = request;
}

absl::StatusOr<InFlight::Ref> InFlight::JoinOrClaim(const v1::QueryRequest& request,
                                                    Answer<v1::QueryResponse>* done) {
  absl::MutexLock lock(&mutex_);
  const auto found = exchanges_.find(request.request_id());
  if (found != exchanges_.end()) {
    if (!SameQuestion(found->second->request, request)) return RequestIdReused();
    found->second->waiters_.push_back(WaiterOf(request, std::move(*done)));
    return nullptr;
  }
  const auto with_provider = of_provider_.find(request.provider());
  const bool full =
      with_provider != of_provider_.end() && with_provider->second >= (limit_ + 1) / 2;
  if (full || exchanges_.size() >= limit_) {
    return FieldError(absl::StatusCode::kResourceExhausted, "exchanges", "too-many",
                      "too many exchanges are open at once");
  }
  auto exchange = std::make_shared<Exchange>(request);
  exchange->waiters_.push_back(WaiterOf(request, std::move(*done)));
  Add(exchange);
  return exchange;
}

void InFlight::Add(const Ref& exchange) {
  exchanges_.emplace(exchange->request.request_id(), exchange);
  ++of_provider_[exchange->request.provider()];
}

InFlight::Ref InFlight::Claim(const v1::QueryRequest& request) {
  auto exchange = std::make_shared<Exchange>(request);
  absl::MutexLock lock(&mutex_);
  if (exchanges_.count(request.request_id()) > 0) return nullptr;
  Add(exchange);
  return exchange;
}

std::vector<Exchange::Waiter> InFlight::LetGo(const Exchange& exchange) {
  absl::MutexLock lock(&mutex_);
  const auto found = exchanges_.find(exchange.request.request_id());
  NAKADACHI_CHECK(found != exchanges_.end() && found->second.get() == &exchange);
  std::vector<Exchange::Waiter> waiters = std::move(found->second->waiters_);
  Remove(exchange);
  return waiters;
}

void InFlight::Remove(const Exchange& exchange) {
  const auto with_provider = of_provider_.find(exchange.request.provider());
  if (--with_provider->second == 0) of_provider_.erase(with_provider);
  exchanges_.erase(exchange.request.request_id());
}

std::vector<Exchange::Waiter> InFlight::LetAllGo() {
  std::vector<Exchange::Waiter> waiters;
  absl::MutexLock lock(&mutex_);
  for (const auto& [request_id, exchange] : exchanges_) {
    for (Exchange::Waiter& waiter : exchange->waiters_) waiters.push_back(std::move(waiter));
    exchange->waiters_.clear();
  }
  exchanges_.clear();
  of_provider_.clear();
  return waiters;
}

std::vector<Exchange::Waiter> InFlight::TakeWaiters(Exchange& exchange) {
  absl::MutexLock lock(&mutex_);
  return std::exchange(exchange.waiters_, {});
}

std::vector<Exchange::Waiter> InFlight::TakeImpatient(Exchange& exchange, absl::Time since,
                                                      absl::Time now, absl::Time* next_end) {
  std::vector<Exchange::Waiter> impatient, patient;
  *next_end = absl::InfiniteFuture();
  absl::MutexLock lock(&mutex_);
  for (Exchange::Waiter& waiter : exchange.waiters_) {
    const absl::Time end = std::min(since, waiter.asked) + waiter.patience;
    if (end > now) *next_end = std::min(*next_end, end);
    (end > now ? patient : impatient).push_back(std::move(waiter));
  }
  exchange.waiters_ = std::move(patient);
  return impatient;
}

bool InFlight::LetGoIfIdle(const Exchange& exchange) {
  absl::MutexLock lock(&mutex_);
  if (!exchange.waiters_.empty()) return false;
  if (of_provider_.at(exchange.request.provider()) <= Few()) return false;
  Remove(exchange);
  return true;
}

void InFlight::Pause(const Ref& exchange, absl::Duration pause, Timer& timer, Timer::Task next) {
  absl::MutexLock lock(&mutex_);
  exchange->retry_ = timer.After(pause, [this, exchange, next = std::move(next)]() mutable {
    {
      absl::MutexLock retry_lock(&mutex_);
      exchange->retry_ = 0;
    }
    next();
  });
}

InFlight::Ref InFlight::TakePaused(const std::string& request_id, Timer& timer) {
  absl::MutexLock lock(&mutex_);
  const auto found = exchanges_.find(request_id);
  if (found == exchanges_.end() || found->second->retry_ == 0) return nullptr;
  const uint64_t retry = std::exchange(found->second->retry_, 0);
  return timer.Cancel(retry) ? found->second : nullptr;
}

bool InFlight::HasRoomToResume() const {
  absl::MutexLock lock(&mutex_);
  return exchanges_.size() < (limit_ + 1) / 2;
}

bool InFlight::HasRoomToResume(const std::string& provider, bool reached) const {
  absl::MutexLock lock(&mutex_);
  const auto with_provider = of_provider_.find(provider);
  if (with_provider == of_provider_.end()) return exchanges_.size() < limit_;
  if (exchanges_.size() >= (limit_ + 1) / 2) return false;
  return reached || with_provider->second < Few();
}

absl::Status RequestIdReused() {
  return FieldError(absl::StatusCode::kFailedPrecondition, "request_id", "request-id-reused",
                    "another question was asked under this id");
}

}  // namespace nakadachi::intermediate
