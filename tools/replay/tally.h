// Counts of one thread, merged into the report in the end.
#ifndef NAKADACHI_TOOLS_REPLAY_TALLY_H_
#define NAKADACHI_TOOLS_REPLAY_TALLY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/replay/extract.h"
#include "tools/replay/history.h"
#include "tools/replay/judge.h"
#include "tools/replay/report.h"
#include "tools/replay/sample.h"

namespace nakadachi::replay {

// Not thread-safe.
class Tally {
 public:
  // For a broker's log of so many entries.
  Tally(const History* history, Interners* interners, const Rereader* rereader,
        uint64_t broker_size);

  Figures figures;
  std::map<uint32_t, uint64_t> not_judged_by_log;  // exchanges, by the institution's number
  Timeline timeline;
  Sample sample;
  Judge judge;  // remembers, so it goes with the thread

  // Of a procedure that a list names, and of a member; all others together are "(other)".
  Use& OfQuestion(uint32_t question);
  Use& OfRequester(uint32_t institution);
  Use& OfProvider(uint32_t institution);

  // All but the sample.
  void MergeInto(Report* report) const;

 private:
  using Uses = std::map<std::string, std::unique_ptr<Use>>;
  Use& Named(const std::string& name, Uses* uses, uint32_t number, std::vector<Use*>* by_number);
  Use& OfInstitution(uint32_t institution, Uses* uses, std::vector<Use*>* by_number);
  bool IsListed(const std::string& procedure) const;

  const History* const history_;
  Interners* const interners_;
  Uses procedures_;
  Uses requesters_;
  Uses providers_;
  std::vector<Use*> by_question_;
  std::vector<Use*> by_requester_;
  std::vector<Use*> by_provider_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_TALLY_H_
