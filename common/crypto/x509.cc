#include "common/crypto/x509.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/crypto.h"

namespace nakadachi {
namespace {

using bssl::UniquePtr;

// ---- What a request may hold.

absl::Status CheckCommonName(absl::string_view name) {
  if (name.empty() || name.size() > 64)
    return InvalidField("common_name", "length", "must have 1 to 64 bytes");
  return absl::OkStatus();
}

bool IsUri(absl::string_view uri) {
  const size_t colon = uri.find(':');
  return colon != absl::string_view::npos && colon > 0 &&
         std::all_of(uri.begin(), uri.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

bool IsDnsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return c == '-' || absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

bool IsDnsName(absl::string_view name) {
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  return name.size() <= 253 && std::all_of(labels.begin(), labels.end(), IsDnsLabel);
}

absl::Status CheckNames(const LeafRequest& request) {
  for (size_t i = 0; i < request.uris.size(); ++i) {
    if (!IsUri(request.uris[i]))
      return InvalidField(absl::StrCat("uris[", i, "]"), "uri",
                          "must be a URI of visible ASCII characters");
  }
  for (size_t i = 0; i < request.dns_names.size(); ++i) {
    if (!IsDnsName(request.dns_names[i]))
      return InvalidField(absl::StrCat("dns_names[", i, "]"), "dns-name",
                          "must be labels of letters, digits and hyphens");
  }
  return absl::OkStatus();
}

// ---- PEM.

UniquePtr<BIO> Reader(absl::string_view text) {
  return UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string Content(BIO* bio) {
  const uint8_t* data = nullptr;
  size_t size = 0;
  NAKADACHI_CHECK(BIO_mem_contents(bio, &data, &size) == 1);
  return std::string(reinterpret_cast<const char*>(data), size);
}

std::string ToPem(X509* certificate) {
  const UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  NAKADACHI_CHECK(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return Content(bio.get());
}

std::string ToPem(EVP_PKEY* key) {
  const UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  NAKADACHI_CHECK(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Content(bio.get());
}

// Keys of ours are never encrypted; without this BoringSSL would ask the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<UniquePtr<X509>> ParseCertificate(absl::string_view pem, absl::string_view field) {
  UniquePtr<X509> certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (!certificate) return InvalidField(field, "pem", "is not a certificate in PEM");
  return certificate;
}

absl::StatusOr<UniquePtr<EVP_PKEY>> ParsePrivateKey(absl::string_view pem,
                                                    absl::string_view field) {
  UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (!key) return InvalidField(field, "pem", "is not a private key in PEM");
  return key;
}

// ---- Making certificates. BoringSSL's functions fail here only for want of memory, unless a
// Status says otherwise.

UniquePtr<EVP_PKEY> NewP256Key() {
  const UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  NAKADACHI_CHECK(ec && key && EC_KEY_generate_key(ec.get()) == 1 &&
                  EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1);
  return key;
}

// Positive, 127 random bits (RFC 5280 section 4.1.2.2: unique, at most 20 octets).
void SetRandomSerial(X509* certificate) {
  std::array<uint8_t, 16> bytes = SystemRandom().Bytes<16>();
  bytes[0] = static_cast<uint8_t>((bytes[0] & 0x3f) | 0x40);
  const UniquePtr<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  const UniquePtr<ASN1_INTEGER> serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  NAKADACHI_CHECK(serial && X509_set_serialNumber(certificate, serial.get()) == 1);
}

absl::Status SetValidity(X509* certificate, absl::Time not_before, absl::Time not_after) {
  const auto invalid = [](absl::string_view field, absl::string_view why) {
    return InvalidField(field, "validity", why);
  };
  if (not_after <= not_before) return invalid("not_after", "must be later than not_before");
  const absl::Time earliest = absl::FromUnixSeconds(-631152000);  // 1950-01-01
  const absl::Time latest = absl::FromUnixSeconds(253402300799);  // 9999-12-31T23:59:59
  if (not_before < earliest) return invalid("not_before", "must not be before 1950");
  if (not_after > latest) return invalid("not_after", "must not be after 9999");
  const UniquePtr<ASN1_TIME> from(ASN1_TIME_set(nullptr, absl::ToTimeT(not_before)));
  const UniquePtr<ASN1_TIME> to(ASN1_TIME_set(nullptr, absl::ToTimeT(not_after)));
  NAKADACHI_CHECK(from && to && X509_set1_notBefore(certificate, from.get()) == 1 &&
                  X509_set1_notAfter(certificate, to.get()) == 1);
  return absl::OkStatus();
}

absl::Status SetCommonName(X509* certificate, absl::string_view name) {
  NAKADACHI_RETURN_IF_ERROR(CheckCommonName(name));
  // False for what is not UTF-8.
  if (X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const uint8_t*>(name.data()),
                                 static_cast<int>(name.size()), -1, 0) != 1) {
    ERR_clear_error();
    return InvalidField("common_name", "utf-8", "is not UTF-8");
  }
  return absl::OkStatus();
}

void AddExtension(X509* certificate, int nid, void* value, bool critical) {
  NAKADACHI_CHECK(X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, 0) == 1);
}

void AddBasicConstraints(X509* certificate, bool is_root) {
  const UniquePtr<BASIC_CONSTRAINTS> constraints(BASIC_CONSTRAINTS_new());
  NAKADACHI_CHECK(constraints != nullptr);
  if (is_root) {
    constraints->ca = 1;
    constraints->pathlen = ASN1_INTEGER_new();
    NAKADACHI_CHECK(ASN1_INTEGER_set(constraints->pathlen, 0) == 1);
  }
  AddExtension(certificate, NID_basic_constraints, constraints.get(), /*critical=*/true);
}

// Bits of RFC 5280 section 4.2.1.3.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;

void AddKeyUsage(X509* certificate, std::initializer_list<int> bits) {
  const UniquePtr<ASN1_BIT_STRING> usage(ASN1_BIT_STRING_new());
  for (const int bit : bits) {
    NAKADACHI_CHECK(ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) == 1);
  }
  AddExtension(certificate, NID_key_usage, usage.get(), /*critical=*/true);
}

void AddExtendedKeyUsage(X509* certificate) {
  const UniquePtr<EXTENDED_KEY_USAGE> usage(sk_ASN1_OBJECT_new_null());
  for (const int nid : {NID_server_auth, NID_client_auth}) {
    // Objects of BoringSSL's own table: freeing them does nothing.
    NAKADACHI_CHECK(sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(nid)) != 0);
  }
  AddExtension(certificate, NID_ext_key_usage, usage.get(), /*critical=*/false);
}

// Leftmost 160 bits of the key's SHA-256 (RFC 7093 section 2, method 1).
UniquePtr<ASN1_OCTET_STRING> KeyIdentifier(X509* certificate) {
  const ASN1_BIT_STRING* key = X509_get0_pubkey_bitstr(certificate);
  const Hash hash =
      Sha256(absl::string_view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(key)),
                               static_cast<size_t>(ASN1_STRING_length(key))));
  UniquePtr<ASN1_OCTET_STRING> identifier(ASN1_OCTET_STRING_new());
  NAKADACHI_CHECK(ASN1_STRING_set(identifier.get(), hash.data(), 20) == 1);
  return identifier;
}

