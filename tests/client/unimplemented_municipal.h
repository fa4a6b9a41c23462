// A municipal connection that a fake derives from: it overrides what its test is about.
#ifndef NAKADACHI_TESTS_CLIENT_UNIMPLEMENTED_MUNICIPAL_H_
#define NAKADACHI_TESTS_CLIENT_UNIMPLEMENTED_MUNICIPAL_H_

#include <functional>

#include "client/municipal_client.h"

namespace nakadachi::client {

// Every call fails with UNIMPLEMENTED.
class UnimplementedMunicipal : public MunicipalConnection {
 public:
  absl::StatusOr<v1::IssueAcquisitionNumbersResponse> IssueAcquisitionNumbers(
      const v1::IssueAcquisitionNumbersRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::RegisterReplicasResponse> RegisterReplicas(
      const v1::RegisterReplicasRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::SetProtectionResponse> SetProtection(
      const v1::SetProtectionRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::QueryResponse> Query(const v1::QueryRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::QueryResponse> GetExchange(const v1::GetExchangeRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::ListReviewsResponse> ListReviews(const v1::ListReviewsRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::DecideReviewResponse> DecideReview(const v1::DecideReviewRequest&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::GetIntermediateStatusResponse> GetStatus() override {
    return absl::UnimplementedError("");
  }
  absl::Status RegisterReplicaStream(
      const std::function<bool(v1::RegisterReplicasRequest*)>&, int,
      const std::function<void(const v1::RegisterReplicasResponse&)>&) override {
    return absl::UnimplementedError("");
  }
  absl::Status QueryMany(const std::function<bool(v1::QueryRequest*)>&, int,
                         const std::function<void(const v1::QueryResponse&)>&) override {
    return absl::UnimplementedError("");
  }
};

}  // namespace nakadachi::client

#endif  // NAKADACHI_TESTS_CLIENT_UNIMPLEMENTED_MUNICIPAL_H_
