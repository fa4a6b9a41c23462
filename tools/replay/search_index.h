// A search index beside an export: files of sorted records of fixed size, read by mapping them.
//
// Nothing is believed because an index says so: it only tells where to look, and every hit is read
// from the log again and proven by its tiles. What an index leaves out is not found, though, a
// key's revocation among it; one that was not made by the reader is to be made again.
//
// <export>/index/about      format, and size and root of each log when it was made
// <export>/index/rows       a Row an indexed statement, by time, log and index
// <export>/index/by-<dim>   a Posting a value and row, by value and row; rows are in order of time
// <export>/index/persons    empty; or how the codes of persons beside the permits differ from those
//                           in <export>/broker/persons: no proof covers either
// Integers are in the machine's order: an index is made where it is read.
#ifndef NAKADACHI_TOOLS_REPLAY_SEARCH_INDEX_H_
#define NAKADACHI_TOOLS_REPLAY_SEARCH_INDEX_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nakadachi/v1/statement.pb.h"
#include "tools/replay/evidence_set.h"

namespace nakadachi::replay {

// What can be searched by. An exchange is found by the commitments of its query and its permit.
enum class Dimension { kInstitution, kProcedure, kStaff, kOutcome, kExchange, kPerson };
constexpr size_t kDimensions = 6;
absl::string_view DimensionName(Dimension dimension);

// A value as the index holds it: 32 bits of a digest. Others may have the same; who reads the
// statement sees.
uint32_t Fingerprint(Dimension dimension, absl::string_view value);

struct Row {
  int64_t time_ms;
  uint64_t index;
  uint32_t log;                          // its place in `about`
  std::array<uint32_t, 2> institutions;  // requester and provider; 0: none
  uint32_t procedure;
  uint32_t staff;
  uint32_t outcome;
  std::array<uint32_t, 2> exchanges;
  uint32_t person;
  uint32_t unused;  // 0

  friend bool operator<(const Row& a, const Row& b) {
    if (a.time_ms != b.time_ms) return a.time_ms < b.time_ms;
    return a.log != b.log ? a.log < b.log : a.index < b.index;
  }
};
static_assert(sizeof(Row) == 56 && std::has_unique_object_representations_v<Row>);

// The value above, the row's number below.
using Posting = uint64_t;

// What of a statement can be searched: texts, empty where there are none.
struct Searchable {
  std::array<std::string, 2> institutions;  // requester and provider; of others the author
  std::string procedure;
  std::string staff;
  std::string outcome;  // "provided", …; "permitted"; "refused-not-permitted", …
  std::array<std::string, 2> exchanges;  // commitments
  std::string person;  // whom a permit is about: a record-management code of 16 bytes, unproven
};
// `person`: what the export says beside the statement; counts for permits of the broker's only.
Searchable SearchableOf(const v1::Statement& statement, absl::string_view commitment,
                        absl::string_view person = "");
Row RowOf(const Searchable& found, int64_t time_ms, uint32_t log, uint64_t index);

struct IndexOptions {
  std::string folder;            // of the export
  std::string temporary_folder;  // empty: the system's
  int threads = 2;
  size_t rows_in_memory = 1'000'000;  // 56 bytes each, and as much again for each dimension
  std::function<void(uint64_t done, uint64_t all)> progress;
};
struct Indexed {
  uint64_t rows = 0;      // statements that can be searched
  uint64_t unproven = 0;  // entries that are not there, or not what the tiles say
  std::string persons;    // how the codes of persons differ; empty: they do not
};
// Replaces an index that is there. Memory does not depend on the export. Errors of the files; the
// index is complete or not there.
absl::StatusOr<Indexed> BuildIndex(const IndexOptions& options);

// A file of records in memory as it lies on the disk. Movable.
class MappedFile {
 public:
  static absl::StatusOr<MappedFile> Open(const std::string& path);
  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  absl::string_view bytes() const {
    return absl::string_view(static_cast<const char*>(data_), size_);
  }
  template <typename Record>
  const Record* begin() const {
    return static_cast<const Record*>(data_);
  }
  template <typename Record>
  const Record* end() const {
    return begin<Record>() + size_ / sizeof(Record);
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

// An index to search in. Thread-safe.
class SearchIndex {
 public:
  // That of the export in a folder. NOT_FOUND, rule "no-index", or FAILED_PRECONDITION, rule
  // "stale-index", where the logs are not those that it was made of.
  static absl::StatusOr<SearchIndex> Open(const std::string& export_folder,
                                          const EvidenceSet& evidence);

  // FAILED_PRECONDITION, rule "stale-index", where there is none.
  absl::StatusOr<Row> At(uint32_t number) const;
  // Rows of a time, [first, last).
  std::pair<uint32_t, uint32_t> RowsOf(int64_t from_ms, int64_t until_ms) const;
  // Postings of a value within rows [first, last), in order of time.
  std::pair<const Posting*, const Posting*> Find(Dimension dimension, absl::string_view value,
                                                 std::pair<uint32_t, uint32_t> rows) const;
  // Whether any row has a value.
  bool HasAny(Dimension dimension) const {
    return !postings_[static_cast<size_t>(dimension)].bytes().empty();
  }
  // How the codes of persons differ in the export, when it was indexed; empty: they do not.
  absl::string_view persons() const { return persons_.bytes(); }
  static uint32_t RowOf(Posting posting) { return static_cast<uint32_t>(posting); }

 private:
  SearchIndex() = default;
  MappedFile rows_;
  MappedFile persons_;
  std::array<MappedFile, kDimensions> postings_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_SEARCH_INDEX_H_
