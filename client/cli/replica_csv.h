// The CSV in which a source system hands over its replica, one row a dose; README.md has the
// layout. Rows of one person and item stand together and make one ReplicaSet.
#ifndef NAKADACHI_CLIENT_CLI_REPLICA_CSV_H_
#define NAKADACHI_CLIENT_CLI_REPLICA_CSV_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "common/base/csv.h"
#include "nakadachi/v1/intermediate.pb.h"

namespace nakadachi::cli {

// The required columns; all others of the layout may be missing.
const std::vector<std::string>& ReplicaColumns();

// Reads sets one after the other; memory grows by eight bytes a set, not with the file's text.
// Errors are INVALID_ARGUMENT with "line N, column M (name)" as field and a rule of CsvReader, of
// the identifiers in common/base/ids.h, or
//   "slug", "number", "time", "digits", "range", "date", "decimal", "length", "flag"
//   "empty"      no record id, in a row that holds more of a record or is not its set's only one
//   "differs"    a row's source version or time is not that of its set's first row
//   "duplicate"  a record id twice in a set
//   "scattered"  rows of the person and item stood elsewhere in the file already
class ReplicaCsvReader {
 public:
  // `in` outlives the reader.
  static absl::StatusOr<std::unique_ptr<ReplicaCsvReader>> Create(std::istream& in);

  // Where a set stands in the file.
  struct Lines {
    int first = 0;
    std::vector<int> records;
  };
  struct Set {
    Lines lines;
    v1::ReplicaEntry entry;
  };
  // False at the end. After an error about a cell the next set can be read; `*fatal` says that
  // none can.
  absl::StatusOr<bool> Next(Set* set, bool* fatal);
  // What the server says of an entry that stood there ("entries[7].records[1].vaccination.date"),
  // as it would have been said of the cell; the status itself where it is about none.
  struct Located {
    int line = 0;
    absl::Status status;
  };
  Located Locate(const Lines& lines, const absl::Status& status) const;
  // Rows read so far.
  uint64_t rows() const { return rows_; }

 private:
  explicit ReplicaCsvReader(CsvReader reader) : reader_(std::move(reader)) {}
  absl::Status Advance(bool* fatal);
  absl::Status Begin(Set* set);
  absl::Status CheckMayFollow(const Set& set) const;
  bool IsWithoutRecord() const;
  absl::Status AddRecord(Set* set);
  bool IsOf(const Set& set) const;
  absl::Status AtCell(absl::string_view column, const absl::Status& status) const;
  const std::string& Cell(absl::string_view column) const { return reader_.Cell(row_, column); }

  CsvReader reader_;
  CsvRow row_;
  bool has_row_ = false;
  bool ended_ = false;
  uint64_t rows_ = 0;
  absl::flat_hash_set<std::string> record_ids_;  // of the set being read
  absl::flat_hash_set<uint64_t> seen_;           // hashes of person and item
};

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_REPLICA_CSV_H_
