// A service and somebody who asks it, with MQTT 5: ./request HOST PORT
#include <chrono>
#include <cstdlib>
#include <iostream>

#include <tombo/client.h>

using namespace tombo::client;

int main(int count, char** arguments) {
  Settings settings;
  settings.connect.version = Version::v5;
  settings.target.host = count > 1 ? arguments[1] : "localhost";
  settings.target.port = static_cast<uint16_t>(count > 2 ? std::atoi(arguments[2]) : 1883);

  Client service(settings);
  service.on_message("square", [&service](const IncomingMessage& request) {
    const int number = std::atoi(request.payload.c_str());
    service.respond(request, std::to_string(number * number));
  });
  Client client(settings);
  if (!service.connect().get() || !client.connect().get()) return 1;
  service.subscribe("square", Qos::at_least_once).wait();

  const auto answer = client.request({.topic = "square", .payload = "12"}, std::chrono::seconds(5));
  const auto response = answer.get();
  if (!response) {
    std::cerr << "no answer: " << response.error.text << '\n';
    return 1;
  }
  std::cout << "12 squared is " << response.value.payload << '\n';
  return 0;
}
