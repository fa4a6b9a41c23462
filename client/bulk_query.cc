#include "client/bulk_query.h"

#include <deque>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::client {
namespace {

using NextQuestion = std::function<bool(v1::QueryRequest*)>;
using OnAnswer = std::function<void(const v1::QueryRequest&, absl::StatusOr<v1::QueryResponse>)>;

// What another attempt would meet again.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kNotFound:
      return true;
    default:
      return false;
  }
}

// The server took no notice of the question: nothing stands against asking again.
bool WasNotTaken(const absl::Status& error) {
  if (IsUnderWay(error)) return false;
  return absl::IsUnavailable(error) || absl::IsResourceExhausted(error);
}

class Bulk {
 public:
  Bulk(MunicipalConnection& connection, const NextQuestion& next, const OnAnswer& on_answer,
       const BulkOptions& options)
      : connection_(connection), next_(next), on_answer_(on_answer), options_(options) {}

  absl::Status Run() {
    absl::Time last_answer = absl::Now();
    while (true) {
      const uint64_t before = answered_;
      const absl::Status status = OneStream();
      if (IsDone()) return absl::OkStatus();
      if (IsRefusal(status)) return status;
      if (answered_ > before) last_answer = absl::Now();
      if (absl::Now() - last_answer > options_.patience) {
        return status.ok() ? NotTaken() : status;
      }
      absl::SleepFor(options_.pause);
    }
  }

 private:
  bool IsDone() {
    absl::MutexLock lock(&mutex_);
    return exhausted_ && unanswered_.empty();
  }

  absl::Status NotTaken() const {
    if (!GetFieldRule(not_taken_).rule.empty()) return not_taken_;
    return absl::UnavailableError("the server takes no more questions");
  }

  absl::Status OneStream() {
    {
      absl::MutexLock lock(&mutex_);
      again_.clear();
      for (const auto& [tag, question] : unanswered_) again_.push_back(tag);
    }
    return connection_.QueryMany([this](v1::QueryRequest* request) { return Draw(request); },
                                 options_.in_flight,
                                 [this](const v1::QueryResponse& response) { Take(response); });
  }

  bool Draw(v1::QueryRequest* request) {
    absl::MutexLock lock(&mutex_);
    while (!again_.empty()) {
      const auto found = unanswered_.find(again_.front());
      again_.pop_front();
      if (found == unanswered_.end()) continue;
      *request = found->second;
      return true;
    }
    // The stream ends, and what it holds is asked again.
    if (unanswered_.size() >= options_.max_unanswered) return false;
    if (exhausted_ || !next_(request)) {
      exhausted_ = true;
      return false;
    }
    request->set_tag(++last_tag_);
    request->set_patience_ms(PatienceMs(options_.question_patience));
    unanswered_.emplace(last_tag_, *request);
    return true;
  }

  void Take(const v1::QueryResponse& response) {
    const absl::Status error = rpc::FromBytes(response.error());
    if (WasNotTaken(error)) {
      not_taken_ = error;
      return;
    }
    v1::QueryRequest question;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = unanswered_.find(response.tag());
      if (found == unanswered_.end()) return;
      question = std::move(found->second);
      unanswered_.erase(found);
    }
    ++answered_;
    if (error.ok()) return on_answer_(question, response);
    on_answer_(question, error);
  }

  MunicipalConnection& connection_;
  const NextQuestion& next_;
  const OnAnswer& on_answer_;
  const BulkOptions options_;
  // Known to the thread that reads the answers, which is Run's own.
  uint64_t answered_ = 0;
  absl::Status not_taken_;  // the last

  absl::Mutex mutex_;
  std::map<uint64_t, v1::QueryRequest> unanswered_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> again_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_tag_ ABSL_GUARDED_BY(mutex_) = 0;
  bool exhausted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::Status AskAll(MunicipalConnection& connection, const NextQuestion& next,
                    const OnAnswer& on_answer, const BulkOptions& options) {
  return Bulk(connection, next, on_answer, options).Run();
}

}  // namespace nakadachi::client
