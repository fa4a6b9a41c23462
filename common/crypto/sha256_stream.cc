#include "common/crypto/sha256_stream.h"

#include <openssl/sha.h>

#include <string>

namespace nakadachi {

struct Sha256Stream::State {
  SHA256_CTX context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Add(absl::string_view bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

Hash Sha256Stream::Finish() {
  Hash hash;
  SHA256_Final(hash.data(), &state_->context);
  SHA256_Init(&state_->context);
  return hash;
}

Hash Sha256OfStream(std::istream& in) {
  constexpr size_t kBlockBytes = 1 << 16;
  Sha256Stream hash;
  std::string block(kBlockBytes, '\0');
  do {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.Add(absl::string_view(block.data(), static_cast<size_t>(in.gcount())));
  } while (in);
  return hash.Finish();
}

}  // namespace nakadachi
