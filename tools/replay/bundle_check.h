// What can be said of 256 entries by their own files alone: the part of a structure check that any
// thread may do.
#ifndef NAKADACHI_TOOLS_REPLAY_BUNDLE_CHECK_H_
#define NAKADACHI_TOOLS_REPLAY_BUNDLE_CHECK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/evidence/log_reader.h"
#include "tools/replay/structure.h"

namespace nakadachi::replay {

// Its buffers are used again by the next Check. Views in `run` live until then.
class BundleCheck {
 public:
  // Reads bundle `number`, hashes its entries, compares with its tile and checks its bodies.
  // `keep_leaves`: a checkpoint ends within it.
  void Check(const evidence::LogReader& reader, const Author& author, uint64_t number,
             bool keep_leaves);

  uint64_t first() const { return number_ * evidence::kWidth; }
  uint64_t width() const { return width_; }  // as the checkpoint's tree has it

  // By the entries; by the tile where they are unreadable; and the other way round. Not usable
  // where neither could be read.
  bool usable() const { return has_entries_ || has_tile_; }
  bool has_entries() const { return has_entries_; }
  bool has_tile() const { return has_tile_; }
  const Hash& entries_root() const { return entries_root_; }  // where width() is 256
  const Hash& tile_root() const { return tile_root_; }
  // Where asked for, or not full, or the two differ.
  const std::vector<Hash>& entry_leaves() const { return entry_leaves_; }
  const std::vector<Hash>& tile_leaves() const { return tile_leaves_; }
  bool differs() const { return differs_; }  // both were read and are not the same
  uint64_t first_difference() const { return first_difference_; }

  const absl::Status& entries_status() const { return entries_status_; }
  const absl::Status& tile_status() const { return tile_status_; }
  const absl::Status& statements_status() const { return statements_status_; }

  // Where the files of entries differ from the tile, or are damaged, and the tile is proven: the
  // entries as they were signed, in that order, as far as the files hold them anywhere among these
  // 256; others by their leaves. Else as the files have them, and those that these do not have by
  // their leaves.
  const std::vector<Entry>& run() const { return run_; }
  // False: the files were given another content and nothing proves what it was.
  bool run_is_signed() const { return run_is_signed_; }
  const std::vector<uint64_t>& changed_bodies() const { return changed_bodies_; }
  const std::vector<uint64_t>& foreign_statements() const { return foreign_statements_; }
  std::unique_ptr<EntryConsumer::Prepared>& prepared() { return prepared_; }

 private:
  void HashEntries(bool keep_leaves);
  // The tiles above lead from the lowest one to the checkpoint's root, so that it is the signed
  // one.
  bool TileIsProven(const evidence::LogReader& reader) const;
  void TakeAsGiven(const std::string& author);
  void TakeAsSigned(const std::string& author);
  void Add(Entry entry, const std::string& author);

  uint64_t number_ = 0;
  uint64_t width_ = 0;
  evidence::EntryBundle entries_;
  evidence::StatementBundle statements_;
  evidence::HashTile tile_;
  absl::Status entries_status_;
  absl::Status tile_status_;
  absl::Status statements_status_;
  bool has_entries_ = false;
  bool has_tile_ = false;
  bool differs_ = false;
  uint64_t first_difference_ = 0;
  Hash entries_root_{};
  Hash tile_root_{};
  std::vector<Hash> entry_leaves_;
  std::vector<Hash> tile_leaves_;
  std::vector<Entry> run_;
  bool run_is_signed_ = true;
  std::vector<Hash> recommitted_;  // what bodies in another place commit to
  std::vector<uint64_t> changed_bodies_;
  std::vector<uint64_t> foreign_statements_;
  std::unique_ptr<EntryConsumer::Prepared> prepared_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_BUNDLE_CHECK_H_
