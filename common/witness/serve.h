// What a ledger answers its witnesses, for the services of broker and members.
#ifndef NAKADACHI_COMMON_WITNESS_SERVE_H_
#define NAKADACHI_COMMON_WITNESS_SERVE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "common/ledger/ledger.h"
#include "common/witness/collector.h"
#include "nakadachi/v1/config.pb.h"
#include "nakadachi/v1/ledger.pb.h"

namespace nakadachi::witness {

// A collector by a configuration. Errors: those of QuorumPolicy::Create and Author::Parse.
absl::StatusOr<std::unique_ptr<Collector>> MakeCollector(const v1::WitnessPolicy& policy,
                                                         const ledger::KeySource* keys);

// May block: reads the tree. INVALID_ARGUMENT, rule "length", where none or more than 1,024 sizes
// are asked for; the errors of ledger::Ledger::ProvePrefix.
absl::Status AnswerPrefixProofs(ledger::Ledger& ledger, const v1::GetPrefixProofsRequest& request,
                                v1::GetPrefixProofsResponse* response);

// `newest`: the ledger's newest note.
void FillWitnessing(Collector& collector, const std::string& newest, int64_t now_ms,
                    v1::Witnessing* witnessing);

}  // namespace nakadachi::witness

#endif  // NAKADACHI_COMMON_WITNESS_SERVE_H_
