// A few days of a network, told truly but for one lie.
#ifndef NAKADACHI_TESTS_TOOLS_REPLAY_STORY_H_
#define NAKADACHI_TESTS_TOOLS_REPLAY_STORY_H_

#include <functional>
#include <string>

#include "tests/tools/replay/network.h"

namespace nakadachi::replay {

struct Lie {
  // Changes the plan of the exchange that the lie is about: one that is answered at once.
  std::function<void(Plan&)> plan;
  // Changes the plan of an exchange that staff look at.
  std::function<void(Plan&)> reviewed;
  // Changes the plan of a query that the list forbids.
  std::function<void(Plan&)> forbidden;
  // Changes the amendment of the list.
  Plan::Hook amendment;
  // After the exchange that the lie is about; and before the export.
  std::function<void(TestNetwork&, const Told&)> then;
  std::function<void(TestNetwork&)> finally;
};

// Tells the story; the network is ready to be exported.
void Tell(TestNetwork& network, const Lie& lie = {});

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TESTS_TOOLS_REPLAY_STORY_H_
