#include "net/openssl_text.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

namespace tombo::net {
namespace {

// The peer's alerts are reasons of OpenSSL's from this number on.
constexpr int kAlertReasons = 1000;
constexpr int kAlertReasonsEnd = 1256;

/// What a number of OpenSSL's or of TLS means to whoever runs the broker.
struct Meaning {
  int number;
  std::string_view text;
};

constexpr Meaning kAlerts[] = {
    {SSL_AD_UNKNOWN_CA, "it does not trust the authority of certfile"},
    {SSL_AD_BAD_CERTIFICATE,
     "it does not accept certfile; often the host name it connects to is not in it"},
    {SSL_AD_CERTIFICATE_UNKNOWN,
     "it does not accept certfile; often the host name it connects to is not in it"},
    // A callback of mosquitto_pub, _sub and _rr that finds another name than it connects to.
    {SSL_AD_INTERNAL_ERROR,
     "mosquitto's clients say so when the host name they connect to is not in certfile"},
    {SSL_AD_CERTIFICATE_EXPIRED, "the certificate in certfile has expired by its clock"},
    {SSL_AD_CERTIFICATE_REVOKED, "it holds the certificate in certfile for revoked"},
    {SSL_AD_UNKNOWN_PSK_IDENTITY, "its identity or key is not that of psk_file"},
};
constexpr Meaning kReasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client has none, and require_certificate is on"},
    {SSL_R_NO_SHARED_CIPHER, "the client knows none of the listener's"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the client's TLS is older than tls_version"},
    {SSL_R_VERSION_TOO_LOW, "the client's TLS is older than tls_version"},
};
constexpr std::string_view kOtherAuthority = "its authority is not in cafile or capath";
constexpr Meaning kVerifyErrors[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, kOtherAuthority},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, kOtherAuthority},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, kOtherAuthority},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, kOtherAuthority},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, kOtherAuthority},
    {X509_V_ERR_UNABLE_TO_GET_CRL, "crlfile has no list of its authority"},
    {X509_V_ERR_CRL_HAS_EXPIRED, "the list in crlfile is out of date"},
};

/// `text` and, if there is more to say about the number, what it means.
std::string with_meaning(std::string text, std::span<const Meaning> meanings, int number) {
  const auto found = std::ranges::find(meanings, number, &Meaning::number);
  if (found == meanings.end()) return text;
  return fmt::format("{}: {}", text, found->text);
}

}  // namespace

std::string take_openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown reason";
  const int reason = ERR_GET_REASON(error);
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(reason);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > kAlertReasons && reason < kAlertReasonsEnd) {
    const int alert = reason - kAlertReasons;
    return with_meaning(
        fmt::format("the client refused with \"{}\"", SSL_alert_desc_string_long(alert)), kAlerts,
        alert);
  }
  const char* text = ERR_reason_error_string(error);
  if (text == nullptr) return fmt::format("error {:X}", error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return text;
  return with_meaning(text, kReasons, reason);
}

bool openssl_could_not_decrypt() {
  const unsigned long error = ERR_peek_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return false;
  const int reason = ERR_GET_REASON(error);
  return reason == SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC || reason == SSL_R_BAD_RECORD_TYPE ||
         reason == SSL_R_DIGEST_CHECK_FAILED || reason == SSL_R_ENCRYPTED_LENGTH_TOO_LONG;
}

std::string verify_error_text(int error) {
  return with_meaning(X509_verify_cert_error_string(error), kVerifyErrors, error);
}

std::string printable(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(
      clean, [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

std::string subject_of(const x509_st& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(memory.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::optional<std::string> common_name_of(const x509_st& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return std::nullopt;
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index));
  std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                   static_cast<size_t>(ASN1_STRING_length(value)));
  if (name.empty() || name.find('\0') != std::string::npos) return std::nullopt;
  return name;
}

}  // namespace tombo::net
