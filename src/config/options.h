#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"

namespace tombo::config {

/// Where an option may stand and what it then applies to.
enum class Scope : uint8_t {
  global,            ///< Anywhere; the whole broker.
  listener,          ///< After `listener`; that listener.
  default_listener,  ///< As listener, or before any: it opens the default listener.
  security,          ///< Global, or as default_listener with per_listener_settings.
  bridge,            ///< After `connection`.
  plugin,            ///< After `plugin` and its like.
};

/// What stands behind the name: one word, but text that takes the rest of the line.
enum class ValueType : uint8_t { boolean, integer, text, words };

/// Whether a changed value takes effect on SIGHUP; else it needs a restart.
enum class Reload : uint8_t { yes, no };

/// Which Mosquitto has it; tombo: only this broker.
enum class Since : uint8_t { all, v2_1, tombo };

enum class Status : uint8_t {
  supported,
  differs,    ///< Supported, but not quite as in Mosquitto: see the note.
  no_effect,  ///< Accepted, and nothing changes: see the note.
  later,      ///< Not supported yet: an error.
};

/// Applies a line to the draft. `rest` is the line behind the name of the option.
using Setter = Result<void> (*)(Draft&, std::string_view option, std::string_view rest);

/// What the parser does with an option, and how two configurations are compared by it.
struct Behaviour {
  ValueType type;
  Setter set = nullptr;  ///< Null: parser.cc handles the option itself.
  bool (*same)(const Config&, const Config&) = nullptr;
  void (*copy)(const Config& from, Config& to) = nullptr;
  bool (*same_listener)(const ListenerConfig&, const ListenerConfig&) = nullptr;
};

/// One option of mosquitto.conf.
struct Option {
  std::string_view name;
  Scope scope;
  std::string_view fallback;  ///< The default, as a person writes it.
  Reload reload;
  Since since;
  Status status;
  Behaviour behaviour;
  std::string_view note = {};
  /// Set: the option is deprecated, and this is what to write instead.
  std::string_view instead = {};
};

/// All options of Mosquitto 2.0.22 and 2.1.2 and of tombo, aliases included: general ones first,
/// then those of listeners, limits, those that are not supported yet. Names that end in `_` are
/// prefixes (plugin_opt_, auth_opt_).
std::span<const Option> options();

/// The option that a line of the file names, or null.
const Option* find_option(std::string_view name);

}  // namespace tombo::config
