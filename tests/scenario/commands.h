#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "scenario/script.h"
#include "scenario/world.h"

namespace tombo::scenario {

/// Carries out the commands of a script. What they do is listed in runner.cc. The world is made
/// when the first command needs it, so `config`, `shards` and `store` stand in front.
class Stage {
 public:
  /// Carries out one step; returns the complete trace of it.
  std::vector<std::string> play(const Step& step);

 private:
  using Words = std::span<const std::string>;

  bool play(const Command& command, std::string& error);
  bool set_up(const std::string& name, const Command& command, std::string& error);
  bool add_file(const Command& command, std::string& error);
  bool act(const std::string& name, const Command& command, std::string& error);
  bool show(const std::string& name, Words words, std::string& error);
  bool repeat(const Command& command, std::string& error);
  bool connect(const std::string& name, Words words, std::string& error);
  bool open(const std::string& name, Words words, std::string& error);
  bool send_packet(const std::string& kind, Words words, std::string& error);
  bool send_bytes(Words words, std::string& error);
  bool socket_command(const std::string& name, Words words, std::string& error);
  bool parse_config(const std::vector<std::string>& lines, std::string& error);
  World& world();

  WorldSetup setup_;
  std::map<std::string, std::string> files_;  ///< acl_files by path
  std::unique_ptr<World> world_;
  bool folds_ = false;
  bool quiet_ = false;
};

}  // namespace tombo::scenario
