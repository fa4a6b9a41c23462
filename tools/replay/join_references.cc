#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "tools/replay/grouped.h"
#include "tools/replay/joins.h"

namespace nakadachi::replay {
namespace {

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

class ReferenceJoin final : public Join {
 public:
  explicit ReferenceJoin(const Scene& scene)
      : scene_(scene),
        unknown_(scene.stores->unknown_permits.get()),
        unjudged_(scene.stores->unjudged.get()) {}

  absl::Status Take(size_t part) override {
    const Stores& stores = *scene_.stores;
    if (stores.references->SizeOf(part) == 0) return absl::OkStatus();
    const auto join = [this](const std::vector<Reference>& references,
                             const std::vector<Stub>& stubs) {
      Grouped<Reference, Hash> by_wanted(references, &Reference::wanted);
      Grouped<Stub, Hash> by_stub(stubs, &Stub::leaf);
      while (const Hash* key = Lesser(by_wanted.next(), by_stub.next()))
        Follow(by_wanted.Take(*key), by_stub.Take(*key));
    };
    return JoinPart(part, scene_.joined_bytes, join, *stores.references, *stores.stubs);
  }
  absl::Status Flush() override {
    absl::Status status = unknown_.Flush();
    status.Update(unjudged_.Flush());
    return status;
  }

 private:
  void Follow(const std::vector<const Reference*>& references,
              const std::vector<const Stub*>& stubs) {
    for (const Reference* reference : references) {
      if (MayBeThere(scene_, *reference, stubs)) {
        unjudged_.Add({reference->exchange, reference->wanted_log});
      } else if (reference->kind == Reference::Kind::kPermit) {
        unknown_.Add(*reference);
      } else {
        ReportMissing(scene_, *reference);
      }
    }
  }

  const Scene& scene_;
  Parts<Reference, PermitNumber>::Writer unknown_;
  Parts<Unjudged, Hash>::Writer unjudged_;
};

class NumberJoin final : public Join {
 public:
  explicit NumberJoin(const Scene& scene) : scene_(scene) {}

  absl::Status Take(size_t part) override {
    const auto join = [this](const std::vector<NumberFact>& numbers,
                             const std::vector<Reference>& unknown) {
      Grouped<NumberFact, PermitNumber> by_number(numbers, &NumberFact::number);
      Grouped<Reference, PermitNumber> by_reference(unknown, &Reference::number);
      while (const PermitNumber* key = Lesser(by_number.next(), by_reference.next()))
        Follow(by_number.Take(*key), by_reference.Take(*key));
    };
    return JoinPart(part, scene_.joined_bytes, join, *scene_.stores->numbers,
                    *scene_.stores->unknown_permits);
  }
  absl::Status Flush() override { return absl::OkStatus(); }

 private:
  void Follow(const std::vector<const NumberFact*>& permits,
              const std::vector<const Reference*>& references) {
    ReportDoubles(scene_, permits);
    for (const Reference* reference : references) ReportPermit(scene_, *reference, permits);
  }

  const Scene& scene_;
};

// Counts each exchange once, and once a log.
class UnjudgedJoin final : public Join {
 public:
  UnjudgedJoin(const Scene& scene, Tally* tally) : scene_(scene), tally_(*tally) {}

  absl::Status Take(size_t part) override {
    const auto count = [this](const std::vector<Unjudged>& unjudged) {
      Grouped<Unjudged, Hash> by_exchange(unjudged, &Unjudged::exchange);
      while (const Hash* key = by_exchange.next()) {
        std::set<uint32_t> logs;
        for (const Unjudged* one : by_exchange.Take(*key)) logs.insert(one->log);
        ++tally_.figures.not_judged;
        for (const uint32_t log : logs) ++tally_.not_judged_by_log[log];
      }
    };
    return JoinPart(part, scene_.joined_bytes, count, *scene_.stores->unjudged);
  }
  absl::Status Flush() override { return absl::OkStatus(); }

 private:
  const Scene& scene_;
  Tally& tally_;
};

}  // namespace

std::unique_ptr<Join> JoinReferences(const Scene& scene, Tally* tally) {
  (void)tally;
  return std::make_unique<ReferenceJoin>(scene);
}

std::unique_ptr<Join> JoinNumbers(const Scene& scene, Tally* tally) {
  (void)tally;
  return std::make_unique<NumberJoin>(scene);
}

std::unique_ptr<Join> JoinUnjudged(const Scene& scene, Tally* tally) {
  return std::make_unique<UnjudgedJoin>(scene, tally);
}

}  // namespace nakadachi::replay
