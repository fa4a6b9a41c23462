#include "tests/tools/replay/story.h"

namespace nakadachi::replay {
namespace {

constexpr int64_t kHourMs = 3'600'000;

Plan With(const std::function<void(Plan&)>& change, Plan plan) {
  if (change) change(plan);
  return plan;
}

void TellRefusals(TestNetwork& network, const Lie& lie) {
  Plan forbidden;
  forbidden.items = {"medical-benefit"};
  forbidden.refused = v1::NOT_PERMITTED;
  network.Ask(With(lie.forbidden, forbidden));

  Plan unknown;
  unknown.procedure = "no-such-procedure";
  unknown.refused = v1::UNKNOWN_PROCEDURE;
  network.Ask(unknown);
  Plan unknown_item;
  unknown_item.items = {"no-such-item"};
  unknown_item.refused = v1::UNKNOWN_ITEM;
  network.Ask(unknown_item);
  Plan oneself;
  oneself.provider = oneself.requester;
  oneself.refused = v1::SELF_QUERY;
  network.Ask(oneself);
  Plan stranger;
  stranger.provider = "012025";  // Hakodate, no member
  stranger.refused = v1::UNKNOWN_PROVIDER;
  network.Ask(stranger);
  Plan malformed;
  malformed.query = [](v1::Statement& s) { s.mutable_query()->set_nonce("short"); };
  malformed.refused = v1::MALFORMED;
  network.Ask(malformed);
  Plan invented;
  invented.refused = v1::INVALID_CODE;
  network.Ask(invented);
  // A presentation that proves nothing says nothing of a query, whether it was recorded or not.
  Plan badly_presented;
  badly_presented.refused = v1::PROOF_INVALID;
  badly_presented.omit = {"query"};
  network.Ask(badly_presented);
}

void TellAnswers(TestNetwork& network) {
  for (const v1::Outcome outcome : {v1::NOT_HELD, v1::NOT_REGISTERED, v1::WITHHELD}) {
    Plan plan;
    plan.requester = kChiyoda;
    plan.outcome = outcome;
    network.Ask(plan);
  }
  Plan of_prefecture;
  of_prefecture.requester = kFukushimaPrefecture;
  network.Ask(of_prefecture);
  Plan two_items;
  two_items.procedure = "special-measures-immunization";
  two_items.items = {"special-measures-immunization"};
  network.Ask(two_items);
  // An answer that did not verify, and the one that did.
  Plan altered;
  altered.receipt = [](v1::Statement& s) {
    s.mutable_receipt()->set_verified(false);
    s.mutable_receipt()->set_reason("payload: digest");
  };
  network.Ask(altered);
}

void TellOpenEnds(TestNetwork& network) {
  Plan unanswered;
  unanswered.omit = {"provision"};
  network.Ask(unanswered);
  Plan unreceipted;
  unreceipted.omit = {"receipt"};
  network.Ask(unreceipted);
  Plan undecided;
  undecided.omit = {"decision"};
  network.Ask(undecided);
}

// Permitted by the list of before, asked of the provider after the new one came into force.
void TellAmendment(TestNetwork& network, const Lie& lie) {
  Plan special;
  special.procedure = "special-measures-immunization";
  special.items = {"special-measures-immunization"};
  network.Ask(special);
  network.PublishList(AmendedList(), lie.amendment);
  special.refused = v1::UNKNOWN_PROCEDURE;
  network.Ask(special);
}

}  // namespace

void Tell(TestNetwork& network, const Lie& lie) {
  network.Ask({});
  const Told told = network.Ask(With(lie.plan, {}));
  if (lie.then) lie.then(network, told);
  Plan reviewed;
  reviewed.review = true;
  network.Ask(With(lie.reviewed, reviewed));
  Plan released_to_nobody = reviewed;
  released_to_nobody.outcome = v1::REFUSED;
  released_to_nobody.provision = [](v1::Statement& s) {
    s.mutable_provision()->set_reason(v1::STAFF_DECISION);
  };
  network.Ask(released_to_nobody);
  TellRefusals(network, lie);
  TellAnswers(network);
  network.Advance(kHourMs);
  TellAmendment(network, lie);
  TellOpenEnds(network);
  network.Advance(49 * kHourMs);
  Plan late_day;
  network.Ask(late_day);
  if (lie.finally) lie.finally(network);
  network.Advance(kHourMs);
  // What was still going on when the logs were exported.
  Plan at_the_edge;
  at_the_edge.omit = {"receipt"};
  network.Ask(at_the_edge);
}

}  // namespace nakadachi::replay
