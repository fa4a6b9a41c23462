// The files that staff hand to the command line: persons, replicas, batches of questions.
#include <sstream>

#include "client/cli/batch_input.h"
#include "client/cli/person_csv.h"
#include "client/cli/replica_csv.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/replica.h"
#include "tests/fuzz/fuzz.h"

namespace nakadachi {
namespace {

void ReadReplicas(const std::string& text) {
  std::istringstream in(text);
  auto reader = cli::ReplicaCsvReader::Create(in);
  fuzz::CheckError(reader.status());
  if (!reader.ok()) return;
  for (size_t sets = 0; sets <= text.size(); ++sets) {
    cli::ReplicaCsvReader::Set set;
    bool fatal = false;
    const auto more = (*reader)->Next(&set, &fatal);
    fuzz::CheckError(more.status());
    if (fatal || (more.ok() && !*more)) return;
  }
  NAKADACHI_CHECK(false);  // it does not end
}

}  // namespace
}  // namespace nakadachi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const std::string text(fuzz::AsView(data, size));
  std::vector<absl::Status> problems;
  std::istringstream in(text);
  const auto persons = cli::ReadPersons(in, &problems);
  fuzz::CheckError(persons.status());
  for (const absl::Status& problem : problems) fuzz::CheckError(problem);
  ReadReplicas(text);

  cli::BatchSettings settings;
  settings.municipality = "072028";
  settings.provider = "041009";
  settings.procedure = "immunization";
  settings.items = {"immunization"};
  cli::BatchProblems wrong;
  std::istringstream again(text);
  const auto batch = cli::BatchInput::Open(again, settings, &wrong);
  fuzz::CheckError(batch.status());
  for (const absl::Status& problem : wrong.first) fuzz::CheckError(problem);
  if (!batch.ok()) return 0;
  v1::QueryRequest question;
  for (uint64_t row = 1; row <= (*batch)->size(); ++row) {
    NAKADACHI_CHECK((*batch)->Next(&question).value());
    NAKADACHI_CHECK(question.request_id() == (*batch)->RequestId(row));
  }
  NAKADACHI_CHECK(!(*batch)->Next(&question).value());
  return 0;
}