void AddKeyIdentifiers(X509* certificate, X509* issuer) {
  AddExtension(certificate, NID_subject_key_identifier, KeyIdentifier(certificate).get(), false);
  const UniquePtr<AUTHORITY_KEYID> authority(AUTHORITY_KEYID_new());
  authority->keyid = KeyIdentifier(issuer).release();
  AddExtension(certificate, NID_authority_key_identifier, authority.get(), false);
}

void PushName(GENERAL_NAMES* names, int type, absl::string_view text) {
  UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
  UniquePtr<ASN1_IA5STRING> value(ASN1_IA5STRING_new());
  NAKADACHI_CHECK(ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) == 1);
  GENERAL_NAME_set0_value(name.get(), type, value.release());
  NAKADACHI_CHECK(bssl::PushToStack(names, std::move(name)));
}

void AddAlternativeNames(X509* certificate, const LeafRequest& request) {
  if (request.uris.empty() && request.dns_names.empty()) return;
  const UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
  for (const std::string& uri : request.uris) PushName(names.get(), GEN_URI, uri);
  for (const std::string& dns : request.dns_names) PushName(names.get(), GEN_DNS, dns);
  AddExtension(certificate, NID_subject_alt_name, names.get(), /*critical=*/false);
}

// A certificate with everything but its issuer, extensions and signature.
absl::StatusOr<UniquePtr<X509>> NewCertificate(absl::string_view common_name, absl::Time not_before,
                                               absl::Time not_after, EVP_PKEY* key) {
  UniquePtr<X509> certificate(X509_new());
  NAKADACHI_CHECK(certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  SetRandomSerial(certificate.get());
  NAKADACHI_RETURN_IF_ERROR(SetCommonName(certificate.get(), common_name));
  NAKADACHI_RETURN_IF_ERROR(SetValidity(certificate.get(), not_before, not_after));
  NAKADACHI_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

CertificateAndKey Sign(X509* certificate, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  NAKADACHI_CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  AddKeyIdentifiers(certificate, issuer);
  NAKADACHI_CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
  return {ToPem(certificate), ToPem(key)};
}

// ---- Reading them.

absl::Status VerifyChain(X509* root, X509* leaf, int purpose, absl::Time time) {
  const UniquePtr<X509_STORE> store(X509_STORE_new());
  const UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  NAKADACHI_CHECK(store && context && X509_STORE_add_cert(store.get(), root) == 1 &&
                  X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) == 1);
  NAKADACHI_CHECK(X509_STORE_CTX_set_purpose(context.get(), purpose) == 1);
  X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(time));
  const bool verified = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (verified) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(context.get());
  return FieldError(absl::StatusCode::kUnauthenticated, "certificate", "certificate",
                    X509_verify_cert_error_string(error));
}

