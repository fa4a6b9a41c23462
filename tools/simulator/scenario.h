// A scenario file, parsed: steps in plain words (tools/simulator/README.md has the language).
#ifndef NAKADACHI_TOOLS_SIMULATOR_SCENARIO_H_
#define NAKADACHI_TOOLS_SIMULATOR_SCENARIO_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace nakadachi::simulator {

// What a line may say.
enum class Verb {
  kSeed,
  kTime,
  kPermitValidity,
  kList,
  kCity,
  kPrefecture,
  kResidents,
  kResident,
  kEnroll,
  kMoveOne,
  kMoveMany,
  kCorrect,
  kProtect,
  kUnprotect,
  kWithhold,
  kUnwithhold,
  kQuery,
  kAskAgain,
  kBulk,
  kLoad,
  kFinish,
  kExpectProvided,
  kExpectOutcome,
  kExpectRefused,
  kExpectError,
  kExpectSamePermit,
  kReview,
  kCrash,
  kStart,
  kRestart,
  kAdvance,
  kSkew,
  kPublish,
  kRevokeKey,
  kAddKey,
  kVerifyLedgers,
  kVerifyAnswered,
  kSay,
};

struct Step {
  int line = 0;
  Verb verb = Verb::kSay;
  std::string text;                          // the line as written, without comment
  std::map<std::string, std::string> words;  // by the placeholders of the step's form

  bool Has(const std::string& name) const { return words.count(name) > 0; }
  // Empty where an optional word is absent.
  const std::string& Word(const std::string& name) const;
};

struct Scenario {
  std::vector<Step> settings;  // seed, time, permit-validity, list
  std::vector<Step> steps;
};

// INVALID_ARGUMENT with the line; rules "step" (no form fits; the message shows the forms that
// begin alike), those of local-government codes, "number", "duration", "time", "platform" and
// "taken" (scenario_words.h), "quote", "order" (a setting after the first step), "known-member" (an
// institution joins twice), "utf-8". A byte-order mark is passed over. What a step otherwise
// speaks of (a resident, a process, a file) is looked for when its turn comes.
absl::StatusOr<Scenario> ParseScenario(absl::string_view text);

// The forms of all steps, for a help text.
std::vector<std::string> StepForms();

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_SCENARIO_H_
