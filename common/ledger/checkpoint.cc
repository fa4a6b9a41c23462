#include "common/ledger/checkpoint.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/csv.h"
#include "common/base/status.h"

namespace nakadachi::ledger {
namespace {

constexpr absl::string_view kOriginPrefix = "nakadachi/";
constexpr absl::string_view kOriginSuffix = "/statements";
constexpr absl::string_view kTimePrefix = "time ";
constexpr absl::string_view kSignaturePrefix = "\u2014 ";
constexpr absl::string_view kEd25519Type("\x01", 1);
constexpr absl::string_view kWitnessSuffix = "/witness";
constexpr absl::string_view kCosignatureType("\x04", 1);
constexpr absl::string_view kCosignatureHeader = "cosignature/v1\n";
constexpr size_t kCosignatureTimeBytes = 8;
// Room for the sixteen signatures that C2SP asks readers to accept, of the longest known kind.
constexpr size_t kMaxNoteBytes = 128 << 10;
constexpr size_t kMaxSignatures = 16;

absl::string_view View(const Ed25519PublicKey& key) {
  return absl::string_view(reinterpret_cast<const char*>(key.data()), key.size());
}

KeyId KeyIdOf(absl::string_view name, absl::string_view type, const Ed25519PublicKey& key) {
  const Hash hash = Sha256(name, "\n", type, View(key));
  KeyId id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

absl::Status FormatError(absl::string_view message) {
  return InvalidField("checkpoint", "checkpoint-format", message);
}

// A decimal without sign or leading zeros, at most `max`.
bool ParseDecimal(absl::string_view text, uint64_t max, uint64_t* value) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  return absl::SimpleAtoi(text, value) && *value <= max;
}

// Unicode's White_Space beyond the control characters, in UTF-8.
bool HasSpace(absl::string_view text) {
  static constexpr absl::string_view kSpaces[] = {
      " ",      "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",  "\u2003",
      "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",  "\u200a",
      "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\xc2\x85"};
  return std::any_of(std::begin(kSpaces), std::end(kSpaces),
                     [text](absl::string_view space) { return absl::StrContains(text, space); });
}

bool IsKeyName(absl::string_view name) {
  return !name.empty() && !absl::StrContains(name, '+') && !HasSpace(name);
}

bool IsNoteText(absl::string_view note) {
  const bool controls = std::any_of(note.begin(), note.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n';
  });
  return !controls && IsUtf8(note);
}

absl::StatusOr<NoteSignature> ParseSignatureLine(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, kSignaturePrefix))
    return FormatError("a signature line does not begin with a dash and a space");
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  if (!IsKeyName(parts.first)) return FormatError("a signature line has no key name");
  const absl::StatusOr<std::string> bytes = Base64Decode(parts.second, "checkpoint");
  NoteSignature signature;
  if (!bytes.ok() || bytes->size() <= signature.key_id.size())
    return FormatError("a signature is not base64 of a key id and a signature");
  signature.name = std::string(parts.first);
  std::copy_n(bytes->begin(), signature.key_id.size(), signature.key_id.begin());
  signature.signature = bytes->substr(signature.key_id.size());
  return signature;
}

