#include "tools/bench/exchanges.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/config.h"
#include "common/rpc/status_mapping.h"
#include "nakadachi/v1/config.pb.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"

namespace nakadachi::bench {
namespace {

constexpr int kSamples = 20;
constexpr absl::Duration kConnectLimit = absl::Seconds(10);

absl::Status CheckAnswer(const v1::QueryResponse& answer) {
  if (!answer.error().empty()) return rpc::FromBytes(answer.error());
  if (answer.state() == v1::ANSWERED && answer.outcome() == v1::PROVIDED && answer.verified() &&
      answer.sets_size() > 0) {
    return absl::OkStatus();
  }
  return absl::InternalError("an exchange ended without records");
}

struct Call {
  grpc::ClientContext context;
  v1::QueryRequest request;
  v1::QueryResponse response;
};

// Counts the answers of the measured time; ends the questions after it.
class BulkCount {
 public:
  explicit BulkCount(const LoadPlan& plan)
      : counted_from_(absl::Now() + plan.warm_up), end_(counted_from_ + plan.measured) {}

  bool over() {
    absl::MutexLock lock(&mutex_);
    return (absl::Now() >= end_ && answers_ > 0) || !failure_.ok();
  }
  void Take(const v1::QueryResponse& answer) {
    const absl::Status checked = CheckAnswer(answer);
    const absl::Time now = absl::Now();
    absl::MutexLock lock(&mutex_);
    failure_.Update(checked);
    if (now < counted_from_ || (now >= end_ && answers_ > 0)) return;
    ++answers_;
    last_ = now;
  }
  absl::StatusOr<double> PerSecond() {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    const absl::Duration measured = std::max(end_, last_) - counted_from_;
    return static_cast<double>(answers_) / absl::ToDoubleSeconds(measured);
  }

 private:
  const absl::Time counted_from_;
  const absl::Time end_;
  absl::Mutex mutex_;
  uint64_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

class OfficeImpl final : public Office {
 public:
  OfficeImpl(client::MunicipalClient* client, LocalGovernmentCode provider)
      : client_(client), provider_(std::move(provider)) {}

  absl::Status Begin(const std::string& profile_path, const simulator::People& people,
                     const std::vector<simulator::PersonIndex>& persons) {
    for (const simulator::PersonIndex person : persons) {
      persons_.push_back(people.Get(person).numbers.at(client_->municipality()));
    }
    v1::ProfileConfig profile;
    NAKADACHI_RETURN_IF_ERROR(rpc::LoadConfig(profile_path, &profile));
    NAKADACHI_ASSIGN_OR_RETURN(const auto tls,
                               rpc::ReadTls(profile.tls(), rpc::FolderOf(profile_path)));
    const auto channel =
        rpc::Connect(profile.intermediate().address(), profile.intermediate().tls_name(), tls);
    if (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectLimit))) {
      return absl::UnavailableError("the intermediate server cannot be reached");
    }
    stub_ = v1::MunicipalService::NewStub(channel);
    return absl::OkStatus();
  }

  Ask Queries() override {
    return [this](int /*slot*/, Answered done) {
      auto call = std::make_shared<Call>();
      call->request = NewQuery();
      stub_->async()->Query(
          &call->context, &call->request, &call->response,
          [call, done = std::move(done)](const grpc::Status& status) {
            done(status.ok() ? CheckAnswer(call->response) : rpc::FromGrpc(status));
          });
    };
  }

  absl::StatusOr<double> Bulk(const LoadPlan& plan) override {
    BulkCount count(plan);
    uint64_t tag = 0;
    const auto next = [&](v1::QueryRequest* request) {
      if (count.over()) return false;
      *request = NewQuery();
      request->set_tag(++tag);
      return true;
    };
    NAKADACHI_RETURN_IF_ERROR(client_->connection().QueryMany(
        next, plan.in_flight, [&](const v1::QueryResponse& answer) { count.Take(answer); }));
    return count.PerSecond();
  }

  absl::StatusOr<CallSize> MeasureSize() override {
    CallSize sum;
    for (int i = 0; i < kSamples; ++i) {
      const v1::QueryRequest request = NewQuery();
      NAKADACHI_ASSIGN_OR_RETURN(const auto answer, client_->connection().Query(request));
      NAKADACHI_RETURN_IF_ERROR(CheckAnswer(answer));
      sum.request += request.ByteSizeLong();
      sum.response += answer.ByteSizeLong();
    }
    return CallSize{sum.request / kSamples, sum.response / kSamples};
  }

 private:
  v1::QueryRequest NewQuery() {
    const AddresseeNumber& person = persons_[next_.fetch_add(1) % persons_.size()];
    v1::QueryRequest request =
        client_->NewQuery(person, provider_, kProcedure, {std::begin(kItems), std::end(kItems)});
    request.set_department("health");
    request.set_staff_pseudonym("staff-1");
    return request;
  }

  client::MunicipalClient* const client_;
  const LocalGovernmentCode provider_;
  std::unique_ptr<v1::MunicipalService::Stub> stub_;
  std::vector<AddresseeNumber> persons_;
  std::atomic<size_t> next_{0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Office>> Office::Open(
    simulator::Network& network, const simulator::People& people,
    const std::vector<simulator::PersonIndex>& persons, const LocalGovernmentCode& requester,
    const LocalGovernmentCode& provider) {
  client::MunicipalClient* client = network.Municipality(requester);
  if (client == nullptr) return absl::NotFoundError("the requester has not joined");
  auto office = std::make_unique<OfficeImpl>(client, provider);
  NAKADACHI_RETURN_IF_ERROR(office->Begin(network.ProfilePath(requester), people, persons));
  return office;
}

}  // namespace nakadachi::bench
