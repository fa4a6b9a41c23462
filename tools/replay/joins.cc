#include "tools/replay/joins.h"

#include <algorithm>
#include <utility>

#include "common/base/ids.h"
#include "tools/replay/saturating.h"

namespace nakadachi::replay {

absl::StatusOr<Stores> Stores::Create(const std::string& folder) {
  const Parting parting = Parting::Random();
  Stores stores;
  absl::Status status;
  const auto create = [&](auto* store, auto key) {
    using Store = typename std::remove_reference_t<decltype(**store)>;
    if (!status.ok()) return;
    auto created = Store::Create(folder, parting, key);
    status = created.status();
    if (created.ok()) *store = *std::move(created);
  };
  create(&stores.queries, &QueryFact::commitment);
  create(&stores.decisions, &DecisionFact::query);
  create(&stores.permits, &DecisionFact::commitment);
  create(&stores.answers, &AnswerFact::permit);
  create(&stores.references, &Reference::wanted);
  create(&stores.stubs, &Stub::leaf);
  create(&stores.numbers, &NumberFact::number);
  create(&stores.unknown_permits, &Reference::number);
  create(&stores.unjudged, &Unjudged::exchange);
  if (!status.ok()) return status;
  return stores;
}

const LogState& Scene::Log(uint32_t number) const {
  static const auto& none = *new LogState();
  return number < logs.size() ? logs[number] : none;
}

bool Scene::Reaches(uint32_t log, int64_t time_ms) const {
  const LogState& state = Log(log);
  return state.exported && state.checkpoint_ms >= SaturatingAdd(time_ms, edge_ms);
}

bool Scene::Shows(uint32_t log, int64_t time_ms) const {
  const LogState& state = Log(log);
  // Its clock may be ahead of that of whoever names what it recorded.
  return Reaches(log, time_ms) && (state.seen_until_ms == INT64_MAX ||
                                   state.seen_until_ms >= SaturatingAdd(time_ms, tolerance_ms));
}

EntryRef Scene::RefOf(Place place) const {
  return {place.log == Interner::kUnlisted ? "" : interners->institutions.Text(place.log),
          place.index};
}

ExchangeRefs Scene::RefsOf(const ExchangePlaces& places) const {
  ExchangeRefs refs;
  if (places.has_permit) {
    refs.permit_number = HexEncode(absl::string_view(
        reinterpret_cast<const char*>(places.number.data()), places.number.size()));
  }
  refs.end = places.end;
  refs.found = places.found;
  for (const Place& place : places.query) refs.query = RefOf(place);
  for (const Place& place : places.decision) refs.decision = RefOf(place);
  for (const Place& place : places.provisions) refs.provisions.push_back(RefOf(place));
  for (const Place& place : places.receipts) refs.receipts.push_back(RefOf(place));
  return refs;
}

int64_t Scene::Within(int64_t time_ms) const {
  const auto& events = history->Events();
  const int64_t first_ms = events.empty() ? time_ms : events.front().time_ms;
  const int64_t last_ms = Log(kBroker).checkpoint_ms;
  return first_ms > last_ms ? time_ms : std::clamp(time_ms, first_ms, last_ms);
}

void Scene::Add(absl::string_view kind, Place place, int64_t time_ms, std::string reason,
                const std::vector<Place>& related) const {
  Finding finding;
  EntryRef ref = RefOf(place);
  finding.log = std::move(ref.log);
  finding.index = ref.index;
  finding.time_ms = time_ms;
  finding.reason = std::move(reason);
  for (const Place& other : related) finding.related.push_back(RefOf(other));
  findings->Add(kind, std::move(finding));
}

}  // namespace nakadachi::replay
