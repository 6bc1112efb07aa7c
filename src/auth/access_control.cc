#include "auth/access_control.h"

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

Result<std::shared_ptr<const broker::Authorizer>> load_access_control(const config::Config& config,
                                                                      const ReadFile& read) {
  std::map<std::string, SharedAclFile> known;
  std::vector<ListenerRights::Rights> rights;
  for (const config::ListenerConfig& listener : config.listeners) {
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
  known.erase("");
  if (known.empty()) return std::shared_ptr<const broker::Authorizer>();
  return std::shared_ptr<const broker::Authorizer>(
      std::make_shared<const ListenerRights>(std::move(rights)));
}

}  // namespace tombo::auth