std::string Text(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

std::string Serial(X509* certificate) {
  return HexEncode(Text(X509_get0_serialNumber(certificate)));
}

std::string CommonName(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return "";
  return Text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
}

absl::Time ToTime(const ASN1_TIME* time) {
  const UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  // A verified certificate's times are well formed.
  NAKADACHI_CHECK(ASN1_TIME_diff(&days, &seconds, epoch.get(), time) == 1);
  return absl::UnixEpoch() + absl::Hours(24) * days + absl::Seconds(seconds);
}

void ReadAlternativeNames(X509* certificate, CertificateInfo* out) {
  const UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  for (const GENERAL_NAME* name : names.get()) {
    if (name->type == GEN_URI) out->uris.push_back(Text(name->d.uniformResourceIdentifier));
    if (name->type == GEN_DNS) out->dns_names.push_back(Text(name->d.dNSName));
  }
}

}  // namespace

absl::StatusOr<CertificateAndKey> MakeTrustRoot(absl::string_view common_name,
                                                absl::Time not_before, absl::Time not_after) {
  const UniquePtr<EVP_PKEY> key = NewP256Key();
  NAKADACHI_ASSIGN_OR_RETURN(const UniquePtr<X509> root,
                             NewCertificate(common_name, not_before, not_after, key.get()));
  AddBasicConstraints(root.get(), /*is_root=*/true);
  AddKeyUsage(root.get(), {kKeyCertSign, kCrlSign});
  return Sign(root.get(), key.get(), root.get(), key.get());
}

absl::StatusOr<CertificateAndKey> IssueLeaf(const CertificateAndKey& root,
                                            const LeafRequest& request) {
  NAKADACHI_RETURN_IF_ERROR(CheckNames(request));
  NAKADACHI_ASSIGN_OR_RETURN(const UniquePtr<X509> issuer,
                             ParseCertificate(root.certificate_pem, "root.certificate"));
  NAKADACHI_ASSIGN_OR_RETURN(const UniquePtr<EVP_PKEY> issuer_key,
                             ParsePrivateKey(root.private_key_pem, "root.private_key"));
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return InvalidField("root.private_key", "key-mismatch", "is not that of the root certificate");
  }
  const UniquePtr<EVP_PKEY> key = NewP256Key();
  NAKADACHI_ASSIGN_OR_RETURN(
      const UniquePtr<X509> leaf,
      NewCertificate(request.common_name, request.not_before, request.not_after, key.get()));
  AddBasicConstraints(leaf.get(), /*is_root=*/false);
  AddKeyUsage(leaf.get(), {kDigitalSignature});
  AddExtendedKeyUsage(leaf.get());
  AddAlternativeNames(leaf.get(), request);
  return Sign(leaf.get(), key.get(), issuer.get(), issuer_key.get());
}

absl::StatusOr<CertificateInfo> VerifyLeaf(absl::string_view root_pem, absl::string_view leaf_pem,
                                           absl::Time time) {
  NAKADACHI_ASSIGN_OR_RETURN(const UniquePtr<X509> root, ParseCertificate(root_pem, "root"));
  NAKADACHI_ASSIGN_OR_RETURN(const UniquePtr<X509> leaf, ParseCertificate(leaf_pem, "certificate"));
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    NAKADACHI_RETURN_IF_ERROR(VerifyChain(root.get(), leaf.get(), purpose, time));
  }
  CertificateInfo info;
  info.serial = Serial(leaf.get());
  info.common_name = CommonName(leaf.get());
  info.not_before = ToTime(X509_get0_notBefore(leaf.get()));
  info.not_after = ToTime(X509_get0_notAfter(leaf.get()));
  ReadAlternativeNames(leaf.get(), &info);
  return info;
}

}  // namespace nakadachi
