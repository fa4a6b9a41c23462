#include "common/base/csv.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace nakadachi {
namespace {

constexpr int kEnd = -1;
constexpr size_t kMaxRowBytes = 1 << 20;
constexpr size_t kBlockBytes = 1 << 16;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Length of the well-formed UTF-8 sequence at the front (Unicode table 3-7), 0 where there is none.
size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto continues = [&byte](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) return continues(1) ? 2 : 0;
  if (first < 0xF0) {
    // No overlong forms (E0), no surrogates (ED).
    const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  // No overlong forms (F0), nothing above U+10FFFF (F4).
  const uint8_t low = first == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

absl::StatusOr<CsvReader> CsvReader::Create(std::istream& in,
                                            const std::vector<std::string>& required) {
  CsvReader reader(in);
  reader.Fill();
  if (absl::string_view(reader.block_).substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    reader.position_ = kByteOrderMark.size();
  }
  CsvRow header;
  NAKADACHI_ASSIGN_OR_RETURN(const bool found, reader.ReadRow(&header));
  if (!found) return reader.CellError(header, "header", "the file has no header row");
  for (const std::string& column : required) {
    const auto count = std::count(header.cells.begin(), header.cells.end(), column);
    if (count == 1) continue;
    return InvalidField(
        absl::StrCat("line ", header.line, ", column \"", column, "\""), "header",
        count == 0 ? "the header lacks this column" : "the header has this column more than once");
  }
  reader.header_ = std::move(header.cells);
  return reader;
}

absl::StatusOr<bool> CsvReader::Next(CsvRow* row) {
  NAKADACHI_ASSIGN_OR_RETURN(const bool found, ReadRow(row));
  if (!found) return false;
  if (row->cells.size() != header_.size()) return WrongCount(*row);
  return true;
}

const std::string& CsvReader::Cell(const CsvRow& row, absl::string_view column) const {
  static const std::string* const empty = new std::string;
  const size_t index = ColumnIndex(column);
  return index < row.cells.size() ? row.cells[index] : *empty;
}

std::string CsvReader::Where(const CsvRow& row, absl::string_view column) const {
  const size_t index = ColumnIndex(column);
  if (index == header_.size()) return absl::StrCat("line ", row.line, " (", column, ")");
  return absl::StrCat("line ", row.line, ", column ", index + 1, " (", column, ")");
}

size_t CsvReader::ColumnIndex(absl::string_view column) const {
  return static_cast<size_t>(std::find(header_.begin(), header_.end(), column) - header_.begin());
}

void CsvReader::Fill() {
  block_.resize(kBlockBytes);
  in_->read(block_.data(), static_cast<std::streamsize>(block_.size()));
  block_.resize(static_cast<size_t>(in_->gcount()));
  position_ = 0;
}

int CsvReader::Peek() {
  if (position_ == block_.size()) Fill();
  return block_.empty() ? kEnd : static_cast<uint8_t>(block_[position_]);
}

int CsvReader::Get() {
  const int c = Peek();
  if (c != kEnd) ++position_;
  return c;
}

void CsvReader::SkipBlankLines() {
  while (Peek() == '\n' || Peek() == '\r') EndLine(Get());
}

// CRLF counts once.
void CsvReader::EndLine(int c) {
  if (c == '\r' && Peek() == '\n') Get();
  ++line_;
}

absl::Status CsvReader::ColumnError(const CsvRow& row, size_t column, absl::string_view rule,
                                    absl::string_view message) const {
  std::string where = absl::StrCat("line ", row.line, ", column ", column + 1);
  if (column < header_.size()) absl::StrAppend(&where, " (", header_[column], ")");
  return InvalidField(where, rule, message);
}

absl::Status CsvReader::CellError(const CsvRow& row, absl::string_view rule,
                                  absl::string_view message) const {
  return ColumnError(row, row.cells.size(), rule, message);
}

absl::Status CsvReader::WrongCount(const CsvRow& row) const {
  const size_t has = row.cells.size();
  if (has > header_.size()) {
    return ColumnError(row, header_.size(), "columns",
                       absl::StrCat("has ", has, " cells, the header has ", header_.size()));
  }
  return ColumnError(
      row, has, "columns",
      absl::StrCat("is missing: the ", cut_ ? "file" : "row", " ends after ", has,
                   has == 1 ? " cell" : " cells", ", the header has ", header_.size()));
}

absl::StatusOr<bool> CsvReader::ReadRow(CsvRow* row) {
  SkipBlankLines();
  cut_ = false;
  row->line = line_;
  row->cells.clear();
  if (Peek() == kEnd) {
    if (!in_->bad()) return false;
    return FieldError(absl::StatusCode::kDataLoss, absl::StrCat("line ", line_), "read",
                      "the file cannot be read further");
  }
  size_t room = kMaxRowBytes;
  absl::Status encoding;
  for (bool more = true; more;) {
    std::string cell;
    NAKADACHI_ASSIGN_OR_RETURN(more, ReadCell(*row, &cell, &room));
    if (encoding.ok() && !IsUtf8(cell)) encoding = CellError(*row, "utf-8", "must be UTF-8");
    row->cells.push_back(std::move(cell));
  }
  // Only now, so that the next row can be read.
  NAKADACHI_RETURN_IF_ERROR(encoding);
  return true;
}

// True where another cell of the row follows.
absl::StatusOr<bool> CsvReader::ReadCell(const CsvRow& row, std::string* cell, size_t* room) {
  const bool quoted = Peek() == '"';
  if (quoted) {
    Get();
    NAKADACHI_RETURN_IF_ERROR(ReadQuoted(row, cell, room));
  }
  while (true) {
    const int c = Get();
    if (c != kEnd && (*room)-- == 0) return CellError(row, "too-long", "the row is over 1 MiB");
    if (c == ',') return true;
    if (c == '\n' || c == '\r') {
      EndLine(c);
      return false;
    }
    if (c == kEnd) {
      cut_ = true;
      return false;
    }
    if (quoted) return CellError(row, "quote", "must end at its closing quote");
    if (c == '"') return CellError(row, "quote", "a quote stands inside an unquoted cell");
    cell->push_back(static_cast<char>(c));
  }
}

// Reads up to and including the closing quote.
absl::Status CsvReader::ReadQuoted(const CsvRow& row, std::string* cell, size_t* room) {
  while (true) {
    const int c = Get();
    if (c == kEnd) return CellError(row, "truncated", "the file ends inside a quoted cell");
    if (c == '"' && Peek() != '"') return absl::OkStatus();
    if (c == '"') Get();
    if (c == '\n') ++line_;
    if ((*room)-- == 0) return CellError(row, "too-long", "the row is over 1 MiB");
    cell->push_back(static_cast<char>(c));
  }
}

std::string CsvCell(absl::string_view text) {
  // At a file's begin a byte-order mark would be taken for the file's own.
  const bool marked = text.substr(0, kByteOrderMark.size()) == kByteOrderMark;
  if (!marked && text.find_first_of(",\"\r\n") == absl::string_view::npos) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string CsvLine(const std::vector<std::string>& cells) {
  if (cells.size() == 1 && cells[0].empty()) return "\"\"\n";  // not a line to be passed over
  return absl::StrCat(
      absl::StrJoin(cells, ",",
                    [](std::string* out, const std::string& cell) { out->append(CsvCell(cell)); }),
      "\n");
}

}  // namespace nakadachi
