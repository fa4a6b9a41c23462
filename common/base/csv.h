// CSV as spreadsheets write it (RFC 4180): quotes, doubled quotes, CRLF or LF, an optional UTF-8
// byte-order mark. Errors name the line and the column (both from 1) and the column's name.
#ifndef NAKADACHI_COMMON_BASE_CSV_H_
#define NAKADACHI_COMMON_BASE_CSV_H_

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nakadachi {

struct CsvRow {
  int line = 0;  // where the row begins, from 1
  std::vector<std::string> cells;
};

// Reads a CSV with a header row, a row at a time: memory does not grow with the file.
// Rules: "utf-8", "quote", "columns" (a row with another number of cells than the header: named is
// the first column that it lacks or has beyond it), "header" (there is none, or a required column
// is missing or doubled), "truncated" (ends inside a quoted cell),
// "too-long" (a row over 1 MiB), and DATA_LOSS "read". A row's line is where it begins.
// Lines without a character between rows are passed over.
class CsvReader {
 public:
  // `required` columns must all be in the header; others are allowed. `in` outlives the
  // reader, which reads ahead of the rows it has returned.
  static absl::StatusOr<CsvReader> Create(std::istream& in,
                                          const std::vector<std::string>& required);

  // False at the end of the file. After "columns" and "utf-8" the next row can be read; any other
  // error is the last.
  absl::StatusOr<bool> Next(CsvRow* row);

  // The cell of a column in a row; empty where the file has no such column.
  const std::string& Cell(const CsvRow& row, absl::string_view column) const;

  // "line 3, column 2 (code)", for an error about a cell.
  std::string Where(const CsvRow& row, absl::string_view column) const;

  const std::vector<std::string>& header() const { return header_; }

 private:
  explicit CsvReader(std::istream& in) : in_(&in) {}
  absl::StatusOr<bool> ReadRow(CsvRow* row);
  absl::StatusOr<bool> ReadCell(const CsvRow& row, std::string* cell, size_t* room);
  absl::Status ReadQuoted(const CsvRow& row, std::string* cell, size_t* room);
  // About the cell that stands at, or would be the next of, `column` (from 0) of the row.
  absl::Status ColumnError(const CsvRow& row, size_t column, absl::string_view rule,
                           absl::string_view message) const;
  absl::Status CellError(const CsvRow& row, absl::string_view rule,
                         absl::string_view message) const;
  absl::Status WrongCount(const CsvRow& row) const;
  size_t ColumnIndex(absl::string_view column) const;  // the header's size where there is none
  void SkipBlankLines();
  void EndLine(int c);
  int Get();
  int Peek();
  void Fill();

  std::istream* in_;
  std::string block_;  // bytes read ahead, used up to position_
  size_t position_ = 0;
  int line_ = 1;
  bool cut_ = false;  // the last row ended with the file, not with its line
  std::vector<std::string> header_;
};

// Quotes a cell where needed.
std::string CsvCell(absl::string_view text);
// One row, ended by LF. What is written so reads back the same.
std::string CsvLine(const std::vector<std::string>& cells);

bool IsUtf8(absl::string_view text);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_CSV_H_
