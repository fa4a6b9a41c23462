// Everything that the clients of this process send and receive, and with servers in the same
// process therefore all that any party receives.
#ifndef NAKADACHI_TESTS_INTEGRATION_WIRE_TAP_H_
#define NAKADACHI_TESTS_INTEGRATION_WIRE_TAP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace google::protobuf {
class Message;
}

namespace nakadachi::integration {

struct Tapped {
  std::string method;             // "/nakadachi.v1.Service/Method"
  const void* channel = nullptr;  // one a connection
  bool request = false;
  std::unique_ptr<google::protobuf::Message> message;  // nullptr: a status
  std::string status;                                  // of a failed call: text and details
};

// Listens from now on; before the process's first call.
void StartTapping();
// Calls that begin after it are not heard; they may be of other things than protobuf messages.
void StopTapping();
// What was heard so far. Thread-safe.
std::vector<Tapped> TakeTapped();

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_WIRE_TAP_H_
