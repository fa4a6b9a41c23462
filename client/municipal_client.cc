#include "client/municipal_client.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace nakadachi::client {
namespace {

constexpr size_t kAcquireBatch = 500;
constexpr size_t kReplicaBatch = 200;
constexpr int kReplicaBatchesInFlight = 4;

absl::Status WrongCount(absl::string_view field) {
  return FieldError(absl::StatusCode::kInternal, field, "count",
                    "the server answered another number of entries than it was asked");
}

}  // namespace

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
    const std::vector<v1::ReplicaEntry>& entries, const std::function<void(size_t)>& progress) {
  std::vector<absl::Status> results(entries.size());
  size_t sent = 0;
  const auto next = [&](v1::RegisterReplicasRequest* request) {
    if (sent == entries.size()) return false;
    request->set_municipality(municipality_.ToString());
    request->set_tag(sent);
    const size_t end = std::min(sent + kReplicaBatch, entries.size());
    for (; sent < end; ++sent) *request->add_entries() = entries[sent];
    return true;
  };
  size_t answered = 0;
  const auto on_answer = [&](const v1::RegisterReplicasResponse& response) {
    const size_t begin = std::min<size_t>(response.tag(), entries.size());
    const size_t end = std::min(begin + kReplicaBatch, entries.size());
    if (!response.error().empty()) {
      std::fill(results.begin() + begin, results.begin() + end, rpc::FromBytes(response.error()));
    }
    for (const auto& problem : response.problems()) {
      const size_t at = begin + problem.position();
      if (at < end) results[at] = rpc::FromBytes(problem.error());
    }
    answered += end - begin;
    if (progress) progress(answered);
  };
  NAKADACHI_RETURN_IF_ERROR(
      connection_->RegisterReplicaStream(next, kReplicaBatchesInFlight, on_answer));
  if (answered != entries.size()) return WrongCount("entries");
  return results;
}

v1::QueryRequest MunicipalClient::NewQuery(const AddresseeNumber& person,
                                           const LocalGovernmentCode& provider,
                                           const std::string& procedure,
                                           const std::vector<std::string>& items) {
  v1::QueryRequest request;
  request.set_request_id(random_->String(16));
  request.set_municipality(municipality_.ToString());
  request.set_addressee_number(person.Reveal());
  request.set_provider(provider.ToString());
  request.set_procedure(procedure);
  for (const std::string& item : items) request.add_items(item);
  return request;
}

}  // namespace nakadachi::client
