#include "net/openssl_text.h"

#include <cstddef>
#include <cstring>
#include <memory>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace tombo::net {
namespace {

// The peer's alerts are reasons of OpenSSL's from this number on.
constexpr int kAlertReasons = 1000;
constexpr int kAlertReasonsEnd = 1256;

}  // namespace

std::string take_openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown reason";
  const int reason = ERR_GET_REASON(error);
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(reason);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > kAlertReasons && reason < kAlertReasonsEnd) {
    return fmt::format("the client refused with \"{}\"",
                       SSL_alert_desc_string_long(reason - kAlertReasons));
  }
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? text : fmt::format("error {:X}", error);
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
