// The rules that a statement keeps by itself, written down once more: an inspector does not take
// them from the servers that are inspected. Source: proto/nakadachi/v1/statement.proto.
#ifndef NAKADACHI_TOOLS_REPLAY_RULES_H_
#define NAKADACHI_TOOLS_REPLAY_RULES_H_

#include <string>

#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::replay {

// The first rule that is broken, "query.items: named twice"; empty where none is. Texts quote
// nothing from the statement.
std::string Broken(const v1::Query& query);
std::string Broken(const v1::Permit& permit, int64_t time_ms);
std::string Broken(const v1::Refusal& refusal);
std::string Broken(const v1::Provision& provision);
std::string Broken(const v1::Receipt& receipt);

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_RULES_H_
