// Which kind a serialised statement is, without parsing it: for readers of long logs that look for
// one kind.
#ifndef NAKADACHI_COMMON_EVIDENCE_STATEMENT_KIND_H_
#define NAKADACHI_COMMON_EVIDENCE_STATEMENT_KIND_H_

#include "absl/strings/string_view.h"
#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::evidence {

// What Statement::kind_case() says of bytes that parse; of others anything.
v1::Statement::KindCase KindOf(absl::string_view statement);

}  // namespace nakadachi::evidence

#endif  // NAKADACHI_COMMON_EVIDENCE_STATEMENT_KIND_H_
