#include "common/rpc/status_mapping.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "google/rpc/status.pb.h"
#include "nakadachi/v1/error.pb.h"

namespace nakadachi::rpc {
namespace {

struct CodePair {
  absl::StatusCode ours;
  grpc::StatusCode theirs;
};
// All canonical codes but OK.
constexpr CodePair kCodes[] = {
    {absl::StatusCode::kCancelled, grpc::StatusCode::CANCELLED},
    {absl::StatusCode::kUnknown, grpc::StatusCode::UNKNOWN},
    {absl::StatusCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
    {absl::StatusCode::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {absl::StatusCode::kNotFound, grpc::StatusCode::NOT_FOUND},
    {absl::StatusCode::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
    {absl::StatusCode::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
    {absl::StatusCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {absl::StatusCode::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
    {absl::StatusCode::kAborted, grpc::StatusCode::ABORTED},
    {absl::StatusCode::kOutOfRange, grpc::StatusCode::OUT_OF_RANGE},
    {absl::StatusCode::kUnimplemented, grpc::StatusCode::UNIMPLEMENTED},
    {absl::StatusCode::kInternal, grpc::StatusCode::INTERNAL},
    {absl::StatusCode::kUnavailable, grpc::StatusCode::UNAVAILABLE},
    {absl::StatusCode::kDataLoss, grpc::StatusCode::DATA_LOSS},
    {absl::StatusCode::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED},
};
static_assert(sizeof(kCodes) / sizeof(kCodes[0]) == 16, "16 codes and OK make 17");

TEST(StatusMapping, OkStaysOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  EXPECT_EQ(ToBytes(absl::OkStatus()), "");
  EXPECT_TRUE(FromBytes("").ok());
}

TEST(StatusMapping, EveryCodeBothWays) {
  for (const CodePair& code : kCodes) {
    const absl::Status plain(code.ours, "何か");
    EXPECT_EQ(ToGrpc(plain).error_code(), code.theirs);
    EXPECT_EQ(FromGrpc(grpc::Status(code.theirs, "何か")), plain);
    EXPECT_EQ(FromGrpc(ToGrpc(plain)), plain);
    EXPECT_EQ(FromBytes(ToBytes(plain)), plain);

    const absl::Status caused =
        FieldError(code.ours, "query.items[0]", "unknown-item", "not known");
    EXPECT_EQ(FromGrpc(ToGrpc(caused)), caused);
    EXPECT_EQ(FromBytes(ToBytes(caused)), caused);
    EXPECT_EQ(GetFieldRule(FromGrpc(ToGrpc(caused))).field, "query.items[0]");
    EXPECT_EQ(GetFieldRule(FromBytes(ToBytes(caused))).rule, "unknown-item");
  }
}

TEST(StatusMapping, TheDetailIsWhatOtherLanguagesRead) {
  const grpc::Status status = ToGrpc(InvalidField("code", "check-digit", "wrong"));
  google::rpc::Status proto;
  ASSERT_TRUE(proto.ParseFromString(status.error_details()));
  EXPECT_EQ(proto.code(), 3);
  EXPECT_EQ(proto.message(), status.error_message());
  ASSERT_EQ(proto.details_size(), 1);
  EXPECT_EQ(proto.details(0).type_url(), "type.googleapis.com/nakadachi.v1.ErrorDetail");
  v1::ErrorDetail detail;
  ASSERT_TRUE(proto.details(0).UnpackTo(&detail));
  EXPECT_EQ(detail.field(), "code");
  EXPECT_EQ(detail.rule(), "check-digit");
}

TEST(StatusMapping, NumbersThatAreNoCodeAreUnknown) {
  for (int number : {-1, 17, 99, 1 << 30}) {
    google::rpc::Status proto;
    proto.set_code(number);
    proto.set_message("text");
    EXPECT_EQ(FromBytes(proto.SerializeAsString()), absl::UnknownError("text")) << number;
  }
  // What the enumeration's own range holds beyond its names.
  for (int number : {-1, 17, 31}) {
    const grpc::Status status(static_cast<grpc::StatusCode>(number), "text");
    EXPECT_EQ(FromGrpc(status), absl::UnknownError("text")) << number;
  }
}

TEST(StatusMapping, ForeignAndBrokenDetailsAreDropped) {
  google::rpc::Status proto;
  proto.set_code(5);
  proto.set_message("none");
  auto* foreign = proto.add_details();
  foreign->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  foreign->set_value("\x0a\x00");
  auto* broken = proto.add_details();
  broken->set_type_url("type.googleapis.com/nakadachi.v1.ErrorDetail");
  broken->set_value("\x0a\x7f");
  EXPECT_EQ(FromBytes(proto.SerializeAsString()), absl::NotFoundError("none"));
  const grpc::Status garbage(grpc::StatusCode::NOT_FOUND, "none", "\xff\xff");
  EXPECT_EQ(FromGrpc(garbage), absl::NotFoundError("none"));
}

TEST(StatusMapping, BytesThatAreNoErrorAreAnErrorOfTheirOwn) {
  google::rpc::Status ok;
  ok.set_message("fine");
  for (const std::string& bytes :
       {std::string("\xff"), std::string(3, '\0'), std::string("\x08"), ok.SerializeAsString()}) {
    const absl::Status status = FromBytes(bytes);
    EXPECT_TRUE(absl::IsInternal(status));
    EXPECT_EQ(GetFieldRule(status).rule, "encoding");
  }
}

TEST(StatusMapping, TextsAreCutAndStayReadable) {
  EXPECT_EQ(FromBytes(ToBytes(absl::InternalError("\xff\xfe"))),
            absl::InternalError("(text is not UTF-8)"));
  for (int shift = 0; shift < 3; ++shift) {
    std::string text(shift, 'x');
    while (text.size() < 10'000) text += "漢";
    const absl::Status cut = FromGrpc(ToGrpc(absl::InternalError(text)));
    EXPECT_GT(cut.message().size(), 2040u);
    EXPECT_LE(cut.message().size(), 2048u);
    EXPECT_EQ(text.substr(0, cut.message().size()), cut.message());
  }
}

}  // namespace
}  // namespace nakadachi::rpc
