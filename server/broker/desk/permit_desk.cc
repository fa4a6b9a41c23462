#include "server/broker/desk/permit_desk.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/ledger/commitment.h"

namespace nakadachi::broker {
namespace {

constexpr size_t kSaltBytes = 32;

absl::StatusOr<v1::Statement> DecodeQuery(const v1::Recorded& recorded) {
  v1::Statement statement;
  if (!statement.ParseFromString(recorded.statement())) {
    return InvalidField("query.statement", "statement-format", "cannot be read");
  }
  if (!statement.has_query()) {
    return InvalidField("query.statement", "kind", "is not a query");
  }
  if (recorded.salt().size() != kSaltBytes) {
    return InvalidField("query.salt", "salt", "must have 32 bytes");
  }
  return statement;
}

bool MaySpeakFor(const rpc::Peer& peer, const std::string& author) {
  auto code = LocalGovernmentCode::Parse(author);
  return code.ok() && peer.MaySpeakFor(*code);
}

// Who presented what. The bytes are fixed by the peer, so the same presentation has one digest.
Hash PresentationDigest(const rpc::Peer& peer, const v1::Recorded& recorded) {
  std::string who;
  for (const LocalGovernmentCode& code : peer.institutions) {
    absl::StrAppend(&who, code.ToString(), ",");
  }
  return Sha256("nakadachi/presentation/v1", who, absl::string_view("\0", 1),
                recorded.SerializeAsString());
}

}  // namespace

// A query on its way to a decision.
struct PermitDesk::Case {
  const rpc::Peer& peer;
  const v1::Recorded& recorded;
  const v1::Statement& statement;
  Hash commitment;
  int64_t now_ms;
};

void PermitDesk::Handle(const rpc::Peer& peer, const v1::Recorded& query, Answer answer) {
  absl::StatusOr<v1::Statement> statement = DecodeQuery(query);
  if (!statement.ok()) {
    ++parts_.figures->rejected_calls;
    return answer(statement.status());
  }
  const Hash commitment = ledger::Commit(query.salt(), query.statement());
  const Case the_case{peer, query, *statement, commitment, parts_.clock->NowMs()};

  std::optional<Refused> refused;
  std::optional<ledger::Verified> proven;
  if (!MaySpeakFor(peer, statement->author())) {
    refused = Refused{v1::REQUESTER_MISMATCH, "query.author: peer"};
  } else if (auto verified = parts_.verifier->Verify(query, the_case.now_ms); verified.ok()) {
    proven = *std::move(verified);
  } else {
    refused = RefusedForProof(verified.status());
  }

  if (proven) {
    if (Enter(commitment, std::move(answer))) DecideProven(the_case, *proven);
    return;
  }
  const Hash presentation = PresentationDigest(peer, query);
  if (!Enter(presentation, std::move(answer))) return;
  RefusePresentation(the_case, presentation, presentation, *refused);
}

void PermitDesk::DecideProven(const Case& the_case, const ledger::Verified& query) {
  const Hash& key = the_case.commitment;
  if (SettleFromStore(key, parts_.store->FindDecision(key))) return;
  if (auto skewed = CheckClock(query, parts_.rules, the_case.now_ms)) {
    return RefusePresentation(the_case, key, PresentationDigest(the_case.peer, the_case.recorded),
                              *skewed);
  }
  Decision decision =
      Decide(query, *parts_.directory, *parts_.codes, parts_.rules, the_case.now_ms);
  if (auto* permitted = std::get_if<Permitted>(&decision)) {
    return RecordPermit(the_case, std::move(*permitted));
  }
  RecordRefusal(the_case, key, std::get<Refused>(decision),
                [this, key](uint64_t leaf, storage::Batch& batch) {
                  parts_.store->PutDecision(key, leaf, batch);
                });
}

void PermitDesk::RefusePresentation(const Case& the_case, const Hash& key, const Hash& presentation,
                                    const Refused& refused) {
  if (SettleFromStore(key, parts_.store->FindPresentation(presentation))) return;
  RecordRefusal(the_case, key, refused, [this, presentation](uint64_t leaf, storage::Batch& batch) {
    parts_.store->PutPresentation(presentation, leaf, batch);
  });
}

void PermitDesk::RecordRefusal(const Case& the_case, const Hash& key, const Refused& refused,
                               ledger::Ledger::AlsoWrite also) {
  v1::Statement statement = NewStatement(the_case);
  *statement.mutable_refusal() = MakeRefusal(the_case.statement, the_case.commitment, refused);
  parts_.ledger->Append(ledger::Prepare(statement, *parts_.random), std::move(also),
                        [this, key](absl::StatusOr<v1::Recorded> recorded) {
                          if (recorded.ok()) ++parts_.figures->refusals;
                          Settle(key, std::move(recorded));
                        });
}

void PermitDesk::RecordPermit(const Case& the_case, Permitted permitted) {
  const Hash& key = the_case.commitment;
  v1::Permit& permit = permitted.permit;
  permit.set_permit_number(TimeOrderedId(the_case.now_ms, *parts_.random));
  auto sealed = parts_.sealer->Seal(permitted.provider_code, permitted.provider_key,
                                    {permitted.requester, permitted.provider, key}, *parts_.random);
  if (!sealed.ok()) return Settle(key, sealed.status());
  *permit.mutable_sealed_code() = *std::move(sealed);

  stored::v1::PermitRecord record;
  record.set_permit_number(permit.permit_number());
  record.set_requester(permit.requester());
  record.set_provider(permit.provider());
  record.set_valid_until_ms(permit.valid_until_ms());
  record.set_person(permitted.person.data(), permitted.person.size());

  v1::Statement statement = NewStatement(the_case);
  *statement.mutable_permit() = std::move(permit);
  ledger::Prepared prepared = ledger::Prepare(statement, *parts_.random);
  record.set_permit_commitment(std::string(AsView(prepared.commitment)));
  parts_.ledger->Append(
      std::move(prepared),
      [this, key, record = std::move(record), person = permitted.person](
          uint64_t leaf, storage::Batch& batch) mutable {
        record.set_leaf_index(leaf);
        parts_.store->PutDecision(key, leaf, batch);
        parts_.store->PutPermit(record, person, batch);
      },
      [this, key](absl::StatusOr<v1::Recorded> recorded) {
        if (recorded.ok()) ++parts_.figures->permits;
        Settle(key, std::move(recorded));
      });
}

v1::Statement PermitDesk::NewStatement(const Case& the_case) const {
  v1::Statement statement;
  statement.set_author(Author::Broker().ToString());
  statement.set_time_ms(the_case.now_ms);
  return statement;
}

bool PermitDesk::Enter(const Hash& key, Answer answer) {
  absl::MutexLock lock(&mutex_);
  std::vector<Answer>& waiting = in_flight_[key];
  waiting.push_back(std::move(answer));
  return waiting.size() == 1;
}

void PermitDesk::Settle(const Hash& key, absl::StatusOr<v1::Recorded> decision) {
  std::vector<Answer> waiting;
  {
    absl::MutexLock lock(&mutex_);
    auto found = in_flight_.find(key);
    NAKADACHI_CHECK(found != in_flight_.end());
    waiting = std::move(found->second);
    in_flight_.erase(found);
  }
  for (size_t i = 0; i + 1 < waiting.size(); ++i) waiting[i](decision);
  waiting.back()(std::move(decision));
}

bool PermitDesk::SettleFromStore(const Hash& key,
                                 const absl::StatusOr<std::optional<uint64_t>>& leaf) {
  if (!leaf.ok()) {
    Settle(key, leaf.status());
    return true;
  }
  if (!leaf->has_value()) return false;
  Settle(key, parts_.ledger->Prove(**leaf));
  return true;
}

}  // namespace nakadachi::broker
