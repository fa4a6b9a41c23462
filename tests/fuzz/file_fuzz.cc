// Files that a server or the command line is started with: configurations, ports, keys.
#include "common/crypto/key_file.h"
#include "common/rpc/config.h"
#include "nakadachi/v1/config.pb.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const std::string path = fuzz::FileWith(fuzz::AsView(data, size));
  v1::BrokerConfig broker;
  fuzz::CheckError(rpc::LoadConfig(path, &broker));
  v1::IntermediateConfig intermediate;
  fuzz::CheckError(rpc::LoadConfig(path, &intermediate));
  (void)rpc::ReadPortFile(path);
  const auto keys = LoadMemberKeys(path);
  fuzz::CheckError(keys.status());
  const auto public_keys = LoadPublicMemberKeys(path);
  fuzz::CheckError(public_keys.status());
  if (keys.ok()) {
    NAKADACHI_CHECK(public_keys.ok() && public_keys->signing == keys->signing.public_key());
  }
  const auto secret = LoadHexSecret(path);
  fuzz::CheckError(secret.status());
  if (secret.ok()) NAKADACHI_CHECK(secret->size() == 32);
  return 0;
}
