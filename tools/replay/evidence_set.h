// The logs of one or several exports, each log once.
#ifndef NAKADACHI_TOOLS_REPLAY_EVIDENCE_SET_H_
#define NAKADACHI_TOOLS_REPLAY_EVIDENCE_SET_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/evidence/log_reader.h"

namespace nakadachi::replay {

struct LogSource {
  Author author = Author::Broker();
  std::string folder;
  // Null where not even the checkpoint can be read.
  std::unique_ptr<evidence::LogReader> reader;
  absl::Status status;  // why not
  // The checkpoints of the same log in the other exports, and those that others were shown.
  std::vector<std::string> seen_checkpoints;
};

struct EvidenceSet {
  std::vector<LogSource> logs;  // the broker's first, then by code
  uint64_t entries = 0;         // as the checkpoints say
  // Named by an export's own list of logs, and nowhere among the exports.
  std::vector<std::string> missing;

  // Null where it is not there.
  const LogSource* Find(const std::string& log) const;
};

// Of the folders that hold a log, the one with the longest is read, the others bear witness.
// NOT_FOUND, rule "no-export", where a folder holds no log at all; "no-broker" where none of them
// has the broker's.
absl::StatusOr<EvidenceSet> OpenEvidence(const std::vector<std::string>& folders);

// A signed checkpoint that somebody else was shown, for the log that its origin names.
// INVALID_ARGUMENT, rules of ParseCheckpoint and AuthorOfOrigin; NOT_FOUND, rule "no-log".
absl::Status AddSeenCheckpoint(const std::string& note, EvidenceSet* evidence);

// The broker's first key: as given (a C2SP verifier key), or else as its log's `vkey` says.
// INVALID_ARGUMENT; NOT_FOUND, rule "vkey"; or why the broker's log or its `vkey` cannot be read.
absl::StatusOr<Ed25519PublicKey> TrustAnchor(const EvidenceSet& evidence,
                                             const std::string& given_verifier_key);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_EVIDENCE_SET_H_
