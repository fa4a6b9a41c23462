#include "common/evidence/log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/evidence/disk.h"
#include "common/ledger/commitment.h"
#include "common/ledger/tree_edge.h"
#include "common/merkle/merkle.h"

namespace nakadachi::evidence {
namespace {

constexpr size_t kMaxNoteBytes = 128 << 10;
constexpr size_t kMaxKeyBytes = 1 << 20;
constexpr size_t kMaxTileBytes = 32 * kWidth;
constexpr size_t kMaxEntriesBytes = 34 * kWidth;
constexpr size_t kMaxStatementsBytes = size_t{256} << 20;

absl::Status LengthError(absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, "", "length", message);
}

// The same error as damage of an export.
absl::Status AsDataLoss(const absl::Status& status) {
  const FieldRule rule = GetFieldRule(status);
  return FieldError(absl::StatusCode::kDataLoss, "", rule.rule, "is not of its format");
}

absl::Status NoBody(BodyState state) {
  const absl::string_view rule = state == BodyState::kErased       ? "erased"
                                 : state == BodyState::kWithheld   ? "withheld"
                                 : state == BodyState::kUnreadable ? "unreadable"
                                                                   : "absent";
  return FieldError(absl::StatusCode::kNotFound, "leaf_index", rule,
                    "the export does not hold this statement");
}

}  // namespace

absl::Status HashTile::Parse(std::string bytes, uint64_t width) {
  bytes_ = std::move(bytes);
  if (bytes_.size() == 32 * width) return absl::OkStatus();
  return LengthError(absl::StrCat("does not hold ", width, " hashes"));
}

Hash HashTile::hash(size_t i) const {
  Hash hash;
  std::copy_n(view(i).begin(), hash.size(), hash.begin());
  return hash;
}

std::string HashTile::TakeBuffer() { return std::exchange(bytes_, std::string()); }

absl::Status LogReader::FileError(const std::string& name, const absl::Status& status) const {
  if (status.ok()) return status;
  const FieldRule rule = GetFieldRule(status);
  std::string file = absl::StrCat(label_, "/", name);
  absl::string_view message = status.message();
  if (absl::StartsWith(rule.field, "byte ")) absl::StrAppend(&file, ", ", rule.field);
  absl::ConsumePrefix(&message, absl::StrCat(rule.field, ": "));
  absl::ConsumeSuffix(&message, absl::StrCat(" [", rule.rule, "]"));
  return FieldError(status.code(), file, rule.rule, message);
}

absl::StatusOr<LogReader> LogReader::Open(const std::string& folder) {
  LogReader reader;
  reader.folder_ = folder;
  const std::vector<absl::string_view> parts = absl::StrSplit(folder, '/', absl::SkipEmpty());
  reader.label_ = parts.empty() ? folder : std::string(parts.back());

  FoundCheckpoint& found = reader.checkpoint_;
  NAKADACHI_ASSIGN_OR_RETURN(found, reader.ReadKept(kCheckpointName));
  absl::StatusOr<Author> author = ledger::AuthorOfOrigin(found.parsed.checkpoint.origin);
  if (!author.ok()) return reader.FileError(kCheckpointName, AsDataLoss(author.status()));
  reader.author_ = *std::move(author);

  std::string keys;
  const absl::Status read = ReadFile(folder + "/" + kKeysName, kMaxKeyBytes, &keys);
  if (!read.ok() && !absl::IsNotFound(read)) return reader.FileError(kKeysName, read);
  for (const absl::string_view line : absl::StrSplit(keys, '\n', absl::SkipEmpty())) {
    absl::StatusOr<ledger::NamedKey> key = ledger::ParseVerifierKey(line);
    if (key.ok()) {
      reader.keys_.push_back(*std::move(key));
    } else {
      reader.keys_status_ = reader.FileError(kKeysName, AsDataLoss(key.status()));
    }
  }
  return reader;
}

absl::StatusOr<std::vector<std::string>> LogReader::KeptNames() const {
  absl::StatusOr<std::vector<std::string>> listed = ListFolder(folder_ + "/" + kKeptFolder);
  if (!listed.ok()) return FileError(kKeptFolder, listed.status());
  std::vector<std::string> names;
  for (const std::string& name : *listed) {
    if (!IsTemporary(name)) names.push_back(absl::StrCat(kKeptFolder, "/", name));
  }
  return names;
}

absl::StatusOr<FoundCheckpoint> LogReader::ReadKept(const std::string& name) const {
  FoundCheckpoint found;
  found.name = name;
  const absl::Status read = ReadFile(folder_ + "/" + name, kMaxNoteBytes, &found.note);
  if (!read.ok()) return FileError(name, read);
  absl::StatusOr<ledger::SignedCheckpoint> parsed = ledger::ParseCheckpoint(found.note);
  if (!parsed.ok()) return FileError(name, AsDataLoss(parsed.status()));
  found.parsed = *std::move(parsed);
  return found;
}

absl::Status LogReader::ReadTile(int level, uint64_t index, HashTile* out) const {
  const FileName name{FileKind::kTile, level, index, WidthOf(size(), level, index)};
  NAKADACHI_CHECK(name.width > 0);
  std::string bytes = out->TakeBuffer();
  absl::Status status = ReadFile(folder_ + "/" + name.ToString(), kMaxTileBytes, &bytes);
  if (status.ok()) status = out->Parse(std::move(bytes), name.width);
  return FileError(name.ToString(), status);
}

