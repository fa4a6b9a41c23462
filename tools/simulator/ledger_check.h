// A ledger as it lies on the disk, recomputed.
#ifndef NAKADACHI_TOOLS_SIMULATOR_LEDGER_CHECK_H_
#define NAKADACHI_TOOLS_SIMULATOR_LEDGER_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/crypto/crypto.h"

namespace nakadachi::simulator {

// The entries of `author`'s ledger in the database `data`, which no process may have open. The
// error names the author. `keys`: those that it may have signed with.
absl::StatusOr<uint64_t> VerifyLedgerOnDisk(const std::string& data,
                                            const std::string& key_encryption_key,
                                            const Author& author,
                                            const std::vector<Ed25519PublicKey>& keys);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_LEDGER_CHECK_H_
