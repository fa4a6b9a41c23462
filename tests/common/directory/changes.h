// Statements for tests of the directory, a change in a line of code.
#ifndef NAKADACHI_TESTS_COMMON_DIRECTORY_CHANGES_H_
#define NAKADACHI_TESTS_COMMON_DIRECTORY_CHANGES_H_

#include <array>
#include <cstdint>
#include <string>

#include "nakadachi/v1/statement.pb.h"

namespace nakadachi::changes {

// The 32 bytes of a key that a test calls by a number.
inline std::array<uint8_t, 32> Key(uint32_t number) {
  std::array<uint8_t, 32> key{};
  for (size_t i = 0; i < 4; ++i) key[i] = static_cast<uint8_t>(number >> (8 * i));
  key[31] = 0x6B;
  return key;
}
inline std::string KeyText(uint32_t number) {
  const std::array<uint8_t, 32> key = Key(number);
  return std::string(key.begin(), key.end());
}

// Signing key `number`, sealing key `number` + 1.
inline v1::PublicKeys Keys(uint32_t number, int64_t from_ms = 0, int64_t until_ms = 0) {
  v1::PublicKeys keys;
  keys.set_signing_key(KeyText(number));
  keys.set_sealing_key(KeyText(number + 1));
  keys.set_valid_from_ms(from_ms);
  keys.set_valid_until_ms(until_ms);
  return keys;
}

inline v1::Statement Change(uint64_t sequence, int64_t time_ms) {
  v1::Statement statement;
  statement.set_author("broker");
  statement.set_time_ms(time_ms);
  statement.mutable_directory()->set_sequence(sequence);
  return statement;
}

inline v1::Statement Founded(uint64_t sequence, int64_t time_ms, const v1::PublicKeys& keys) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* founded = statement.mutable_directory()->mutable_network_founded();
  founded->set_network_name("test");
  *founded->mutable_broker_keys() = keys;
  return statement;
}

inline v1::Statement Joined(uint64_t sequence, int64_t time_ms, const std::string& code,
                            const std::string& category, const v1::PublicKeys& keys) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* joined = statement.mutable_directory()->mutable_member_joined();
  joined->set_code(code);
  joined->set_name("name of " + code);
  joined->set_category(category);
  *joined->mutable_keys() = keys;
  joined->mutable_route()->set_address("127.0.0.1:1");
  joined->mutable_route()->set_tls_name("platform.example");
  return statement;
}

inline v1::Statement Added(uint64_t sequence, int64_t time_ms, const std::string& code,
                           const v1::PublicKeys& keys) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* added = statement.mutable_directory()->mutable_key_added();
  added->set_code(code);
  *added->mutable_keys() = keys;
  return statement;
}

inline v1::Statement Revoked(uint64_t sequence, int64_t time_ms, const std::string& code,
                             uint32_t key, int64_t from_ms) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* revoked = statement.mutable_directory()->mutable_key_revoked();
  revoked->set_code(code);
  revoked->set_signing_key(KeyText(key));
  revoked->set_revoked_from_ms(from_ms);
  revoked->set_reason("test");
  return statement;
}

inline v1::Statement Moved(uint64_t sequence, int64_t time_ms, const std::string& code,
                           const std::string& address) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* changed = statement.mutable_directory()->mutable_route_changed();
  changed->set_code(code);
  changed->mutable_route()->set_address(address);
  changed->mutable_route()->set_tls_name("platform.example");
  return statement;
}

// A list of one row, under `procedure`.
inline std::string ListCsv(const std::string& procedure) {
  return "procedure,legal_basis,requester_category,provider_category,item,effective_from,"
         "effective_to,note\n" +
         procedure + ",law 1,municipality,municipality,immunization,2020-01-01,,\n";
}

inline v1::Statement Published(uint64_t sequence, int64_t time_ms, uint64_t version,
                               int64_t from_ms, const std::string& csv) {
  v1::Statement statement = Change(sequence, time_ms);
  auto* published = statement.mutable_directory()->mutable_list_published();
  published->set_version(version);
  published->set_in_force_from_ms(from_ms);
  published->set_csv(csv);
  return statement;
}

}  // namespace nakadachi::changes

#endif  // NAKADACHI_TESTS_COMMON_DIRECTORY_CHANGES_H_
