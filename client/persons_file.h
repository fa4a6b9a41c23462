// The file broker/persons of an export: which permit was given about whom. Rows of 24 bytes,
// record-management code (16) || index of the permit in the broker's ledger (8, big-endian),
// sorted, none twice. Mode 0600.
#ifndef NAKADACHI_CLIENT_PERSONS_FILE_H_
#define NAKADACHI_CLIENT_PERSONS_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace nakadachi::client {

// Rows are kept as they come, in persons.part, and sorted into the file in the end. Not
// thread-safe. Errors: UNAVAILABLE, rule "io".
class PersonsFile {
 public:
  // `folder` is that of the broker's log.
  explicit PersonsFile(const std::string& folder);

  // Whether a log's folder has one, finished or not.
  static bool Exists(const std::string& folder);

  // `code` has 16 bytes.
  void Add(absl::string_view code, uint64_t leaf_index);
  // What was added is durable on return. Before the entries themselves are: a permit that is
  // fetched again is no harm, one whose person was lost is.
  absl::Status Flush();
  // Puts everything into the file that is of the first `size` entries; durable on return.
  absl::Status Merge(uint64_t size);

 private:
  const std::string path_;
  const std::string part_;
  std::string added_;
};

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_PERSONS_FILE_H_
