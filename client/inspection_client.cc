#include "client/inspection_client.h"

#include "client/unary.h"
#include "nakadachi/v1/broker.grpc.pb.h"
#include "nakadachi/v1/inspection.grpc.pb.h"

namespace nakadachi::client {
namespace {

class GrpcInspection final : public InspectionConnection {
  using Stub = v1::InspectionService::Stub;
  using Directory = v1::PermitService::Stub;

 public:
  GrpcInspection(const std::shared_ptr<grpc::Channel>& channel, const RetryPolicy& policy)
      : stub_(channel), directory_(channel), policy_(policy) {}

  absl::StatusOr<v1::OpenInspectionResponse> Open(
      const v1::OpenInspectionRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.InspectionService/OpenInspection", policy_,
                 &Stub::OpenInspection, request);
  }
  absl::StatusOr<v1::ReadInspectionResponse> Read(
      const v1::ReadInspectionRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.InspectionService/ReadInspection", policy_,
                 &Stub::ReadInspection, request);
  }
  absl::StatusOr<v1::FetchDirectoryResponse> FetchDirectory(
      const v1::FetchDirectoryRequest& request) override {
    return Unary(directory_, "/nakadachi.v1.PermitService/FetchDirectory", policy_,
                 &Directory::FetchDirectory, request);
  }

 private:
  Stub stub_;
  Directory directory_;
  RetryPolicy policy_;
};

class GrpcOwnRecords final : public OwnRecordsConnection {
  using Stub = v1::OwnRecordsService::Stub;

 public:
  GrpcOwnRecords(const std::shared_ptr<grpc::Channel>& channel, const RetryPolicy& policy)
      : stub_(channel), policy_(policy) {}

  absl::StatusOr<v1::ListOwnRecordsResponse> List(
      const v1::ListOwnRecordsRequest& request) override {
    return Unary(stub_, "/nakadachi.v1.OwnRecordsService/ListOwnRecords", policy_,
                 &Stub::ListOwnRecords, request);
  }

 private:
  Stub stub_;
  RetryPolicy policy_;
};

std::shared_ptr<grpc::Channel> ChannelTo(const Endpoint& endpoint) {
  return rpc::Connect(endpoint.address, endpoint.tls_name, endpoint.tls);
}

}  // namespace

std::unique_ptr<InspectionConnection> ConnectInspection(const Endpoint& endpoint,
                                                        const RetryPolicy& policy) {
  return std::make_unique<GrpcInspection>(ChannelTo(endpoint), policy);
}

std::unique_ptr<OwnRecordsConnection> ConnectOwnRecords(const Endpoint& endpoint,
                                                        const RetryPolicy& policy) {
  return std::make_unique<GrpcOwnRecords>(ChannelTo(endpoint), policy);
}

}  // namespace nakadachi::client
