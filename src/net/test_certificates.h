#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace tombo::net {

/// A folder for the files of a test, gone with it.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tombo-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }

  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

  /// Writes a file and returns its path.
  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

/// A certificate and its key as PEM.
struct TestIdentity {
  std::string certificate;
  std::string key;
  long serial = 0;
};

/// An authority that issues certificates on the spot. For tests.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name)
      : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(make(name, *key_, 1)) {
    add_extension(*certificate_, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(*certificate_, NID_key_usage, "critical,keyCertSign,cRLSign");
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }

  [[nodiscard]] std::string certificate() const { return pem(*certificate_); }

  /// Valid from a day ago for `days` days; -1 or less: it has expired. A second part of `subject`
  /// behind a slash is the organisation; empty: no name at all.
  TestIdentity issue(const std::string& subject, int days = 10) {
    const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const Certificate made = make(subject, *key, days);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    add_extension(*made, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
    X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
    X509_sign(made.get(), key_.get(), EVP_sha256());
    return {pem(*made), pem(*key), serial_};
  }

  /// A list of revoked certificates as PEM.
  [[nodiscard]] std::string revoke(const std::vector<long>& serials) const {
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), &X509_CRL_free);
    X509_CRL_set_version(list.get(), 1);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(),
                                                                     &ASN1_TIME_free);
    X509_CRL_set1_lastUpdate(list.get(), X509_gmtime_adj(time.get(), -kDay));
    for (const long serial : serials) {
      X509_REVOKED* entry = X509_REVOKED_new();
      const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> number(ASN1_INTEGER_new(),
                                                                               &ASN1_INTEGER_free);
      ASN1_INTEGER_set(number.get(), serial);
      X509_REVOKED_set_serialNumber(entry, number.get());
      X509_REVOKED_set_revocationDate(entry, time.get());
      X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_CRL_set1_nextUpdate(list.get(), X509_gmtime_adj(time.get(), kDay));
    X509_CRL_sign(list.get(), key_.get(), EVP_sha256());
    return write([&list](BIO* into) { PEM_write_bio_X509_CRL(into, list.get()); });
  }

  /// The name that OpenSSL looks for in a folder of authorities.
  [[nodiscard]] std::string hashed_name() const {
    return fmt::format("{:08x}.0", X509_subject_name_hash(certificate_.get()));
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
  static constexpr long kDay = 86400;

  static Certificate make(const std::string& subject, EVP_PKEY& key, int days) {
    Certificate made(X509_new(), &X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -10 * kDay);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), days * kDay);
    X509_set_pubkey(made.get(), &key);
    const size_t slash = subject.find('/');
    X509_NAME* name = X509_get_subject_name(made.get());
    if (slash != std::string::npos) add(*name, "O", subject.substr(slash + 1));
    if (slash != 0 && !subject.empty()) add(*name, "CN", subject.substr(0, slash));
    return made;
  }

  static void add(X509_NAME& name, const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(&name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  }

  static void add_extension(X509& certificate, int id, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value);
    X509_add_ext(&certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <class F>
  static std::string write(F&& print) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
    print(memory.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<size_t>(size)};
  }

  static std::string pem(X509& certificate) {
    return write([&certificate](BIO* into) { PEM_write_bio_X509(into, &certificate); });
  }

  static std::string pem(EVP_PKEY& key) {
    return write([&key](BIO* into) {
      PEM_write_bio_PrivateKey(into, &key, nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

  Key key_;
  Certificate certificate_;
  long serial_ = 1;
};

}  // namespace tombo::net
