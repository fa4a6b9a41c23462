// What the tree's entries are. Normative text: proto/README.md.
#ifndef NAKADACHI_COMMON_LEDGER_COMMITMENT_H_
#define NAKADACHI_COMMON_LEDGER_COMMITMENT_H_

#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"

namespace nakadachi::ledger {

// SHA-256("nakadachi/statement/v1" || 0x00 || salt || statement); `salt` has 32 bytes.
Hash Commit(absl::string_view salt, absl::string_view statement);

// SHA-256("nakadachi/payload/v1" || 0x00 || payload).
Hash PayloadDigest(absl::string_view payload);

}  // namespace nakadachi::ledger

#endif  // NAKADACHI_COMMON_LEDGER_COMMITMENT_H_
