#include "tools/ask_password.h"

#include <cerrno>
#include <csignal>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "tools/passwd_options.h"

namespace tombo::tools {
namespace {

void write_text(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

/// While it lives, the terminal at standard input shows nothing of what is typed, and signals that
/// would end or stop the program wait, so that the terminal can be put back first.
class SilentTerminal {
 public:
  SilentTerminal() {
    is_terminal_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!is_terminal_) return;
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) {
      sigaddset(&signals_, number);
    }
    ::sigprocmask(SIG_BLOCK, &signals_, &unblocked_);
    arrived_ = ::signalfd(-1, &signals_, SFD_CLOEXEC);
    hide();
  }

  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  ~SilentTerminal() {
    if (!is_terminal_) return;
    show();
    if (arrived_ >= 0) ::close(arrived_);
    ::sigprocmask(SIG_SETMASK, &unblocked_, nullptr);
  }

  /// Waits until standard input can be read. A signal does its work in here, and does not return if
  /// that is to end the program. False: it was stopped, and the question is no longer seen.
  [[nodiscard]] bool wait_for_input() {
    if (!is_terminal_) return true;
    pollfd ready[] = {{STDIN_FILENO, POLLIN, 0}, {arrived_, POLLIN, 0}};
    while (::poll(ready, 2, -1) < 0 && errno == EINTR) {
    }
    if (ready[1].revents == 0) return true;
    signalfd_siginfo signal{};
    if (::read(arrived_, &signal, sizeof signal) != sizeof signal) return true;
    show();
    ::sigprocmask(SIG_SETMASK, &unblocked_, nullptr);
    ::raise(static_cast<int>(signal.ssi_signo));
    ::sigprocmask(SIG_BLOCK, &signals_, nullptr);
    hide();
    return false;
  }

 private:
  void hide() const {
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &silent);
  }

  void show() const { ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }

  bool is_terminal_ = false;
  termios before_{};
  sigset_t signals_{};
  sigset_t unblocked_{};
  int arrived_ = -1;
};

enum class Input { line, end, asked_again };

/// One line without its end; bytes above kPasswordBytesMax + 1 are dropped.
Input read_line(SilentTerminal& terminal, std::string& line) {
  line.clear();
  line.reserve(kPasswordBytesMax + 1);
  for (;;) {
    if (!terminal.wait_for_input()) return Input::asked_again;
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return line.empty() ? Input::end : Input::line;
    if (c == '\n') return Input::line;
    if (line.size() <= kPasswordBytesMax) line.push_back(c);
  }
}

Result<std::string> ask(SilentTerminal& terminal, int questions, std::string_view question) {
  std::string line;
  Input input = Input::asked_again;
  while (input == Input::asked_again) {
    write_text(questions, question);
    input = read_line(terminal, line);
  }
  if (input == Input::line) write_text(questions, "\n");
  while (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty()) return Error{"Error: Empty password."};
  return line;
}

void forget(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
}

}  // namespace

Result<std::string> ask_password(int questions) {
  SilentTerminal terminal;
  Result<std::string> password = ask(terminal, questions, "Password: ");
  if (!password) return password.error();
  Result<std::string> again = ask(terminal, questions, "Reenter password: ");
  if (!again) {
    forget(*password);
    return again.error();
  }
  const bool is_equal = *password == *again;
  forget(*again);
  if (is_equal) return password;
  forget(*password);
  return Error{"Error: Passwords do not match.", 2};
}

bool ask_yes(const std::string& question) {
  write_text(STDOUT_FILENO, question);
  std::string answer;
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') answer.push_back(c);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace tombo::tools
