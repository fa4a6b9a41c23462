#include "common/witness/serve.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace nakadachi::witness {
namespace {

constexpr int kMaxSizes = 1'024;
constexpr uint32_t kDefaultCandidateSeconds = 10;
constexpr int64_t kMsPerSecond = 1'000;

}  // namespace

absl::StatusOr<std::unique_ptr<Collector>> MakeCollector(const v1::WitnessPolicy& policy,
                                                         const ledger::KeySource* keys) {
  std::vector<Author> witnesses;
  for (int i = 0; i < policy.witnesses_size(); ++i) {
    const std::string field = absl::StrCat("witnesses[", i, "]");
    NAKADACHI_ASSIGN_OR_RETURN(const LocalGovernmentCode code,
                               LocalGovernmentCode::Parse(policy.witnesses(i), field));
    witnesses.push_back(Author::Of(code));
  }
  NAKADACHI_ASSIGN_OR_RETURN(QuorumPolicy quorum,
                             QuorumPolicy::Create(std::move(witnesses), policy.needed()));
  const uint32_t seconds =
      policy.candidate_s() == 0 ? kDefaultCandidateSeconds : policy.candidate_s();
  return std::make_unique<Collector>(std::move(quorum), keys, int64_t{seconds} * kMsPerSecond);
}

absl::Status AnswerPrefixProofs(ledger::Ledger& ledger, const v1::GetPrefixProofsRequest& request,
                                v1::GetPrefixProofsResponse* response) {
  if (request.old_sizes_size() < 1 || request.old_sizes_size() > kMaxSizes) {
    return InvalidField("old_sizes", "length", "names none or more than 1,024 sizes");
  }
  for (const uint64_t old_size : request.old_sizes()) {
    NAKADACHI_ASSIGN_OR_RETURN(const std::vector<Hash> path,
                               ledger.ProvePrefix(old_size, request.new_size()));
    std::string& proof = *response->add_proofs();
    proof.reserve(path.size() * Hash().size());
    for (const Hash& hash : path) absl::StrAppend(&proof, AsView(hash));
  }
  return absl::OkStatus();
}

void FillWitnessing(Collector& collector, const std::string& newest, int64_t now_ms,
                    v1::Witnessing* witnessing) {
  Collector::State state = collector.Now(newest, now_ms);
  witnessing->set_cosigned(std::move(state.cosigned));
  witnessing->set_candidate(std::move(state.candidate));
  witnessing->set_needed(static_cast<uint32_t>(collector.policy().needed));
  for (const Author& witness : collector.policy().witnesses) {
    witnessing->add_witnesses(witness.ToString());
  }
}

}  // namespace nakadachi::witness
