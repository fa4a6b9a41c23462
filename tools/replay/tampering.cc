#include "tools/replay/tampering.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/merkle/merkle.h"
#include "tools/replay/peaks.h"

namespace nakadachi::replay {
namespace {

using evidence::HashTile;
using evidence::kWidth;

// That much of a run must agree before a shift is called one.
constexpr size_t kMinAgreement = 8;

StructureFinding Finding(StructureKind kind, uint64_t index, uint64_t other, std::string reason) {
  StructureFinding finding;
  finding.kind = kind;
  finding.has_index = true;
  finding.index = index;
  finding.other = other;
  finding.reason = std::move(reason);
  return finding;
}

// Whether the shorter begins the longer. A run of one or two proves nothing, unless it is all.
bool Agree(absl::Span<const Hash> a, absl::Span<const Hash> b) {
  const size_t length = std::min(a.size(), b.size());
  if (length < kMinAgreement && a.size() != b.size()) return false;
  return length > 0 && a.subspan(0, length) == b.subspan(0, length);
}

// By how many places the longer run must be moved on to agree with the other; 0: by none.
size_t Shift(absl::Span<const Hash> moved, absl::Span<const Hash> other) {
  for (size_t by = 1; by <= kWidth && by <= moved.size(); ++by) {
    const absl::Span<const Hash> rest = moved.subspan(by);
    // At the very end nothing is left to agree: what is too long there was put in.
    if (rest.empty() && other.empty()) return by;
    if (Agree(rest, other)) return by;
  }
  return 0;
}

absl::Span<const Hash> From(absl::Span<const Hash> hashes, size_t at) {
  return hashes.subspan(std::min(at, hashes.size()));
}

// The places, of the first `own`, where two runs differ.
std::vector<size_t> Differing(absl::Span<const Hash> a, absl::Span<const Hash> b, size_t own) {
  std::vector<size_t> places;
  for (size_t i = 0; i < std::min({a.size(), b.size(), own}); ++i) {
    if (a[i] != b[i]) places.push_back(i);
  }
  return places;
}

bool SameInAnotherOrder(absl::Span<const Hash> a, absl::Span<const Hash> b,
                        const std::vector<size_t>& places) {
  std::vector<Hash> before;
  std::vector<Hash> after;
  for (const size_t i : places) {
    before.push_back(a[i]);
    after.push_back(b[i]);
  }
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  return !places.empty() && before == after;
}

std::string Entries(size_t count) {
  return count == 1 ? "An entry was" : absl::StrCat(count, " entries were");
}

// Both runs begin at `index`, with what differs.
StructureFinding Explain(uint64_t index, absl::Span<const Hash> expected,
                         absl::Span<const Hash> found, size_t own) {
  if (found.empty())
    return Finding(StructureKind::kTruncated, index, index, "The entries end here.");
  const std::vector<size_t> differing = Differing(expected, found, own);
  // Where only the last of a file differs, what follows may have moved up.
  if (differing.size() == 1 && own > 1 && found.size() >= own)
    return Finding(StructureKind::kChangedEntry, index, index,
                   "The commitment is not the one that was signed.");
  const bool permuted = SameInAnotherOrder(expected, found, differing);
  if (permuted && differing.size() == 2)
    return Finding(StructureKind::kSwappedEntries, index, index + differing[1],
                   absl::StrCat("It and entry ", index + differing[1], " changed places."));
  for (const size_t part : {size_t{2} * kWidth, own}) {
    const absl::Span<const Hash> before = expected.subspan(0, part);
    const absl::Span<const Hash> after = found.subspan(0, part);
    if (const size_t by = Shift(before, after); by > 0)
      return Finding(StructureKind::kRemovedEntry, index, index + by - 1,
                     absl::StrCat(Entries(by), " taken out here."));
    if (const size_t by = Shift(after, before); by > 0)
      return Finding(StructureKind::kInsertedEntry, index, index + by - 1,
                     absl::StrCat(Entries(by), " put in here."));
  }
  const uint64_t last = differing.empty() ? index : index + differing.back();
  if (permuted)
    return Finding(StructureKind::kReorderedEntries, index, last + 1,
                   absl::StrCat("The entries up to ", last, " are in another order."));
  return Finding(StructureKind::kChangedEntry, index, last,
                 last == index ? "The commitment is not the one that was signed."
                               : absl::StrCat("Commitments up to that of entry ", last,
                                              " are not those that were signed."));
}

// The root over a full tile.
Hash RootOf(const HashTile& tile) {
  std::vector<Hash> hashes;
  for (size_t i = 0; i < tile.size(); ++i) hashes.push_back(tile.hash(i));
  return merkle::RootOfLeaves(hashes);
}

StructureFinding Rewritten(uint64_t from, uint64_t until) {
  return Finding(StructureKind::kRewritten, from, until,
                 absl::StrCat("Somewhere in entries ", from, " to ", until - 1,
                              " are others than those signed; the files were made to agree."));
}

// The right edge of the tree by its tiles, where it leads to the signed root; else none.
std::vector<evidence::FileName> SignedEdge(const evidence::LogReader& reader) {
  std::vector<evidence::FileName> tiles;
  for (const evidence::FileName& name : evidence::PartialFiles(reader.size())) {
    if (name.kind == evidence::FileKind::kTile) tiles.push_back(name);
  }
  std::reverse(tiles.begin(), tiles.end());  // the largest subtrees first
  Peaks peaks;
  HashTile tile;
  for (const evidence::FileName& name : tiles) {
    if (!reader.ReadTile(name.level, name.index, &tile).ok()) return {};
    for (size_t i = 0; i < tile.size(); ++i) peaks.Add(8 * name.level, tile.hash(i));
  }
  if (peaks.Root() != reader.checkpoint().parsed.checkpoint.root) return {};
  return tiles;
}

}  // namespace

Comparison CompareLeaves(uint64_t first, absl::Span<const Hash> expected,
                         absl::Span<const Hash> found, size_t own) {
  const size_t both = std::min(expected.size(), found.size());
  size_t at = 0;
  while (at < both && expected[at] == found[at]) ++at;
  Comparison result;
  if (at < expected.size()) result.expected = expected[at];
  if (at < found.size()) result.found = found[at];
  result.finding =
      Explain(first + at, From(expected, at), From(found, at), own - std::min(own, at));
  return result;
}

Comparison CompareBundle(const evidence::LogReader& reader, uint64_t bundle) {
  std::vector<Hash> expected;
  std::vector<Hash> found;
  HashTile tile;
  evidence::EntryBundle entries;
  for (uint64_t n = bundle; n < reader.bundles() && n < bundle + 2; ++n) {
    if (!reader.ReadTile(0, n, &tile).ok()) break;
    for (size_t i = 0; i < tile.size(); ++i) expected.push_back(tile.hash(i));
    // What is too short or too long is compared as far as it goes.
    const absl::Status read = reader.ReadEntries(n, &entries);
    for (size_t i = 0; i < entries.size(); ++i)
      found.push_back(merkle::LeafHash(entries.commitment(i)));
    if (entries.size() == 0 && !read.ok()) break;
  }
  return CompareLeaves(bundle * kWidth, expected, found,
                       evidence::WidthOf(reader.size(), 0, bundle));
}

StructureFinding FindRewritten(const evidence::LogReader& reader,
                               const std::map<std::pair<int, uint64_t>, uint64_t>& differing,
                               uint64_t proven) {
  const StructureFinding unknown = Rewritten(proven, reader.size());
  for (const evidence::FileName& edge : SignedEdge(reader)) {
    auto found = differing.find({edge.level, edge.index});
    if (found == differing.end()) continue;
    // The tile is the signed one, and its hash at that place is not what the entries lead to.
    int level = edge.level;
    uint64_t tile_index = edge.index;
    HashTile tile;
    for (;;) {
      if (level == 0) return CompareBundle(reader, tile_index).finding;
      if (!reader.ReadTile(level, tile_index, &tile).ok()) return unknown;
      const uint64_t place = found->second;
      const Hash signed_hash = tile.hash(place);
      const uint64_t below = tile_index * kWidth + place;
      const uint64_t from = below << (8 * level);
      const uint64_t until = (below + 1) << (8 * level);
      HashTile child;
      found = differing.find({level - 1, below});
      const bool is_signed =
          reader.ReadTile(level - 1, below, &child).ok() && RootOf(child) == signed_hash;
      if (!is_signed || found == differing.end()) return Rewritten(std::max(from, proven), until);
      --level;
      tile_index = below;
    }
  }
  return unknown;
}

}  // namespace nakadachi::replay
