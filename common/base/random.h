// Randomness is handed in: the system's for keys, salts and nonces, a seeded one for simulated
// populations only.
#ifndef NAKADACHI_COMMON_BASE_RANDOM_H_
#define NAKADACHI_COMMON_BASE_RANDOM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace nakadachi {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(uint8_t* out, size_t size) = 0;

  template <size_t N>
  std::array<uint8_t, N> Bytes() {
    std::array<uint8_t, N> out;
    Fill(out.data(), N);
    return out;
  }
  std::string String(size_t size) {
    std::string out(size, '\0');
    Fill(reinterpret_cast<uint8_t*>(out.data()), size);
    return out;
  }
};

// 16 bytes that sort by when they were made and are random otherwise (74 bits): a UUID of version
// 7, RFC 9562 section 5.7. Stores keep what belongs together close together by such keys.
std::string TimeOrderedId(int64_t now_ms, Random& random);

}  // namespace nakadachi

#endif  // NAKADACHI_COMMON_BASE_RANDOM_H_