// `lines` with the newline that ends each.
absl::StatusOr<std::vector<NoteSignature>> ParseSignatures(absl::string_view lines) {
  std::vector<NoteSignature> signatures;
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(lines, "\n"), '\n')) {
    if (signatures.size() == kMaxSignatures) return FormatError("has too many signatures");
    NAKADACHI_ASSIGN_OR_RETURN(NoteSignature signature, ParseSignatureLine(line));
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

// The one line "time <Unix ms>" among the extension lines.
absl::StatusOr<int64_t> ParseTime(const std::vector<absl::string_view>& lines) {
  bool found = false;
  uint64_t time_ms = 0;
  for (size_t i = 3; i < lines.size(); ++i) {
    absl::string_view line = lines[i];
    if (!absl::ConsumePrefix(&line, kTimePrefix)) continue;
    if (found) return FormatError("has two times");
    if (!ParseDecimal(line, std::numeric_limits<int64_t>::max(), &time_ms))
      return FormatError("the time is not a decimal number");
    found = true;
  }
  if (!found) return FormatError("has no time");
  return static_cast<int64_t>(time_ms);
}

absl::StatusOr<Checkpoint> ParseBody(absl::string_view body) {
  const std::vector<absl::string_view> lines = absl::StrSplit(absl::StripSuffix(body, "\n"), '\n');
  if (lines.size() < 3) return FormatError("has fewer than three lines");
  if (std::any_of(lines.begin(), lines.end(), [](absl::string_view l) { return l.empty(); }))
    return FormatError("has an empty line");
  Checkpoint checkpoint;
  checkpoint.origin = std::string(lines[0]);
  if (!ParseDecimal(lines[1], std::numeric_limits<uint64_t>::max(), &checkpoint.size))
    return FormatError("the size is not a decimal number");
  const absl::StatusOr<std::string> root = Base64Decode(lines[2], "checkpoint");
  if (!root.ok() || root->size() != checkpoint.root.size())
    return FormatError("the root is not base64 of 32 bytes");
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  NAKADACHI_ASSIGN_OR_RETURN(checkpoint.time_ms, ParseTime(lines));
  return checkpoint;
}

}  // namespace

std::string Origin(const Author& author) {
  return absl::StrCat(kOriginPrefix, author.ToString(), kOriginSuffix);
}

absl::StatusOr<Author> AuthorOfOrigin(absl::string_view origin) {
  absl::string_view text = origin;
  if (absl::ConsumePrefix(&text, kOriginPrefix) && absl::ConsumeSuffix(&text, kOriginSuffix)) {
    absl::StatusOr<Author> author = Author::Parse(text, "origin");
    if (author.ok()) return author;
  }
  return InvalidField("origin", "origin", "is not that of an author's statements");
}

KeyId SignedNoteKeyId(absl::string_view name, const Ed25519PublicKey& key) {
  return KeyIdOf(name, kEd25519Type, key);
}

std::string VerifierKey(absl::string_view name, const Ed25519PublicKey& key) {
  const KeyId id = SignedNoteKeyId(name, key);
  const absl::string_view id_view(reinterpret_cast<const char*>(id.data()), id.size());
  return absl::StrCat(name, "+", HexEncode(id_view), "+",
                      Base64Encode(absl::StrCat(kEd25519Type, View(key))));
}

absl::StatusOr<NamedKey> ParseVerifierKey(absl::string_view text) {
  // The base64 of the last part may hold a plus itself.
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('+', 2));
  if (parts.size() != 3 || !IsNoteText(text) || !IsKeyName(parts[0]))
    return InvalidField("vkey", "vkey-format", "is not name+id+key");
  NAKADACHI_ASSIGN_OR_RETURN(const std::string bytes, Base64Decode(parts[2], "vkey"));
  NamedKey named{std::string(parts[0]), {}};
  if (bytes.size() != 1 + named.key.size() || bytes[0] != kEd25519Type[0])
    return InvalidField("vkey", "key-type", "is not an Ed25519 key");
  std::copy(bytes.begin() + 1, bytes.end(), named.key.begin());
  if (VerifierKey(named.name, named.key) != text)
    return InvalidField("vkey", "key-id", "the key id is not that of the key");
  return named;
}

std::string CheckpointBody(const Checkpoint& checkpoint) {
  return absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n",
                      Base64Encode(AsView(checkpoint.root)), "\n", kTimePrefix, checkpoint.time_ms,
                      "\n");
}

std::string SignCheckpoint(const Checkpoint& checkpoint, const Ed25519PrivateKey& key) {
  std::string note = CheckpointBody(checkpoint);
  const Ed25519Signature signature = key.Sign(note);
  absl::StrAppend(
      &note, "\n",
      SignatureLine({checkpoint.origin, SignedNoteKeyId(checkpoint.origin, key.public_key()),
                     std::string(signature.begin(), signature.end())}));
  return note;
}

std::string SignatureLine(const NoteSignature& signature) {
  std::string bytes(signature.key_id.begin(), signature.key_id.end());
  bytes += signature.signature;
  return absl::StrCat(kSignaturePrefix, signature.name, " ", Base64Encode(bytes), "\n");
}

std::string NoteText(absl::string_view body, const std::vector<NoteSignature>& signatures) {
  std::string note = absl::StrCat(body, "\n");
  for (const NoteSignature& signature : signatures) note += SignatureLine(signature);
  return note;
}

