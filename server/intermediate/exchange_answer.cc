#include "server/intermediate/exchange_answer.h"

#include <utility>

#include "common/ledger/commitment.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/exchange_store.h"

namespace nakadachi::intermediate {
namespace {

std::string CommitmentOf(const v1::Recorded& recorded) {
  return std::string(AsView(ledger::Commit(recorded.salt(), recorded.statement())));
}

}  // namespace

Judgement Judge(const v1::Recorded& provision, const std::string& payload, const HeldPermit& permit,
                absl::StatusOr<ledger::Verified> verified, int64_t clock_tolerance_ms) {
  Judgement judgement;
  if (!verified.ok()) {
    judgement.provision_commitment = CommitmentOf(provision);
    judgement.problem = Reason(verified.status());
    return judgement;
  }
  judgement.provision_commitment = std::string(AsView(verified->commitment));
  auto content =
      CheckProvision(*verified, payload, permit.permit, permit.commitment, clock_tolerance_ms);
  if (!content.ok()) {
    judgement.problem = Reason(content.status());
    return judgement;
  }
  judgement.provision = std::move(*verified->statement.mutable_provision());
  judgement.payload = *std::move(content);
  return judgement;
}

v1::Receipt ReceiptOf(const Judgement& judgement, const HeldPermit& permit) {
  v1::Receipt receipt;
  receipt.set_provision_commitment(judgement.provision_commitment);
  receipt.set_permit_commitment(permit.commitment);
  receipt.set_permit_number(permit.permit.permit_number());
  receipt.set_requester(permit.permit.requester());
  receipt.set_provider(permit.permit.provider());
  receipt.set_verified(judgement.problem.empty());
  receipt.set_reason(judgement.problem);
  return receipt;
}

void AddPermit(const HeldPermit& permit, v1::QueryResponse* answer) {
  answer->set_permit_number(permit.permit.permit_number());
  answer->set_permit_commitment(permit.commitment);
  answer->set_list_version(permit.permit.list_version());
  *answer->mutable_legal_basis() = permit.permit.legal_basis();
  answer->set_valid_until_ms(permit.permit.valid_until_ms());
}

void AddJudgement(Judgement&& judgement, v1::QueryResponse* answer) {
  answer->set_provision_commitment(std::move(judgement.provision_commitment));
  answer->set_verified(judgement.problem.empty());
  answer->set_refusal_detail(std::move(judgement.problem));
  answer->set_outcome(judgement.provision.outcome());
  answer->set_refusal_reason(judgement.provision.reason());
  *answer->mutable_sets() = std::move(*judgement.payload.mutable_sets());
}

HeldPermit PermitOf(const stored::v1::StoredExchange& stored) {
  v1::Statement statement;
  if (!stored.has_permit() || !statement.ParseFromString(stored.permit().statement())) return {};
  return {std::move(*statement.mutable_permit()), CommitmentOf(stored.permit())};
}

v1::QueryResponse ResponseOf(stored::v1::StoredExchange stored) {
  if (IsFinal(stored.state())) return std::move(*stored.mutable_answer());
  v1::QueryResponse response;
  response.set_request_id(stored.request().request_id());
  response.set_state(stored.state());
  response.set_query_commitment(stored.query_commitment());
  if (stored.has_permit()) AddPermit(PermitOf(stored), &response);
  if (stored.state() == v1::AWAITING) {
    response.set_outcome(v1::AWAITING_REVIEW);
    response.set_provision_commitment(stored.awaiting_provision_commitment());
  }
  return response;
}

}  // namespace nakadachi::intermediate
