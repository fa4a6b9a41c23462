// Which method may be asked again. All reads; and of the writes those that carry a request id or
// are paired by a number of their own, so that the same request has one effect.
#include "absl/strings/string_view.h"
#include "client/call.h"

namespace nakadachi::client {
namespace {

struct Method {
  const char* name;
  bool idempotent;
};
constexpr Method kMethods[] = {
    {"/nakadachi.v1.BrokerOperator/Admit", true},
    {"/nakadachi.v1.BrokerOperator/AddKey", true},
    {"/nakadachi.v1.BrokerOperator/RevokeKey", true},
    {"/nakadachi.v1.BrokerOperator/ChangeRoute", true},
    {"/nakadachi.v1.BrokerOperator/PublishList", true},
    {"/nakadachi.v1.BrokerOperator/ListMembers", true},
    {"/nakadachi.v1.BrokerOperator/GetBrokerStatus", true},
    {"/nakadachi.v1.BrokerOperator/ListUnanswered", true},
    {"/nakadachi.v1.InspectionService/OpenInspection", true},
    {"/nakadachi.v1.InspectionService/ReadInspection", true},
    {"/nakadachi.v1.JukiService/FindOwnCode", true},
    {"/nakadachi.v1.JukiService/RegisterResidents", true},
    {"/nakadachi.v1.JukiService/SubmitAcquisitions", true},
    {"/nakadachi.v1.JukiService/GetJukiStatus", true},
    {"/nakadachi.v1.LedgerService/GetCheckpoint", true},
    {"/nakadachi.v1.LedgerService/GetConsistencyProof", true},
    {"/nakadachi.v1.LedgerService/GetEntries", true},
    {"/nakadachi.v1.LedgerService/GetPrefixProofs", true},
    {"/nakadachi.v1.LedgerService/AddCosignatures", true},
    {"/nakadachi.v1.WitnessService/ListForks", true},
    {"/nakadachi.v1.WitnessService/ClearFork", true},
    {"/nakadachi.v1.MunicipalService/IssueAcquisitionNumbers", true},
    {"/nakadachi.v1.MunicipalService/RegisterReplicas", true},
    {"/nakadachi.v1.MunicipalService/SetProtection", true},
    {"/nakadachi.v1.MunicipalService/Query", true},
    {"/nakadachi.v1.MunicipalService/GetExchange", true},
    {"/nakadachi.v1.MunicipalService/ListReviews", true},
    {"/nakadachi.v1.MunicipalService/DecideReview", true},
    {"/nakadachi.v1.MunicipalService/GetIntermediateStatus", true},
    {"/nakadachi.v1.OwnRecordsService/ListOwnRecords", true},
    {"/nakadachi.v1.PermitService/FetchDirectory", true},
    {"/nakadachi.v1.RetentionService/GetRetention", true},
    {"/nakadachi.v1.RetentionService/ErasePeriod", true},
    {"/nakadachi.v1.RetentionService/PlaceHold", true},
    {"/nakadachi.v1.RetentionService/ReleaseHold", true},
    // Streams are not asked again as a whole; their unanswered requests are, by the caller.
    {"/nakadachi.v1.MunicipalService/QueryMany", false},
    {"/nakadachi.v1.MunicipalService/RegisterReplicaStream", false},
};

}  // namespace

bool IsIdempotent(absl::string_view method) {
  for (const Method& known : kMethods) {
    if (method == known.name) return known.idempotent;
  }
  return false;
}

}  // namespace nakadachi::client
