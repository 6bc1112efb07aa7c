// Subscribes, publishes, and prints what comes: ./hello HOST PORT
#include <cstdlib>
#include <iostream>

#include <tombo/client.h>

using namespace tombo::client;

int main(int count, char** arguments) {
  Settings settings;
  settings.target.host = count > 1 ? arguments[1] : "localhost";
  settings.target.port = static_cast<uint16_t>(count > 2 ? std::atoi(arguments[2]) : 1883);
  Client client(settings);

  if (const auto in = client.connect().get(); !in) {
    std::cerr << "cannot connect: " << in.error.text << '\n';
    return 1;
  }
  client.subscribe("hello/#", Qos::at_least_once).wait();
  client.publish("hello/world", "from tombo", Qos::at_least_once);

  const auto message = client.receive().get();
  std::cout << message.value.topic << ": " << message.value.payload << '\n';
  client.disconnect().wait();
  return 0;
}
