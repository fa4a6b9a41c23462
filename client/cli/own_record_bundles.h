// A person's own records as evidence bundles: what the person keeps and has judged elsewhere, with
// no server asked.
#ifndef NAKADACHI_CLIENT_CLI_OWN_RECORD_BUNDLES_H_
#define NAKADACHI_CLIENT_CLI_OWN_RECORD_BUNDLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/crypto/crypto.h"
#include "nakadachi/v1/inspection.pb.h"

namespace nakadachi::cli {

struct OwnRecordBundle {
  std::string permit_number;  // 16 bytes
  std::string bytes;          // as evidence::EncodeBundle makes them

  std::string FileName() const;  // "<permit number, hex>.bundle"
};
// Of the record's permit and all of the broker's Directory statements. Errors of
// evidence::VerifyBundle, and INVALID_ARGUMENT, rule "permit", for what is no permit of the broker.
absl::StatusOr<OwnRecordBundle> MakeOwnRecordBundle(const v1::OwnRecord& record,
                                                    const std::vector<v1::Recorded>& directory,
                                                    const Ed25519PublicKey& founding_key);

// A new folder, mode 0700, durable on return; or one that is there and empty. Errors under
// "bundles": ALREADY_EXISTS, rule "exists", where anything else has the name; UNAVAILABLE, "io".
absl::Status MakeBundleFolder(const std::string& path);

}  // namespace nakadachi::cli

#endif  // NAKADACHI_CLIENT_CLI_OWN_RECORD_BUNDLES_H_
