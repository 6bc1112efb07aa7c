// The machine without sockets, in an event loop of your own (here: poll): ./own_loop PORT
#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <iostream>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tombo/machine.h>

using namespace tombo::client;

namespace {

class Printer final : public Handler {
 public:
  Machine* machine = nullptr;

  void on_connected(const Connected& /*connected*/) override {
    const std::array<Subscription, 1> wanted{{{.filter = "hello/#"}}};
    Request request = 0;
    if (const Error wrong = machine->subscribe(wanted, {}, request))
      std::cerr << wrong.text << '\n';
  }

  void on_subscribed(Request /*request*/, std::span<const uint8_t> /*reasons*/,
                     const Properties& /*properties*/) override {
    Request request = 0;
    const Message message{.topic = "hello/world", .payload = "from a loop"};
    if (const Error wrong = machine->publish(message, request)) std::cerr << wrong.text << '\n';
  }

  void on_message(const Received& message) override {
    std::cout << message.topic << ": " << message.payload << '\n';
    machine->disconnect();
  }
};

int connect_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -1;
  return socket;
}

}  // namespace

int main(int count, char** arguments) {
  Printer printer;
  Machine machine({.version = Version::v5}, printer);
  printer.machine = &machine;
  const int socket = connect_to(count > 1 ? std::atoi(arguments[1]) : 1883);
  if (socket < 0) return 1;

  machine.opened(Clock::now());
  while (!machine.is_ending() || !machine.output().empty()) {
    const auto output = machine.output();
    pollfd wanted{socket, static_cast<short>(output.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    const auto due = machine.deadline().value_or(Clock::now() + std::chrono::seconds(1));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
    ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if ((wanted.revents & POLLOUT) != 0) {
      const ssize_t written = ::send(socket, output.data(), output.size(), MSG_NOSIGNAL);
      if (written > 0) machine.wrote(static_cast<size_t>(written), Clock::now());
    }
    if ((wanted.revents & (POLLIN | POLLHUP)) != 0) {
      std::array<uint8_t, 4096> buffer{};
      const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      machine.received(std::span(buffer).first(static_cast<size_t>(size)), Clock::now());
    }
    machine.passed(Clock::now());
  }
  ::close(socket);
  machine.closed(Clock::now());
  return 0;
}
