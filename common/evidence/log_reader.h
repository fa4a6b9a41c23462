// Reads one ledger's export. Nothing that is read is checked beyond its form: a judge does that.
#ifndef NAKADACHI_COMMON_EVIDENCE_LOG_READER_H_
#define NAKADACHI_COMMON_EVIDENCE_LOG_READER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/evidence/layout.h"
#include "common/ledger/checkpoint.h"
#include "common/merkle/merkle.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::evidence {

// A signed note of the export, in which file it was found.
struct FoundCheckpoint {
  std::string name;
  std::string note;
  ledger::SignedCheckpoint parsed;
};

// A tile's hashes in their file's order.
class HashTile {
 public:
  // DATA_LOSS, rule "length", unless `width` hashes.
  absl::Status Parse(std::string bytes, uint64_t width);
  size_t size() const { return bytes_.size() / 32; }
  absl::string_view view(size_t i) const { return absl::string_view(bytes_).substr(i * 32, 32); }
  Hash hash(size_t i) const;
  absl::string_view bytes() const { return bytes_; }
  std::string TakeBuffer();

 private:
  std::string bytes_;
};

// Thread-safe; readers bring their own buffers, which are used again. Errors have the field
// "<name of the log's folder>/<file>[, byte <offset>]" and the rules "missing" (NOT_FOUND), "io"
// (UNAVAILABLE), and of DATA_LOSS "length", "entry-length", "body-state", "body-length".
class LogReader {
 public:
  // Reads `checkpoint` and `vkey`. Also "checkpoint-format" and "origin" (which names no author),
  // both DATA_LOSS. Without a checkpoint nothing can be read.
  static absl::StatusOr<LogReader> Open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const Author& author() const { return author_; }  // as the checkpoint's origin says
  uint64_t size() const { return checkpoint_.parsed.checkpoint.size; }
  const FoundCheckpoint& checkpoint() const { return checkpoint_; }
  // As the export says; none where it does not. They prove nothing.
  const std::vector<ledger::NamedKey>& keys() const { return keys_; }
  // DATA_LOSS, rule "vkey-format", where some of them cannot be read.
  const absl::Status& keys_status() const { return keys_status_; }

  // The names of checkpoints/…, whoever put them there; one of them. The second may be DATA_LOSS
  // "checkpoint-format".
  absl::StatusOr<std::vector<std::string>> KeptNames() const;
  absl::StatusOr<FoundCheckpoint> ReadKept(const std::string& name) const;

  uint64_t bundles() const { return size() / kWidth + (size() % kWidth == 0 ? 0 : 1); }
  // Requires a file of the checkpoint's tree (WidthOf > 0). The number of entries is that of the
  // tree, else DATA_LOSS "length"; what was read stays in `out`.
  absl::Status ReadTile(int level, uint64_t index, HashTile* out) const;
  absl::Status ReadEntries(uint64_t bundle, EntryBundle* out) const;
  absl::Status ReadStatements(uint64_t bundle, StatementBundle* out) const;

  // Entries [start, end) in order while `visit` returns true. Requires end <= size().
  using Visit = std::function<bool(uint64_t index, absl::string_view commitment, const Body& body)>;
  absl::Status ForEach(uint64_t start, uint64_t end, const Visit& visit) const;

  // A statement with its path to the root of the first `size` entries, by the tiles, under `note`,
  // a checkpoint of that size. NOT_FOUND, rule "erased", "withheld", "absent" or "unreadable".
  // Requires index < size <= size().
  absl::StatusOr<v1::Recorded> Prove(uint64_t index, uint64_t size, const std::string& note) const;

  // The error of a file of this log.
  absl::Status FileError(const std::string& name, const absl::Status& status) const;

 private:
  LogReader() = default;
  std::string folder_;
  std::string label_;  // the folder's own name
  Author author_ = Author::Broker();
  FoundCheckpoint checkpoint_;
  std::vector<ledger::NamedKey> keys_;
  absl::Status keys_status_;
};

// Proves many entries of one log: what they have in common is read and hashed once. Its memory
// grows with the tree's nodes that the proofs touch. Not thread-safe; the reader outlives it.
class LogProver {
 public:
  explicit LogProver(const LogReader& reader) : reader_(reader) {}

  // Errors of LogReader::ReadStatements. Its views live until the next call. Requires
  // index < reader.size().
  absl::StatusOr<Body> ReadBody(uint64_t index);
  // As ReadBody; but where that body is not what the lowest tile has there, and another of the same
  // file is, that one: bodies that somebody has put in another order are still the signed ones.
  absl::StatusOr<Body> ReadSignedBody(uint64_t index);
  // As LogReader::Prove, of the signed body.
  absl::StatusOr<v1::Recorded> Prove(uint64_t index, uint64_t size, const std::string& note);
  // The path alone (RFC 9162 section 2.1.3), by the tiles. Errors of LogReader::ReadTile.
  absl::StatusOr<std::vector<Hash>> Path(uint64_t index, uint64_t size);

 private:
  absl::StatusOr<Hash> NodeHash(merkle::NodeId node);
  absl::StatusOr<const HashTile*> TileAt(int level, uint64_t index);

  struct ReadTile {
    uint64_t index = 0;
    HashTile tile;
  };
  const LogReader& reader_;
  StatementBundle statements_;
  std::optional<uint64_t> bundle_;  // whose they are
  std::map<int, ReadTile> tiles_;   // the last one of each level
  std::map<std::pair<int, uint64_t>, Hash> nodes_;
};

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_LOG_READER_H_
