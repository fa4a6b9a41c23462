#include "tools/replay/sample.h"

#include <algorithm>
#include <iterator>

namespace nakadachi::replay {
namespace {

// The broker's number among the logs.
constexpr uint32_t kBrokersLog = 0;

template <typename Key>
bool Fits(const std::map<Key, ExchangePlaces>& first, size_t most, const Key& key) {
  return first.size() < most || key < std::prev(first.end())->first;
}

template <typename Key>
void Put(const Key& key, const ExchangePlaces& places, size_t most,
         std::map<Key, ExchangePlaces>* first) {
  if (!Fits(*first, most, key)) return;
  (*first)[key] = places;
  if (first->size() > most) first->erase(std::prev(first->end()));
}

}  // namespace

size_t Sample::StretchOf(Place anchor) const {
  if (broker_size_ == 0) return 0;
  const double part = static_cast<double>(anchor.index) / static_cast<double>(broker_size_);
  return std::min(static_cast<size_t>(part * kSpread), kSpread - 1);
}

bool Sample::Wants(Place anchor, End end, bool found) const {
  const Order order = OrderOf(anchor);
  if (found && Fits(found_, kFound, order)) return true;
  if (Fits(by_end_[static_cast<size_t>(end)], kOfEachEnd, order)) return true;
  if (anchor.log != kBrokersLog) return false;
  const auto stretch = spread_.find(StretchOf(anchor));
  return stretch == spread_.end() || order < stretch->second.first;
}

void Sample::Add(Place anchor, ExchangePlaces places) {
  const Order order = OrderOf(anchor);
  if (places.found) Put(order, places, kFound, &found_);
  Put(order, places, kOfEachEnd, &by_end_[static_cast<size_t>(places.end)]);
  if (anchor.log != kBrokersLog) return;
  const auto [stretch, fresh] = spread_.try_emplace(StretchOf(anchor), order, places);
  if (fresh || stretch->second.first < order) return;
  stretch->second = {order, std::move(places)};
}

void Sample::Merge(const Sample& other) {
  const auto add = [this](const Order& order, const ExchangePlaces& places) {
    Add({order.second, order.first}, places);
  };
  for (const auto& [order, places] : other.found_) add(order, places);
  for (const First& first : other.by_end_) {
    for (const auto& [order, places] : first) add(order, places);
  }
  for (const auto& [stretch, entry] : other.spread_) add(entry.first, entry.second);
}

std::vector<ExchangePlaces> Sample::Chosen() const {
  First rest;
  for (const First& first : by_end_) rest.insert(first.begin(), first.end());
  for (const auto& [stretch, entry] : spread_) rest.insert(entry);
  std::vector<ExchangePlaces> chosen;
  for (const auto& [order, places] : found_) {
    chosen.push_back(places);
    rest.erase(order);
  }
  for (auto& [order, places] : rest) chosen.push_back(std::move(places));
  return chosen;
}

}  // namespace nakadachi::replay
