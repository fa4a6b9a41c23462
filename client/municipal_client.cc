#include "client/municipal_client.h"

#include <algorithm>
#include <limits>
#include <set>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::client {
namespace {

constexpr size_t kAcquireBatch = 500;
constexpr size_t kReplicaBatch = 200;
constexpr int kReplicaBatchesInFlight = 4;
constexpr absl::Duration kReplicaPause = absl::Milliseconds(200);

absl::Status WrongCount(absl::string_view field) {
  return FieldError(absl::StatusCode::kInternal, field, "count",
                    "the server answered another number of entries than it was asked");
}

// Entries on their way, in batches named by where they begin. A batch whose answer was lost is
// sent again: the same entry again is no change.
class ReplicaUpload {
 public:
  ReplicaUpload(const LocalGovernmentCode& municipality,
                const std::vector<v1::ReplicaEntry>& entries,
                const std::function<void(size_t)>& progress)
      : municipality_(municipality), entries_(entries), progress_(progress) {
    for (size_t begin = 0; begin < entries.size(); begin += kReplicaBatch) {
      unanswered_.insert(begin);
    }
    results_.resize(entries.size());
  }

  absl::Status OneStream(MunicipalConnection& connection) {
    // The stream asks on a thread of its own while it answers on this one.
    const std::vector<size_t> to_send(unanswered_.begin(), unanswered_.end());
    size_t sent = 0;
    return connection.RegisterReplicaStream(
        [&](v1::RegisterReplicasRequest* request) {
          if (sent == to_send.size()) return false;
          Fill(to_send[sent++], request);
          return true;
        },
        kReplicaBatchesInFlight,
        [this](const v1::RegisterReplicasResponse& response) { Take(response); });
  }

  bool IsDone() const { return unanswered_.empty(); }
  size_t answered() const { return answered_; }
  std::vector<absl::Status> TakeResults() { return std::move(results_); }

 private:
  size_t EndOf(size_t begin) const { return std::min(begin + kReplicaBatch, entries_.size()); }

  void Fill(size_t begin, v1::RegisterReplicasRequest* request) const {
    request->set_municipality(municipality_.ToString());
    request->set_tag(begin);
    for (size_t i = begin; i < EndOf(begin); ++i) *request->add_entries() = entries_[i];
  }

  void Take(const v1::RegisterReplicasResponse& response) {
    const size_t begin = response.tag();
    if (unanswered_.erase(begin) == 0) return;  // no batch of ours
    const size_t end = EndOf(begin);
    for (size_t i = begin; i < end; ++i) results_[i] = rpc::FromBytes(response.error());
    for (const auto& problem : response.problems()) {
      const size_t at = begin + problem.position();
      if (at < end) results_[at] = rpc::FromBytes(problem.error());
    }
    answered_ += end - begin;
    if (progress_) progress_(answered_);
  }

  const LocalGovernmentCode& municipality_;
  const std::vector<v1::ReplicaEntry>& entries_;
  const std::function<void(size_t)>& progress_;
  std::set<size_t> unanswered_;
  std::vector<absl::Status> results_;
  size_t answered_ = 0;
};

}  // namespace

bool IsUnderWay(const absl::Status& error) {
  const FieldRule at = GetFieldRule(error);
  // Of another field it says that the own server was not reached.
  if (absl::IsUnavailable(error)) {
    return at.rule == "not-reached" && (at.field == "broker" || at.field == "provider");
  }
  return absl::IsResourceExhausted(error) && at.rule == "disk-full" && at.field != "storage";
}

std::string WaitsFor(const v1::QueryRequest& question, const absl::Status& error) {
  const std::string field = GetFieldRule(error).field;
  if (field == "provider") return question.provider();
  return field == "broker" ? field : "";
}

uint32_t PatienceMs(absl::Duration patience) {
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToInt64Milliseconds(patience), 1,
                                                   std::numeric_limits<uint32_t>::max()));
}

MunicipalClient::MunicipalClient(LocalGovernmentCode municipality,
                                 std::shared_ptr<MunicipalConnection> connection, Random* random)
    : municipality_(std::move(municipality)), connection_(std::move(connection)), random_(random) {}

absl::StatusOr<std::vector<absl::Status>> MunicipalClient::AcquireCodes(
    JukiConnection& juki, const std::vector<Person>& persons) {
  std::vector<absl::Status> results(persons.size());
  for (size_t begin = 0; begin < persons.size(); begin += kAcquireBatch) {
    const size_t end = std::min(begin + kAcquireBatch, persons.size());
    v1::IssueAcquisitionNumbersRequest issue;
    issue.set_municipality(municipality_.ToString());
    for (size_t i = begin; i < end; ++i) {
      issue.add_addressee_numbers(persons[i].addressee_number.Reveal());
    }
    NAKADACHI_ASSIGN_OR_RETURN(const auto issued, connection_->IssueAcquisitionNumbers(issue));
    if (static_cast<size_t>(issued.entries_size()) != end - begin) return WrongCount("entries");

    v1::SubmitAcquisitionsRequest submit;
    submit.set_institution(municipality_.ToString());
    std::vector<size_t> submitted;
    for (size_t i = begin; i < end; ++i) {
      const auto& entry = issued.entries(static_cast<int>(i - begin));
      if (!entry.error().empty()) {
        results[i] = rpc::FromBytes(entry.error());
        continue;
      }
      auto& out = *submit.add_entries();
      out.set_acquisition_number(entry.acquisition_number());
      out.set_individual_number(persons[i].individual_number.Reveal());
      submitted.push_back(i);
    }
    if (submitted.empty()) continue;
    NAKADACHI_ASSIGN_OR_RETURN(const auto answer, juki.SubmitAcquisitions(submit));
    if (static_cast<size_t>(answer.errors_size()) != submitted.size()) return WrongCount("errors");
    for (size_t i = 0; i < submitted.size(); ++i) {
      results[submitted[i]] = rpc::FromBytes(answer.errors(static_cast<int>(i)));
    }
  }
  return results;
}

absl::StatusOr<std::vector<absl::Status>> MunicipalClient::RegisterReplicas(
    const std::vector<v1::ReplicaEntry>& entries, const std::function<void(size_t)>& progress,
    absl::Duration patience) {
  ReplicaUpload upload(municipality_, entries, progress);
  absl::Time last_answer = absl::Now();
  while (!upload.IsDone()) {
    const size_t before = upload.answered();
    const absl::Status status = upload.OneStream(*connection_);
    if (upload.IsDone()) break;
    if (status.ok()) return WrongCount("batches");
    if (upload.answered() > before) last_answer = absl::Now();
    const bool over = absl::Now() - last_answer >= patience;
    const bool lost = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
    if (over || !lost) return status;
    absl::SleepFor(kReplicaPause);
  }
  return upload.TakeResults();
}

v1::QueryRequest MunicipalClient::NewQuery(const AddresseeNumber& person,
                                           const LocalGovernmentCode& provider,
                                           const std::string& procedure,
                                           const std::vector<std::string>& items) {
  v1::QueryRequest request;
  request.set_request_id(TimeOrderedId(absl::ToUnixMillis(absl::Now()), *random_));
  request.set_municipality(municipality_.ToString());
  request.set_addressee_number(person.Reveal());
  request.set_provider(provider.ToString());
  request.set_procedure(procedure);
  for (const std::string& item : items) request.add_items(item);
  return request;
}

}  // namespace nakadachi::client
