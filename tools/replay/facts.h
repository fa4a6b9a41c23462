// What a statement says, in a fixed number of bytes: enough to follow exchanges through logs that
// do not fit into memory. Where more is needed (for a reason in words, or a text that was not
// interned), the statement is read again.
#ifndef NAKADACHI_TOOLS_REPLAY_FACTS_H_
#define NAKADACHI_TOOLS_REPLAY_FACTS_H_

#include <array>
#include <cstdint>

#include "common/crypto/crypto.h"
#include "tools/replay/interner.h"

namespace nakadachi::replay {

using PermitNumber = std::array<uint8_t, 16>;

// Where a statement stands. `log` is the author's number in the interner of institutions.
struct Place {
  uint64_t index = 0;
  uint32_t log = 0;
};

struct QueryFact {
  Hash commitment;
  uint64_t index;
  int64_t time_ms;
  uint32_t log;
  uint32_t provider;
  uint32_t question;  // procedure and items
  uint32_t department;
  bool non_disclosure;
  bool well_formed;
};

// A Permit or Refusal of the broker.
struct DecisionFact {
  Hash query;       // the commitment it names
  Hash commitment;  // its own
  PermitNumber number;
  uint64_t index;
  int64_t time_ms;
  int64_t valid_from_ms;
  int64_t valid_until_ms;
  uint64_t directory_size;
  uint64_t list_version;
  uint64_t query_index;  // once the query was found
  int64_t query_time_ms;
  uint32_t requester;
  uint32_t provider;
  uint32_t question;
  uint32_t department;
  uint32_t basis;
  uint8_t reason;  // v1::RefusalReason; of a permit 0
  bool permit;
  bool non_disclosure;
  bool well_formed;
  bool query_found;
  bool found;  // something about it is a finding
};

// A Provision or Receipt.
struct AnswerFact {
  Hash permit;      // the commitment it names
  Hash commitment;  // its own
  Hash provision;   // a receipt: the commitment it names
  PermitNumber number;
  uint64_t index;
  int64_t time_ms;
  uint32_t log;
  uint32_t requester;
  uint32_t provider;
  uint32_t question;  // of a provision
  uint8_t outcome;    // v1::Outcome
  uint8_t reason;     // v1::RefusalReason
  bool receipt;
  bool verified;  // a receipt
  bool after_review;
  bool well_formed;  // its parts agree with each other
};

// A statement that another log must hold.
struct Reference {
  enum class Kind : uint8_t { kQueryOfPermit, kQueryOfRefusal, kPermit, kProvision };
  Hash wanted;          // its leaf hash: of an entry that cannot be read, a tile may tell that much
  Hash exchange;        // the permit's commitment; of a refusal that of the query
  PermitNumber number;  // kPermit
  uint64_t index;       // of the statement that names it
  int64_t time_ms;
  uint64_t other_index;  // of another that names it, where has_other
  uint32_t log;
  uint32_t other_log;
  uint32_t wanted_log;
  Kind kind;
  bool has_other;
  bool from_provision;
};

// An entry without a body: it may be what a reference wants.
struct Stub {
  Hash leaf;
  uint32_t log;
};

// An exchange that a log does not show enough to be judged.
struct Unjudged {
  Hash exchange;
  uint32_t log;
};

// A permit by its number.
struct NumberFact {
  PermitNumber number;
  uint64_t index;
  int64_t time_ms;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_FACTS_H_
