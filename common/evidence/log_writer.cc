#include "common/evidence/log_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/evidence/log_reader.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/commitment.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"

namespace nakadachi::evidence {
namespace {

constexpr size_t kSaltSize = 32;
constexpr size_t kPersonSize = 16;
// What a reader still takes for one file of 256 statements.
constexpr size_t kMaxBundleBytes = size_t{256} << 20;

absl::Status Inconsistent(absl::string_view message) {
  return FieldError(absl::StatusCode::kFailedPrecondition, "checkpoint", "consistency", message);
}

absl::Status Damage(absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, "export", rule, message);
}

absl::Status CheckBody(const Hash& commitment, const Body& body) {
  if (body.state != BodyState::kPresent) return absl::OkStatus();
  if (body.salt.size() != kSaltSize) return InvalidField("entry", "salt", "a salt has 32 bytes");
  if (!body.person.empty() && body.person.size() != kPersonSize)
    return InvalidField("entry", "person", "a record-management code has 16 bytes");
  if (body.statement.empty() || ledger::Commit(body.salt, body.statement) != commitment)
    return InvalidField("entry", "commitment", "salt and statement are not those committed to");
  return absl::OkStatus();
}

class FolderWriter final : public LogWriter {
 public:
  explicit FolderWriter(const Options& options)
      : folder_(options.folder), author_(options.author), disk_(options.disk) {
    if (disk_ != nullptr) return;
    own_disk_ = Disk::Open();
    disk_ = own_disk_.get();
  }

  // Takes up what is on disk.
  absl::Status Load() {
    NAKADACHI_RETURN_IF_ERROR(LoadCommitted());
    NAKADACHI_RETURN_IF_ERROR(RemoveOutdated());
    return GoOn();
  }

  uint64_t size() const override { return edge_.size(); }
  uint64_t committed_size() const override { return committed_; }
  const std::string& checkpoint() const override { return note_; }

  absl::Status Append(const Hash& commitment, const Body& body) override {
    NAKADACHI_RETURN_IF_ERROR(CheckBody(commitment, body));
    if (statements_.size() + body.statement.size() + 64 > kMaxBundleBytes)
      return InvalidField("entry", "length", "256 statements in a row are longer than 256 MiB");
    EntryBundle::Add(commitment, &entries_);
    StatementBundle::Add(body, &statements_);
    edge_.Append(merkle::LeafHash(AsView(commitment)));
    return edge_.size() % kWidth == 0 ? WriteFullFiles() : absl::OkStatus();
  }

  absl::Status Commit(absl::string_view note) override;
  absl::Status Keep(absl::string_view note) override;
  absl::Status AddKeys(const std::vector<std::string>& verifier_keys) override;

 private:
  std::string Path(absl::string_view name) const { return absl::StrCat(folder_, "/", name); }
  absl::Status WriteFile(const FileName& name, absl::string_view content) {
    return disk_->Write(Path(name.ToString()), content);
  }
  absl::Status WriteTile(const ledger::PlacedTile& placed) {
    std::string bytes;
    for (const Hash& hash : placed.tile->Hashes()) absl::StrAppend(&bytes, AsView(hash));
    return WriteFile({FileKind::kTile, placed.id.level, placed.id.index, placed.tile->width()},
                     bytes);
  }
  absl::StatusOr<ledger::Checkpoint> ParseOwn(absl::string_view note) const;
  absl::Status LoadCommitted();
  absl::Status LoadLastBundle(const LogReader& reader);
  absl::Status GoOn();
  absl::Status WriteFullFiles();
  absl::Status WritePartialFiles();
  absl::Status RemoveOutdated();
  absl::Status RemovePartialsOf(uint64_t size);
  absl::Status Refuse(uint64_t size, absl::string_view note, const absl::Status& reason);
  absl::Status Drop();

  const std::string folder_;
  const Author author_;
  Disk* disk_;
  std::unique_ptr<Disk> own_disk_;

