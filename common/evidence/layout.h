// Where things lie in an export, and how its files are made up. Source: proto/README.md sections
// 9 and 10; C2SP tlog-tiles.
#ifndef NAKADACHI_COMMON_EVIDENCE_LAYOUT_H_
#define NAKADACHI_COMMON_EVIDENCE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"

namespace nakadachi::evidence {

inline constexpr uint64_t kWidth = 256;  // entries a file, hashes a tile
inline constexpr char kCheckpointName[] = "checkpoint";
inline constexpr char kKeysName[] = "vkey";
inline constexpr char kKeptFolder[] = "checkpoints";

// What kind of file a name of the layout stands for.
enum class FileKind { kTile, kEntries, kStatements };
struct FileName {
  FileKind kind = FileKind::kTile;
  int level = 0;  // of tiles; 0 for entries and statements
  uint64_t index = 0;
  uint64_t width = kWidth;  // 1 to 256; below 256 in the rightmost file of a level

  // "tile/0/x001/067", "tile/entries/000.p/3", "statements/000.p/3"
  std::string ToString() const;
  // INVALID_ARGUMENT, rule "path".
  static absl::StatusOr<FileName> Parse(absl::string_view path);
};

// How many hashes tile `index` of `level` has in a tree of `size`; 0 where there is no such tile.
uint64_t WidthOf(uint64_t size, int level, uint64_t index);
// The partial tiles, entries and statements of a tree of `size`: at most one a level and two.
std::vector<FileName> PartialFiles(uint64_t size);

// "checkpoints/<size>-<first four bytes of SHA-256(note), hex>".
std::string KeptName(uint64_t size, absl::string_view note);

// Why a body is there or not.
enum class BodyState : uint8_t {
  kErased = 0,      // its retention is over: the ledger itself no longer has it
  kPresent = 1,     // salt and statement
  kWithheld = 2,    // the reader this export was made for may not see it
  kAbsent = 3,      // the ledger should have it and did not give it
  kUnreadable = 5,  // the ledger says that what it has of it is damaged or lost
};

struct Body {
  BodyState state = BodyState::kAbsent;
  absl::string_view salt;       // 32 bytes where present
  absl::string_view statement;  // not empty where present
  // A permit's record-management code, 16 bytes, where the broker told it to this reader; else
  // empty. Only present bodies have one, and no proof covers it.
  absl::string_view person;
};

// tile/entries/<N>: the commitments of up to 256 entries. Movable; a moved-to bundle is whole.
class EntryBundle {
 public:
  // DATA_LOSS, field "byte <offset>", rule "length" (no whole number of entries, or more than
  // 256) or "entry-length" (an entry is not 32 bytes long). What came before is kept.
  absl::Status Parse(std::string bytes);
  size_t size() const { return size_; }
  absl::string_view commitment(size_t i) const {
    return absl::string_view(bytes_).substr(i * kStride + 2, 32);
  }
  static void Add(const Hash& commitment, std::string* bytes);
  // Gives the buffer back for the next read.
  std::string TakeBuffer();

 private:
  static constexpr size_t kStride = 34;
  std::string bytes_;
  size_t size_ = 0;
};

// statements/<N>: the bodies of the same entries. The views in bodies() live until the next Parse
// or TakeBuffer. Not movable while they are in use.
class StatementBundle {
 public:
  // DATA_LOSS, field "byte <offset>", rule "body-state", "body-length" or "length" (cut off in a
  // body, or more than 256). What came before is kept.
  absl::Status Parse(std::string bytes);
  const std::vector<Body>& bodies() const { return bodies_; }
  static void Add(const Body& body, std::string* bytes);
  std::string TakeBuffer();

 private:
  std::string bytes_;
  std::vector<Body> bodies_;
};

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_LAYOUT_H_
