#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/answer.h"
#include "client/cli/command_line.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi::cli {
namespace {

struct ListOptions {
  bool all = false;
  void Declare(Command& command) {
    command.AddFlag("--all", all, "Also those that are decided or lapsed");
    command.Footer("Example: nakadachi --profile staff.json review list");
  }
};

std::string StateOf(const v1::Review& review) {
  if (review.decided() == v1::PROVIDED) return review.delivered() ? "delivered" : "released";
  if (review.decided() != v1::OUTCOME_UNSPECIFIED) return OutcomeWord(review.decided());
  return review.lapsed() ? "lapsed" : "open";
}

Json ReviewJson(const v1::Review& review) {
  Json json;
  json["permit_number"] = HexEncode(review.permit_number());
  json["state"] = StateOf(review);
  json["requester"] = review.requester();
  json["department"] = review.department();
  json["procedure"] = review.procedure();
  json["items"] = Json::array();
  for (const std::string& item : review.items()) json["items"].push_back(item);
  json["addressee_number"] = review.addressee_number();
  json["received"] = TimeText(review.received_ms());
  json["valid_until"] = TimeText(review.valid_until_ms());
  json["decided"] = OutcomeWord(review.decided());
  json["delivered"] = review.delivered();
  return json;
}

int List(Context& context, const ListOptions& options) {
  Console& console = *context.console;
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  v1::ListReviewsRequest request;
  request.set_municipality((*municipal)->municipality().ToString());
  const auto answer = (*municipal)->connection().ListReviews(request);
  if (!answer.ok()) return console.CallError(answer.status());

  Json json = {{"reviews", Json::array()}};
  Table table({"permit number", "state", "requester", "department", "procedure", "items",
               "addressee", "received", "valid until"});
  for (const v1::Review& review : answer->reviews()) {
    const std::string state = StateOf(review);
    if (!options.all && state != "open") continue;
    json["reviews"].push_back(ReviewJson(review));
    table.Add({HexEncode(review.permit_number()), state, review.requester(), review.department(),
               review.procedure(), absl::StrJoin(review.items(), ","), review.addressee_number(),
               TimeText(review.received_ms()), TimeText(review.valid_until_ms())});
  }
  if (console.json()) {
    console.Print(json);
  } else {
    console.out() << (table.empty() ? "Nothing awaits review.\n" : table.ToString());
  }
  return kOk;
}

struct DecideOptions {
  std::string permit_number;
  std::string staff;
  void Declare(Command& command) {
    command.Add("permit-number", permit_number, "As `review list` shows it").Required();
    command.Add("--staff", staff, "Pseudonym, where the certificate does not name it");
    command.Footer(absl::StrCat("Example: nakadachi --profile staff.json review ", command.Name(),
                                " 0123456789abcdef0123456789abcdef"));
  }
};

int Decide(Context& context, const DecideOptions& options, bool release) {
  Console& console = *context.console;
  const auto number = HexDecode(options.permit_number, "permit-number");
  if (!number.ok()) return console.InputError(number.status());
  const auto profile = context.LoadProfile();
  if (!profile.ok()) return console.InputError(profile.status());
  const auto municipal = profile->Municipal();
  if (!municipal.ok()) return console.InputError(municipal.status());
  v1::DecideReviewRequest request;
  request.set_municipality((*municipal)->municipality().ToString());
  request.set_permit_number(*number);
  request.set_release(release);
  request.set_staff_pseudonym(options.staff);
  const auto answer = (*municipal)->connection().DecideReview(request);
  if (!answer.ok()) return console.CallError(answer.status());
  const std::string outcome = OutcomeWord(answer->outcome());
  if (console.json()) {
    console.Print({{"permit_number", options.permit_number}, {"outcome", outcome}});
  } else {
    console.out() << "Recorded: " << outcome << ". It is being delivered to the requester.\n";
  }
  return kOk;
}

int Release(Context& context, const DecideOptions& options) {
  return Decide(context, options, true);
}
int Refuse(Context& context, const DecideOptions& options) {
  return Decide(context, options, false);
}

}  // namespace

void AddReviewCommands(Command& app, Context& context) {
  Command group = app.Group("review", "Questions that staff look at before they are answered",
                            "Example: nakadachi --profile staff.json review list");
  AddCommand(group.Subcommand("list", "What awaits review"), context, &List);
  AddCommand(group.Subcommand("release", "Send the records"), context, &Release);
  AddCommand(group.Subcommand("refuse", "Send none"), context, &Refuse);
}

}  // namespace nakadachi::cli
