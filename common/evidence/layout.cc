#include "common/evidence/layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/check.h"
#include "common/base/status.h"

namespace nakadachi::evidence {
namespace {

constexpr int kMaxLevel = 7;  // a tree has fewer than 2^64 entries
constexpr size_t kHashSize = 32;
constexpr size_t kSaltSize = 32;
constexpr size_t kPersonSize = 16;
constexpr uint8_t kPresentWithPerson = 4;
constexpr uint8_t kLastState = static_cast<uint8_t>(BodyState::kUnreadable);

absl::Status PathError() { return InvalidField("path", "path", "is no name of the layout"); }

absl::Status ByteError(size_t offset, absl::string_view rule, absl::string_view message) {
  return FieldError(absl::StatusCode::kDataLoss, absl::StrCat("byte ", offset), rule, message);
}

uint32_t LoadBigEndian(absl::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void AddBigEndian(uint32_t value, std::string* bytes) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes->push_back(static_cast<char>(value >> shift & 0xff));
}

std::string IndexName(uint64_t index) {
  std::string name = absl::StrFormat("%03d", index % 1000);
  for (index /= 1000; index > 0; index /= 1000)
    name = absl::StrFormat("x%03d/%s", index % 1000, name);
  return name;
}

bool IsDigits(absl::string_view text, size_t size) {
  return text.size() == size &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The groups of IndexName(), exactly as it writes them.
bool ParseIndex(absl::string_view text, uint64_t* index) {
  std::string digits;
  const std::vector<absl::string_view> groups = absl::StrSplit(text, '/');
  for (size_t i = 0; i < groups.size(); ++i) {
    absl::string_view group = groups[i];
    if (i + 1 < groups.size() && !absl::ConsumePrefix(&group, "x")) return false;
    if (!IsDigits(group, 3)) return false;
    absl::StrAppend(&digits, group);
  }
  return absl::SimpleAtoi(digits, index) && IndexName(*index) == text;
}

// "001.p/17" ends in a width; a full file's name does not.
bool ParseWidth(absl::string_view* path, uint64_t* width) {
  const size_t at = path->rfind(".p/");
  if (at == absl::string_view::npos) return true;
  const absl::string_view text = path->substr(at + 3);
  if (!absl::SimpleAtoi(text, width) || *width == 0 || *width >= kWidth ||
      absl::StrCat(*width) != text)
    return false;
  *path = path->substr(0, at);
  return true;
}

}  // namespace

std::string FileName::ToString() const {
  const std::string folder = kind == FileKind::kTile      ? absl::StrCat("tile/", level)
                             : kind == FileKind::kEntries ? "tile/entries"
                                                          : "statements";
  const std::string name = absl::StrCat(folder, "/", IndexName(index));
  return width == kWidth ? name : absl::StrCat(name, ".p/", width);
}

absl::StatusOr<FileName> FileName::Parse(absl::string_view path) {
  FileName name;
  if (!ParseWidth(&path, &name.width)) return PathError();
  if (absl::ConsumePrefix(&path, "statements/")) {
    name.kind = FileKind::kStatements;
  } else if (absl::ConsumePrefix(&path, "tile/entries/")) {
    name.kind = FileKind::kEntries;
  } else if (path.size() > 7 && absl::ConsumePrefix(&path, "tile/") && path[0] >= '0' &&
             path[0] <= '0' + kMaxLevel && path[1] == '/') {
    name.level = path[0] - '0';
    path.remove_prefix(2);
  } else {
    return PathError();
  }
  if (!ParseIndex(path, &name.index)) return PathError();
  return name;
}

uint64_t WidthOf(uint64_t size, int level, uint64_t index) {
  const uint64_t hashes = size >> (8 * level);
  if (index < hashes / kWidth) return kWidth;
  return index == hashes / kWidth ? hashes % kWidth : 0;
}

std::vector<FileName> PartialFiles(uint64_t size) {
  std::vector<FileName> files;
  for (int level = 0; level <= kMaxLevel; ++level) {
    const uint64_t index = size >> (8 * level) >> 8;
    const uint64_t width = WidthOf(size, level, index);
    if (width == 0) continue;
    files.push_back({FileKind::kTile, level, index, width});
    if (level > 0) continue;
    files.push_back({FileKind::kEntries, 0, index, width});
    files.push_back({FileKind::kStatements, 0, index, width});
  }
  return files;
}

std::string KeptName(uint64_t size, absl::string_view note) {
  return absl::StrCat(kKeptFolder, "/", size, "-", HexEncode(AsView(Sha256(note)).substr(0, 4)));
}

absl::Status EntryBundle::Parse(std::string bytes) {
  bytes_ = std::move(bytes);
  size_ = 0;
  while (size_ < kWidth && (size_ + 1) * kStride <= bytes_.size()) {
    const size_t at = size_ * kStride;
    if (bytes_[at] != 0 || static_cast<size_t>(bytes_[at + 1]) != kHashSize)
      return ByteError(at, "entry-length", "an entry is not 32 bytes long");
    ++size_;
  }
  if (size_ * kStride == bytes_.size()) return absl::OkStatus();
  return ByteError(size_ * kStride, "length", "does not end behind an entry, or has too many");
}

void EntryBundle::Add(const Hash& commitment, std::string* bytes) {
  absl::StrAppend(bytes, absl::string_view("\0 ", 2), AsView(commitment));
}

std::string EntryBundle::TakeBuffer() {
  size_ = 0;
  return std::exchange(bytes_, std::string());
}

absl::Status StatementBundle::Parse(std::string bytes) {
  bytes_ = std::move(bytes);
  bodies_.clear();
  absl::string_view rest = bytes_;
  while (!rest.empty()) {
    const size_t at = bytes_.size() - rest.size();
    const auto state = static_cast<uint8_t>(rest[0]);
    if (bodies_.size() == kWidth) return ByteError(at, "length", "has more than 256 bodies");
    if (state > kLastState) return ByteError(at, "body-state", "is no state of a body");
    rest.remove_prefix(1);
    Body body;
    const bool has_person = state == kPresentWithPerson;
    body.state = has_person ? BodyState::kPresent : static_cast<BodyState>(state);
    if (body.state == BodyState::kPresent) {
      const size_t before = has_person ? kPersonSize : 0;
      if (rest.size() < before + 4) return ByteError(at, "length", "ends within a body");
      body.person = rest.substr(0, before);
      const uint32_t length = LoadBigEndian(rest.substr(before, 4));
      rest.remove_prefix(before + 4);
      if (length <= kSaltSize)
        return ByteError(at, "body-length", "a body is no longer than its salt");
      if (rest.size() < length) return ByteError(at, "length", "ends within a body");
      body.salt = rest.substr(0, kSaltSize);
      body.statement = rest.substr(kSaltSize, length - kSaltSize);
      rest.remove_prefix(length);
    }
    bodies_.push_back(body);
  }
  return absl::OkStatus();
}

void StatementBundle::Add(const Body& body, std::string* bytes) {
  const bool has_person = body.state == BodyState::kPresent && !body.person.empty();
  bytes->push_back(
      static_cast<char>(has_person ? kPresentWithPerson : static_cast<uint8_t>(body.state)));
  if (body.state != BodyState::kPresent) return;
  NAKADACHI_CHECK(body.salt.size() == kSaltSize && !body.statement.empty());
  NAKADACHI_CHECK(!has_person || body.person.size() == kPersonSize);
  absl::StrAppend(bytes, body.person);
  AddBigEndian(static_cast<uint32_t>(body.salt.size() + body.statement.size()), bytes);
  absl::StrAppend(bytes, body.salt, body.statement);
}

std::string StatementBundle::TakeBuffer() {
  bodies_.clear();
  return std::exchange(bytes_, std::string());
}

}  // namespace nakadachi::evidence
