// Files of the source tree that nakadachi-simulate carries within itself.
#ifndef NAKADACHI_TOOLS_SIMULATOR_BUILT_IN_H_
#define NAKADACHI_TOOLS_SIMULATOR_BUILT_IN_H_

namespace nakadachi::simulator {

extern const char kDemonstration[];  // demonstration.scenario
extern const char kJapanList[];      // common/permission/lists/japan.csv

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_BUILT_IN_H_
