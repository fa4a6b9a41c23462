#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/config.h"
#include "server/broker/broker_server.h"
#include "server/intermediate/intermediate_server.h"
#include "server/juki/juki_server.h"
#include "tools/simulator/server_process.h"

namespace nakadachi::simulator {
namespace {

// Members hold streams open as long as the server lets them.
constexpr absl::Duration kGrace = absl::Seconds(1);

// `Options` and `Config` belong to `Server`; a configuration's file is read at each start.
template <typename Server, typename Options>
class Object final : public ServerProcess {
 public:
  explicit Object(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<std::map<std::string, int>> Start() override {
    if (server_ != nullptr) return absl::FailedPreconditionError("it runs already");
    Options options;
    options.base_folder = folder_;
    const absl::Status loaded =
        rpc::LoadConfig(absl::StrCat(folder_, "/config.json"), &options.config);
    if (!loaded.ok()) return loaded;
    auto server = Server::Start(options);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return rpc::ReadPortFile(absl::StrCat(folder_, "/ports.json"));
  }
  absl::Status Stop(absl::Duration limit) override {
    if (server_ != nullptr) server_->Shutdown(std::min(limit, kGrace));
    server_.reset();
    return absl::OkStatus();
  }
  void Kill() override {
    if (server_ != nullptr) server_->Shutdown(absl::ZeroDuration());
    server_.reset();
  }
  bool running() override { return server_ != nullptr; }
  int pid() const override { return 0; }

 private:
  std::string folder_;
  std::unique_ptr<Server> server_;
};

}  // namespace

std::unique_ptr<ServerProcess> MakeObject(ServerKind kind, const std::string& folder) {
  switch (kind) {
    case ServerKind::kBroker:
      return std::make_unique<Object<broker::BrokerServer, broker::BrokerOptions>>(folder);
    case ServerKind::kJuki:
      return std::make_unique<Object<juki::JukiServer, juki::JukiOptions>>(folder);
    case ServerKind::kIntermediate:
      return std::make_unique<
          Object<intermediate::IntermediateServer, intermediate::IntermediateOptions>>(folder);
  }
  return nullptr;
}

}  // namespace nakadachi::simulator
