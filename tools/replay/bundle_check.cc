#include "tools/replay/bundle_check.h"

#include <algorithm>
#include <cstring>

#include "common/evidence/statement_kind.h"
#include "common/ledger/commitment.h"
#include "common/merkle/merkle.h"

namespace nakadachi::replay {
namespace {

using evidence::BodyState;
using evidence::kWidth;

// The root over 256 hashes, which are used up.
Hash Fold(std::array<Hash, kWidth>& hashes) {
  for (size_t count = kWidth; count > 1; count /= 2) {
    for (size_t i = 0; i < count / 2; ++i)
      hashes[i] = merkle::NodeHash(hashes[2 * i], hashes[2 * i + 1]);
  }
  return hashes[0];
}

// Field 1 of a Statement as its author wrote it, at the front; no parsing.
bool Names(absl::string_view statement, const std::string& author) {
  return statement.size() > author.size() + 2 && statement[0] == 0x0a &&
         static_cast<size_t>(statement[1]) == author.size() &&
         statement.substr(2, author.size()) == author;
}

bool IsBy(absl::string_view statement, const std::string& author) {
  if (Names(statement, author) && evidence::KindOf(statement) != v1::Statement::KIND_NOT_SET)
    return true;
  // Written in another order: rare, and worth a real look.
  v1::Statement parsed;
  return parsed.ParseFromArray(statement.data(), static_cast<int>(statement.size())) &&
         parsed.author() == author && parsed.kind_case() != v1::Statement::KIND_NOT_SET;
}

}  // namespace

void BundleCheck::Check(const evidence::LogReader& reader, const Author& author, uint64_t number,
                        bool keep_leaves) {
  number_ = number;
  width_ = evidence::WidthOf(reader.size(), 0, number);
  entries_status_ = reader.ReadEntries(number, &entries_);
  tile_status_ = reader.ReadTile(0, number, &tile_);
  statements_status_ = reader.ReadStatements(number, &statements_);
  has_entries_ = entries_status_.ok();
  has_tile_ = tile_status_.ok();
  HashEntries(keep_leaves);
  CheckBodies(author);
}

void BundleCheck::HashEntries(bool keep_leaves) {
  std::array<Hash, kWidth> hashes;
  entry_leaves_.clear();
  tile_leaves_.clear();
  differs_ = false;
  if (!usable()) return;
  for (size_t i = 0; i < width_; ++i)
    hashes[i] = has_entries_ ? merkle::LeafHash(entries_.commitment(i)) : tile_.hash(i);
  if (has_entries_ && has_tile_) {
    size_t i = 0;
    while (i < width_ && std::memcmp(hashes[i].data(), tile_.view(i).data(), 32) == 0) ++i;
    differs_ = i < width_;
    first_difference_ = first() + i;
  }
  if (keep_leaves || differs_ || width_ < kWidth) {
    entry_leaves_.assign(hashes.begin(), hashes.begin() + static_cast<ptrdiff_t>(width_));
    tile_leaves_ = entry_leaves_;
    for (size_t i = 0; differs_ && i < width_; ++i) tile_leaves_[i] = tile_.hash(i);
  }
  if (width_ < kWidth) return;
  entries_root_ = Fold(hashes);
  tile_root_ = entries_root_;
  if (!differs_) return;
  std::copy(tile_leaves_.begin(), tile_leaves_.end(), hashes.begin());
  tile_root_ = Fold(hashes);
}

void BundleCheck::CheckBodies(const Author& author) {
  run_.clear();
  changed_bodies_.clear();
  foreign_statements_.clear();
  const std::vector<evidence::Body>& bodies = statements_.bodies();
  const size_t count = std::min<size_t>(entries_.size(), width_);
  run_.reserve(width_);
  for (size_t i = 0; i < count; ++i) {
    Entry entry;
    entry.index = first() + i;
    entry.commitment = entries_.commitment(i);
    if (i < bodies.size()) entry.body = bodies[i];
    if (entry.body.state == BodyState::kPresent) {
      if (AsView(ledger::Commit(entry.body.salt, entry.body.statement)) != entry.commitment) {
        changed_bodies_.push_back(entry.index);
        entry.body = evidence::Body();
      } else if (!IsBy(entry.body.statement, author.ToString())) {
        foreign_statements_.push_back(entry.index);
      }
    }
    run_.push_back(entry);
  }
  for (size_t i = count; has_tile_ && i < width_; ++i) {
    Entry entry;
    entry.index = first() + i;
    entry.leaf = tile_.view(i);
    run_.push_back(entry);
  }
}

}  // namespace nakadachi::replay
