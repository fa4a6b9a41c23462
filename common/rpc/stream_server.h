// The server's end of a bidirectional stream with one answer a request, in any order, paired by
// tag (see stream_batch.h).
//
//   grpc::ServerBidiReactor<Requests, Responses>* RequestPermits(Context* c) override {
//     auto peer = rpc::RequireRole(c, {rpc::Role::kIntermediate});
//     if (!peer.ok()) return rpc::RefuseStream<Requests, Responses>(peer.status());
//     return rpc::ServeStream<Requests, Responses>(&open_, [this](Request r, auto answer) {
//       model_->Decide(std::move(r), std::move(answer));
//     });
//   }
#ifndef NAKADACHI_COMMON_RPC_STREAM_SERVER_H_
#define NAKADACHI_COMMON_RPC_STREAM_SERVER_H_

#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/rpc/answer.h"
#include "common/rpc/channel.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_batch.h"

namespace nakadachi::rpc {

// The largest answer of a stream, in bytes: with what a message adds, kMaxMessageBytes.
inline constexpr size_t kMaxAnswerBytes = size_t{kMaxMessageBytes} - (1 << 10);

// The handler gets one request of a stream at a time. Back-pressure: nothing is read while
// `max_in_flight` requests have been read and their answers not yet written (a message brings up to
// kMaxBatchSize). An answer of more than kMaxAnswerBytes, which would break the stream, becomes the
// error FAILED_PRECONDITION "response", rule "too-large". Ends with OK after the client's
// half-close once all are answered; with INVALID_ARGUMENT "requests" on a message of none
// ("required") or too many ("too-many") and on bytes that are no message ("message"); with
// UNAVAILABLE, once what was read is answered, where its OpenStreams are stopped; at once on
// cancellation, deadline or the end of a shutdown's grace, whether or not answers are still to
// come.
template <typename Requests, typename Responses>
class StreamServer final : public grpc::ServerBidiReactor<Requests, Responses>,
                           public OpenStreams::Stream {
 public:
  using Request = RequestIn<Requests>;
  using Response = ResponseIn<Responses>;
  using Handler = rpc::AnsweringHandler<Request, Response>;

  static grpc::ServerBidiReactor<Requests, Responses>* Start(OpenStreams* open, Handler handler,
                                                             int max_in_flight) {
    auto stream =
        std::shared_ptr<StreamServer>(new StreamServer(open, std::move(handler), max_in_flight));
    stream->self_ = stream;
    if (open != nullptr) open->Add(stream);
    stream->Advance();
    return stream.get();
  }

  void OnReadDone(bool ok) override {
    const absl::Status refusal = ok ? Check() : CheckEnd();
    if (ok && refusal.ok() && Begin()) Handle();
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      half_closed_ = !ok;
      if (!refusal.ok()) {
        end_ = ToGrpc(refusal);
        broken_ = true;
      }
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      in_flight_ -= responses_.responses_size();
      broken_ |= !ok;
    }
    Advance();
  }

  void OnCancel() override {
    {
      absl::MutexLock lock(&mutex_);
      broken_ = true;
    }
    Advance();
  }

