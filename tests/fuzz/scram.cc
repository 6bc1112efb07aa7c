#include "auth/scram.h"

#include <string>

#include "auth/scram_file.h"
#include "auth/test_scram_client.h"
#include "base/check.h"
#include "fuzz/input.h"

/// SCRAM-SHA-256 with a client that knows the password but words its messages as it likes. Input:
/// the first message, the final one without its proof, a line each, and the text of a scram_file.
namespace tombo::fuzz {
namespace {

using auth::ScramAnswer;
using auth::ScramFile;
using auth::ScramKeys;
using mqtt::Reason;

constexpr std::string_view kNonce = "server";

const ScramKeys& keys() {
  static const ScramKeys kKeys = auth::derive_scram_keys("pencil", "salt of test", 4'096);
  return kKeys;
}

/// What `client_final` may be: header and nonce as they were, then anything that looks like
/// extensions.
void check_accepted(const auth::TestScramClient& client, std::string_view challenge,
                    std::string_view client_final) {
  const std::string honest = client.honest_final(challenge);
  CHECK(client_final.starts_with(honest));
  CHECK(client_final.size() == honest.size() || client_final[honest.size()] == ',');
}

void run_exchange(std::string_view first, std::string_view client_final) {
  auth::ScramServer server{std::string(kNonce)};
  if (server.on_first(first).reason != Reason::success) return;
  CHECK(auth::is_scram_text(server.user()));
  CHECK(server.user().size() <= auth::kScramUserBytesMax);
  // The header ends with the second comma.
  const size_t header = first.find(',', first.find(',') + 1) + 1;
  auth::TestScramClient client{"pencil", std::string(first.substr(0, header)),
                               std::string(first.substr(header))};
  const std::string challenge = server.challenge(keys());
  CHECK(challenge.size() <= auth::kScramNonceBytesMax + 200);
  auth::ScramServer other = server;
  CHECK(other.on_final(client.final(challenge, keys())).reason == Reason::success);

  const std::string proof = client.proof(challenge, keys(), client_final);
  std::string message(client_final);
  message += ",p=" + proof;
  const ScramAnswer answer = server.on_final(message);
  if (answer.reason == Reason::success) check_accepted(client, challenge, client_final);
  CHECK(answer.reason == Reason::success || answer.reason == Reason::protocol_error);
  CHECK(!answer.text.empty());
}

void run_file(std::string_view text) {
  const Result<ScramFile> file = ScramFile::parse(text, "f", "secret");
  if (!file) {
    CHECK(file.error().text.starts_with("Error: Invalid line in scram file f:"));
    return;
  }
  CHECK(file->find("user").stored_key.size() == auth::kScramKeyBytes);
  const ScramKeys unknown = file->find("nobody has this name");
  CHECK(unknown == file->find("nobody has this name"));
  CHECK(auth::parse_scram_keys(auth::to_text(unknown)));
  const Result<ScramKeys> again = auth::parse_scram_keys(auth::to_text(file->find("user")));
  CHECK(again && *again == file->find("user"));
}

void run(Input input) {
  const std::string_view first = input.text_until('\n');
  const std::string_view client_final = input.text_until('\n');
  run_exchange(first, client_final);
  run_file(as_text(input.rest()));
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
