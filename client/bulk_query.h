// Many questions over streams, gone on with where a stream breaks.
#ifndef NAKADACHI_CLIENT_BULK_QUERY_H_
#define NAKADACHI_CLIENT_BULK_QUERY_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/municipal_client.h"

namespace nakadachi::client {

struct BulkOptions {
  int in_flight = 256;                         // questions sent and not answered
  absl::Duration patience = absl::Minutes(2);  // without an answer, before giving up
  // Of a question with a broker or provider that is not reached.
  absl::Duration question_patience = absl::Seconds(10);
  absl::Duration pause = absl::Milliseconds(200);  // before a broken stream is opened again
  // Questions held to be asked again, beyond which no new one is drawn: bounds memory where a
  // server takes none.
  size_t max_unanswered = 1 << 16;
};

// Asks what `next` yields until it returns false; `on_answer` is called once a question, one at a
// time, in any order. Where a stream breaks, or a server that shuts down or is full says so, what
// is unanswered is asked again under the same request ids, so that nothing is asked twice. What is
// under way (IsUnderWay) is not: that is its answer. Tags and patience are set here. Returns an
// error where nothing was answered for as long as `patience`, or the server refuses the stream as
// such; what was answered until then was given to `on_answer`.
absl::Status AskAll(MunicipalConnection& connection,
                    const std::function<bool(v1::QueryRequest*)>& next,
                    const std::function<void(const v1::QueryRequest& question,
                                             absl::StatusOr<v1::QueryResponse>)>& on_answer,
                    const BulkOptions& options = {});

}  // namespace nakadachi::client

#endif  // NAKADACHI_CLIENT_BULK_QUERY_H_
