#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi {

std::string Base64Encode(absl::string_view bytes) { return absl::Base64Escape(bytes); }

absl::StatusOr<std::string> Base64Decode(absl::string_view text, absl::string_view field) {
  std::string bytes;
  // Abseil's decoder is lenient about white space, padding and spare bits; one text per value is
  // what signed formats need.
  if (!absl::Base64Unescape(text, &bytes) || absl::Base64Escape(bytes) != text)
    return InvalidField(field, "base64", "is not base64 with padding");
  return bytes;
}

std::string HexEncode(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

absl::StatusOr<std::string> HexDecode(absl::string_view text, absl::string_view field) {
  if (text.size() % 2 != 0) return InvalidField(field, "hex", "has an odd number of digits");
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)))
      return InvalidField(field, "hex", "holds something else than hexadecimal digits");
  }
  return absl::HexStringToBytes(text);
}

}  // namespace nakadachi
