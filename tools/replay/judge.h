// Decides again what the broker and the providers decided, by the lists as they were in force.
#ifndef NAKADACHI_TOOLS_REPLAY_JUDGE_H_
#define NAKADACHI_TOOLS_REPLAY_JUDGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/civil_time.h"
#include "common/directory/directory.h"
#include "tools/replay/extract.h"
#include "tools/replay/facts.h"
#include "tools/replay/history.h"
#include "tools/replay/rereader.h"

namespace nakadachi::replay {

// What a list says of a question.
struct Ruling {
  bool permitted = false;
  uint8_t reason = 0;   // v1::RefusalReason where not
  std::string verdict;  // permission::VerdictName
  std::string basis;    // BasisText where permitted
  uint32_t basis_number = Interner::kUnlisted;
};

// One for each thread. Remembers rulings: a network asks few questions many times.
class Judge {
 public:
  // All outlive the judge.
  Judge(const History* history, Interners* interners, const Rereader* rereader);

  struct Asked {
    uint32_t requester = 0;
    uint32_t provider = 0;
    uint32_t question = 0;
    Place place;  // the statement to read again where the question is not listed
  };
  // By one list, on the day in Japan of a time. Null parties (no members) are permitted nothing.
  const Ruling& Rule(const PublishedList& list, const Asked& asked, int64_t time_ms);

  // Null where the institution was no member by then.
  const History::Joined* MemberAt(uint32_t institution, int64_t time_ms);

 private:
  struct Key {
    uint64_t version;
    int64_t day;
    uint32_t requester_category;
    uint32_t provider_category;
    uint32_t question;
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), k.version, k.day, k.requester_category, k.provider_category,
                        k.question);
    }
    friend bool operator==(const Key& a, const Key& b) {
      return a.version == b.version && a.day == b.day &&
             a.requester_category == b.requester_category &&
             a.provider_category == b.provider_category && a.question == b.question;
    }
  };
  struct Known {
    const History::Joined* joined = nullptr;
    uint32_t category = 0;  // its place in permission::Categories(), from 1
  };
  const Known& KnownOf(uint32_t institution);
  Ruling Decide(const PublishedList& list, const Asked& asked, absl::CivilDay day);

  const History* const history_;
  Interners* const interners_;
  const Rereader* const rereader_;
  std::vector<Known> known_;  // by number; filled at need
  std::vector<bool> asked_;
  absl::flat_hash_map<Key, Ruling> rulings_;
  Ruling last_;  // what is not remembered
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_JUDGE_H_
