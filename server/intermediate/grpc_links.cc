#include "server/intermediate/grpc_links.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_client.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"

namespace nakadachi::intermediate {
namespace {

constexpr absl::Duration kExchangeTimeout = absl::Seconds(10);
constexpr absl::Duration kReportTimeout = absl::Seconds(30);
// More than an institution keeps open at once: who asks bounds what is in flight.
constexpr size_t kStreamRoom = 8192;

rpc::StreamClientOptions ExchangeStream() {
  rpc::StreamClientOptions options;
  options.max_in_flight = kStreamRoom;
  options.timeout = kExchangeTimeout;
  return options;
}

// Unary calls under way. Destruction cancels them and waits for the last callback.
class UnaryCalls {
 public:
  ~UnaryCalls() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    for (grpc::ClientContext* context : running_) context->TryCancel();
    mutex_.Await(absl::Condition(
        +[](std::set<grpc::ClientContext*>* running) { return running->empty(); }, &running_));
  }

  template <typename Request, typename Response>
  struct Call {
    grpc::ClientContext context;
    Request request;
    Response response;
    Answer<Response> done;
  };

  // `start` hands a call to a stub: (context, request, response, callback).
  template <typename Response, typename Request, typename Start>
  void Run(absl::Duration timeout, Request request, const Start& start, Answer<Response> done) {
    auto call = std::make_shared<Call<Request, Response>>();
    call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    call->request = std::move(request);
    call->done = std::move(done);
    if (!Enter(&call->context)) return call->done(absl::UnavailableError("shutting down"));
    start(&call->context, &call->request, &call->response,
          [this, call](const grpc::Status& status) {
            if (status.ok()) {
              call->done(std::move(call->response));
            } else {
              call->done(rpc::FromGrpc(status));
            }
            Leave(&call->context);
          });
  }

 private:
  bool Enter(grpc::ClientContext* context) {
    absl::MutexLock lock(&mutex_);
    if (!closed_) running_.insert(context);
    return !closed_;
  }
  void Leave(grpc::ClientContext* context) {
    absl::MutexLock lock(&mutex_);
    running_.erase(context);
  }

  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mutex_);
};

// A stream's callbacks can be copied; an Answer is called once and cannot.
template <typename T>
std::shared_ptr<Answer<T>> Share(Answer<T> answer) {
  return std::make_shared<Answer<T>>(std::move(answer));
}

// Permits go over one long-lived stream: a message of a stream costs less than a call.
class GrpcBrokerLink final : public BrokerLink {
 public:
  explicit GrpcBrokerLink(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::PermitService::NewStub(channel)),
        permits_(
            [stub = stub_.get()](grpc::ClientContext* context, auto* reactor) {
              stub->async()->RequestPermits(context, reactor);
            },
            ExchangeStream()) {}

  void RequestPermit(v1::Recorded query, Answer<v1::Recorded> done) override {
    v1::RequestPermitRequest request;
    *request.mutable_query() = std::move(query);
    permits_.Send(std::move(request), [done = Share(std::move(done))](
                                          absl::StatusOr<v1::RequestPermitResponse> response) {
      if (!response.ok()) return (*done)(response.status());
      (*done)(std::move(*response->mutable_decision()));
    });
  }

  void Report(std::vector<v1::Recorded> halves,
              Answer<std::vector<absl::Status>> results) override {
    v1::ReportRequest request;
    const size_t count = halves.size();
    for (v1::Recorded& half : halves) *request.add_halves() = std::move(half);
    calls_.Run<v1::ReportResponse>(
        kReportTimeout, std::move(request),
        [this](auto&&... call) { stub_->async()->Report(std::forward<decltype(call)>(call)...); },
        [count, results = std::move(results)](absl::StatusOr<v1::ReportResponse> response) mutable {
          if (!response.ok()) return results(response.status());
          if (static_cast<size_t>(response->errors_size()) != count) {
            return results(absl::InternalError("the broker's answer has another length"));
          }
          std::vector<absl::Status> statuses;
          statuses.reserve(count);
          for (const std::string& error : response->errors()) {
            statuses.push_back(rpc::FromBytes(error));
          }
          results(std::move(statuses));
        });
  }

