#include "net/tls_context.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "net/test_certificates.h"

namespace tombo::net {
namespace {

class TlsContextTest : public testing::Test {
 protected:
  TlsContextTest() {
    const TestIdentity server = authority.issue("server");
    settings.certfile = folder.file("server.crt", server.certificate);
    settings.keyfile = folder.file("server.key", server.key);
  }

  std::string error() {
    const auto made = TlsContext::make(settings);
    return made ? "none" : made.error().text;
  }

  TestFolder folder;
  TestAuthority authority{"Authority"};
  TlsSettings settings;
};

TEST_F(TlsContextTest, is_made_of_a_certificate_and_its_key) {
  EXPECT_EQ(error(), "none");
}

TEST_F(TlsContextTest, names_the_certificate_that_is_not_there) {
  settings.certfile = "/no/such.crt";
  EXPECT_EQ(error(),
            "Error: Unable to load server certificate \"/no/such.crt\". Check certfile.\n"
            "Error: OpenSSL says: No such file or directory.");
}

TEST_F(TlsContextTest, names_the_file_that_is_no_key) {
  settings.keyfile = folder.file("junk", "junk");
  EXPECT_EQ(error(), "Error: Unable to load server key file \"" + settings.keyfile +
                         "\". Check keyfile.\nError: OpenSSL says: unsupported.");
}

TEST_F(TlsContextTest, does_not_take_the_key_of_another_certificate) {
  settings.keyfile = folder.file("other.key", authority.issue("other").key);
  EXPECT_EQ(error(), "Error: Unable to load server key file \"" + settings.keyfile +
                         "\". Check keyfile.\nError: OpenSSL says: key values mismatch.");
}

TEST_F(TlsContextTest, does_not_ask_for_the_password_of_a_key) {
  settings.keyfile =
      folder.file("locked.key",
                  "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                  "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\n"
                  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEQAAA\n"
                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                  "AAAAAAAAAAAAAAAAAAAAAAAA\n"
                  "-----END ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_EQ(error().find("Error: Unable to load server key file"), 0U) << error();
}

TEST_F(TlsContextTest, names_the_other_files_that_are_not_right) {
  const std::string junk = folder.file("junk", "junk");

  const struct {
    std::string TlsSettings::*field;
    std::string value;
    std::string words;
  } cases[] = {
      {&TlsSettings::cafile, junk, "Check cafile \"" + junk + "\"."},
      {&TlsSettings::crlfile, junk, "revocation file \"" + junk + "\". Check crlfile."},
      {&TlsSettings::dhparamfile, junk, "Error loading dhparamfile \"" + junk + "\"."},
      {&TlsSettings::ciphers, "NONSENSE", "Check cipher list \"NONSENSE\"."},
      {&TlsSettings::ciphers_tls13, "NONSENSE", "Check cipher_tls13 list \"NONSENSE\"."},
      {&TlsSettings::capath, "/no/such", "Check capath \"/no/such\"."},
      {&TlsSettings::keylog, "/no/such", "Unable to open TLS key log \"/no/such\""},
  };

  for (const auto& each : cases) {
    const TlsSettings good = settings;
    settings.*each.field = each.value;
    EXPECT_NE(error().find(each.words), std::string::npos) << error();
    settings = good;
  }
}

TEST_F(TlsContextTest, wants_hashed_names_in_a_folder_of_authorities) {
  std::filesystem::create_directory(folder.path("cas"));
  std::ofstream(folder.path("cas/ca.crt")) << authority.certificate();
  settings.capath = folder.path("cas");
  EXPECT_NE(error().find("No file there has a name that \"openssl rehash\" gives."),
            std::string::npos);
  std::ofstream(folder.path("cas/" + authority.hashed_name())) << authority.certificate();
  EXPECT_EQ(error(), "none");
}

TEST_F(TlsContextTest, knows_the_keys_of_its_clients) {
  settings = {};
  settings.psk = true;
  settings.psk_keys = {{"a", "key"}};
  const auto made = TlsContext::make(settings);
  ASSERT_TRUE(made);
  ASSERT_NE((*made)->psk_key("a"), nullptr);
  EXPECT_EQ(*(*made)->psk_key("a"), "key");
  EXPECT_EQ((*made)->psk_key("b"), nullptr);
}

}  // namespace
}  // namespace tombo::net
