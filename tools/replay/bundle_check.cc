#include "tools/replay/bundle_check.h"

#include <algorithm>
#include <cstring>
#include <map>

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
  run_.clear();
  run_.reserve(width_);
  changed_bodies_.clear();
  foreign_statements_.clear();
  const bool otherwise = differs_ || (has_tile_ && !has_entries_);
  const bool proven = otherwise && TileIsProven(reader);
  run_is_signed_ = proven || !differs_;
  if (proven) {
    TakeAsSigned(author.ToString());
  } else {
    TakeAsGiven(author.ToString());
  }
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

bool BundleCheck::TileIsProven(const evidence::LogReader& reader) const {
  const ledger::Checkpoint& signed_tree = reader.checkpoint().parsed.checkpoint;
  const auto path = evidence::LogProver(reader).Path(first(), signed_tree.size);
  return path.ok() &&
         merkle::VerifyInclusion(first(), signed_tree.size, tile_.hash(0), *path, signed_tree.root)
             .ok();
}

void BundleCheck::Add(Entry entry, const std::string& author) {
  if (entry.body.state == BodyState::kPresent && !IsBy(entry.body.statement, author))
    foreign_statements_.push_back(entry.index);
  run_.push_back(entry);
}

void BundleCheck::TakeAsGiven(const std::string& author) {
  const std::vector<evidence::Body>& bodies = statements_.bodies();
  const size_t count = std::min<size_t>(entries_.size(), width_);
  for (size_t i = 0; i < count; ++i) {
    Entry entry;
    entry.index = first() + i;
    entry.commitment = entries_.commitment(i);
    if (i < bodies.size()) entry.body = bodies[i];
    if (entry.body.state == BodyState::kPresent &&
        AsView(ledger::Commit(entry.body.salt, entry.body.statement)) != entry.commitment) {
      changed_bodies_.push_back(entry.index);
      entry.body = evidence::Body();
    }
    Add(entry, author);
  }
  for (size_t i = count; has_tile_ && i < width_; ++i) {
    Entry entry;
    entry.index = first() + i;
    entry.leaf = tile_.view(i);
    run_.push_back(entry);
  }
}

void BundleCheck::TakeAsSigned(const std::string& author) {
  const std::vector<evidence::Body>& bodies = statements_.bodies();
  // By leaf hash, all that the files hold: a commitment by itself, a body by what it commits to.
  std::map<Hash, Entry> held;
  std::vector<Hash> leaves;
  recommitted_.clear();
  recommitted_.reserve(bodies.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    leaves.push_back(merkle::LeafHash(entries_.commitment(i)));
    Entry& entry = held[leaves.back()];
    entry.commitment = entries_.commitment(i);
    // Of its body, the file's word.
    if (i < bodies.size() && bodies[i].state != BodyState::kPresent) entry.body = bodies[i];
  }
  for (const evidence::Body& body : bodies) {
    if (body.state != BodyState::kPresent) continue;
    recommitted_.push_back(ledger::Commit(body.salt, body.statement));
    Entry& entry = held[merkle::LeafHash(AsView(recommitted_.back()))];
    entry.commitment = AsView(recommitted_.back());
    entry.body = body;
  }
  for (size_t i = 0; i < width_; ++i) {
    const auto found = held.find(tile_.hash(i));
    Entry entry;
    if (found != held.end()) entry = found->second;
    entry.index = first() + i;
    if (found == held.end()) entry.leaf = tile_.view(i);
    // The commitment stands in its place, and beside it a body that does not fit.
    const bool in_place = i < leaves.size() && leaves[i] == tile_.hash(i);
    if (in_place && entry.body.state != BodyState::kPresent && i < bodies.size() &&
        bodies[i].state == BodyState::kPresent)
      changed_bodies_.push_back(entry.index);
    Add(entry, author);
  }
}

}  // namespace nakadachi::replay
