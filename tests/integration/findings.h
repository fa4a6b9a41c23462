// Who received what, field by field, and what of it two institutions have in common.
#ifndef NAKADACHI_TESTS_INTEGRATION_FINDINGS_H_
#define NAKADACHI_TESTS_INTEGRATION_FINDINGS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/integration/needles.h"
#include "tests/integration/wire_tap.h"

namespace google::protobuf {
class Message;
}

namespace nakadachi::integration {

// All that one party received and stored.
struct Holding {
  std::string bytes;                                    // as received and as stored
  std::map<std::string, std::set<std::string>> fields;  // value -> names of the fields that held it

  // Takes the message, and what is serialised within it, apart. An unknown field is a field.
  void AddMessage(const google::protobuf::Message& message);
  void AddValue(absl::string_view field, absl::string_view value);
  // An entry of an institution's database.
  void AddStored(const Stored& stored);
};

// By receiver: an institution's code, "broker" or "juki". What an institution's own systems send to
// and receive from its intermediate server is the institution's. Ends the program where it cannot
// say who received a message: the caller of a method is known by what else its channel carries.
std::map<std::string, Holding> ByReceiver(const std::vector<Tapped>& heard);

// "<a> and <b>: <fields>" for each value that two institutions both hold, unless each field that
// holds it is public, or belongs to one exchange and the two are its parties, or is of the records
// that one provider gave to the others.
using Pair = std::pair<std::string, std::string>;
std::vector<std::string> CommonToTwo(const std::map<std::string, Holding>& holdings,
                                     const std::set<std::string>& institutions,
                                     const std::set<Pair>& exchanged);

}  // namespace nakadachi::integration

#endif  // NAKADACHI_TESTS_INTEGRATION_FINDINGS_H_
