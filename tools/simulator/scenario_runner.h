// Carries out a scenario on a network and keeps the account of it.
#ifndef NAKADACHI_TOOLS_SIMULATOR_SCENARIO_RUNNER_H_
#define NAKADACHI_TOOLS_SIMULATOR_SCENARIO_RUNNER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tools/simulator/account.h"
#include "tools/simulator/network.h"
#include "tools/simulator/scenario.h"

namespace nakadachi::simulator {

// Settings of the scenario over `options`: clock, validity, list. `japan_list` is what
// `list japan` means; other names are files, relative to `base_folder`. Where one cannot be read,
// or is no permission list (rule "list"), the field is the setting's line.
absl::StatusOr<NetworkOptions> WithSettings(NetworkOptions options, const Scenario& scenario,
                                            const std::string& base_folder,
                                            const std::string& japan_list);

class ScenarioRunner {
 public:
  // `network` outlives the runner. `say` receives lines for a person to read, `progress` a line
  // about each step that takes longer than two seconds, while it goes on and on another thread.
  static absl::StatusOr<std::unique_ptr<ScenarioRunner>> Create(
      const Scenario& scenario, Network* network, const std::string& base_folder,
      const std::function<void(const std::string&)>& say,
      const std::function<void(const std::string&)>& progress = [](const std::string&) {});
  virtual ~ScenarioRunner() = default;

  // FAILED_PRECONDITION with field "line N", rule "expect", where an expectation does not hold,
  // or a record differs from what was registered; other errors as they came, under "line N". A
  // load in background ends with the step that fails.
  virtual absl::Status Run() = 0;
  virtual const Account& account() const = 0;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_SCENARIO_RUNNER_H_
