#include "tools/client_program.h"
#include "tools/subscriber.h"

// tombo_sub subscribes; mosquitto_sub is what Mosquitto calls it.
int main(int argc, char** argv) {
  return tombo::tools::run_client(
      tombo::tools::ClientTool::sub, {argv, static_cast<size_t>(argc)},
      "tombo_sub subscribes to topics of an MQTT broker and prints the messages that come.\n\n"
      "  tombo_sub -t plant/temperature\n"
      "  tombo_sub -h broker.example --cafile ca.crt -u me -P secret -q 1 -t 'plant/#' -v\n"
      "  tombo_sub -t '#' -C 1 -W 10 -F '%I %t %p'\n\n",
      &tombo::tools::run_subscriber);
}
