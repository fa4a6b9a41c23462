// The client's end of a bidirectional stream with one answer a request, paired by tag (see
// stream_batch.h): a long-lived way to ask much at once over one call.
//
//   rpc::StreamClient<Requests, Responses> permits([stub](grpc::ClientContext* c, auto* reactor) {
//     stub->async()->RequestPermits(c, reactor);
//   });
//   permits.Send(request, [](absl::StatusOr<Response> response) { … });
#ifndef NAKADACHI_COMMON_RPC_STREAM_CLIENT_H_
#define NAKADACHI_COMMON_RPC_STREAM_CLIENT_H_

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_batch.h"

namespace nakadachi::rpc {

struct StreamClientOptions {
  size_t max_in_flight = 256;                  // sent and not yet answered
  absl::Duration timeout = absl::Seconds(30);  // a request, from Send to its answer
};

// Thread-safe. Requests beyond `max_in_flight` wait in memory.
//
// A callback is called exactly once, on a thread of gRPC or of the caller, under no lock, and does
// not block. It gets the response, or the error that the response carries, or
//   DEADLINE_EXCEEDED  no answer within the timeout (an answer that comes later is dropped)
//   UNAVAILABLE        the stream broke or could not be opened, or the client was closed: whether
//                      the request was carried out is unknown
//   the server's status where it ended the stream with another error.
// A broken stream takes all its requests with it; the next Send opens a new one.
template <typename Requests, typename Responses>
class StreamClient {
 public:
  using Request = RequestIn<Requests>;
  using Response = ResponseIn<Responses>;
  using Callback = std::function<void(absl::StatusOr<Response>)>;
  using Open =
      std::function<void(grpc::ClientContext*, grpc::ClientBidiReactor<Requests, Responses>*)>;

  explicit StreamClient(Open open, StreamClientOptions options = {})
      : shared_(std::make_shared<Shared>(std::move(open), options)) {}
  // As Close, and returns after the last callback. Not from a callback.
  ~StreamClient() {
    Close();
    absl::MutexLock lock(&shared_->mutex);
    shared_->mutex.Await(absl::Condition(shared_.get(), &Shared::IsOver));
  }
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;

  void Send(Request request, Callback callback) {
    std::shared_ptr<Stream> stream;
    bool opened = false;
    {
      absl::MutexLock lock(&shared_->mutex);
      if (!shared_->closed) {
        opened = shared_->current == nullptr;
        if (opened) {
          shared_->current = std::make_shared<Stream>(shared_);
          ++shared_->streams;
        }
        stream = shared_->current;
        ++shared_->unanswered;
      }
    }
    if (stream == nullptr) return callback(absl::UnavailableError("the client is closed"));
    if (opened) stream->Start();
    stream->Send(std::move(request), std::move(callback));
  }

  // Fails what is unanswered and refuses what is sent from now on.
  void Close() {
    std::shared_ptr<Stream> stream;
    {
      absl::MutexLock lock(&shared_->mutex);
      shared_->closed = true;
      stream = shared_->current;
    }
    if (stream != nullptr) stream->Cancel();
  }

 private:
  class Stream;

  // Outlives the client for as long as a stream needs it.
  struct Shared {
    Shared(Open open_function, StreamClientOptions o)
        : open(std::move(open_function)), options(o) {}
    bool IsOver() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
      return streams == 0 && unanswered == 0;
    }

    const Open open;
    const StreamClientOptions options;
    absl::Mutex mutex;
    std::shared_ptr<Stream> current ABSL_GUARDED_BY(mutex);  // takes new requests
    int streams ABSL_GUARDED_BY(mutex) = 0;                  // whose end gRPC has not told yet
    size_t unanswered ABSL_GUARDED_BY(mutex) = 0;
    bool closed ABSL_GUARDED_BY(mutex) = false;
  };

  struct Pending {
    Callback callback;
    absl::Time deadline;
  };

