#include "auth/password_authenticator.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"

namespace tombo::auth {

using broker::AuthDecision;
using mqtt::Reason;

namespace {

/// The scram files of the listeners, each read once.
Result<std::vector<std::shared_ptr<const ScramFile>>> load_scram_files(
    const config::Config& config) {
  std::vector<std::shared_ptr<const ScramFile>> files;
  std::map<std::string, std::shared_ptr<const ScramFile>> read;
  for (const config::ListenerConfig& listener : config.listeners) {
    // As with a password_file: nobody logs in at a closed one any more.
    const std::string path = listener.closed ? "" : config.scram_file_for(listener);
    std::shared_ptr<const ScramFile>& file = read[path];
    if (file == nullptr && !path.empty()) {
      Result<ScramFile> loaded = ScramFile::load(path);
      if (!loaded) return loaded.error();
      file = std::make_shared<const ScramFile>(std::move(*loaded));
    }
    files.push_back(file);
  }
  return files;
}

}  // namespace

bool Logins::need_passwords() const {
  return std::ranges::any_of(files, [](const auto& file) { return file != nullptr; });
}

Result<std::shared_ptr<const Logins>> load_logins(std::shared_ptr<const config::Config> config) {
  auto logins = std::make_shared<Logins>();
  std::map<std::string, std::shared_ptr<const PasswordFile>> read;
  const BadLines bad_lines = config->is_v2_0() ? BadLines::skip : BadLines::refuse;
  for (const config::ListenerConfig& listener : config->listeners) {
    // Nobody logs in at a closed one any more, so its file may be gone.
    const std::string path = listener.closed ? "" : config->password_file_for(listener);
    std::shared_ptr<const PasswordFile>& file = read[path];
    if (file == nullptr && !path.empty()) {
      Result<PasswordFile> loaded = PasswordFile::load(path, bad_lines);
      if (!loaded) return loaded.error();
      file = std::make_shared<const PasswordFile>(std::move(*loaded));
      const std::vector<std::string>& warnings = file->warnings();
      logins->warnings.insert(logins->warnings.end(), warnings.begin(), warnings.end());
    }
    logins->files.push_back(file);
  }
  Result<std::vector<std::shared_ptr<const ScramFile>>> scram_files = load_scram_files(*config);
  if (!scram_files) return scram_files.error();
  logins->scram_files = std::move(*scram_files);
  logins->config = std::move(config);
  return std::shared_ptr<const Logins>(std::move(logins));
}

PasswordAuthenticator::PasswordAuthenticator(HashPool& pool, std::shared_ptr<const Logins> logins)
    : pool_(pool), logins_(std::move(logins)) {}

void PasswordAuthenticator::set_logins(std::shared_ptr<const Logins> logins) {
  logins_ = std::move(logins);
}

std::optional<AuthDecision> PasswordAuthenticator::authenticate(const broker::ConnectInfo& info,
                                                                broker::ShardId shard,
                                                                broker::ConnectionId connection) {
  CHECK(info.listener < logins_->files.size());
  const std::shared_ptr<const PasswordFile>& file = logins_->files[info.listener];
  if (!info.user_name || file == nullptr) {
    const config::ListenerConfig& listener = logins_->config->listeners[info.listener];
    if (logins_->config->anonymous_allowed(listener)) return AuthDecision{};
    return broker::refusal_without_password_file(info.user_name.has_value());
  }
  // Mosquitto takes an empty password for none, too.
  if (!info.password || info.password->empty()) {
    return AuthDecision{.reason = Reason::not_authorized,
                        .reason_string = std::string(kLoginRefused),
                        .data = {},
                        .log_text = fmt::format("user '{}' gave no password", *info.user_name)};
  }
  HashPool::Job job{.file = file,
                    .user = std::string(*info.user_name),
                    .password = std::string(as_text(*info.password)),
                    .shard = shard,
                    .connection = connection};
  if (pool_.submit(std::move(job))) return std::nullopt;
  return AuthDecision{.reason = Reason::server_busy,
                      .reason_string = "too many logins wait to be checked",
                      .data = {}};
}

}  // namespace tombo::auth
