// The server's end of a bidirectional stream with one answer a request, in any order, paired by
// tag: Request has `uint64 tag`, Response has `uint64 tag` and `bytes error`.
//
//   grpc::ServerBidiReactor<Req, Resp>* RequestPermits(grpc::CallbackServerContext* c) override {
//     auto peer = rpc::RequireRole(c, {rpc::Role::kIntermediate});
//     if (!peer.ok()) return rpc::RefuseStream<Req, Resp>(peer.status());
//     return rpc::ServeStream<Req, Resp>(&open_, [this, peer = *peer](Req request, auto answer) {
//       model_->Decide(*peer, std::move(request), std::move(answer));
//     });
//   }
#ifndef NAKADACHI_COMMON_RPC_STREAM_SERVER_H_
#define NAKADACHI_COMMON_RPC_STREAM_SERVER_H_

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/answer.h"
#include "common/rpc/open_streams.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::rpc {

// The handler gets one request of a stream at a time. Back-pressure: nothing is read while
// `max_in_flight` requests have been read and their answers not yet written. Ends with OK after the
// client's half-close once all are answered; with UNAVAILABLE, once what was read is answered,
// where its OpenStreams are stopped; at once on cancellation, deadline or the end of a shutdown's
// grace, whether or not answers are still to come.
template <typename Request, typename Response>
class StreamServer final : public grpc::ServerBidiReactor<Request, Response>,
                           public OpenStreams::Stream {
 public:
  using Handler = rpc::AnsweringHandler<Request, Response>;

  static grpc::ServerBidiReactor<Request, Response>* Start(OpenStreams* open, Handler handler,
                                                           int max_in_flight) {
    auto stream =
        std::shared_ptr<StreamServer>(new StreamServer(open, std::move(handler), max_in_flight));
    stream->self_ = stream;
    if (open != nullptr) open->Add(stream);
    stream->Advance();
    return stream.get();
  }

  void OnReadDone(bool ok) override {
    if (ok && Begin()) Handle();
    {
      absl::MutexLock lock(&mutex_);
      reading_ = false;
      half_closed_ = !ok;
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      --in_flight_;
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

  // False where the stream has ended meanwhile: nobody would get the answer.
  bool Begin() {
    absl::MutexLock lock(&mutex_);
    if (finished_) return false;
    ++in_flight_;
    return true;
  }

  // `reading_` stays set meanwhile, so that no read overtakes the handler.
  void Handle() {
    const uint64_t tag = request_.tag();
    handler_(std::move(request_), [self = self_, tag](absl::StatusOr<Response> response) {
      self->Take(tag, std::move(response));
    });
    request_ = Request();
  }

  void Take(uint64_t tag, absl::StatusOr<Response> result) {
    Response response;
    if (result.ok()) {
      response = *std::move(result);
    } else {
      response.set_error(ToBytes(result.status()));
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
        response_ = std::move(answers_.front());
        answers_.pop_front();
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
      if (stop && !over) end = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops");
    }
    // A write that another follows need not be flushed by itself.
    grpc::WriteOptions options;
    if (more) options.set_buffer_hint();
    if (write) this->StartWrite(&response_, options);
    if (read) this->StartRead(&request_);
    if (finish) this->Finish(end);
  }

  OpenStreams* const open_;
  const Handler handler_;
  const int max_in_flight_;
  std::shared_ptr<StreamServer> self_;  // until OnDone
  Request request_;                     // of the running read
  Response response_;                   // of the running write

  absl::Mutex mutex_;
  std::deque<Response> answers_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;  // read and not yet written
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

// Without `open` the stream ends with the grace of a shutdown at the earliest.
template <typename Request, typename Response>
grpc::ServerBidiReactor<Request, Response>* ServeStream(OpenStreams* open,
                                                        AnsweringHandler<Request, Response> handler,
                                                        int max_in_flight = 256) {
  return StreamServer<Request, Response>::Start(open, std::move(handler), max_in_flight);
}

// Ends a stream before it begins.
template <typename Request, typename Response>
grpc::ServerBidiReactor<Request, Response>* RefuseStream(const absl::Status& status) {
  class Refusal final : public grpc::ServerBidiReactor<Request, Response> {
   public:
    explicit Refusal(const absl::Status& status) { this->Finish(ToGrpc(status)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(status);
}

}  // namespace nakadachi::rpc

#endif  // NAKADACHI_COMMON_RPC_STREAM_SERVER_H_
