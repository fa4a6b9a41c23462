// The configuration files of a simulated network's processes, and the profiles of those who talk
// to them. Where they listen is for the caller to say.
#ifndef NAKADACHI_TOOLS_SIMULATOR_CONFIGS_H_
#define NAKADACHI_TOOLS_SIMULATOR_CONFIGS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "nakadachi/v1/config.pb.h"
#include "tools/pki/pki.h"
#include "tools/simulator/network.h"

namespace nakadachi::simulator {

std::string Loopback(int port);
void SetTls(const pki::IssuedFiles& files, v1::TlsFiles* tls);
void SetEndpoint(const std::string& address, const std::string& tls_name, v1::Endpoint* endpoint);

// `folder` is the process's own: keys, data, clock offset and port file lie in it.
std::unique_ptr<v1::BrokerConfig> MakeBrokerConfig(const std::string& folder,
                                                   const pki::IssuedFiles& tls,
                                                   const NetworkOptions& options);
std::unique_ptr<v1::JukiConfig> MakeJukiConfig(const std::string& folder,
                                               const pki::IssuedFiles& tls,
                                               const std::string& broker_address);
// Without municipalities: they are added with their keys.
std::unique_ptr<v1::IntermediateConfig> MakePlatformConfig(const std::string& folder,
                                                           const pki::IssuedFiles& tls,
                                                           const pki::IssuedFiles& terminal_tls,
                                                           const std::string& broker_address,
                                                           const std::string& broker_vkey,
                                                           const NetworkOptions& options);

// As JSON. UNAVAILABLE: the file cannot be written.
absl::Status WriteConfig(const std::string& path, const google::protobuf::Message& config);

}  // namespace nakadachi::simulator

#endif  // NAKADACHI_TOOLS_SIMULATOR_CONFIGS_H_
