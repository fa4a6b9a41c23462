// A municipal connection without a server: a test says what streams do.
#ifndef NAKADACHI_TESTS_CLIENT_CLI_FAKE_MUNICIPAL_H_
#define NAKADACHI_TESTS_CLIENT_CLI_FAKE_MUNICIPAL_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/rpc/status_mapping.h"
#include "tests/client/unimplemented_municipal.h"

namespace nakadachi::client {

// Remembers how often each request id was asked. Not thread-safe; sends and answers in turn.
class FakeMunicipal final : public UnimplementedMunicipal {
 public:
  // What becomes of a question: an answer (its tag is set here), an error inside the stream, or
  // the end of the stream.
  struct Reply {
    absl::StatusOr<v1::QueryResponse> answer = v1::QueryResponse();
    bool breaks = false;
    absl::Status end;  // where it breaks; OK: the stream ends in order
  };
  std::function<Reply(const v1::QueryRequest&, int time)> reply;

  absl::Status QueryMany(const std::function<bool(v1::QueryRequest*)>& next, int /*in_flight*/,
                         const std::function<void(const v1::QueryResponse&)>& on_answer) override {
    ++streams;
    v1::QueryRequest request;
    while (next(&request)) {
      Reply made = reply(request, ++asked[request.request_id()]);
      if (made.breaks) return made.end;
      v1::QueryResponse response;
      if (made.answer.ok()) {
        response = *made.answer;
      } else {
        response.set_error(rpc::ToBytes(made.answer.status()));
      }
      response.set_tag(request.tag());
      response.set_request_id(request.request_id());
      on_answer(response);
      request.Clear();
    }
    return absl::OkStatus();
  }

  int streams = 0;
  std::map<std::string, int> asked;  // by request id
};

}  // namespace nakadachi::client

#endif  // NAKADACHI_TESTS_CLIENT_CLI_FAKE_MUNICIPAL_H_
