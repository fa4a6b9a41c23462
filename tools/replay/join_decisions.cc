#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/merkle/merkle.h"
#include "tools/replay/grouped.h"
#include "tools/replay/joins.h"
#include "tools/replay/rules.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {
namespace {

// A requester gives a query up after this.
constexpr int64_t kUndecidedMs = int64_t{24} * 3'600 * 1'000;

Place PlaceOf(const QueryFact& query) { return {query.index, query.log}; }
// As Reference::exchange.
const Hash& ExchangeOf(const DecisionFact& decision) {
  return decision.permit ? decision.commitment : decision.query;
}
Place PlaceOf(const DecisionFact& decision) { return {decision.index, kBroker}; }

// Whether a refusal is about the query itself; the others are about how it was presented, and say
// nothing of it.
bool DecidesQuery(const DecisionFact& refusal) {
  switch (refusal.reason) {
    case v1::PROOF_INVALID:
    case v1::KEY_NOT_VALID:
    case v1::CLOCK_SKEW:
    case v1::REQUESTER_MISMATCH:
      return false;
    default:
      return true;
  }
}

bool IsByList(const DecisionFact& refusal) {
  return refusal.reason == v1::NOT_PERMITTED || refusal.reason == v1::UNKNOWN_PROCEDURE ||
         refusal.reason == v1::UNKNOWN_ITEM;
}

bool Unlisted(uint32_t a, uint32_t b) {
  return a == Interner::kUnlisted || b == Interner::kUnlisted;
}

class DecisionJoin final : public Join {
 public:
  DecisionJoin(const Scene& scene, Tally* tally)
      : scene_(scene),
        tally_(*tally),
        permits_(scene.stores->permits.get()),
        references_(scene.stores->references.get()),
        unjudged_(scene.stores->unjudged.get()),
        numbers_(scene.stores->numbers.get()) {}

  absl::Status Take(size_t part) override;
  absl::Status Flush() override {
    absl::Status status = permits_.Flush();
    status.Update(references_.Flush());
    status.Update(unjudged_.Flush());
    status.Update(numbers_.Flush());
    return status;
  }

 private:
  void Follow(const std::vector<const QueryFact*>& queries,
              const std::vector<const DecisionFact*>& decisions);
  void CheckOne(const std::vector<const DecisionFact*>& decisions);
  void CheckUndecided(const QueryFact& query);
  void Count(const DecisionFact& decision);
  void Show(const DecisionFact* refusal, const QueryFact* query);
  void Connect(const DecisionFact& decision, const QueryFact* query);
  void CheckTimes(const DecisionFact& decision, const QueryFact& query);
  void Want(const DecisionFact& decision);
  void PassOn(DecisionFact permit, const QueryFact* query);

  // Against the lists and the directory.
  void Redecide(const DecisionFact& decision, const QueryFact* query);
  bool RestsOnUnseen(const DecisionFact& decision) const;
  void RedecidePermit(const DecisionFact& permit);
  void RedecideByList(const DecisionFact& refusal);
  bool CheckVersion(const DecisionFact& decision);
  void CheckRules(const DecisionFact& permit);
  void CheckBasis(const DecisionFact& permit, const Ruling& ruling);

  std::string FirstDifference(const DecisionFact& decision, const QueryFact& query) const;
  std::string DifferenceInWords(const DecisionFact& decision, const QueryFact& query) const;
  bool IsMember(uint32_t institution, int64_t time_ms) {
    return tally_.judge.MemberAt(institution, SaturatingAdd(time_ms, scene_.tolerance_ms)) !=
           nullptr;
  }
  bool HadKey(uint32_t institution, int64_t time_ms) const {
    const auto author = Author::Parse(scene_.RefOf({0, institution}).log);
    return author.ok() && !scene_.history->directory().KeysAt(*author, time_ms).empty();
  }
  void Add(absl::string_view kind, const DecisionFact& decision, std::string reason,
           const std::vector<Place>& related = {}) {
    found_ = true;
    scene_.Add(kind, PlaceOf(decision), decision.time_ms, std::move(reason), related);
  }

