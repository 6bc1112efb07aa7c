#include "tools/client_program.h"
#include "tools/publisher.h"

// tombo_pub publishes; mosquitto_pub is what Mosquitto calls it.
int main(int argc, char** argv) {
  return tombo::tools::run_client(
      tombo::tools::ClientTool::pub, {argv, static_cast<size_t>(argc)},
      "tombo_pub publishes messages to an MQTT broker and leaves.\n\n"
      "  tombo_pub -t plant/temperature -m 22.5\n"
      "  tombo_pub -h broker.example --cafile ca.crt -u me -P secret -q 1 -t a/b -f file\n"
      "  sensor | tombo_pub -t plant/log -l\n\n",
      &tombo::tools::run_publisher);
}
