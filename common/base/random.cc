#include "common/base/random.h"

namespace nakadachi {
namespace {

constexpr size_t kIdSize = 16;
constexpr size_t kTimeSize = 6;

}  // namespace

std::string TimeOrderedId(int64_t now_ms, Random& random) {
  std::string id = random.String(kIdSize);
  for (size_t i = 0; i < kTimeSize; ++i) {
    id[i] = static_cast<char>(static_cast<uint64_t>(now_ms) >> (8 * (kTimeSize - 1 - i)));
  }
  id[6] = static_cast<char>((static_cast<uint8_t>(id[6]) & 0x0F) | 0x70);  // version 7
  id[8] = static_cast<char>((static_cast<uint8_t>(id[8]) & 0x3F) | 0x80);  // RFC 9562's variant
  return id;
}

}  // namespace nakadachi