  void Stop() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    Advance();
  }

  // Answers that are still to come hold the stream; they find it finished.
  void OnDone() override {
    if (open_ != nullptr) open_->Remove(this);
    self_.reset();
  }

 private:
  StreamServer(OpenStreams* open, Handler handler, int max_in_flight)
      : open_(open), handler_(std::move(handler)), max_in_flight_(max_in_flight) {}

  absl::Status Check() const {
    const int size = requests_.requests_size();
    if (size == 0) return InvalidField("requests", "required", "a message carries none");
    if (size <= kMaxBatchSize) return absl::OkStatus();
    return InvalidField("requests", "too-many",
                        absl::StrCat("a message carries ", kMaxBatchSize, " at most"));
  }

  // To gRPC bytes that are no message look like the half-close; but only they touch the message,
  // since a parser empties it first.
  void MarkUnread() {
    requests_.Clear();
    requests_.add_requests()->set_tag(kUnread);
  }
  absl::Status CheckEnd() const {
    if (requests_.requests_size() == 1 && requests_.requests(0).tag() == kUnread) {
      return absl::OkStatus();
    }
    return InvalidField("requests", "message", "these bytes are no message");
  }

  // False where the stream has ended meanwhile: nobody would get the answer.
  bool Begin() {
    absl::MutexLock lock(&mutex_);
    if (finished_) return false;
    in_flight_ += requests_.requests_size();
    return true;
  }

  // `reading_` stays set meanwhile, so that no read overtakes the handler.
  void Handle() {
    for (Request& request : *requests_.mutable_requests()) {
      const uint64_t tag = request.tag();
      handler_(std::move(request), [self = self_, tag](absl::StatusOr<Response> response) {
        self->Take(tag, std::move(response));
      });
    }
    requests_.Clear();
  }

  void Take(uint64_t tag, absl::StatusOr<Response> result) {
    Response response;
    if (result.ok()) {
      response = *std::move(result);
    } else {
      response.set_error(ToBytes(result.status()));
    }
    if (response.ByteSizeLong() > kMaxAnswerBytes) {
      response.Clear();
      response.set_error(ToBytes(FieldError(absl::StatusCode::kFailedPrecondition, "response",
                                            "too-large", "does not fit into a message")));
    }
    response.set_tag(tag);
    {
      absl::MutexLock lock(&mutex_);
      if (broken_ || finished_) return;
      answers_.push_back(std::move(response));
      if (writing_) return;
    }
    Advance();
  }

  // Starts whatever the state allows. gRPC may run a reaction inside the call that starts an
  // operation, so nothing is started under the lock; an operation counts as running from the
  // moment it is decided on, which keeps Finish behind it.
  void Advance() {
    bool write = false, more = false, read = false, finish = false;
    grpc::Status end;
    {
      absl::MutexLock lock(&mutex_);
      if (!writing_ && !broken_ && !answers_.empty()) {
        FillResponses();
        more = !answers_.empty();
        write = writing_ = true;
      }
      const bool over = broken_ || (half_closed_ && in_flight_ == 0);
      // A read of an idle stream may wait for ever; the end ends it.
      const bool stop = stopping_ && in_flight_ == 0;
      if (!reading_ && !broken_ && !half_closed_ && !stopping_ && in_flight_ < max_in_flight_) {
        read = reading_ = true;
      }
      if (((over && !reading_) || stop) && !writing_ && !finished_) finish = finished_ = true;
      end = end_;
      if (stop && !over) end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops");
    }
    // A write that another follows need not be flushed by itself.
    grpc::WriteOptions options;
    if (more) options.set_buffer_hint();
    if (write) this->StartWrite(&responses_, options);
    if (read) {
      MarkUnread();
      this->StartRead(&requests_);
    }
    if (finish) this->Finish(end);
  }

  void FillResponses() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    responses_.Clear();
    BatchRoom batch;
    while (!answers_.empty() && batch.Take(answers_.front())) {
      *responses_.add_responses() = std::move(answers_.front());
      answers_.pop_front();
    }
  }

  static constexpr uint64_t kUnread = ~uint64_t{0};

  OpenStreams* const open_;
  const Handler handler_;
  const int max_in_flight_;
  std::shared_ptr<StreamServer> self_;  // until OnDone
  Requests requests_;                   // of the running read
  Responses responses_;                 // of the running write

  absl::Mutex mutex_;
  std::deque<Response> answers_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;  // read and not yet written
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_ ABSL_GUARDED_BY(mutex_);  // OK, or why a message ended the stream
};

// Without `open` the stream ends with the grace of a shutdown at the earliest.
template <typename Requests, typename Responses>
grpc::ServerBidiReactor<Requests, Responses>* ServeStream(
    OpenStreams* open, AnsweringHandler<RequestIn<Requests>, ResponseIn<Responses>> handler,
    int max_in_flight = 256) {
  return StreamServer<Requests, Responses>::Start(open, std::move(handler), max_in_flight);
}

// Ends a stream before it begins.
template <typename Requests, typename Responses>
grpc::ServerBidiReactor<Requests, Responses>* RefuseStream(const absl::Status& status) {
  class Refusal final : public grpc::ServerBidiReactor<Requests, Responses> {
   public:
    explicit Refusal(const absl::Status& status) { this->Finish(ToGrpc(status)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(status);
}

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STREAM_SERVER_H_
