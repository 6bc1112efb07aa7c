#include "auth/access_control.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "auth/acl_file.h"
#include "base/check.h"

namespace tombo::auth {
namespace {

using broker::Decision;
using broker::Outcome;

/// Mosquitto's exit status for a file that cannot be opened (MOSQ_ERR_UNKNOWN).
constexpr int kCannotOpen = 13;

using SharedAclFile = std::shared_ptr<const AclFile>;

/// Each listener has the acl_file of its own, or all have the same. Bound: that of the files.
class ListenerRights final : public broker::Authorizer {
 public:
  struct Rights {
    SharedAclFile file;  ///< null: everything is allowed
    bool subscribe_check = false;
  };

  explicit ListenerRights(std::vector<Rights> rights) : rights_(std::move(rights)) {}

  [[nodiscard]] Decision decide(const broker::Identity& identity, broker::Access access,
                                std::string_view topic) const override {
    if (identity.listener >= rights_.size()) return {};
    const Rights& rights = rights_[identity.listener];
    if (rights.file == nullptr) return {};
    const AclFile::Verdict verdict = access == broker::Access::subscribe && rights.subscribe_check
                                         ? rights.file->check_subscribe(identity, topic)
                                         : rights.file->check(identity, access, topic);
    if (verdict.is_allowed) return {};
    return {verdict.is_dangerous_name ? Outcome::dangerous_name : Outcome::denied,
            verdict.denied_by};
  }

  [[nodiscard]] broker::Explanation explain(const broker::Identity& identity, broker::Access access,
                                            std::string_view topic,
                                            Decision decision) const override {
    CHECK(identity.listener < rights_.size() && rights_[identity.listener].file != nullptr);
    const AclFile::Verdict verdict{.is_dangerous_name = decision.outcome == Outcome::dangerous_name,
                                   .denied_by = decision.line};
    return rights_[identity.listener].file->explain(identity, access, topic, verdict);
  }

  [[nodiscard]] Rights rights_of(size_t listener) const {
    return listener < rights_.size() ? rights_[listener] : Rights();
  }

 private:
  std::vector<Rights> rights_;  // By listener.
};

Result<SharedAclFile> load(const std::string& path, const ReadFile& read) {
  const Result<std::string> text = read(path);
  if (!text) return text.error();
  Result<AclFile> file = AclFile::parse(*text, path);
  if (!file) return file.error();
  return std::make_shared<const AclFile>(std::move(*file));
}

}  // namespace

Result<std::string> read_acl_file(const std::string& path) {
  const Error cannot_open{fmt::format("Error: Unable to open acl_file \"{}\".", path), kCannotOpen};
  std::error_code ignored;
  // A directory, a device or a pipe would have no end, or none of any use.
  if (!std::filesystem::is_regular_file(path, ignored)) return cannot_open;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return cannot_open;
  return text;
}

Result<SharedAuthorizer> load_access_control(const config::Config& config, const ReadFile& read,
                                             const SharedAuthorizer& before) {
  const auto* rights_before = dynamic_cast<const ListenerRights*>(before.get());
  std::map<std::string, SharedAclFile> known;
  std::vector<ListenerRights::Rights> rights;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (listener.closed && config.per_listener_settings) {
      rights.push_back(rights_before != nullptr ? rights_before->rights_of(rights.size())
                                                : ListenerRights::Rights());
      continue;
    }
    const std::string& path = config.acl_file_for(listener);
    SharedAclFile& file = known[path];
    if (!path.empty() && file == nullptr) {
      Result<SharedAclFile> loaded = load(path, read);
      if (!loaded) {
        return Error{fmt::format("{}\nError opening acl file \"{}\".", loaded.error().text, path),
                     loaded.error().code};
      }
      file = std::move(*loaded);
    }
    rights.push_back({file, config.acl_subscribe_check_for(listener)});
  }
  const auto allows_all = [](const auto& each) { return each.file == nullptr; };
  if (std::ranges::all_of(rights, allows_all)) return SharedAuthorizer();
  return SharedAuthorizer(std::make_shared<const ListenerRights>(std::move(rights)));
}

}  // namespace tombo::auth
