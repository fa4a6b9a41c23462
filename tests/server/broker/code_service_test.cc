#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/directory/directory.h"
#include "common/rpc/server.h"
#include "common/rpc/work_pool.h"
#include "nakadachi/v1/intermediate.grpc.pb.h"
#include "server/broker/service/services.h"
#include "tests/common/directory/changes.h"
#include "tests/server/broker/broker_fixture.h"

namespace nakadachi::broker {
namespace {

constexpr char kPlatformName[] = "platform.test";

// An intermediate server that takes codes and nothing else.
class FakeExchange final : public v1::ExchangeService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ReceiveCodes(grpc::CallbackServerContext* context,
                                         const v1::ReceiveCodesRequest* request,
                                         v1::ReceiveCodesResponse* response) override {
    absl::MutexLock lock(&mutex_);
    for (const auto& entry : request->entries()) {
      const bool known = entry.acquisition_number() != unknown_number;
      if (known) codes_[entry.acquisition_number()] = entry.linkage_code();
      response->add_errors(
          known ? ""
                : rpc::ToBytes(FieldError(absl::StatusCode::kNotFound, "acquisition_number",
                                          "unknown-acquisition-number", "was never issued")));
    }
    if (answers_too_little) response->clear_errors();
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  std::map<std::string, std::string> codes() const {
    absl::MutexLock lock(&mutex_);
    return codes_;
  }

  std::string unknown_number;
  bool answers_too_little = false;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> codes_;
};

class CodeServiceTest : public BrokerFixture {
 protected:
  CodeServiceTest() {
    rpc::ServerOptions options;
    options.address = "127.0.0.1:0";
    options.tls = network_authority_.Issue(rpc::Role::kIntermediate, {kCity}, kPlatformName);
    options.services = {&exchange_};
    auto started = rpc::Server::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    platform_ = *std::move(started);
    v1::Route route;
    route.set_address(absl::StrCat("127.0.0.1:", platform_->port()));
    route.set_tls_name(kPlatformName);
    Admit(city_, "municipality", route);
    Admit(other_city_);  // where nobody listens
  }
  ~CodeServiceTest() override { Stop(); }

  static std::string Number(int i) {
    std::array<uint8_t, 16> bytes{};
    bytes[0] = static_cast<uint8_t>(i);
    return AcquisitionNumber::FromBytes(bytes).Reveal();
  }
  static std::string Person(int i) {
    return ResidentCode::FromSerial(static_cast<uint64_t>(i)).Reveal();
  }
  static v1::DeriveCodesRequest Request(const std::string& institution, int persons) {
    v1::DeriveCodesRequest request;
    request.set_institution(institution);
    for (int i = 0; i < persons; ++i) {
      auto* entry = request.add_entries();
      entry->set_acquisition_number(Number(i));
      entry->set_resident_code(Person(i));
    }
    return request;
  }
  absl::StatusOr<v1::DeriveCodesResponse> Derive(const v1::DeriveCodesRequest& request,
                                                 rpc::Role role = rpc::Role::kJuki) {
    auto stub = v1::CodeService::NewStub(NetworkChannel(role, {}));
    return CallWithDeadline<v1::DeriveCodesResponse>(
        [&](auto* context, auto* out) { return stub->DeriveCodes(context, request, out); });
  }

  FakeExchange exchange_;
  std::unique_ptr<rpc::Server> platform_;
};

TEST_F(CodeServiceTest, CodesReachTheInstitutionAndNobodyElse) {
  const auto response = Derive(Request(kCity, 20));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->errors_size(), 20);
  const auto codes = exchange_.codes();
  ASSERT_EQ(codes.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(response->errors(i).empty());
    EXPECT_EQ(codes.at(Number(i)), CodeAt(kCity, static_cast<uint64_t>(i)).RevealBytes());
  }
  // The broker keeps nothing of it.
  Stop();
  const std::string files = AllFiles();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(files.find(Person(i)), std::string::npos);
    EXPECT_EQ(files.find(Number(i)), std::string::npos);
    EXPECT_EQ(files.find(codes.at(Number(i))), std::string::npos);
  }
  Start();
}

TEST_F(CodeServiceTest, EntriesFailOneByOne) {
  v1::DeriveCodesRequest request = Request(kCity, 4);
  request.mutable_entries(0)->set_acquisition_number("no number");
  request.mutable_entries(2)->set_resident_code("12");
  exchange_.unknown_number = Number(3);
  const auto response = Derive(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->errors_size(), 4);
  EXPECT_EQ(GetFieldRule(rpc::FromBytes(response->errors(0))).field, "acquisition_number");
  EXPECT_TRUE(response->errors(1).empty());
  EXPECT_EQ(GetFieldRule(rpc::FromBytes(response->errors(2))).rule, "length");
  EXPECT_EQ(GetFieldRule(rpc::FromBytes(response->errors(3))).rule, "unknown-acquisition-number");
  EXPECT_EQ(exchange_.codes().size(), 1u);
}

TEST_F(CodeServiceTest, ACallThatCannotBeCarriedOutIsAnError) {
  EXPECT_EQ(GetFieldRule(Derive(Request(kCity, 1), rpc::Role::kOffice).status()).rule, "role");
  EXPECT_EQ(GetFieldRule(Derive(Request(kStranger, 1)).status()).rule, "unknown-member");
  EXPECT_EQ(GetFieldRule(Derive(Request("07202", 1)).status()).rule, "length");
  EXPECT_EQ(GetFieldRule(Derive(Request(kCity, 1001)).status()).rule, "too-many");
  EXPECT_EQ(Status().rejected_calls(), 4u);
  EXPECT_EQ(Derive(Request(kOtherCity, 1)).status().code(), absl::StatusCode::kUnavailable);
  exchange_.answers_too_little = true;
  EXPECT_EQ(Derive(Request(kCity, 2)).status().code(), absl::StatusCode::kInternal);
}

// A directory of before routes were checked may hold one.
TEST_F(CodeServiceTest, ARouteThatNamesNobodyIsUnavailable) {
  Directory directory(changes::Key(10));
  ASSERT_TRUE(directory.Apply(changes::Founded(1, 0, changes::Keys(10))).ok());
  auto joined = changes::Joined(2, 0, kCity, "municipality", changes::Keys(20));
  joined.mutable_directory()->mutable_member_joined()->mutable_route()->clear_tls_name();
  ASSERT_TRUE(directory.Apply(joined).ok());
  Figures figures;
  rpc::WorkPool pool;
  ServiceParts parts;
  parts.directory = &directory;
  parts.codes = codes_.get();
  parts.figures = &figures;
  parts.pool = &pool;
  parts.client_tls = network_authority_.Issue(rpc::Role::kBroker, {});
  const std::unique_ptr<grpc::Service> service = MakeCodeService(parts);
  rpc::ServerOptions options;
  options.address = "127.0.0.1:0";
  options.tls = network_authority_.Issue(rpc::Role::kBroker, {}, kTlsName);
  options.services = {service.get()};
  const auto server = rpc::Server::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  v1::CodeService::Stub stub(rpc::Connect(absl::StrCat("127.0.0.1:", (*server)->port()), kTlsName,
                                          network_authority_.Issue(rpc::Role::kJuki, {})));
  const absl::Status status =
      CallWithDeadline<v1::DeriveCodesResponse>([&](auto* context, auto* out) {
        return stub.DeriveCodes(context, Request(kCity, 1), out);
      }).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(GetFieldRule(status).field, "route");
  EXPECT_EQ(GetFieldRule(status).rule, "required");
}

}  // namespace
}  // namespace nakadachi::broker
