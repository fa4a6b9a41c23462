// Brings the ledgers of a network into a folder, as common/evidence lays it out: an inspector's
// export. Resumable, also after a kill at any instant, and incremental: a later run into the same
// folder fetches what is new and demands that it continues what is there.
#ifndef NAKADACHI_CLIENT_EVIDENCE_EXPORT_H_
#define NAKADACHI_CLIENT_EVIDENCE_EXPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/call.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"
#include "common/rpc/peer.h"

namespace nakadachi::client {

struct ExportRequest {
  std::string folder;
  Endpoint broker;  // its network listener; the certificate is the inspector's
  // The broker's founding signing key, the trust anchor; behind it, where the broker has changed
  // keys since, later ones that were learnt by another way.
  std::vector<Ed25519PublicKey> broker_keys;
  std::vector<Author> logs;  // empty: all that the certificate reaches
  bool statements = true;    // else commitments and Directory statements only
  int64_t from_ms = 0;       // statements of this period, by their own time
  int64_t until_ms = 0;      // exclusive; 0: no end
  bool persons = false;      // the broker's record-management codes too: file broker/persons
  RetryPolicy policy;
  // Called from time to time while entries come in; may be empty.
  std::function<void(const Author& log, uint64_t done, uint64_t total)> progress;
};

struct ExportedLog {
  Author author = Author::Broker();
  absl::Status status;        // why it is not whole
  uint64_t size = 0;          // of the export now
  uint64_t added = 0;         // by this run
  std::string inspection_id;  // under which it was recorded; 16 bytes
  // Of those added: entries whose statements the server could not read, which have their
  // commitment in the export and no body; the first are named.
  static constexpr size_t kNamed = 20;
  uint64_t unreadable = 0;
  std::vector<uint64_t> unreadable_entries;
};

// With the broker's log its newest checkpoint that witnesses have cosigned is kept, where there is
// one and it is not of more entries than the export.
//
// A log whose server fails is told of in its ExportedLog, and the others are brought in; what was
// received of it stays, and the next run goes on there. Errors of a log beside those of the calls
// and of common/evidence:
//   DATA_LOSS "signature"  the checkpoint is signed by none of the author's keys
//   DATA_LOSS "fork"       the author has signed two histories: the checkpoint of the export and
//                          the one that the server gave now, which is kept with it
//   DATA_LOSS "missing"    the server leaves entries out
// Errors of the whole: INVALID_ARGUMENT "missing" (no key); FAILED_PRECONDITION "scope" where the
// folder holds an export of another period or other rights (what was out of them is not filled in);
// those of the certificate; and of the broker's directory, without which no key is known.
absl::StatusOr<std::vector<ExportedLog>> ExportEvidence(const ExportRequest& request);

// What the certificate says of its holder. Errors of VerifyLeaf and rpc::ParsePeer.
absl::StatusOr<rpc::Peer> PeerOfCertificate(const rpc::TlsMaterial& tls, absl::Time now);

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_EVIDENCE_EXPORT_H_
