// Many questions over a stream, gone on with when the stream breaks.
#ifndef NAKADACHI_TOOLS_SIMULATOR_ASKER_H_
#define NAKADACHI_TOOLS_SIMULATOR_ASKER_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/municipal_client.h"
#include "tools/simulator/people.h"

namespace nakadachi::simulator {

struct Question {
  PersonIndex person;
  LocalGovernmentCode requester;
  LocalGovernmentCode provider;
  v1::QueryRequest request;
};
struct Answered {
  Question question;
  absl::StatusOr<v1::QueryResponse> answer;
  double ms = 0;  // from sending to the answer, over broken streams too
};

// Asks all, at most `in_flight` at a time. Where the stream breaks, what is unanswered is asked
// again under the same request ids, for up to `patience` after the last answer.
absl::StatusOr<std::vector<Answered>> AskMany(client::MunicipalConnection& connection,
                                              const std::vector<Question>& questions, int in_flight,
                                              absl::Duration patience);

// Asks what `next` yields for a while, on a thread of its own.
class BackgroundLoad {
 public:
  // `connection` outlives the load.
  static std::unique_ptr<BackgroundLoad> Start(client::MunicipalConnection* connection,
                                               std::function<Question()> next, int in_flight,
                                               absl::Duration duration);
  // Asks no more, and waits but for what is asked already.
  virtual ~BackgroundLoad() = default;
  // Waits until the time is over and everything is answered.
  virtual absl::StatusOr<std::vector<Answered>> Finish(absl::Duration patience) = 0;
};

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_ASKER_H_
