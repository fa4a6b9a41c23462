// Payloads behind a genuine Provision: what is taken holds permitted items only.
#include "common/ledger/commitment.h"
#include "server/intermediate/exchange_rules.h"
#include "server/intermediate/replica.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nakadachi;  // NOLINT(google-build-using-namespace): one function
  const std::string payload(fuzz::AsView(data, size));
  const std::string commitment =
      HexDecode("505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f", "").value();
  v1::Permit permit;
  permit.set_permit_number("0123456789abcdef");
  permit.set_requester("072028");
  permit.set_provider("041009");
  permit.set_procedure("immunization");
  permit.add_items("immunization");
  permit.add_items("special-measures-immunization");
  permit.set_valid_until_ms(2'000);

  ledger::Verified verified;
  verified.author = Author::Parse("041009").value();
  verified.checkpoint_time_ms = 1'000;
  verified.statement.set_author("041009");
  verified.statement.set_time_ms(1'000);
  v1::Provision& provision = *verified.statement.mutable_provision();
  provision.set_permit_commitment(commitment);
  provision.set_permit_number(permit.permit_number());
  provision.set_requester(permit.requester());
  provision.set_provider(permit.provider());
  provision.set_procedure(permit.procedure());
  *provision.mutable_items() = permit.items();
  provision.set_outcome(v1::PROVIDED);
  provision.set_payload_digest(std::string(AsView(ledger::PayloadDigest(payload))));
  v1::Payload parsed;
  if (parsed.ParseFromString(payload)) {
    for (const v1::ReplicaSet& set : parsed.sets()) {
      fuzz::CheckError(intermediate::CheckReplicaSet(set));
      v1::Provision::Version& version = *provision.add_versions();
      version.set_item(set.item());
      version.set_source_version(set.source_version());
      version.set_source_time_ms(set.source_time_ms());
      version.set_records(static_cast<uint32_t>(set.records_size()));
    }
  }
  const auto taken = intermediate::CheckProvision(verified, payload, permit, commitment, 30'000);
  fuzz::CheckError(taken.status());
  if (!taken.ok()) return 0;
  NAKADACHI_CHECK(taken->permit_commitment() == commitment && taken->blind().size() == 32);
  for (const v1::ReplicaSet& set : taken->sets()) {
    NAKADACHI_CHECK(set.item() == permit.items(0) || set.item() == permit.items(1));
  }
  return 0;
}
