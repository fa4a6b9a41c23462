#include "tools/simulator/asker.h"

#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::simulator {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);

struct Sent {
  Question question;
  absl::Time at;
};

// Draws questions from `next` until it has no more; keeps what is unanswered over streams.
class Asker {
 public:
  Asker(client::MunicipalConnection* connection, std::function<std::optional<Question>()> next,
        int in_flight)
      : connection_(connection), next_(std::move(next)), in_flight_(in_flight) {}

  absl::StatusOr<std::vector<Answered>> Run(const std::function<absl::Duration()>& patience) {
    absl::Time last_answer = absl::Now();
    while (true) {
      const size_t before = answered_.size();
      const absl::Status status = OneStream();
      if (status.ok() && !MoreToAsk()) return std::move(answered_);
      if (answered_.size() > before) last_answer = absl::Now();
      if (absl::Now() - last_answer > patience()) {
        return status.ok() ? absl::DeadlineExceededError("not all was answered") : status;
      }
      absl::SleepFor(kPause);
    }
  }

 private:
  bool MoreToAsk() {
    absl::MutexLock lock(&mutex_);
    return !unanswered_.empty() || !exhausted_;
  }

  absl::Status OneStream() {
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& [tag, sent] : unanswered_) again_.push_back(tag);
    }
    const auto next = [this](v1::QueryRequest* request) { return Next(request); };
    const auto take = [this](const v1::QueryResponse& response) { Take(response); };
    const absl::Status status = connection_->QueryMany(next, in_flight_, take);
    absl::MutexLock lock(&mutex_);
    again_.clear();
    return status;
  }

  bool Next(v1::QueryRequest* request) {
    absl::MutexLock lock(&mutex_);
    while (!again_.empty()) {
      const uint64_t tag = again_.front();
      again_.pop_front();
      const auto found = unanswered_.find(tag);
      if (found == unanswered_.end()) continue;
      *request = found->second.question.request;
      return true;
    }
    std::optional<Question> question = next_();
    if (!question.has_value()) {
      exhausted_ = true;
      return false;
    }
    const uint64_t tag = ++last_tag_;
    question->request.set_tag(tag);
    *request = question->request;
    unanswered_.emplace(tag, Sent{*std::move(question), absl::Now()});
    return true;
  }

  void Take(const v1::QueryResponse& response) {
    const absl::Status error = rpc::FromBytes(response.error());
    absl::MutexLock lock(&mutex_);
    const auto found = unanswered_.find(response.tag());
    // A server that shuts down has not answered: the question is asked again.
    if (found == unanswered_.end() || absl::IsUnavailable(error)) return;
    const double ms = absl::ToDoubleMilliseconds(absl::Now() - found->second.at);
    answered_.push_back({std::move(found->second.question),
                         error.ok() ? absl::StatusOr<v1::QueryResponse>(response) : error, ms});
    unanswered_.erase(found);
  }

  client::MunicipalConnection* connection_;
  std::function<std::optional<Question>()> next_;
  int in_flight_;
  absl::Mutex mutex_;
  std::map<uint64_t, Sent> unanswered_ ABSL_GUARDED_BY(mutex_);
  std::deque<uint64_t> again_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_tag_ ABSL_GUARDED_BY(mutex_) = 0;
  bool exhausted_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Answered> answered_;
};

class ThreadedLoad final : public BackgroundLoad {
 public:
  ThreadedLoad(client::MunicipalConnection* connection, std::function<Question()> next,
               int in_flight, absl::Duration duration)
      : until_(absl::Now() + duration),
        asker_(
            connection,
            [this, next = std::move(next)]() -> std::optional<Question> {
              absl::MutexLock lock(&mutex_);
              if (absl::Now() >= until_) return std::nullopt;
              return next();
            },
            in_flight),
        thread_([this] {
          result_ = asker_.Run([this] {
            absl::MutexLock lock(&mutex_);
            return patience_;
          });
        }) {}
  ~ThreadedLoad() override {
    if (!thread_.joinable()) return;
    {
      absl::MutexLock lock(&mutex_);
      until_ = absl::InfinitePast();
      patience_ = -absl::InfiniteDuration();
    }
    thread_.join();
  }

  absl::StatusOr<std::vector<Answered>> Finish(absl::Duration patience) override {
    {
      absl::MutexLock lock(&mutex_);
      patience_ = patience;
    }
    thread_.join();
    return std::move(result_);
  }

 private:
  absl::Mutex mutex_;
  absl::Time until_ ABSL_GUARDED_BY(mutex_);
  absl::Duration patience_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(60);
  absl::StatusOr<std::vector<Answered>> result_ = absl::UnknownError("not finished");
  Asker asker_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::vector<Answered>> AskMany(client::MunicipalConnection& connection,
                                              const std::vector<Question>& questions, int in_flight,
                                              absl::Duration patience) {
  Asker asker(
      &connection,
      [&questions, at = size_t{0}]() mutable -> std::optional<Question> {
        if (at == questions.size()) return std::nullopt;
        return questions[at++];
      },
      in_flight);
  return asker.Run([patience] { return patience; });
}

std::unique_ptr<BackgroundLoad> BackgroundLoad::Start(client::MunicipalConnection* connection,
                                                      std::function<Question()> next, int in_flight,
                                                      absl::Duration duration) {
  return std::make_unique<ThreadedLoad>(connection, std::move(next), in_flight, duration);
}

}  // namespace nakadachi::simulator