  uint64_t committed_ = 0;
  std::string note_;
  ledger::TreeEdge edge_;
  std::string entries_;     // of the last, not yet full bundle
  std::string statements_;  // of the same
};

absl::StatusOr<ledger::Checkpoint> FolderWriter::ParseOwn(absl::string_view note) const {
  NAKADACHI_ASSIGN_OR_RETURN(ledger::SignedCheckpoint parsed, ledger::ParseCheckpoint(note));
  if (parsed.checkpoint.origin != ledger::Origin(author_))
    return InvalidField("checkpoint", "origin", "is that of another log");
  return std::move(parsed.checkpoint);
}

absl::Status FolderWriter::LoadCommitted() {
  committed_ = 0;
  note_.clear();
  entries_.clear();
  statements_.clear();
  edge_ = ledger::TreeEdge();
  const absl::StatusOr<LogReader> reader = LogReader::Open(folder_);
  if (absl::IsNotFound(reader.status())) return absl::OkStatus();
  NAKADACHI_RETURN_IF_ERROR(reader.status());
  if (reader->author() != author_) return Damage("origin", "the folder holds another log");

  committed_ = reader->size();
  note_ = reader->checkpoint().note;
  edge_ = ledger::TreeEdge(committed_);
  HashTile tile;
  for (const FileName& name : PartialFiles(committed_)) {
    if (name.kind != FileKind::kTile) continue;
    NAKADACHI_RETURN_IF_ERROR(reader->ReadTile(name.level, name.index, &tile));
    for (size_t i = 0; i < tile.size(); ++i) edge_.Restore(name.level, tile.hash(i));
  }
  edge_.Settle();
  if (edge_.root() != reader->checkpoint().parsed.checkpoint.root)
    return Damage("root", "the tiles do not add up to the checkpoint");
  return committed_ % kWidth == 0 ? absl::OkStatus() : LoadLastBundle(*reader);
}

absl::Status FolderWriter::LoadLastBundle(const LogReader& reader) {
  EntryBundle entries;
  StatementBundle statements;
  NAKADACHI_RETURN_IF_ERROR(reader.ReadEntries(committed_ / kWidth, &entries));
  NAKADACHI_RETURN_IF_ERROR(reader.ReadStatements(committed_ / kWidth, &statements));
  const absl::Span<const Hash> leaves = edge_.LastTiles()[0].tile->Hashes();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (merkle::LeafHash(entries.commitment(i)) != leaves[i])
      return Damage("root", "the entries do not add up to the checkpoint");
  }
  entries_ = entries.TakeBuffer();
  statements_ = statements.TakeBuffer();
  return absl::OkStatus();
}

// Appends again what a writer before had written behind the checkpoint, as far as it is whole.
// That makes it this writer's to sync.
absl::Status FolderWriter::GoOn() {
  for (;;) {
    const uint64_t bundle = edge_.size() / kWidth;
    const size_t before = edge_.size() % kWidth;
    std::string entry_bytes;
    std::string statement_bytes;
    EntryBundle entries;
    StatementBundle statements;
    const auto read = [this, bundle](FileKind kind, size_t max, std::string* bytes) {
      return ReadFile(Path(FileName{kind, 0, bundle, kWidth}.ToString()), max, bytes).ok();
    };
    if (!read(FileKind::kEntries, 34 * kWidth, &entry_bytes) ||
        !read(FileKind::kStatements, kMaxBundleBytes, &statement_bytes))
      return absl::OkStatus();
    const bool same_begin =
        absl::StartsWith(entry_bytes, entries_) && absl::StartsWith(statement_bytes, statements_);
    if (!same_begin || !entries.Parse(std::move(entry_bytes)).ok() || entries.size() != kWidth ||
        !statements.Parse(std::move(statement_bytes)).ok() || statements.bodies().size() != kWidth)
      return absl::OkStatus();
    const auto commitment = [&entries](size_t i) {
      return *HashFromBytes(entries.commitment(i), "entry");
    };
    for (size_t i = before; i < kWidth; ++i) {
      if (!CheckBody(commitment(i), statements.bodies()[i]).ok()) return absl::OkStatus();
    }
    for (size_t i = before; i < kWidth; ++i)
      NAKADACHI_RETURN_IF_ERROR(Append(commitment(i), statements.bodies()[i]));
  }
}

// The entries last: where they are, the rest is.
absl::Status FolderWriter::WriteFullFiles() {
  const uint64_t bundle = edge_.size() / kWidth - 1;
  NAKADACHI_RETURN_IF_ERROR(WriteFile({FileKind::kStatements, 0, bundle, kWidth}, statements_));
  for (const ledger::PlacedTile& full : edge_.FullTiles())
    NAKADACHI_RETURN_IF_ERROR(WriteTile(full));
  NAKADACHI_RETURN_IF_ERROR(WriteFile({FileKind::kEntries, 0, bundle, kWidth}, entries_));
  edge_.Settle();
  statements_.clear();
  entries_.clear();
  return absl::OkStatus();
}

absl::Status FolderWriter::WritePartialFiles() {
  for (const FileName& name : PartialFiles(edge_.size())) {
    const absl::Status written = name.kind == FileKind::kTile
                                     ? WriteTile(edge_.LastTiles()[name.level])
                                 : name.kind == FileKind::kEntries ? WriteFile(name, entries_)
                                                                   : WriteFile(name, statements_);
    NAKADACHI_RETURN_IF_ERROR(written);
  }
  return absl::OkStatus();
}

