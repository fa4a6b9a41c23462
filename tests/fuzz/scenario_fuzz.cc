// Scenario files.
#include "tests/fuzz/fuzz.h"
#include "tools/simulator/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const auto scenario = simulator::ParseScenario(fuzz::AsView(data, size));
  fuzz::CheckError(scenario.status());
  if (!scenario.ok()) return 0;
  int line = 0;
  for (const simulator::Step& step : scenario->steps) {
    NAKADACHI_CHECK(step.line > line);
    line = step.line;
  }
  return 0;
}
