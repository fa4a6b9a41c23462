#include "common/rpc/tls_version.h"

#include <cstdlib>

#include "absl/base/call_once.h"
#include "common/base/check.h"

namespace nakadachi::rpc {

void RequireTls13() {
  static absl::once_flag once;
  absl::call_once(once, [] {
    NAKADACHI_CHECK(setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", /*overwrite=*/1) ==
                    0);
  });
}

}  // namespace nakadachi::rpc
