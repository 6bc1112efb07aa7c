#include "server/signals.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <unistd.h>

namespace tombo::server {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGRTMIN}) {
    sigaddset(&set, number);
  }
  return set;
}

Signal meaning_of(int number) {
  if (number == SIGINT || number == SIGTERM) return Signal::stop;
  if (number == SIGHUP) return Signal::reload;
  if (number == SIGUSR1) return Signal::save;
  if (number == SIGUSR2) return Signal::print_tree;
  if (number == SIGRTMIN) return Signal::reopen_log;
  return Signal::none;
}

}  // namespace

void block_signals() {
  const sigset_t set = handled_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  // Sockets are written with MSG_NOSIGNAL; this is for standard output.
  ::signal(SIGPIPE, SIG_IGN);
  // A limit on the size of files is an error of the write, which says more than a core.
  ::signal(SIGXFSZ, SIG_IGN);
}

void ask_to_stop() {
  ::kill(::getpid(), SIGTERM);
}

Signal wait_signal(std::optional<Duration> timeout) {
  using std::chrono::duration_cast;
  const sigset_t set = handled_signals();
  if (!timeout) return meaning_of(::sigwaitinfo(&set, nullptr));
  const auto seconds = duration_cast<std::chrono::seconds>(*timeout);
  timespec limit{};
  limit.tv_sec = seconds.count();
  limit.tv_nsec = duration_cast<std::chrono::nanoseconds>(*timeout - seconds).count();
  return meaning_of(::sigtimedwait(&set, nullptr, &limit));
}

}  // namespace tombo::server
