#include "common/evidence/statement_kind.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace nakadachi::evidence {

v1::Statement::KindCase KindOf(absl::string_view statement) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(statement.data()),
                                               static_cast<int>(statement.size()));
  v1::Statement::KindCase kind = v1::Statement::KIND_NOT_SET;
  while (const uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool is_message =
        WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    // The last of a oneof counts.
    if (is_message && field >= v1::Statement::kQuery && field <= v1::Statement::kDirectory)
      kind = static_cast<v1::Statement::KindCase>(field);
    if (!WireFormatLite::SkipField(&input, tag)) break;
  }
  return kind;
}

}  // namespace nakadachi::evidence
