#include "client/broker_process.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "net/socket.h"

namespace tombo::client {
namespace {

std::string program_of(const std::string& kind) {
  const char* own = std::getenv("TOMBO_BROKER");
  if (kind == "tombo") return own == nullptr ? "" : own;
  return "/usr/sbin/mosquitto";
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool listens(uint16_t port) {
  const net::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::connect(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address),
                   sizeof address) == 0;
}

}  // namespace

uint16_t free_port() {
  const net::Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  CHECK(::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  CHECK(::getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

BrokerProcess::BrokerProcess(std::string kind, std::string lines)
    : kind_(std::move(kind)), lines_(std::move(lines)), port_(free_port()) {
  std::string name = std::filesystem::temp_directory_path() / "tombo-client-XXXXXX";
  CHECK(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  start();
}

BrokerProcess::~BrokerProcess() {
  kill();
  std::filesystem::remove_all(folder_);
}

bool BrokerProcess::exists(const std::string& kind) {
  return ::access(program_of(kind).c_str(), X_OK) == 0;
}

void BrokerProcess::start() {
  const std::string file = folder_ + "/broker.conf";
  std::ofstream(file) << "listener " << port_ << " 127.0.0.1\nlog_dest none\n" << lines_;
  const std::string program = program_of(kind_);
  process_ = ::fork();
  CHECK(process_ >= 0);
  if (process_ == 0) {
    const int nothing = ::open("/dev/null", O_RDWR);
    ::dup2(nothing, STDERR_FILENO);
    ::execl(program.c_str(), program.c_str(), "-c", file.c_str(), nullptr);
    ::_exit(127);
  }
  while (!listens(port_)) {
    CHECK(::waitpid(process_, nullptr, WNOHANG) == 0 && "the broker has ended");
    ::poll(nullptr, 0, 5);
  }
}

void BrokerProcess::kill() {
  if (process_ < 0) return;
  ::kill(std::exchange(process_, -1), SIGKILL);
  while (::waitpid(-1, nullptr, WNOHANG) == 0) ::poll(nullptr, 0, 1);
}

}  // namespace tombo::client
