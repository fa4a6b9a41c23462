#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "common/merkle/merkle.h"
#include "tools/replay/grouped.h"
#include "tools/replay/joins.h"
#include "tools/replay/rules.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {
namespace {

// How long a provider that the broker cannot reach is excused for not knowing a new list.
constexpr int64_t kUnknownListMs = int64_t{3'600} * 1'000;

Place PlaceOf(const DecisionFact& permit) { return {permit.index, kBroker}; }
Place PlaceOf(const AnswerFact& answer) { return {answer.index, answer.log}; }

// Both logs lie behind the same institution: the place decides, not the clock.
bool IsInterim(const AnswerFact& answer) { return answer.outcome == v1::AWAITING_REVIEW; }

// Of a final answer.
End EndOf(const AnswerFact& answer) {
  switch (answer.outcome) {
    case v1::PROVIDED:
      return End::kProvided;
    case v1::NOT_HELD:
      return End::kNotHeld;
    case v1::NOT_REGISTERED:
      return End::kNotRegistered;
    case v1::WITHHELD:
      return End::kWithheld;
    default:
      return End::kRefused;
  }
}

// The answers to one permit.
struct Answers {
  std::vector<const AnswerFact*> interims;
  std::vector<const AnswerFact*> finals;
  std::vector<const AnswerFact*> receipts;

  explicit Answers(const std::vector<const AnswerFact*>& all) {
    for (const AnswerFact* answer : all) {
      (answer->receipt ? receipts : IsInterim(*answer) ? interims : finals).push_back(answer);
    }
  }
  bool empty() const { return interims.empty() && finals.empty() && receipts.empty(); }
  // Null where there is none of that commitment.
  const AnswerFact* Provision(const Hash& commitment) const {
    for (const auto* list : {&finals, &interims}) {
      for (const AnswerFact* provision : *list) {
        if (provision->commitment == commitment) return provision;
      }
    }
    return nullptr;
  }
};

class AnswerJoin final : public Join {
 public:
  AnswerJoin(const Scene& scene, Tally* tally)
      : scene_(scene),
        tally_(*tally),
        references_(scene.stores->references.get()),
        unjudged_(scene.stores->unjudged.get()) {}

  absl::Status Take(size_t part) override;
  absl::Status Flush() override {
    absl::Status status = references_.Flush();
    status.Update(unjudged_.Flush());
    return status;
  }

 private:
  void Follow(const std::vector<const DecisionFact*>& permits, const Answers& answers);
  void WithoutPermit(const Answers& answers);
  void CheckProvision(const DecisionFact& permit, const AnswerFact& provision);
  void CheckContent(const DecisionFact& permit, const AnswerFact& provision);
  void CheckProvisionTime(const DecisionFact& permit, const AnswerFact& provision);
  void CheckAgainstLists(const DecisionFact& permit, const AnswerFact& provision);
  void CheckRefusal(const DecisionFact& permit, const AnswerFact& provision);
  void CheckUse(const Answers& answers);
  void CheckReceipt(const DecisionFact& permit, const AnswerFact& receipt, const Answers& answers);
  void CheckReceiptOrder(const DecisionFact& permit, const AnswerFact& receipt,
                         const AnswerFact* provision);
  void CheckReceiptsTogether(const Answers& answers);
  // Nothing where it may; else the verdict of the list that forbids it, and its version.
  std::optional<std::string> ForbiddenWhenAnswered(const DecisionFact& permit,
                                                   const AnswerFact& provision, int64_t unknown_ms);
  void Conclude(const DecisionFact& permit, const Answers& answers);
  void ConcludeUnanswered(const DecisionFact& permit);
  void ConcludeUnreceipted(const DecisionFact& permit, const AnswerFact& provision);
  void Count(const DecisionFact& permit, const Answers& answers);
  void Show(const DecisionFact* permit, const Answers& answers);
  void Want(Reference::Kind kind, const Hash& wanted, uint32_t wanted_log, const AnswerFact& from,
            const AnswerFact* other = nullptr);

  void Add(absl::string_view kind, const AnswerFact& answer, std::string reason,
           const std::vector<Place>& related) {
    found_ = true;
    scene_.Add(kind, PlaceOf(answer), answer.time_ms, std::move(reason), related);
  }
  Judge::Asked AskedOf(const DecisionFact& permit) const {
    return {permit.requester, permit.provider, permit.question, PlaceOf(permit)};
  }

  const Scene& scene_;
  Tally& tally_;
  Parts<Reference, Hash>::Writer references_;
  Parts<Unjudged, Hash>::Writer unjudged_;
  bool found_ = false;  // something about the exchange at hand
};

absl::Status AnswerJoin::Take(size_t part) {
  const auto join = [this](const std::vector<DecisionFact>& permits,
                           const std::vector<AnswerFact>& answers) {
    Grouped<DecisionFact, Hash> by_permit(permits, &DecisionFact::commitment);
    Grouped<AnswerFact, Hash> by_answer(answers, &AnswerFact::permit);
    while (const Hash* key = Lesser(by_permit.next(), by_answer.next()))
      Follow(by_permit.Take(*key), Answers(by_answer.Take(*key)));
  };
  return JoinPart(part, scene_.joined_bytes, join, *scene_.stores->permits,
                  *scene_.stores->answers);
}

void AnswerJoin::Follow(const std::vector<const DecisionFact*>& permits, const Answers& answers) {
  found_ = false;
  if (permits.empty()) {
    WithoutPermit(answers);
    return Show(nullptr, answers);
  }
  const DecisionFact& permit = *permits.front();
  found_ = permit.found;
  for (const AnswerFact* interim : answers.interims) CheckProvision(permit, *interim);
  for (const AnswerFact* final_answer : answers.finals) CheckProvision(permit, *final_answer);
  CheckUse(answers);
  for (const AnswerFact* receipt : answers.receipts) CheckReceipt(permit, *receipt, answers);
  CheckReceiptsTogether(answers);
  Conclude(permit, answers);
  Count(permit, answers);
  Show(&permit, answers);
}

void AnswerJoin::Want(Reference::Kind kind, const Hash& wanted, uint32_t wanted_log,
                      const AnswerFact& from, const AnswerFact* other) {
  found_ |= scene_.Shows(wanted_log, from.time_ms);
  Reference reference{};
  reference.wanted = merkle::LeafHash(AsView(wanted));
  reference.exchange = from.permit;
  reference.number = from.number;
  reference.index = from.index;
  reference.time_ms = from.time_ms;
  reference.log = from.log;
  reference.wanted_log = wanted_log;
  reference.kind = kind;
  reference.from_provision = !from.receipt;
  if (other != nullptr) {
    reference.has_other = true;
    reference.other_index = other->index;
    reference.other_log = other->log;
  }
  references_.Add(reference);
}

void AnswerJoin::WithoutPermit(const Answers& answers) {
  std::vector<const AnswerFact*> provisions = answers.interims;
  provisions.insert(provisions.end(), answers.finals.begin(), answers.finals.end());
  const AnswerFact* receipt = answers.receipts.empty() ? nullptr : answers.receipts.front();
  for (const AnswerFact* provision : provisions) {
    Want(Reference::Kind::kPermit, provision->permit, kBroker, *provision, receipt);
  }
  for (const AnswerFact* one : answers.receipts) {
    if (provisions.empty()) Want(Reference::Kind::kPermit, one->permit, kBroker, *one);
    if (one->verified && answers.Provision(one->provision) == nullptr) {
      Want(Reference::Kind::kProvision, one->provision, one->provider, *one);
    }
  }
}

void AnswerJoin::CheckProvision(const DecisionFact& permit, const AnswerFact& provision) {
  const std::vector<Place> related = {PlaceOf(permit)};
  if (provision.log != permit.provider || provision.provider != permit.provider ||
      provision.requester != permit.requester) {
    Add("provision-redirected", provision,
        provision.log != permit.provider
            ? "It was recorded by another institution than the permit's provider."
            : "Its requester or provider is not the permit's.",
        related);
  }
  if (!provision.well_formed) {
    const auto statement = scene_.rereader->Read(PlaceOf(provision));
    Add("provision-differs", provision,
        absl::StrCat("It does not agree with itself (",
                     statement.has_value() ? Broken(statement->provision()) : "unreadable", ")."),
        related);
  }
  if (provision.number != permit.number) {
    Add("provision-differs", provision, "Its permit number is another permit's.", related);
  }
  if (provision.question != permit.question || permit.question == Interner::kUnlisted) {
    CheckContent(permit, provision);
  }
  CheckProvisionTime(permit, provision);
  if (provision.outcome == v1::REFUSED) return CheckRefusal(permit, provision);
  CheckAgainstLists(permit, provision);
}

// By the words of both statements.
void AnswerJoin::CheckContent(const DecisionFact& permit, const AnswerFact& provision) {
  const auto permitted = scene_.rereader->Read(PlaceOf(permit));
  const auto provided = scene_.rereader->Read(PlaceOf(provision));
  if (!permitted.has_value() || !provided.has_value()) return;
  if (provided->provision().procedure() != permitted->permit().procedure()) {
    Add("provision-differs", provision, "Its procedure is not the permit's.", {PlaceOf(permit)});
  }
  const Names& allowed = permitted->permit().items();
  const Names answered = ItemsAnswered(provided->provision());
  const auto beyond = std::count_if(answered.begin(), answered.end(), [&](const auto& item) {
    return std::find(allowed.begin(), allowed.end(), item) == allowed.end();
  });
  if (beyond == 0) return;
  Add("provision-beyond-items", provision,
      absl::StrCat("It names ", beyond, " item(s) that the permit does not."), {PlaceOf(permit)});
}

void AnswerJoin::CheckProvisionTime(const DecisionFact& permit, const AnswerFact& provision) {
  const bool refused = provision.outcome == v1::REFUSED;
  // A provider whose clock is behind refuses for that; there is nothing wrong in saying so.
  if (provision.time_ms < SaturatingSubtract(permit.time_ms, scene_.tolerance_ms) &&
      !(refused && provision.reason == v1::CLOCK_SKEW)) {
    Add("out-of-order", provision,
        absl::StrCat("It was recorded ", SaturatingSubtract(permit.time_ms, provision.time_ms),
                     " ms before its permit."),
        {PlaceOf(permit)});
  }
  const bool past = provision.time_ms >= permit.valid_until_ms;
  if (past && !refused) {
    Add("provision-late", provision,
        absl::StrCat("It was recorded ",
                     SaturatingSubtract(provision.time_ms, permit.valid_until_ms),
                     " ms after the permit's validity ended."),
        {PlaceOf(permit)});
  }
}

std::optional<std::string> AnswerJoin::ForbiddenWhenAnswered(const DecisionFact& permit,
                                                             const AnswerFact& provision,
                                                             int64_t unknown_ms) {
  const PublishedList* newest = scene_.history->InForce(provision.time_ms);
  if (newest == nullptr || newest->version <= permit.list_version) return std::nullopt;
  const bool known =
      newest->published_ms <= SaturatingSubtract(permit.time_ms, scene_.tolerance_ms) ||
      newest->published_ms <= SaturatingSubtract(provision.time_ms, unknown_ms);
  if (!known) return std::nullopt;
  const Ruling& ruling = tally_.judge.Rule(*newest, AskedOf(permit), provision.time_ms);
  if (ruling.permitted) return std::nullopt;
  return absl::StrCat("version ", newest->version, " of the list, in force when it answered, says ",
                      ruling.verdict);
}

void AnswerJoin::CheckAgainstLists(const DecisionFact& permit, const AnswerFact& provision) {
  const PublishedList* named = scene_.history->ByVersion(permit.list_version);
  if (named != nullptr) {
    const Ruling& ruling = tally_.judge.Rule(*named, AskedOf(permit), permit.time_ms);
    if (!ruling.permitted) {
      return Add("provision-against-list", provision,
                 absl::StrCat("The provider answered, but version ", named->version,
                              " of the list, which the permit names, says ", ruling.verdict, "."),
                 {PlaceOf(permit)});
    }
  }
  const auto forbidden = ForbiddenWhenAnswered(permit, provision, kUnknownListMs);
  if (!forbidden.has_value()) return;
  Add("provision-against-list", provision,
      absl::StrCat("The provider answered, but ", *forbidden, "."), {PlaceOf(permit)});
}

void AnswerJoin::CheckRefusal(const DecisionFact& permit, const AnswerFact& provision) {
  const auto unfounded = [&](std::string reason) {
    Add("provision-refusal-unfounded", provision, std::move(reason), {PlaceOf(permit)});
  };
  switch (provision.reason) {
    case v1::NOT_PERMITTED: {
      const PublishedList* named = scene_.history->ByVersion(permit.list_version);
      if (named != nullptr &&
          tally_.judge.Rule(*named, AskedOf(permit), permit.time_ms).permitted) {
        unfounded(
            "It was refused as not permitted, but the list that the permit names permits it.");
      }
      return;
    }
    case v1::LIST_NEWER_FORBIDS: {
      // The provider's clock may be ahead, within the tolerance.
      AnswerFact ahead = provision;
      ahead.time_ms = SaturatingAdd(ahead.time_ms, scene_.tolerance_ms);
      // It may be one that is lacking.
      if (scene_.history->MayLack()) return unjudged_.Add({permit.commitment, kBroker});
      if (!ForbiddenWhenAnswered(permit, provision, 0).has_value() &&
          !ForbiddenWhenAnswered(permit, ahead, 0).has_value()) {
        unfounded("It was refused for a newer list, but none in force then forbids it.");
      }
      return;
    }
    case v1::PERMIT_EXPIRED:
      if (provision.time_ms < permit.valid_until_ms) {
        unfounded("It was refused as expired, but within the permit's validity.");
      }
      return;
    default:
      return;
  }
}

// Single use: one final answer, and an interim one only before it.
void AnswerJoin::CheckUse(const Answers& answers) {
  for (size_t i = 1; i < answers.finals.size(); ++i) {
    Add("provision-doubled", *answers.finals[i], "The permit had a final answer already.",
        {PlaceOf(*answers.finals[0])});
  }
  for (const AnswerFact* interim : answers.interims) {
    for (const AnswerFact* final_answer : answers.finals) {
      if (interim->log != final_answer->log || interim->index < final_answer->index) continue;
      Add("review-after-answer", *interim, "The permit had a final answer already.",
          {PlaceOf(*final_answer)});
    }
  }
  for (const AnswerFact* final_answer : answers.finals) {
    if (!final_answer->after_review || !answers.interims.empty()) continue;
    if (scene_.Log(final_answer->log).has_stubs) continue;
    Add("provision-differs", *final_answer,
        "It follows a review, but the log does not say that one was awaited.", {});
  }
}

void AnswerJoin::CheckReceipt(const DecisionFact& permit, const AnswerFact& receipt,
                              const Answers& answers) {
  const AnswerFact* provision = answers.Provision(receipt.provision);
  std::vector<Place> related = {PlaceOf(permit)};
  if (provision != nullptr) related.push_back(PlaceOf(*provision));
  if (receipt.log != permit.requester || receipt.requester != permit.requester ||
      receipt.provider != permit.provider) {
    Add("receipt-redirected", receipt,
        receipt.log != permit.requester
            ? "It was recorded by another institution than the permit's requester."
            : "Its requester or provider is not the permit's.",
        related);
  }
  if (!receipt.well_formed) {
    const auto statement = scene_.rereader->Read(PlaceOf(receipt));
    Add("receipt-differs", receipt,
        absl::StrCat("It does not agree with itself (",
                     statement.has_value() ? Broken(statement->receipt()) : "unreadable", ")."),
        related);
  }
  if (receipt.number != permit.number) {
    Add("receipt-differs", receipt, "Its permit number is another permit's.", related);
  }
  if (provision != nullptr && IsInterim(*provision) && receipt.verified) {
    Add("receipt-differs", receipt, "It confirms an answer that awaited review.", related);
  }
  CheckReceiptOrder(permit, receipt, provision);
  if (!receipt.verified) {
    scene_.Add("receipt-unverified", PlaceOf(receipt), receipt.time_ms,
               "The requester could not verify the answer.", related);
  } else if (provision == nullptr) {
    Want(Reference::Kind::kProvision, receipt.provision, permit.provider, receipt);
  }
}

void AnswerJoin::CheckReceiptOrder(const DecisionFact& permit, const AnswerFact& receipt,
                                   const AnswerFact* provision) {
  const auto early = [&](int64_t time_ms, int64_t tolerance_ms, absl::string_view what,
                         Place place) {
    if (receipt.time_ms >= SaturatingSubtract(time_ms, tolerance_ms)) return;
    Add("out-of-order", receipt,
        absl::StrCat("It was recorded ", SaturatingSubtract(time_ms, receipt.time_ms),
                     " ms before the ", what, "."),
        {place});
  };
  early(permit.time_ms, scene_.tolerance_ms, "permit", PlaceOf(permit));
  if (provision != nullptr) {
    // Each of the two clocks may differ from the broker's.
    early(provision->time_ms, 2 * scene_.tolerance_ms, "provision", PlaceOf(*provision));
  }
  if (permit.query_found && receipt.log == permit.requester && receipt.index < permit.query_index) {
    Add("out-of-order", receipt, "It stands before its query in the same log.",
        {{permit.query_index, permit.requester}});
  }
}

// A second receipt is right only where it mends one that could not verify.
void AnswerJoin::CheckReceiptsTogether(const Answers& answers) {
  const AnswerFact* verified = nullptr;
  for (size_t i = 0; i < answers.receipts.size(); ++i) {
    const AnswerFact& receipt = *answers.receipts[i];
    const bool mends = i > 0 && receipt.verified && verified == nullptr;
    if (i > 0 && !mends) {
      Add("receipt-doubled", receipt, "The permit had a receipt already.",
          {PlaceOf(*answers.receipts[0])});
    }
    if (receipt.verified && verified == nullptr) verified = &receipt;
  }
}

void AnswerJoin::Conclude(const DecisionFact& permit, const Answers& answers) {
  if (!answers.finals.empty() && !answers.receipts.empty()) {
    ++tally_.figures.completed;
    return;
  }
  if (answers.finals.empty() && answers.receipts.empty()) return ConcludeUnanswered(permit);
  if (!answers.finals.empty()) return ConcludeUnreceipted(permit, *answers.finals.front());
  // A receipt alone. Where it verified one, the reference to the provision says more.
  const bool verified = std::any_of(answers.receipts.begin(), answers.receipts.end(),
                                    [](const AnswerFact* receipt) { return receipt->verified; });
  if (!verified) unjudged_.Add({permit.commitment, permit.provider});
}

void AnswerJoin::ConcludeUnanswered(const DecisionFact& permit) {
  const LogState& provider = scene_.Log(permit.provider);
  if (!provider.exported || provider.has_stubs) {
    return unjudged_.Add({permit.commitment, permit.provider});
  }
  if (!scene_.Reaches(permit.provider, permit.valid_until_ms)) {
    ++tally_.figures.open;
    return;
  }
  ++tally_.figures.lapsed;
  scene_.Add("permit-unanswered", PlaceOf(permit), permit.time_ms,
             "Its validity ended without a final provision.");
}

void AnswerJoin::ConcludeUnreceipted(const DecisionFact& permit, const AnswerFact& provision) {
  const LogState& requester = scene_.Log(permit.requester);
  if (!requester.exported || requester.has_stubs) {
    return unjudged_.Add({permit.commitment, permit.requester});
  }
  if (!scene_.Reaches(permit.requester,
                      SaturatingAdd(permit.valid_until_ms, scene_.tolerance_ms))) {
    ++tally_.figures.open;
    return;
  }
  ++tally_.figures.unreceipted;
  scene_.Add("provision-unreceipted", PlaceOf(provision), provision.time_ms,
             "The permit's validity ended without a receipt of this answer.", {PlaceOf(permit)});
}

void AnswerJoin::Count(const DecisionFact& permit, const Answers& answers) {
  Use* const uses[] = {&tally_.OfQuestion(permit.question), &tally_.OfRequester(permit.requester),
                       &tally_.OfProvider(permit.provider)};
  for (Use* use : uses) {
    use->awaited_review += answers.interims.size();
    use->receipts += answers.receipts.size();
    for (const AnswerFact* final_answer : answers.finals) {
      ++use->outcomes[OutcomeName(final_answer->outcome)];
      use->answer.Add(
          std::max<int64_t>(0, SaturatingSubtract(final_answer->time_ms, permit.time_ms)));
    }
  }
}

// The permit may be null; then there are answers.
void AnswerJoin::Show(const DecisionFact* permit, const Answers& answers) {
  std::vector<const AnswerFact*> provisions = answers.interims;
  provisions.insert(provisions.end(), answers.finals.begin(), answers.finals.end());
  const AnswerFact* first = !provisions.empty()         ? provisions.front()
                            : !answers.receipts.empty() ? answers.receipts.front()
                                                        : nullptr;
  const Place anchor = permit != nullptr ? PlaceOf(*permit) : PlaceOf(*first);
  const End end = permit == nullptr        ? End::kWithoutPermit
                  : answers.finals.empty() ? End::kUnanswered
                                           : EndOf(*answers.finals.front());
  tally_.timeline.Add(scene_.Within(permit != nullptr ? permit->time_ms : first->time_ms), end);
  if (!tally_.sample.Wants(anchor, end, found_)) return;
  ExchangePlaces places;
  places.end = end;
  places.found = found_;
  if (permit != nullptr) {
    places.has_permit = true;
    places.number = permit->number;
    places.decision = {PlaceOf(*permit)};
    if (permit->query_found) places.query = {{permit->query_index, permit->requester}};
  }
  for (const AnswerFact* answer : provisions) places.provisions.push_back(PlaceOf(*answer));
  for (const AnswerFact* answer : answers.receipts) places.receipts.push_back(PlaceOf(*answer));
  tally_.sample.Add(anchor, std::move(places));
}

}  // namespace

std::unique_ptr<Join> JoinAnswers(const Scene& scene, Tally* tally) {
  return std::make_unique<AnswerJoin>(scene, tally);
}

}  // namespace nakadachi::replay