absl::Status LogReader::ReadEntries(uint64_t bundle, EntryBundle* out) const {
  const FileName name{FileKind::kEntries, 0, bundle, WidthOf(size(), 0, bundle)};
  NAKADACHI_CHECK(name.width > 0);
  std::string bytes = out->TakeBuffer();
  absl::Status status = ReadFile(folder_ + "/" + name.ToString(), kMaxEntriesBytes + 34, &bytes);
  if (status.ok()) status = out->Parse(std::move(bytes));
  if (status.ok() && out->size() != name.width)
    status = LengthError(absl::StrCat("holds ", out->size(), " entries instead of ", name.width));
  return FileError(name.ToString(), status);
}

absl::Status LogReader::ReadStatements(uint64_t bundle, StatementBundle* out) const {
  const FileName name{FileKind::kStatements, 0, bundle, WidthOf(size(), 0, bundle)};
  NAKADACHI_CHECK(name.width > 0);
  std::string bytes = out->TakeBuffer();
  absl::Status status = ReadFile(folder_ + "/" + name.ToString(), kMaxStatementsBytes, &bytes);
  if (status.ok()) status = out->Parse(std::move(bytes));
  const size_t bodies = out->bodies().size();
  if (status.ok() && bodies != name.width)
    status = LengthError(absl::StrCat("holds ", bodies, " bodies instead of ", name.width));
  return FileError(name.ToString(), status);
}

absl::Status LogReader::ForEach(uint64_t start, uint64_t end, const Visit& visit) const {
  NAKADACHI_CHECK(end <= size());
  EntryBundle entries;
  StatementBundle statements;
  for (uint64_t index = start; index < end;) {
    const uint64_t bundle = index / kWidth;
    NAKADACHI_RETURN_IF_ERROR(ReadEntries(bundle, &entries));
    NAKADACHI_RETURN_IF_ERROR(ReadStatements(bundle, &statements));
    for (; index < end && index / kWidth == bundle; ++index) {
      const size_t i = index % kWidth;
      if (!visit(index, entries.commitment(i), statements.bodies()[i])) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Recorded> LogReader::Prove(uint64_t index, uint64_t size,
                                              const std::string& note) const {
  return LogProver(*this).Prove(index, size, note);
}

absl::StatusOr<Body> LogProver::ReadBody(uint64_t index) {
  if (bundle_ != index / kWidth) {
    bundle_.reset();
    NAKADACHI_RETURN_IF_ERROR(reader_.ReadStatements(index / kWidth, &statements_));
    bundle_ = index / kWidth;
  }
  return statements_.bodies()[index % kWidth];
}

absl::StatusOr<Body> LogProver::ReadSignedBody(uint64_t index) {
  NAKADACHI_ASSIGN_OR_RETURN(const Body own, ReadBody(index));
  const absl::StatusOr<Hash> leaf = NodeHash({0, index});
  if (own.state != BodyState::kPresent || !leaf.ok()) return own;
  const auto is_signed = [&leaf](const Body& body) {
    return body.state == BodyState::kPresent &&
           merkle::LeafHash(AsView(ledger::Commit(body.salt, body.statement))) == *leaf;
  };
  if (is_signed(own)) return own;
  const std::vector<Body>& bodies = statements_.bodies();
  const auto moved = std::find_if(bodies.begin(), bodies.end(), is_signed);
  return moved == bodies.end() ? own : *moved;
}

absl::StatusOr<v1::Recorded> LogProver::Prove(uint64_t index, uint64_t size,
                                              const std::string& note) {
  NAKADACHI_CHECK(index < size && size <= reader_.size());
  NAKADACHI_ASSIGN_OR_RETURN(const Body body, ReadSignedBody(index));
  if (body.state != BodyState::kPresent) return NoBody(body.state);
  v1::Recorded recorded;
  recorded.set_salt(std::string(body.salt));
  recorded.set_statement(std::string(body.statement));
  NAKADACHI_ASSIGN_OR_RETURN(const std::vector<Hash> path, Path(index, size));
  for (const Hash& hash : path) recorded.mutable_path()->append(AsView(hash).data(), hash.size());
  recorded.set_leaf_index(index);
  recorded.set_checkpoint(note);
  return recorded;
}

absl::StatusOr<std::vector<Hash>> LogProver::Path(uint64_t index, uint64_t size) {
  return merkle::BuildProof(merkle::InclusionProofNodes(index, size),
                            [this](merkle::NodeId node) { return NodeHash(node); });
}

absl::StatusOr<Hash> LogProver::NodeHash(merkle::NodeId node) {
  const auto known = nodes_.find({node.level, node.index});
  if (known != nodes_.end()) return known->second;
  const ledger::TilePlace place = ledger::PlaceOf(node);
  NAKADACHI_ASSIGN_OR_RETURN(const HashTile* const tile,
                             TileAt(place.tile.level, place.tile.index));
  const uint64_t count = uint64_t{1} << place.height;
  std::vector<Hash> below;
  for (uint64_t i = 0; i < count; ++i) below.push_back(tile->hash(place.index * count + i));
  return nodes_[{node.level, node.index}] = merkle::RootOfLeaves(below);
}

absl::StatusOr<const HashTile*> LogProver::TileAt(int level, uint64_t index) {
  const auto known = tiles_.find(level);
  if (known != tiles_.end() && known->second.index == index) return &known->second.tile;
  ReadTile read;
  read.index = index;
  NAKADACHI_RETURN_IF_ERROR(reader_.ReadTile(level, index, &read.tile));
  return &(tiles_[level] = std::move(read)).tile;
}

}  // namespace nakadachi::evidence