absl::Status FolderWriter::Commit(absl::string_view note) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, ParseOwn(note));
  if (note == note_ && size() == committed_) return absl::OkStatus();
  if (checkpoint.size > size())
    return FieldError(absl::StatusCode::kOutOfRange, "checkpoint", "size",
                      absl::StrCat("is of ", checkpoint.size, " entries, here are ", size()));
  if (checkpoint.size < committed_)
    return Refuse(checkpoint.size, note,
                  Inconsistent("is of fewer entries than an earlier checkpoint"));
  if (checkpoint.size < size()) {
    NAKADACHI_RETURN_IF_ERROR(Drop());
    return FieldError(absl::StatusCode::kFailedPrecondition, "checkpoint", "size",
                      "is of fewer entries than were appended");
  }
  edge_.Seal();
  if (checkpoint.root != edge_.root())
    return Refuse(checkpoint.size, note,
                  Inconsistent("signs another tree than that of the entries before and with it"));

  NAKADACHI_RETURN_IF_ERROR(WritePartialFiles());
  NAKADACHI_RETURN_IF_ERROR(disk_->Sync());
  if (!note_.empty())
    NAKADACHI_RETURN_IF_ERROR(disk_->WriteDurably(Path(KeptName(committed_, note_)), note_));
  NAKADACHI_RETURN_IF_ERROR(disk_->WriteDurably(Path(kCheckpointName), note));
  const uint64_t before = std::exchange(committed_, checkpoint.size);
  note_ = std::string(note);
  return RemovePartialsOf(before);
}

// Partial files of a size that was committed once and that the newest tree does not have.
absl::Status FolderWriter::RemovePartialsOf(uint64_t size) {
  for (const FileName& name : PartialFiles(size)) {
    const int level = name.kind == FileKind::kTile ? name.level : 0;
    if (WidthOf(committed_, level, name.index) == name.width) continue;
    NAKADACHI_RETURN_IF_ERROR(disk_->Remove(Path(name.ToString())));
  }
  return absl::OkStatus();
}

// What a writer that died had no time to remove.
absl::Status FolderWriter::RemoveOutdated() {
  if (note_.empty()) return absl::OkStatus();
  NAKADACHI_ASSIGN_OR_RETURN(const LogReader reader, LogReader::Open(folder_));
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<std::string> names, reader.KeptNames());
  for (const std::string& name : names) {
    const absl::StatusOr<FoundCheckpoint> kept = reader.ReadKept(name);
    if (!kept.ok() || kept->parsed.checkpoint.size > committed_) continue;
    NAKADACHI_RETURN_IF_ERROR(RemovePartialsOf(kept->parsed.checkpoint.size));
  }
  return absl::OkStatus();
}

absl::Status FolderWriter::Refuse(uint64_t size, absl::string_view note,
                                  const absl::Status& reason) {
  NAKADACHI_RETURN_IF_ERROR(disk_->WriteDurably(Path(KeptName(size, note)), note));
  NAKADACHI_RETURN_IF_ERROR(Drop());
  return reason;
}

// Forgets what was appended behind the checkpoint. From the front, so that a writer after a death
// finds nothing to go on with.
absl::Status FolderWriter::Drop() {
  const uint64_t end = edge_.size() / kWidth;
  for (uint64_t bundle = committed_ / kWidth; bundle < end; ++bundle) {
    for (const FileKind kind : {FileKind::kEntries, FileKind::kStatements})
      NAKADACHI_RETURN_IF_ERROR(disk_->Remove(Path(FileName{kind, 0, bundle, kWidth}.ToString())));
  }
  for (int level = 0; edge_.size() >> (8 * level) >= kWidth; ++level) {
    const uint64_t until = edge_.size() >> (8 * level) >> 8;
    for (uint64_t index = committed_ >> (8 * level) >> 8; index < until; ++index)
      NAKADACHI_RETURN_IF_ERROR(
          disk_->Remove(Path(FileName{FileKind::kTile, level, index, kWidth}.ToString())));
  }
  NAKADACHI_RETURN_IF_ERROR(disk_->Sync());
  return LoadCommitted();
}

absl::Status FolderWriter::Keep(absl::string_view note) {
  NAKADACHI_ASSIGN_OR_RETURN(const ledger::Checkpoint checkpoint, ParseOwn(note));
  if (note == note_) return absl::OkStatus();
  return disk_->WriteDurably(Path(KeptName(checkpoint.size, note)), note);
}

absl::Status FolderWriter::AddKeys(const std::vector<std::string>& verifier_keys) {
  std::string lines;
  const absl::Status read = ReadFile(Path(kKeysName), 1 << 20, &lines);
  if (!read.ok() && !absl::IsNotFound(read)) return read;
  bool added = false;
  for (const std::string& text : verifier_keys) {
    NAKADACHI_ASSIGN_OR_RETURN(const ledger::NamedKey key, ledger::ParseVerifierKey(text));
    if (key.name != ledger::Origin(author_))
      return InvalidField("vkey", "origin", "is a key of another log");
    if (absl::StrContains(lines, text + "\n")) continue;
    absl::StrAppend(&lines, text, "\n");
    added = true;
  }
  if (!added) return absl::OkStatus();
  return disk_->WriteDurably(Path(kKeysName), lines);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogWriter>> LogWriter::Open(const Options& options) {
  auto writer = std::make_unique<FolderWriter>(options);
  NAKADACHI_RETURN_IF_ERROR(writer->Load());
  return std::unique_ptr<LogWriter>(std::move(writer));
}

}  // namespace nakadachi::evidence
