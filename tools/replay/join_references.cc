#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tools/replay/grouped.h"
#include "tools/replay/joins.h"

namespace nakadachi::replay {
namespace {

absl::string_view AsView(const PermitNumber& number) {
  return absl::string_view(reinterpret_cast<const char*>(number.data()), number.size());
}

Place PlaceOf(const Reference& reference) { return {reference.index, reference.log}; }

// Whether what is wanted may stand in the log, unseen.
bool MayBeThere(const Scene& scene, const Reference& reference,
                const std::vector<const Stub*>& stubs) {
  const bool hidden = std::any_of(stubs.begin(), stubs.end(), [&](const Stub* stub) {
    return stub->log == reference.wanted_log;
  });
  return hidden || !scene.Shows(reference.wanted_log, reference.time_ms);
}

void ReportMissing(const Scene& scene, const Reference& reference) {
  switch (reference.kind) {
    case Reference::Kind::kQueryOfPermit:
      return scene.Add("permit-without-query", PlaceOf(reference), reference.time_ms,
                       "The requester's log does not hold the query that it names.");
    case Reference::Kind::kQueryOfRefusal:
      return scene.Add("refusal-without-query", PlaceOf(reference), reference.time_ms,
                       "The requester's log does not hold the query that it names.");
    case Reference::Kind::kProvision:
      return scene.Add("receipt-without-provision", PlaceOf(reference), reference.time_ms,
                       "The provider's log does not hold the provision that it confirms.");
    case Reference::Kind::kPermit:
      return;  // JoinNumbers tells of it
  }
}

void ReportPermit(const Scene& scene, const Reference& reference,
                  const std::vector<const NumberFact*>& permits) {
  if (!permits.empty()) {
    return scene.Add("permit-forged", PlaceOf(reference), reference.time_ms,
                     "It names a permit that the broker never recorded, with the number of one "
                     "that it did.",
                     {{permits.front()->index, kBroker}});
  }
  if (reference.has_other) {
    return scene.Add("permit-forged", PlaceOf(reference), reference.time_ms,
                     "Provider and requester name a permit that the broker never recorded.",
                     {{reference.other_index, reference.other_log}});
  }
  if (!reference.from_provision) {
    return scene.Add("permit-forged", PlaceOf(reference), reference.time_ms,
                     "The receipt names a permit that the broker never recorded.");
  }
  scene.Add("provision-without-permit", PlaceOf(reference), reference.time_ms,
            "The broker's log does not hold the permit that it names.");
}

void ReportDoubles(const Scene& scene, std::vector<const NumberFact*> permits) {
  std::sort(permits.begin(), permits.end(),
            [](const NumberFact* a, const NumberFact* b) { return a->index < b->index; });
  for (size_t i = 1; i < permits.size(); ++i) {
    scene.Add("permit-number-doubled", {permits[i]->index, kBroker}, permits[i]->time_ms,
              "An earlier permit bears its number.", {{permits[0]->index, kBroker}});
  }
}

}  // namespace

absl::Status JoinReferences(const Scene& scene, size_t part, Tally* tally) {
  (void)tally;
  const auto references = scene.stores->references->Read(part);
  if (!references.ok()) return references.status();
  if (references->empty()) return absl::OkStatus();
  const auto stubs = scene.stores->stubs->Read(part);
  if (!stubs.ok()) return stubs.status();
  Grouped<Reference, Hash> by_wanted(*references, &Reference::wanted);
  Grouped<Stub, Hash> by_stub(*stubs, &Stub::leaf);
  Parts<Reference>::Writer unknown(scene.stores->unknown_permits.get());
  UnjudgedWriter unjudged(scene);
  while (const Hash* key = Lesser(by_wanted.next(), by_stub.next())) {
    const std::vector<const Stub*>& hidden = by_stub.Take(*key);
    for (const Reference* reference : by_wanted.Take(*key)) {
      if (MayBeThere(scene, *reference, hidden)) {
        unjudged.Add(reference->exchange, reference->wanted_log);
      } else if (reference->kind == Reference::Kind::kPermit) {
        unknown.Add(scene.parting.PartOf(AsView(reference->number)), *reference);
      } else {
        ReportMissing(scene, *reference);
      }
    }
  }
  absl::Status status = unknown.Flush();
  status.Update(unjudged.Flush());
  return status;
}

absl::Status JoinNumbers(const Scene& scene, size_t part, Tally* tally) {
  (void)tally;
  const auto numbers = scene.stores->numbers->Read(part);
  if (!numbers.ok()) return numbers.status();
  const auto unknown = scene.stores->unknown_permits->Read(part);
  if (!unknown.ok()) return unknown.status();
  Grouped<NumberFact, PermitNumber> by_number(*numbers, &NumberFact::number);
  Grouped<Reference, PermitNumber> by_reference(*unknown, &Reference::number);
  while (const PermitNumber* key = Lesser(by_number.next(), by_reference.next())) {
    const std::vector<const NumberFact*>& permits = by_number.Take(*key);
    ReportDoubles(scene, permits);
    for (const Reference* reference : by_reference.Take(*key)) {
      ReportPermit(scene, *reference, permits);
    }
  }
  return absl::OkStatus();
}

// Each exchange once, and once a log.
absl::Status JoinUnjudged(const Scene& scene, size_t part, Tally* tally) {
  auto unjudged = scene.stores->unjudged->Read(part);
  if (!unjudged.ok()) return unjudged.status();
  const auto key = [](const Unjudged& one) { return std::tie(one.exchange, one.log); };
  std::sort(unjudged->begin(), unjudged->end(),
            [&](const Unjudged& a, const Unjudged& b) { return key(a) < key(b); });
  const Unjudged* before = nullptr;
  for (const Unjudged& one : *unjudged) {
    if (before != nullptr && key(*before) == key(one)) continue;
    if (before == nullptr || before->exchange != one.exchange) ++tally->figures.not_judged;
    ++tally->not_judged_by_log[one.log];
    before = &one;
  }
  return absl::OkStatus();
}

}  // namespace nakadachi::replay
