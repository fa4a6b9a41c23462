#include "tools/replay/search_bodies.h"

#include "common/ledger/commitment.h"
#include "common/merkle/merkle.h"

namespace nakadachi::replay {

SignedBodies::SignedBodies(const evidence::LogReader& reader, uint64_t bundle)
    : width_(evidence::WidthOf(reader.size(), 0, bundle)) {
  reader.ReadStatements(bundle, &statements_).IgnoreError();
  reader.ReadTile(0, bundle, &tile_).IgnoreError();
}

SignedBodies::Entry SignedBodies::EntryOf(size_t at) const {
  Entry entry;
  if (at >= statements_.bodies().size()) return entry;
  entry.body = statements_.bodies()[at];
  if (entry.body.state == evidence::BodyState::kPresent) {
    entry.commitment = ledger::Commit(entry.body.salt, entry.body.statement);
  }
  return entry;
}

SignedBodies::Entry SignedBodies::At(size_t place) {
  Entry own = EntryOf(place);
  if (place >= tile_.size()) return own;
  const Hash leaf = tile_.hash(place);
  const auto is_present = [](const Entry& entry) {
    return entry.body.state == evidence::BodyState::kPresent;
  };
  own.is_tiles = is_present(own) && merkle::LeafHash(AsView(own.commitment)) == leaf;
  if (own.is_tiles) return own;
  if (!by_leaf_.has_value()) {
    by_leaf_.emplace();
    for (size_t at = 0; at < statements_.bodies().size(); ++at) {
      const Entry entry = EntryOf(at);
      if (is_present(entry)) by_leaf_->emplace(merkle::LeafHash(AsView(entry.commitment)), at);
    }
  }
  const auto found = by_leaf_->find(leaf);
  if (found == by_leaf_->end()) return own;
  Entry moved = EntryOf(found->second);
  moved.is_tiles = true;
  return moved;
}

}  // namespace nakadachi::replay
