#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/structure/include_rules.h"

namespace nakadachi {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Includes, TheTreeKeepsItsDirections) {
  const char* root = std::getenv("NAKADACHI_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "set by ctest";
  const Sources sources = ReadSources(root);
  // The files that these rules are about were found.
  ASSERT_EQ(sources.count("common/merkle/merkle.h"), 1u);
  ASSERT_EQ(sources.count("server/broker/main.cc"), 1u);
  ASSERT_THAT(sources.at("common/rpc/server.cc"), testing::Contains("grpcpp/server.h"));
  for (const std::string& violation : Violations(sources)) ADD_FAILURE() << violation;
}

TEST(Includes, AreReadAsACompilerReadsThem) {
  EXPECT_THAT(IncludesOf("#include <vector>\n  #  include \"a/b.h\"  // why\n"
                         "// #include \"c.h\"\n#include MACRO\n#include\n#define x\n"
                         "text #include <d>\n#include \"last.h\""),
              ElementsAre("vector", "a/b.h", "last.h"));
}

struct Planted {
  const char* file;
  const char* include;
  const char* rule;  // part of the message; null: allowed
};

TEST(Includes, PlantedViolationsAreFound) {
  const Planted cases[] = {
      {"common/base/ids.cc", "common/crypto/crypto.h", "may include itself only"},
      {"common/crypto/crypto.cc", "common/storage/database.h", "may include common/base"},
      {"common/merkle/merkle.cc", "common/ledger/ledger.h", "common/merkle may include"},
      {"common/permission/list.cc", "common/ledger/ledger.h", "common/permission may include"},
      {"common/ledger/ledger.cc", "server/broker/model/codes.h", "common/ledger may include"},
      {"common/rpc/server.cc", "common/ledger/ledger.h", "common/rpc may include"},
      {"common/evidence/log_reader.cc", "common/storage/database.h", "common/evidence may include"},
      {"common/evidence/log_reader.cc", "rocksdb/db.h", "pure rules do without RocksDB"},
      {"tools/replay/structure.cc", "grpcpp/grpcpp.h", "pure rules do without gRPC"},
      {"server/broker/main.cc", "server/juki/juki_server.h", "server/broker may include common"},
      {"server/juki/main.cc", "client/juki_client.h", "server/juki may include common"},
      {"client/broker_client.cc", "server/broker/broker_server.h", "client may include common"},
      {"client/broker_client.cc", "client/cli/answer.h", "client may include common"},
      {"client/broker_client.cc", "tests/client/fake.h", "client may include common"},
      {"tools/replay/main.cc", "client/ledger_client.h", "tools/replay may include common"},
      {"tools/replay/main.cc", "server/broker/model/codes.h", "tools/replay may include common"},
      {"tools/novelty/main.cc", "vector", "no rule names its folder"},
      {"server/broker/store/store.cc", "rocksdb/db.h", "RocksDB is included from"},
      {"server/broker/store/store.cc", "openssl/sha.h", "BoringSSL is included from"},
      {"common/ledger/ledger.cc", "grpcpp/grpcpp.h", "gRPC is included from"},
      {"server/broker/desk/desk.cc", "nakadachi/v1/broker.grpc.pb.h", "gRPC is included from"},
      {"server/broker/model/codes.h", "grpcpp/support/status.h", "pure rules do without gRPC"},

      {"common/ledger/ledger.cc", "common/merkle/merkle.h", nullptr},
      {"server/broker/desk/desk.cc", "common/ledger/ledger.h", nullptr},
      {"server/broker/desk/desk.cc", "server/broker/model/codes.h", nullptr},
      {"server/broker/service/permit_service.cc", "grpcpp/grpcpp.h", nullptr},
      {"client/cli/main.cc", "client/broker_client.h", nullptr},
      {"tools/replay/main.cc", "common/ledger/verifier.h", nullptr},
      {"tools/replay/structure.cc", "common/evidence/log_reader.h", nullptr},
      {"common/crypto/crypto.cc", "openssl/sha.h", nullptr},
      {"server/broker/model/codes.h", "nakadachi/v1/broker.pb.h", nullptr},
  };
  for (const Planted& planted : cases) {
    SCOPED_TRACE(std::string(planted.file) + " includes " + planted.include);
    const Sources sources = {{planted.file, {planted.include}}};
    const std::vector<std::string> violations = Violations(sources);
    if (planted.rule == nullptr) {
      EXPECT_THAT(violations, IsEmpty());
    } else {
      EXPECT_THAT(violations, testing::Contains(testing::AllOf(HasSubstr(planted.file),
                                                               HasSubstr(planted.rule))));
    }
  }
}

TEST(Includes, PureRulesDoNotReachLibrariesThroughOthers) {
  const Sources sources = {
      {"server/broker/model/codes.h", {"common/storage/database.h", "vector"}},
      {"common/storage/database.h", {"common/storage/environment.h"}},
      {"common/storage/environment.h", {"common/storage/database.h", "rocksdb/env.h"}},
  };
  EXPECT_THAT(Violations(sources),
              ElementsAre("server/broker/model/codes.h -> common/storage/database.h -> "
                          "common/storage/environment.h -> rocksdb/env.h: pure rules do without "
                          "RocksDB"));
}

TEST(Includes, ANeighbourIsFoundWithoutItsFolder) {
  const Sources sources = {
      {"common/merkle/merkle.h", {"tree.h", "../rpc/channel.h"}},
      {"common/merkle/tree.h", {"grpcpp/grpcpp.h"}},
      {"common/rpc/channel.h", {}},
  };
  EXPECT_THAT(Violations(sources),
              testing::IsSupersetOf(
                  {HasSubstr("../rpc/channel.h: common/merkle may include"),
                   HasSubstr("common/merkle/merkle.h -> common/merkle/tree.h -> grpcpp/")}));
}

}  // namespace
}  // namespace nakadachi