  const Scene& scene_;
  Tally& tally_;
  Parts<DecisionFact, Hash>::Writer permits_;
  Parts<Reference, Hash>::Writer references_;
  Parts<Unjudged, Hash>::Writer unjudged_;
  Parts<NumberFact, PermitNumber>::Writer numbers_;
  bool found_ = false;  // something about the query at hand
};

absl::Status DecisionJoin::Take(size_t part) {
  const auto join = [this](const std::vector<QueryFact>& queries,
                           const std::vector<DecisionFact>& decisions) {
    Grouped<QueryFact, Hash> by_query(queries, &QueryFact::commitment);
    Grouped<DecisionFact, Hash> by_decision(decisions, &DecisionFact::query);
    while (const Hash* key = Lesser(by_query.next(), by_decision.next()))
      Follow(by_query.Take(*key), by_decision.Take(*key));
  };
  return JoinPart(part, scene_.joined_bytes, join, *scene_.stores->queries,
                  *scene_.stores->decisions);
}

void DecisionJoin::Follow(const std::vector<const QueryFact*>& queries,
                          const std::vector<const DecisionFact*>& decisions) {
  found_ = false;
  const QueryFact* query = queries.empty() ? nullptr : queries.front();
  const bool any_permit = std::any_of(decisions.begin(), decisions.end(),
                                      [](const DecisionFact* d) { return d->permit; });
  if (query != nullptr) {
    ++tally_.OfQuestion(query->question).queries;
    ++tally_.OfRequester(query->log).queries;
    ++tally_.OfProvider(query->provider).queries;
  }
  if (query != nullptr || any_permit) ++tally_.figures.exchanges;
  if (decisions.empty()) {
    CheckUndecided(*query);
    return Show(nullptr, query);
  }
  if (!any_permit && query != nullptr) ++tally_.figures.refused;

  CheckOne(decisions);
  for (const DecisionFact* decision : decisions) {
    Count(*decision);
    Redecide(*decision, query);
    Connect(*decision, query);
    if (decision->permit) PassOn(*decision, query);
  }
  if (!any_permit && (query != nullptr || found_)) Show(decisions.front(), query);
}

// What ends here: a refusal, or a query without decision. One of the two may be null.
void DecisionJoin::Show(const DecisionFact* refusal, const QueryFact* query) {
  const End end = refusal != nullptr ? End::kRefusedByBroker : End::kUndecided;
  const Place anchor = refusal != nullptr ? PlaceOf(*refusal) : PlaceOf(*query);
  tally_.timeline.Add(scene_.Within(refusal != nullptr ? refusal->time_ms : query->time_ms), end);
  if (!tally_.sample.Wants(anchor, end, found_)) return;
  ExchangePlaces places;
  places.end = end;
  places.found = found_;
  if (query != nullptr) places.query = {PlaceOf(*query)};
  if (refusal != nullptr) places.decision = {PlaceOf(*refusal)};
  tally_.sample.Add(anchor, std::move(places));
}

void DecisionJoin::CheckUndecided(const QueryFact& query) {
  if (scene_.Log(kBroker).has_stubs) {
    return unjudged_.Add({query.commitment, kBroker});
  }
  if (!scene_.Reaches(kBroker, SaturatingAdd(query.time_ms, kUndecidedMs))) {
    ++tally_.figures.open;
    return;
  }
  ++tally_.figures.undecided;
  scene_.Add("query-undecided", PlaceOf(query), query.time_ms,
             "The broker's log has no decision on this query, and reaches a day beyond it.");
}

// A query is decided once.
void DecisionJoin::CheckOne(const std::vector<const DecisionFact*>& decisions) {
  const DecisionFact* first = nullptr;
  for (const DecisionFact* decision : decisions) {
    if (!decision->permit && !DecidesQuery(*decision)) continue;
    if (first == nullptr) {
      first = decision;
      continue;
    }
    Add("decision-doubled", *decision,
        absl::StrCat("The query has this ", decision->permit ? "permit" : "refusal",
                     " and an earlier ", first->permit ? "permit" : "refusal", "."),
        {PlaceOf(*first)});
  }
}

void DecisionJoin::Count(const DecisionFact& decision) {
  Use* const uses[] = {&tally_.OfQuestion(decision.question),
                       &tally_.OfRequester(decision.requester),
                       &tally_.OfProvider(decision.provider)};
  for (Use* use : uses) {
    if (decision.permit) {
      ++use->permits;
    } else {
      ++use->refusals[ReasonName(decision.reason)];
    }
  }
}

void DecisionJoin::Connect(const DecisionFact& decision, const QueryFact* query) {
  if (!decision.permit && !DecidesQuery(decision)) return;
  if (query == nullptr) return Want(decision);
  CheckTimes(decision, *query);
  if (decision.permit) {
    const int64_t took_ms =
        std::max<int64_t>(0, SaturatingSubtract(decision.time_ms, query->time_ms));
    tally_.OfQuestion(decision.question).decision.Add(took_ms);
    tally_.OfRequester(decision.requester).decision.Add(took_ms);
    tally_.OfProvider(decision.provider).decision.Add(took_ms);
  }
  // A malformed query is refused without a word of what broke the rules.
  if (decision.reason == v1::MALFORMED) return;
  const std::string difference = FirstDifference(decision, *query);
  if (difference.empty()) return;
  Add(decision.permit ? "permit-differs" : "refusal-differs", decision,
      absl::StrCat("Its ", difference, " is not the query's."), {PlaceOf(*query)});
}

void DecisionJoin::CheckTimes(const DecisionFact& decision, const QueryFact& query) {
  if (query.time_ms > SaturatingAdd(decision.time_ms, scene_.tolerance_ms)) {
    Add("out-of-order", decision,
        absl::StrCat("It was recorded ", SaturatingSubtract(query.time_ms, decision.time_ms),
                     " ms before the query that it decides."),
        {PlaceOf(query)});
  }
  if (!decision.permit) return;
  const int64_t life_ms = SaturatingSubtract(decision.valid_until_ms, decision.valid_from_ms);
  const int64_t oldest_ms =
      SaturatingAdd(std::max(life_ms, scene_.tolerance_ms), scene_.tolerance_ms);
  if (query.time_ms >= SaturatingSubtract(decision.time_ms, oldest_ms)) return;
  Add("permit-late", decision,
      absl::StrCat("The query was ", SaturatingSubtract(decision.time_ms, query.time_ms),
                   " ms old, and a permit lives ", life_ms, " ms."),
      {PlaceOf(query)});
}

void DecisionJoin::Want(const DecisionFact& decision) {
  found_ |= scene_.Shows(decision.requester, decision.time_ms);
  Reference reference{};
  reference.wanted = merkle::LeafHash(AsView(decision.query));
  reference.exchange = ExchangeOf(decision);
  reference.index = decision.index;
  reference.time_ms = decision.time_ms;
  reference.log = kBroker;
  reference.wanted_log = decision.requester;
  reference.kind =
      decision.permit ? Reference::Kind::kQueryOfPermit : Reference::Kind::kQueryOfRefusal;
  references_.Add(reference);
}

void DecisionJoin::PassOn(DecisionFact permit, const QueryFact* query) {
  permit.query_found = query != nullptr;
  permit.found = found_;
  if (query != nullptr) {
    permit.query_index = query->index;
    permit.query_time_ms = query->time_ms;
  }
  permits_.Add(permit);
  numbers_.Add({permit.number, permit.index, permit.time_ms});
}

bool DecisionJoin::RestsOnUnseen(const DecisionFact& decision) const {
  std::optional<uint64_t> directory_size;
  if (decision.permit) directory_size = decision.directory_size;
  return scene_.history->RestsOnUnseen(decision.index, directory_size, decision.list_version);
}

void DecisionJoin::Redecide(const DecisionFact& decision, const QueryFact* query) {
  if (RestsOnUnseen(decision)) return unjudged_.Add({ExchangeOf(decision), kBroker});
  if (decision.permit) return RedecidePermit(decision);
  if (IsByList(decision)) return RedecideByList(decision);
  const auto unfounded = [&](std::string reason) {
    Add("refusal-against-list", decision, std::move(reason));
  };
  ++tally_.figures.redecided;
  switch (decision.reason) {
    case v1::SELF_QUERY:
      if (decision.requester != decision.provider) {
        unfounded("It was refused as a query to oneself, but names two institutions.");
      }
      return;
    case v1::UNKNOWN_PROVIDER: {
      const auto provider = Author::Parse(scene_.RefOf({0, decision.provider}).log);
      const bool can_be_asked =
          tally_.judge.MemberAt(decision.provider,
                                SaturatingSubtract(decision.time_ms, scene_.tolerance_ms)) !=
              nullptr &&
          provider.ok() &&
          scene_.history->directory().SealingKeyAt(*provider, decision.time_ms).has_value();
      if (can_be_asked) {
        unfounded("It was refused for an unknown provider, which was a member with a valid key.");
      }
      return;
    }
    case v1::MALFORMED:
      if (query != nullptr && query->well_formed) {
        unfounded("It was refused as malformed, but the query keeps every rule.");
      }
      return;
    case v1::KEY_NOT_VALID:
      if (!HadKey(decision.requester, decision.time_ms)) return;
      // Perhaps the query was signed with another key than the one that was valid.
      [[fallthrough]];
    default:
      --tally_.figures.redecided;
      ++tally_.figures.not_redecidable;
      if (!decision.well_formed) unfounded("It gives no reason that is known.");
  }
}

void DecisionJoin::RedecidePermit(const DecisionFact& permit) {
  ++tally_.figures.redecided;
  CheckRules(permit);
  const bool right_version = CheckVersion(permit);
  const PublishedList* list = right_version ? scene_.history->ByVersion(permit.list_version)
                                            : scene_.history->InForce(permit.time_ms);
  if (list == nullptr) {
    return Add("permit-against-list", permit, "No permission list was in force.");
  }
  const Ruling& ruling = tally_.judge.Rule(
      *list, {permit.requester, permit.provider, permit.question, PlaceOf(permit)}, permit.time_ms);
  if (!ruling.permitted) {
    return Add(
        "permit-against-list", permit,
        absl::StrCat("Version ", list->version,
                     " of the list, in force then, does not permit it: ", ruling.verdict, "."));
  }
  if (right_version) CheckBasis(permit, ruling);
}

void DecisionJoin::RedecideByList(const DecisionFact& refusal) {
  ++tally_.figures.redecided;
  const bool right_version = CheckVersion(refusal);
  const PublishedList* list = right_version ? scene_.history->ByVersion(refusal.list_version)
                                            : scene_.history->InForce(refusal.time_ms);
  if (list == nullptr) return;  // without a list nothing is permitted
  const Ruling& ruling = tally_.judge.Rule(
      *list, {refusal.requester, refusal.provider, refusal.question, PlaceOf(refusal)},
      refusal.time_ms);
  if (ruling.reason == refusal.reason) return;
  Add("refusal-against-list", refusal,
      absl::StrCat("It was refused as ", ReasonName(refusal.reason), ", but version ",
                   list->version, " of the list, in force then, says ", ruling.verdict, "."));
}

// Also a finding where not.
bool DecisionJoin::CheckVersion(const DecisionFact& decision) {
  if (scene_.history->MayRestOn(decision.list_version, decision.time_ms, scene_.tolerance_ms)) {
    return true;
  }
  const PublishedList* in_force = scene_.history->InForce(decision.time_ms);
  std::vector<Place> related;
  std::string instead = "none was in force";
  if (in_force != nullptr) {
    instead = absl::StrCat("version ", in_force->version, " was in force");
    for (const ListReport& list : scene_.history->Lists()) {
      if (list.version == in_force->version) related.push_back({list.entry.index, kBroker});
    }
  }
  Add("wrong-list", decision,
      absl::StrCat("It rests on version ", decision.list_version, " of the list, but ", instead,
                   "."),
      related);
  return false;
}

void DecisionJoin::CheckRules(const DecisionFact& permit) {
  const auto broken = [&](std::string reason) {
    Add("permit-against-rule", permit, std::move(reason));
  };
  if (!permit.well_formed) {
    const auto statement = scene_.rereader->Read(PlaceOf(permit));
    broken(absl::StrCat(
        "A field breaks its rule (",
        statement.has_value() ? Broken(statement->permit(), statement->time_ms()) : "unreadable",
        ")."));
  }
  if (!IsMember(permit.requester, permit.time_ms)) broken("The requester was no member then.");
  if (!IsMember(permit.provider, permit.time_ms)) broken("The provider was no member then.");
  const uint64_t recorded = scene_.history->SizeBefore(permit.index);
  if (permit.directory_size > recorded) {
    broken(absl::StrCat("It rests on ", permit.directory_size, " Directory statements, but only ",
                        recorded, " were recorded before it."));
  }
}

void DecisionJoin::CheckBasis(const DecisionFact& permit, const Ruling& ruling) {
  if (permit.basis == ruling.basis_number && permit.basis != Interner::kUnlisted) return;
  if (Unlisted(permit.basis, ruling.basis_number)) {
    const auto statement = scene_.rereader->Read(PlaceOf(permit));
    if (!statement.has_value() || BasisText(statement->permit().legal_basis()) == ruling.basis) {
      return;
    }
  }
  Add("legal-basis-differs", permit,
      absl::StrCat("The rows of version ", permit.list_version,
                   " that permit it name another legal basis."));
}

std::string DecisionJoin::FirstDifference(const DecisionFact& decision,
                                          const QueryFact& query) const {
  if (Unlisted(decision.requester, query.log) || Unlisted(decision.provider, query.provider) ||
      Unlisted(decision.question, query.question) ||
      Unlisted(decision.department, query.department)) {
    return DifferenceInWords(decision, query);
  }
  const bool same = decision.requester == query.log && decision.provider == query.provider &&
                    decision.question == query.question &&
                    decision.department == query.department &&
                    (!decision.permit || decision.non_disclosure == query.non_disclosure);
  return same ? "" : DifferenceInWords(decision, query);
}

// Of a decision that a Permit or Refusal holds, and the query.
template <typename Decided>
std::string Compare(const Decided& decided, const v1::Statement& statement) {
  const v1::Query& query = statement.query();
  if (decided.requester() != statement.author()) return "requester";
  if (decided.provider() != query.provider()) return "provider";
  if (decided.procedure() != query.procedure()) return "procedure";
  if (QuestionText("", decided.items()) != QuestionText("", query.items())) return "list of items";
  if (decided.department() != query.department()) return "department";
  return {};
}

std::string DecisionJoin::DifferenceInWords(const DecisionFact& decision,
                                            const QueryFact& query) const {
  const auto decided = scene_.rereader->Read(PlaceOf(decision));
  const auto asked = scene_.rereader->Read(PlaceOf(query));
  if (!decided.has_value() || !asked.has_value()) return {};
  if (!decision.permit) return Compare(decided->refusal(), *asked);
  const std::string difference = Compare(decided->permit(), *asked);
  if (!difference.empty()) return difference;
  const bool same = decided->permit().non_disclosure() == asked->query().non_disclosure();
  return same ? "" : "non-disclosure flag";
}

}  // namespace

std::unique_ptr<Join> JoinDecisions(const Scene& scene, Tally* tally) {
  return std::make_unique<DecisionJoin>(scene, tally);
}

}  // namespace nakadachi::replay
