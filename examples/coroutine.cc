// The same as hello.cc, as a coroutine: ./coroutine HOST PORT
#include <cstdlib>
#include <iostream>

#include <tombo/client.h>

using namespace tombo::client;

namespace {

Task talk(Client& client) {
  const auto in = co_await client.connect();
  if (!in) {
    std::cerr << "cannot connect: " << in.error.text << '\n';
    co_return;
  }
  co_await client.subscribe("hello/#", Qos::at_least_once);
  const auto sent = co_await client.publish("hello/world", "from a coroutine", Qos::at_least_once);
  if (!sent) std::cerr << "cannot publish: " << sent.error.text << '\n';
  const auto message = co_await client.receive();
  std::cout << message.value.topic << ": " << message.value.payload << '\n';
  co_await client.disconnect();
}

}  // namespace

int main(int count, char** arguments) {
  Settings settings;
  settings.target.host = count > 1 ? arguments[1] : "localhost";
  settings.target.port = static_cast<uint16_t>(count > 2 ? std::atoi(arguments[2]) : 1883);
  Client client(settings);
  talk(client).wait();
  return 0;
}
