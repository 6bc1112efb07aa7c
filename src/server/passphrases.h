#pragma once

#include <map>
#include <optional>
#include <string>

namespace tombo::server {

/// Passphrases of private keys (and PINs of engines): asked for once at the terminal of the
/// process, then kept in memory, so that a reload can read the keys again without anybody there.
/// Home: the main thread.  Bound: one for each keyfile.
class Passphrases {
 public:
  /// The passphrase of this keyfile; nullopt: there is no terminal, or nobody answered there.
  std::optional<std::string> of(const std::string& keyfile);

  /// From now on only those that were given are known: a running broker asks nobody.
  void stop_asking() { may_ask_ = false; }

 private:
  std::map<std::string, std::string> known_;
  bool may_ask_ = true;
};

/// Asks at the terminal of the process, without an echo; SIGINT and SIGTERM end the waiting.
/// nullopt: there is no terminal, or no answer.
std::optional<std::string> ask_at_terminal(const std::string& question);

}  // namespace tombo::server
