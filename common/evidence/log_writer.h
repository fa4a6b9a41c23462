// Writes one ledger's export and adds to it later.
//
//   auto writer = LogWriter::Open({folder, author});
//   while (writer->size() < served size) writer->Append(entry at writer->size());
//   writer->Commit(checkpoint of that size);
//
// The tree is computed here from the commitments; a checkpoint enters the export only where it
// signs that tree. Signatures are not judged here but by who replays the export.
//
// What is on disk is a whole export of the newest checkpoint that was committed, at every instant.
// After a death Open() goes on behind what was already written, also behind the checkpoint.
#ifndef NAKADACHI_COMMON_EVIDENCE_LOG_WRITER_H_
#define NAKADACHI_COMMON_EVIDENCE_LOG_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/evidence/disk.h"
#include "common/evidence/layout.h"

namespace nakadachi::evidence {

// Not thread-safe; one writer a folder at a time. Errors of the disk pass through, with its rules;
// after one the writer is to be opened again.
class LogWriter {
 public:
  struct Options {
    std::string folder;  // made where it is not there
    Author author = Author::Broker();
    Disk* disk = nullptr;  // outlives the writer; null: the machine's
  };
  // Reads the tree's right edge, and checks again what was written behind the checkpoint.
  // DATA_LOSS where the export does not add up to its checkpoint, rule "root", "origin" or those
  // of LogReader.
  static absl::StatusOr<std::unique_ptr<LogWriter>> Open(const Options& options);
  virtual ~LogWriter() = default;

  virtual uint64_t size() const = 0;                  // index of the next entry to append
  virtual uint64_t committed_size() const = 0;        // of the newest checkpoint; 0: none
  virtual const std::string& checkpoint() const = 0;  // the newest note; empty: none

  // The next entry. INVALID_ARGUMENT, field "entry", rule "salt", "person" (no 16 bytes),
  // "commitment" (a body that is not the one committed to) or "length" (of the 256 statements that
  // share a file), and nothing is appended.
  virtual absl::Status Append(const Hash& commitment, const Body& body) = 0;

  // Puts the checkpoint over what was appended; durable on return. The one before is kept.
  //   INVALID_ARGUMENT     "checkpoint-format", "origin" (of another log)
  //   OUT_OF_RANGE         "size": of more entries than were appended; append and ask again
  //   FAILED_PRECONDITION  "size": of fewer entries than were appended, which are dropped down to
  //                        committed_size().
  //                        "consistency": it cannot be a later state of the same history: it is
  //                        smaller than what is committed here, or the entries that came with it
  //                        lead to another root. It is kept beside the newest, for a judge; what
  //                        was appended since is dropped, so that size() is committed_size().
  // The same checkpoint again is no error; another one over the same tree replaces the newest.
  virtual absl::Status Commit(absl::string_view note) = 0;

  // Keeps a checkpoint that was seen elsewhere (by a member, by a witness), whatever it says;
  // durable on return. INVALID_ARGUMENT as Commit.
  virtual absl::Status Keep(absl::string_view note) = 0;

  // Adds C2SP verifier keys that are not there yet, in this order; durable on return.
  // INVALID_ARGUMENT as ParseVerifierKey, or "origin".
  virtual absl::Status AddKeys(const std::vector<std::string>& verifier_keys) = 0;
};

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_LOG_WRITER_H_