  void FetchDirectory(uint64_t after_sequence, Answer<std::vector<v1::Recorded>> done) override {
    v1::FetchDirectoryRequest request;
    request.set_after_sequence(after_sequence);
    calls_.Run<v1::FetchDirectoryResponse>(
        kExchangeTimeout, std::move(request),
        [this](auto&&... call) {
          stub_->async()->FetchDirectory(std::forward<decltype(call)>(call)...);
        },
        [done = std::move(done)](absl::StatusOr<v1::FetchDirectoryResponse> response) mutable {
          if (!response.ok()) return done(response.status());
          auto& statements = *response->mutable_statements();
          done(std::vector<v1::Recorded>(std::make_move_iterator(statements.begin()),
                                         std::make_move_iterator(statements.end())));
        });
  }

 private:
  const std::unique_ptr<v1::PermitService::Stub> stub_;
  UnaryCalls calls_;
  rpc::StreamClient<v1::RequestPermitRequests, v1::RequestPermitResponses> permits_;
};

// One other platform.
struct GrpcPeer {
  explicit GrpcPeer(const std::shared_ptr<grpc::Channel>& channel)
      : stub(v1::ExchangeService::NewStub(channel)),
        provisions(
            [stub = stub.get()](grpc::ClientContext* context, auto* reactor) {
              stub->async()->ProvideMany(context, reactor);
            },
            ExchangeStream()) {}

  const std::unique_ptr<v1::ExchangeService::Stub> stub;
  UnaryCalls calls;
  rpc::StreamClient<v1::ProvideRequests, v1::ProvideResponses> provisions;
};

class GrpcPeerLink final : public PeerLink {
 public:
  explicit GrpcPeerLink(rpc::TlsMaterial tls) : tls_(std::move(tls)) {}

  void Provide(const v1::Route& route, const v1::Recorded& permit,
               Answer<v1::ProvideResponse> done) override {
    const auto peer = PeerAt(route);
    if (!peer.ok()) return done(peer.status());
    v1::ProvideRequest request;
    *request.mutable_permit() = permit;
    (*peer)->provisions.Send(std::move(request), [done = Share(std::move(done))](
                                                     absl::StatusOr<v1::ProvideResponse> response) {
      (*done)(std::move(response));
    });
  }

  void Deliver(const v1::Route& route, const v1::DeliverRequest& request,
               Answer<v1::Recorded> receipt) override {
    const auto peer = PeerAt(route);
    if (!peer.ok()) return receipt(peer.status());
    (*peer)->calls.Run<v1::DeliverResponse>(
        kExchangeTimeout, request,
        [peer = *peer](auto&&... call) {
          peer->stub->async()->Deliver(std::forward<decltype(call)>(call)...);
        },
        [receipt = std::move(receipt)](absl::StatusOr<v1::DeliverResponse> response) mutable {
          if (!response.ok()) return receipt(response.status());
          receipt(std::move(*response->mutable_receipt()));
        });
  }

 private:
  // Routes come from others; one that names nobody is no reason to fall.
  absl::StatusOr<GrpcPeer*> PeerAt(const v1::Route& route) {
    if (route.address().empty() || route.tls_name().empty()) {
      return FieldError(absl::StatusCode::kUnavailable, "route", "required",
                        "names no address or no TLS name");
    }
    absl::MutexLock lock(&mutex_);
    std::unique_ptr<GrpcPeer>& peer = peers_[{route.address(), route.tls_name()}];
    if (peer == nullptr) {
      peer = std::make_unique<GrpcPeer>(rpc::Connect(route.address(), route.tls_name(), tls_));
    }
    return peer.get();
  }

  const rpc::TlsMaterial tls_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::pair<std::string, std::string>, std::unique_ptr<GrpcPeer>> peers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<BrokerLink> MakeBrokerLink(const v1::Endpoint& broker,
                                           const rpc::TlsMaterial& tls) {
  return std::make_unique<GrpcBrokerLink>(rpc::Connect(broker.address(), broker.tls_name(), tls));
}

std::unique_ptr<PeerLink> MakePeerLink(const rpc::TlsMaterial& tls) {
  return std::make_unique<GrpcPeerLink>(tls);
}

}  // namespace nakadachi::intermediate