  // One call. As in StreamServer, an operation counts as running from the moment it is decided
  // on, and none is started under the lock. A hold keeps gRPC from ending the call under a write.
  class Stream final : public grpc::ClientBidiReactor<Requests, Responses>,
                       public std::enable_shared_from_this<Stream> {
   public:
    explicit Stream(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    void Start() {
      self_ = this->shared_from_this();
      shared_->open(&context_, this);
      this->AddHold();
      this->StartRead(&responses_);
      this->StartCall();
      {
        absl::MutexLock lock(&mutex_);
        writing_ = false;
      }
      Advance();
    }

    void Send(Request request, Callback callback) {
      const absl::Time deadline = absl::Now() + shared_->options.timeout;
      absl::Status end;
      {
        absl::MutexLock lock(&mutex_);
        end = end_;
        if (end.ok()) {
          waiting_.push_back({std::move(request), {std::move(callback), deadline}});
          ArmAlarm();
        }
      }
      // NOLINTNEXTLINE(bugprone-use-after-move): moved only where the stream had no end.
      if (!end.ok()) return Deliver(callback, end);
      Advance();
    }

    void Cancel() { context_.TryCancel(); }

    void OnReadDone(bool ok) override {
      if (!ok) return Break();
      std::vector<std::pair<Callback, Response>> answered;
      answered.reserve(static_cast<size_t>(responses_.responses_size()));
      {
        absl::MutexLock lock(&mutex_);
        for (Response& response : *responses_.mutable_responses()) {
          auto found = in_flight_.find(response.tag());
          if (found == in_flight_.end()) continue;
          answered.emplace_back(std::move(found->second.callback), std::move(response));
          in_flight_.erase(found);
        }
      }
      responses_.Clear();
      for (auto& [callback, response] : answered) Deliver(callback, ResultOf(std::move(response)));
      Advance();
      this->StartRead(&responses_);
    }

    void OnWriteDone(bool ok) override {
      {
        absl::MutexLock lock(&mutex_);
        writing_ = false;
      }
      if (!ok) return Break();
      Advance();
    }

    void OnDone(const grpc::Status& status) override {
      Retire();
      const absl::Status end = ErrorOf(status);
      std::vector<Pending> pending;
      {
        absl::MutexLock lock(&mutex_);
        end_ = end;
        alarm_.reset();
        for (auto& [tag, entry] : in_flight_) pending.push_back(std::move(entry));
        for (auto& entry : waiting_) pending.push_back(std::move(entry.second));
        in_flight_.clear();
        waiting_.clear();
      }
      for (const Pending& entry : pending) Deliver(entry.callback, end);
      std::shared_ptr<Stream> self = std::move(self_);
      absl::MutexLock lock(&shared_->mutex);
      --shared_->streams;
    }

   private:
    // A stream that was cancelled by the other side or ended early has not refused the request.
    static absl::Status ErrorOf(const grpc::Status& status) {
      const absl::Status error = FromGrpc(status);
      if (!error.ok() && !absl::IsCancelled(error)) return error;
      return absl::UnavailableError("the stream ended before the answer");
    }

    // New requests go to a new stream.
    void Retire() {
      absl::MutexLock lock(&shared_->mutex);
      if (shared_->current.get() == this) shared_->current = nullptr;
    }

    void Break() {
      Retire();
      {
        absl::MutexLock lock(&mutex_);
        broken_ = true;
      }
      Advance();
    }

    static absl::StatusOr<Response> ResultOf(Response response) {
      if (response.error().empty()) return response;
      return FromBytes(response.error());
    }

    void Deliver(const Callback& callback, absl::StatusOr<Response> result) {
      callback(std::move(result));
      absl::MutexLock lock(&shared_->mutex);
      --shared_->unanswered;
    }

    void Advance() {
      bool write = false, more = false, release = false;
      {
        absl::MutexLock lock(&mutex_);
        const size_t room = shared_->options.max_in_flight - in_flight_.size();
        if (!writing_ && !broken_ && !waiting_.empty() && room > 0) {
          FillRequests(room);
          more = !waiting_.empty() && in_flight_.size() < shared_->options.max_in_flight;
          write = writing_ = true;
        }
        if (broken_ && !writing_ && holding_) {
          holding_ = false;
          release = true;
        }
      }
      grpc::WriteOptions options;
      if (more) options.set_buffer_hint();
      if (write) this->StartWrite(&requests_, options);
      if (release) this->RemoveHold();
    }

    void FillRequests(size_t room) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      requests_.Clear();
      BatchRoom batch;
      for (; room > 0 && !waiting_.empty(); --room) {
        auto& [request, pending] = waiting_.front();
        request.set_tag(last_tag_ + 1);
        if (!batch.Take(request)) return;
        *requests_.add_requests() = std::move(request);
        in_flight_.emplace(++last_tag_, std::move(pending));
        waiting_.pop_front();
      }
    }

    // One alarm serves all requests: a late one is noticed within a quarter of the timeout.
    void ArmAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (alarm_ != nullptr) return;
      alarm_ = std::make_unique<grpc::Alarm>();
      const absl::Time at = absl::Now() + shared_->options.timeout / 4;
      alarm_->Set(absl::ToChronoTime(at), [weak = this->weak_from_this()](bool rang) {
        if (!rang) return;
        if (std::shared_ptr<Stream> stream = weak.lock()) stream->Expire();
      });
    }

    void Expire() {
      const absl::Time now = absl::Now();
      std::vector<Callback> late;
      {
        absl::MutexLock lock(&mutex_);
        while (!waiting_.empty() && waiting_.front().second.deadline <= now) {
          late.push_back(std::move(waiting_.front().second.callback));
          waiting_.pop_front();
        }
        for (auto entry = in_flight_.begin(); entry != in_flight_.end();) {
          if (entry->second.deadline > now) {
            ++entry;
            continue;
          }
          late.push_back(std::move(entry->second.callback));
          entry = in_flight_.erase(entry);
        }
        alarm_.reset();
        if (end_.ok() && !(waiting_.empty() && in_flight_.empty())) ArmAlarm();
      }
      for (Callback& callback : late) {
        Deliver(callback, absl::DeadlineExceededError("no answer in time"));
      }
      Advance();
    }

    const std::shared_ptr<Shared> shared_;
    std::shared_ptr<Stream> self_;  // until OnDone
    grpc::ClientContext context_;
    Requests requests_;    // of the running write
    Responses responses_;  // of the running read

    absl::Mutex mutex_;
    std::deque<std::pair<Request, Pending>> waiting_ ABSL_GUARDED_BY(mutex_);
    std::unordered_map<uint64_t, Pending> in_flight_ ABSL_GUARDED_BY(mutex_);
    std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
    uint64_t last_tag_ ABSL_GUARDED_BY(mutex_) = 0;
    bool writing_ ABSL_GUARDED_BY(mutex_) = true;  // until Start has started the call
    bool holding_ ABSL_GUARDED_BY(mutex_) = true;
    bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // nothing is written any more
    absl::Status end_ ABSL_GUARDED_BY(mutex_);     // an error once gRPC has told the end
  };

  const std::shared_ptr<Shared> shared_;
};

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STREAM_CLIENT_H_
