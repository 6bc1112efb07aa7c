#include "net/ocsp_staple.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "net/test_certificates.h"
#include "net/tls_context.h"

namespace tombo::net {
namespace {

constexpr long kHour = 3600;

struct Answered {
  int status = V_OCSP_CERTSTATUS_GOOD;
  long from_s = -kHour;
  long to_s = kHour;  ///< 0: no end.
};

class OcspStapleTest : public testing::Test {
 protected:
  OcspStapleTest() {
    settings.certfile = folder.file("server.crt", server.certificate);
    settings.keyfile = folder.file("server.key", server.key);
  }

  template <class T, class Read>
  static T* read_pem(const std::string& text, Read read) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
    return read(memory.get(), nullptr, nullptr, nullptr);
  }

  /// Writes a response about `subject`, signed by the server itself: the broker leaves that to its
  /// clients.
  std::string respond(const std::string& subject, const Answered& answered) {
    using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
    const Certificate certificate(read_pem<X509>(subject, &PEM_read_bio_X509), &X509_free);
    const Certificate issuer(read_pem<X509>(authority.certificate(), &PEM_read_bio_X509),
                             &X509_free);
    const Certificate signer(read_pem<X509>(server.certificate, &PEM_read_bio_X509), &X509_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        read_pem<EVP_PKEY>(server.key, &PEM_read_bio_PrivateKey), &EVP_PKEY_free);
    const std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> basic(
        OCSP_BASICRESP_new(), &OCSP_BASICRESP_free);
    OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), certificate.get(), issuer.get());
    ASN1_TIME* from = X509_gmtime_adj(nullptr, answered.from_s);
    ASN1_TIME* to = answered.to_s == 0 ? nullptr : X509_gmtime_adj(nullptr, answered.to_s);
    ASN1_TIME* revoked =
        answered.status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(nullptr, -kHour) : nullptr;
    OCSP_basic_add1_status(basic.get(), id, answered.status, 0, revoked, from, to);
    OCSP_basic_sign(basic.get(), signer.get(), key.get(), EVP_sha256(), nullptr, 0);
    const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()), &OCSP_RESPONSE_free);
    unsigned char* der = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &der);
    const std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
    OPENSSL_free(der);
    for (ASN1_TIME* time : {from, to, revoked}) ASN1_TIME_free(time);
    OCSP_CERTID_free(id);
    return folder.file("ocsp.der", bytes);
  }

  std::string warning(const Answered& answered) {
    settings.ocsp_file = respond(server.certificate, answered);
    const auto made = TlsContext::make(settings);
    return made ? (*made)->ocsp_staple().warning() : made.error().text;
  }

  std::string error_of(const std::string& path) {
    settings.ocsp_file = path;
    const auto made = TlsContext::make(settings);
    return made ? "none" : made.error().text;
  }

  /// Does a connection get it?
  bool is_given() {
    const auto made = TlsContext::make(settings);
    const std::unique_ptr<SSL, decltype(&SSL_free)> connection(SSL_new((*made)->get()), &SSL_free);
    return (*made)->ocsp_staple().give_to(*connection);
  }

  TestFolder folder;
  TestAuthority authority{"Authority"};
  TestIdentity server = authority.issue("server");
  TlsSettings settings;
};

TEST_F(OcspStapleTest, is_given_while_it_is_valid) {
  EXPECT_EQ(warning({}), "");
  EXPECT_TRUE(is_given());
  EXPECT_EQ(warning({.to_s = 0}), "");
  EXPECT_TRUE(is_given());
}

TEST_F(OcspStapleTest, is_not_given_when_it_is_of_no_use_and_says_why) {
  const struct {
    Answered answered;
    std::string words;
  } cases[] = {
      {{.from_s = -2 * kHour, .to_s = -kHour}, "is not valid now"},
      {{.from_s = kHour, .to_s = 2 * kHour}, "is not valid now"},
      {{.status = V_OCSP_CERTSTATUS_REVOKED}, "says that the certificate is revoked"},
      {{.status = V_OCSP_CERTSTATUS_UNKNOWN}, "does not know the certificate"},
  };

  for (const auto& each : cases) {
    EXPECT_NE(warning(each.answered).find(each.words), std::string::npos) << each.words;
    EXPECT_FALSE(is_given());
  }
}

TEST_F(OcspStapleTest, is_about_the_certificate_of_the_listener) {
  const std::string words = "It is not about the certificate in certfile.";
  EXPECT_NE(error_of(respond(authority.issue("other").certificate, {})).find(words),
            std::string::npos);
}

TEST_F(OcspStapleTest, of_another_authority_with_the_same_serial_number_is_refused) {
  TestAuthority other("Other");
  const TestIdentity twin = other.issue("server");
  ASSERT_EQ(twin.serial, server.serial);
  authority = TestAuthority("Other");
  EXPECT_NE(error_of(respond(twin.certificate, {})).find("It is not about"), std::string::npos);
}

TEST_F(OcspStapleTest, names_the_file_that_is_none) {
  EXPECT_EQ(error_of("/no/such"),
            "Error: Unable to use OCSP response \"/no/such\". Check ocsp_file.\n"
            "Error: No such file or directory.");
  EXPECT_NE(error_of(folder.file("junk", "junk")).find("It is no OCSP response in DER."),
            std::string::npos);
  EXPECT_NE(error_of(folder.file("empty", "")).find("It is no OCSP response in DER."),
            std::string::npos);
  EXPECT_NE(error_of(folder.file("large", std::string(OcspStaple::kBytesMax + 1, 'x')))
                .find("It is larger than 16384 bytes."),
            std::string::npos);
  // The authority was too busy (tryLater).
  EXPECT_NE(error_of(folder.file("busy", std::string("\x30\x03\x0A\x01\x03", 5)))
                .find("The authority has not answered: trylater."),
            std::string::npos);
}

}  // namespace
}  // namespace tombo::net
