#include "server/intermediate/in_flight.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "server/intermediate/exchange_rules.h"

namespace nakadachi::intermediate {
namespace {

v1::QueryRequest WithoutTag(v1::QueryRequest request) {
  request.clear_tag();
  return request;
}

}  // namespace

Exchange::Exchange(const v1::QueryRequest& question) : request(WithoutTag(question)) {
  *stored.mutable_request() = request;
}

absl::StatusOr<InFlight::Ref> InFlight::JoinOrClaim(const v1::QueryRequest& request,
                                                    Answer<v1::QueryResponse>* done) {
  absl::MutexLock lock(&mutex_);
  const auto found = exchanges_.find(request.request_id());
  if (found != exchanges_.end()) {
    if (!SameQuestion(found->second->request, request)) return RequestIdReused();
    found->second->waiters_.push_back({request.tag(), std::move(*done)});
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
  exchange->waiters_.push_back({request.tag(), std::move(*done)});
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
  exchanges_.erase(found);
  const auto with_provider = of_provider_.find(exchange.request.provider());
  if (--with_provider->second == 0) of_provider_.erase(with_provider);
  return waiters;
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

absl::Status RequestIdReused() {
  return FieldError(absl::StatusCode::kFailedPrecondition, "request_id", "request-id-reused",
                    "another question was asked under this id");
}

}  // namespace nakadachi::intermediate
