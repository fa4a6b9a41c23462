// SHA-256 of what comes in pieces. BoringSSL stays out of sight as in crypto.h.
#ifndef NAKADACHI_COMMON_CRYPTO_SHA256_STREAM_H_
#define NAKADACHI_COMMON_CRYPTO_SHA256_STREAM_H_

#include <istream>
#include <memory>

#include "absl/strings/string_view.h"
#include "common/crypto/crypto.h"

namespace nakadachi {

// FIPS 180-4. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void Add(absl::string_view bytes);
  // Of all that was added; the next begins anew.
  Hash Finish();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// Of all that is left in the stream, which is at its end then; in constant memory.
Hash Sha256OfStream(std::istream& in);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_CRYPTO_SHA256_STREAM_H_
