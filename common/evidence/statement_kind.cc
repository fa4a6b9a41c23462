#include "common/evidence/statement_kind.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace nakadachi::evidence {
namespace {

bool IsKind(uint32_t field) {
  return field >= v1::Statement::kQuery && field <= v1::Statement::kDirectory;
}

// A statement as the ledgers write it: tags of one byte; numbers, and messages and texts shorter
// than 16 KiB. False where it is of another form: then a slower reader must look.
bool ReadPlain(absl::string_view statement, v1::Statement::KindCase* kind) {
  const auto* at = reinterpret_cast<const uint8_t*>(statement.data());
  const uint8_t* const end = at + statement.size();
  while (at != end) {
    const uint8_t tag = *at++;
    const uint32_t field = tag >> 3;
    if (field == 0 || field > 15) return false;
    if ((tag & 7) == 0) {
      const uint8_t* const last = std::min(end, at + 10);
      while (at != last && *at >= 0x80) ++at;
      if (at == last) return false;
      ++at;
      continue;
    }
    if ((tag & 7) != 2 || at == end) return false;
    ptrdiff_t length = *at++;
    if (length >= 0x80) {
      if (at == end || *at >= 0x80) return false;
      length = (length & 0x7f) | ptrdiff_t{*at++} << 7;
    }
    if (length > end - at) return false;
    at += length;
    // The last of a oneof counts.
    if (IsKind(field)) *kind = static_cast<v1::Statement::KindCase>(field);
  }
  return true;
}

v1::Statement::KindCase ReadAny(absl::string_view statement) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(statement.data()),
                                               static_cast<int>(statement.size()));
  v1::Statement::KindCase kind = v1::Statement::KIND_NOT_SET;
  while (const uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool is_message =
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (is_message && IsKind(static_cast<uint32_t>(field)))
      kind = static_cast<v1::Statement::KindCase>(field);
    if (!WireFormatLite::SkipField(&input, tag)) break;
  }
  return kind;
}

}  // namespace

v1::Statement::KindCase KindOf(absl::string_view statement) {
  v1::Statement::KindCase kind = v1::Statement::KIND_NOT_SET;
  return ReadPlain(statement, &kind) ? kind : ReadAny(statement);
}

}  // namespace nakadachi::evidence
