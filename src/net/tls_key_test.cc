// The engine of these tests is one of OpenSSL's, whose functions are deprecated: see tls_engine.h.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "net/tls_key.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ui.h>

#include "net/test_certificates.h"

namespace tombo::net {
namespace {

class TlsKeyTest : public testing::Test {
 protected:
  TlsKeyTest() {
    const TestIdentity server = authority.issue("server");
    settings.certfile = folder.file("server.crt", server.certificate);
    settings.keyfile = folder.file("server.key", server.key);
  }

  /// Encrypts the key under a passphrase.
  void lock(const std::string& passphrase) {
    const std::string text = folder.text_of("server.key");
    const std::unique_ptr<BIO, decltype(&BIO_free)> plain(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
    const PrivateKey key(PEM_read_bio_PrivateKey(plain.get(), nullptr, nullptr, nullptr));
    settings.keyfile = folder.path("locked.key");
    const std::unique_ptr<BIO, decltype(&BIO_free)> locked(
        BIO_new_file(settings.keyfile.c_str(), "w"), &BIO_free);
    PEM_write_bio_PKCS8PrivateKey(locked.get(), key.get(), EVP_aes_128_cbc(), passphrase.data(),
                                  static_cast<int>(passphrase.size()), nullptr, nullptr);
  }

  void answer(const std::optional<std::string>& passphrase) {
    settings.passphrase = [this, passphrase](const std::string& keyfile) {
      asked_for = keyfile;
      return passphrase;
    };
  }

  std::string error() {
    const auto made = TlsContext::make(settings);
    return made ? "none" : made.error().text;
  }

  TestFolder folder;
  TestAuthority authority{"Authority"};
  TlsSettings settings;
  std::string asked_for;
};

TEST_F(TlsKeyTest, asks_nobody_for_a_key_that_is_not_encrypted) {
  answer("secret");
  EXPECT_EQ(error(), "none");
  EXPECT_EQ(asked_for, "");
}

TEST_F(TlsKeyTest, reads_an_encrypted_key_with_its_passphrase) {
  lock("secret");
  answer("secret");
  EXPECT_EQ(error(), "none");
  EXPECT_EQ(asked_for, settings.keyfile);
}

TEST_F(TlsKeyTest, refuses_another_passphrase) {
  lock("secret");
  answer("guess!");
  EXPECT_EQ(error().find("Error: Unable to load server key file \"" + settings.keyfile +
                         "\". Check keyfile.\nError: OpenSSL says: "),
            0U)
      << error();
}

TEST_F(TlsKeyTest, says_that_nobody_can_be_asked) {
  lock("secret");
  const std::string expected =
      "Error: Unable to load server key file \"" + settings.keyfile +
      "\". Check keyfile.\nError: It needs a passphrase, and there is no terminal to ask for it.";
  EXPECT_EQ(error(), expected);
  answer(std::nullopt);
  EXPECT_EQ(error(), expected);
  answer(std::string(5000, 'x'));
  EXPECT_EQ(error(), expected);
}

// What the engine of the tests is asked for, and what it gives.
struct TestEngine {
  std::string key;
  std::string pin;       // Asked for when not empty.
  std::string pin_hash;  // That came instead.
  bool hash_mode = false;
};

TestEngine& test_engine() {
  static TestEngine engine;
  return engine;
}

EVP_PKEY* load_key(ENGINE* /*engine*/, const char* handle, UI_METHOD* method, void* data) {
  if (std::string_view(handle) != "slot 1") return nullptr;
  if (!test_engine().pin.empty() && test_engine().pin_hash.empty()) {
    const std::unique_ptr<UI, decltype(&UI_free)> ui(UI_new_method(method), &UI_free);
    std::array<char, 64> given{};
    UI_add_user_data(ui.get(), data);
    UI_add_input_string(ui.get(), "PIN", 0, given.data(), 0, static_cast<int>(given.size()) - 1);
    if (UI_process(ui.get()) != 0 || test_engine().pin != given.data()) return nullptr;
  }
  const std::string& text = test_engine().key;
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  return PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr);
}

// NOLINTNEXTLINE(readability-function-size): OpenSSL says what it gets.
int control(ENGINE* /*engine*/, int command, long number, void* pointer, void (* /*f*/)()) {
  if (command == ENGINE_CMD_BASE) {
    test_engine().hash_mode = number == 0x1000;
  } else {
    test_engine().pin_hash.assign(static_cast<const char*>(pointer), 20);
  }
  return 1;
}

class TlsEngineTest : public TlsKeyTest {
 protected:
  TlsEngineTest() {
    test_engine() = {};
    test_engine().key = folder.text_of("server.key");
    settings.engine = "tombo-test";
    settings.key_in_engine = true;
    settings.keyfile = "slot 1";
    static const bool kAdded = add_engine();
    EXPECT_TRUE(kAdded);
  }

  static bool add_engine() {
    static const ENGINE_CMD_DEFN kCommands[] = {
        {ENGINE_CMD_BASE, "SECRET_MODE", "", ENGINE_CMD_FLAG_NUMERIC},
        {ENGINE_CMD_BASE + 1, "PIN", "", ENGINE_CMD_FLAG_STRING},
        {0, nullptr, nullptr, 0}};
    ENGINE* engine = ENGINE_new();
    const bool added = ENGINE_set_id(engine, "tombo-test") == 1 &&
                       ENGINE_set_name(engine, "test") == 1 &&
                       ENGINE_set_load_privkey_function(engine, &load_key) == 1 &&
                       ENGINE_set_ctrl_function(engine, &control) == 1 &&
                       ENGINE_set_cmd_defns(engine, kCommands) == 1 && ENGINE_add(engine) == 1;
    ENGINE_free(engine);  // The list of engines has it now.
    return added;
  }
};

TEST_F(TlsEngineTest, gives_the_key_of_a_listener) {
  EXPECT_EQ(error(), "none");
}

TEST_F(TlsEngineTest, is_loaded_without_a_key_in_it) {
  settings.key_in_engine = false;
  settings.keyfile = folder.path("server.key");
  EXPECT_EQ(error(), "none");
}

TEST_F(TlsEngineTest, asks_for_its_pin) {
  test_engine().pin = "1234";
  answer("1234");
  EXPECT_EQ(error(), "none");
  EXPECT_EQ(asked_for, "slot 1");
  answer(std::nullopt);
  EXPECT_NE(error().find("It needs a passphrase"), std::string::npos) << error();
}

TEST_F(TlsEngineTest, takes_the_hash_of_its_pin) {
  test_engine().pin = "1234";
  settings.engine_pin_sha1 = "00112233445566778899aabbccddeeff00112233";
  EXPECT_EQ(error(), "none");
  EXPECT_TRUE(test_engine().hash_mode);
  EXPECT_EQ(test_engine().pin_hash.substr(1, 3), "\x11\x22\x33");
}

TEST_F(TlsEngineTest, has_no_such_key) {
  settings.keyfile = "slot 2";
  EXPECT_EQ(error().find("Error: Unable to load engine private key \"slot 2\". Check keyfile.\n"),
            0U)
      << error();
}

TEST_F(TlsEngineTest, is_not_there) {
  settings.engine = "no-such";
  EXPECT_EQ(error().find("Error: Unable to load engine \"no-such\". Check tls_engine.\n"), 0U)
      << error();
}

}  // namespace
}  // namespace tombo::net