absl::StatusOr<SignedCheckpoint> ParseCheckpoint(absl::string_view note) {
  if (note.size() > kMaxNoteBytes) return FormatError("is too long");
  if (!IsNoteText(note)) return FormatError("is not UTF-8 text without control characters");
  const size_t separator = note.rfind("\n\n");
  if (separator == absl::string_view::npos || !absl::EndsWith(note, "\n") ||
      separator + 2 == note.size())
    return FormatError("has no signatures");
  SignedCheckpoint parsed;
  parsed.body = std::string(note.substr(0, separator + 1));
  NAKADACHI_ASSIGN_OR_RETURN(parsed.checkpoint, ParseBody(parsed.body));
  NAKADACHI_ASSIGN_OR_RETURN(parsed.signatures, ParseSignatures(note.substr(separator + 2)));
  return parsed;
}

bool VerifyCheckpointSignature(const SignedCheckpoint& signed_checkpoint,
                               const Ed25519PublicKey& key) {
  const std::string& origin = signed_checkpoint.checkpoint.origin;
  const KeyId id = SignedNoteKeyId(origin, key);
  bool found = false;
  for (const NoteSignature& signature : signed_checkpoint.signatures) {
    if (signature.name != origin || signature.key_id != id) continue;
    // As C2SP advises, one bad signature of a known key spoils the note.
    if (!Ed25519Verify(key, signed_checkpoint.body, signature.signature)) return false;
    found = true;
  }
  return found;
}

std::string WitnessName(const Author& author) {
  return absl::StrCat(kOriginPrefix, author.ToString(), kWitnessSuffix);
}

absl::StatusOr<Author> AuthorOfWitnessName(absl::string_view name) {
  absl::string_view text = name;
  if (absl::ConsumePrefix(&text, kOriginPrefix) && absl::ConsumeSuffix(&text, kWitnessSuffix)) {
    absl::StatusOr<Author> author = Author::Parse(text, "witness");
    if (author.ok()) return author;
  }
  return InvalidField("witness", "witness", "is not the name of an author as a witness");
}

KeyId CosignatureKeyId(absl::string_view name, const Ed25519PublicKey& key) {
  return KeyIdOf(name, kCosignatureType, key);
}

std::string CosignedText(absl::string_view body, uint64_t time_s) {
  return absl::StrCat(kCosignatureHeader, kTimePrefix, time_s, "\n", body);
}

NoteSignature Cosign(absl::string_view body, absl::string_view name, uint64_t time_s,
                     const Ed25519PrivateKey& key) {
  NoteSignature cosignature{std::string(name), CosignatureKeyId(name, key.public_key()), ""};
  for (int shift = 56; shift >= 0; shift -= 8) {
    cosignature.signature.push_back(static_cast<char>((time_s >> shift) & 0xff));
  }
  const Ed25519Signature signature = key.Sign(CosignedText(body, time_s));
  cosignature.signature.append(signature.begin(), signature.end());
  return cosignature;
}

absl::StatusOr<uint64_t> CosignatureTime(const NoteSignature& signature) {
  const std::string& bytes = signature.signature;
  if (bytes.size() != kCosignatureTimeBytes + Ed25519Signature().size())
    return InvalidField("cosignature", "cosignature", "is not a time and a signature");
  uint64_t time_s = 0;
  for (size_t i = 0; i < kCosignatureTimeBytes; ++i) {
    time_s = time_s << 8 | static_cast<uint8_t>(bytes[i]);
  }
  if (time_s > std::numeric_limits<int64_t>::max())
    return InvalidField("cosignature", "cosignature", "its time is beyond all times");
  return time_s;
}

bool VerifyCosignature(absl::string_view body, const NoteSignature& signature,
                       const Ed25519PublicKey& key) {
  if (signature.key_id != CosignatureKeyId(signature.name, key)) return false;
  const absl::StatusOr<uint64_t> time_s = CosignatureTime(signature);
  return time_s.ok() &&
         Ed25519Verify(key, CosignedText(body, *time_s),
                       absl::string_view(signature.signature).substr(kCosignatureTimeBytes));
}

}  // namespace nakadachi::ledger
