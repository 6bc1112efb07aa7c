#include "auth/acl_file.h"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include "mqtt/topic.h"

namespace tombo::auth {
namespace {

constexpr std::string_view kBlanks = " \t\n\v\f\r";

std::string_view without_blanks_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string_view without_blanks(std::string_view text) {
  text = without_blanks_behind(text);
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

std::string_view without_spaces_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

/// Takes the next word off the front of `rest`, with the one space behind it.
std::string_view take_word(std::string_view& rest) {
  rest = without_spaces_before(rest);
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  return word;
}

std::optional<Rights> rights_of(std::string_view word) {
  if (word == "read") return kReadRight;
  if (word == "write") return kWriteRight;
  if (word == "readwrite") return Rights{kReadRight | kWriteRight};
  if (word == "deny") return kDenied;
  return std::nullopt;
}

/// Could a name in place of `%c` or `%u` be taken for a filter that matches more than itself?
bool is_dangerous(std::string_view name) {
  return name.find_first_of("+#") != std::string_view::npos;
}

std::string_view wish_of(broker::Access access) {
  switch (access) {
    case broker::Access::write:
      return "write to";
    case broker::Access::read:
    case broker::Access::subscribe:
    case broker::Access::unsubscribe:
      return "read of";
  }
  return {};
}

}  // namespace

/// Reads line by line into an AclFile.
class AclFile::Parser {
 public:
  Parser(AclFile& file, std::string_view name)
      : file_(file), name_(name), section_(file.anonymous_) {}

  Result<void> run(std::string_view text) {
    if (text.size() > kAclFileBytesMax) {
      return Error{
          fmt::format("Error: acl_file \"{}\" is larger than {} bytes.", name_, kAclFileBytesMax),
          kInvalidAclFile};
    }
    for (; !text.empty(); ++line_) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (Result<void> done = take_line(without_blanks_behind(text.substr(0, end))); !done) {
        return Error{fmt::format("{}\nError found at {}:{}.", done.error().text, name_, line_),
                     done.error().code};
      }
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
  }

 private:
  [[nodiscard]] Error fault(std::string_view what) const {
    return Error{fmt::format("Error: {} in acl_file \"{}\".", what, name_), kInvalidAclFile};
  }

  Result<void> take_line(std::string_view line) {
    if (line.starts_with('#')) return {};
    std::string_view rest = line;
    const std::string_view keyword = take_word(rest);
    if (keyword.empty()) return {};
    if (keyword == "topic" || keyword == "pattern") return take_rule(rest, keyword == "pattern");
    if (keyword == "user") return take_user(rest);
    const auto length = static_cast<size_t>(keyword.data() + keyword.size() - line.data());
    return Error{
        fmt::format("Error: Invalid line in acl_file \"{}\": {}.", name_, line.substr(0, length)),
        kInvalidAclFile};
  }

  Result<void> take_user(std::string_view rest) {
    const std::string_view user = without_blanks(rest);
    if (user.empty()) return fault("Missing username");
    const auto known = file_.users_.find(user);
    if (known != file_.users_.end()) {
      section_ = known->second;
      return {};
    }
    section_ = file_.tree_.add_root();
    file_.users_.emplace(user, section_);
    return {};
  }

  Result<void> take_rule(std::string_view rest, bool is_pattern) {
    const std::string_view first = take_word(rest);
    if (first.empty()) return fault("Empty topic");
    std::string_view filter = without_spaces_before(rest);
    Rights rights = kReadRight | kWriteRight;
    if (filter.empty()) {
      filter = first;  // A single word is the filter, also when it is "deny".
    } else if (const std::optional<Rights> named = rights_of(first)) {
      rights = *named;
    } else {
      return fault(fmt::format("Invalid topic access type \"{}\"", first));
    }
    if (!mqtt::valid_topic_filter(filter) || mqtt::level_count(filter) > kAclLevelsMax) {
      return fault(fmt::format("Invalid ACL topic \"{}\"", filter));
    }
    file_.tree_.add(is_pattern ? file_.patterns_ : section_,
                    {.filter = filter, .rights = rights, .is_pattern = is_pattern, .line = line_});
    if (rights == kDenied) file_.denials_.push_back({line_, std::string(filter)});
    file_.has_patterns_ = file_.has_patterns_ || is_pattern;
    ++file_.rules_;
    return {};
  }

  AclFile& file_;
  std::string_view name_;
  AclTree::Root section_;
  uint32_t line_ = 1;
};

Result<AclFile> AclFile::parse(std::string_view text, std::string_view name) {
  AclFile file;
  file.name_ = name;
  if (Result<void> done = Parser(file, name).run(text); !done) return done.error();
  return file;
}

/// Asks settles(root) of the client's own section, then of the patterns, until one says true.
template <class Settles>
void AclFile::ask_sections(const broker::Identity& identity, Verdict& verdict,
                           Settles settles) const {
  if (identity.user_name.empty()) {
    if (settles(anonymous_)) return;
  } else if (const auto user = users_.find(identity.user_name); user != users_.end()) {
    if (settles(user->second)) return;
  }
  if (!has_patterns_) return;
  verdict.is_dangerous_name = is_dangerous(identity.client_id) || is_dangerous(identity.user_name);
  if (!verdict.is_dangerous_name) settles(patterns_);
}

AclFile::Verdict AclFile::check(const broker::Identity& identity, broker::Access access,
                                std::string_view topic) const {
  Verdict verdict;
  if (access != broker::Access::read && access != broker::Access::write) {
    verdict.is_allowed = true;
    return verdict;
  }
  const AclTree::Names names{.client_id = identity.client_id, .user_name = identity.user_name};
  const auto wanted = static_cast<Rights>(access);
  ask_sections(identity, verdict, [&](AclTree::Root root) {
    const AclTree::Found found = tree_.find(root, topic, names);
    verdict.nodes_visited += found.nodes_visited;
    verdict.denied_by = found.denied_by;
    verdict.is_allowed = (found.rights & kDenied) == 0 && (found.rights & wanted) != 0;
    return verdict.is_allowed || (found.rights & kDenied) != 0;
  });
  return verdict;
}

AclFile::Verdict AclFile::check_subscribe(const broker::Identity& identity,
                                          std::string_view filter) const {
  Verdict verdict;
  if (const auto shared = mqtt::parse_shared(filter)) filter = shared->filter;
  const AclTree::Names names{.client_id = identity.client_id, .user_name = identity.user_name};
  ask_sections(identity, verdict, [&](AclTree::Root root) {
    verdict.denied_by = tree_.find_covering(root, filter, names).denied_by;
    if (verdict.denied_by != 0) return true;
    verdict.is_allowed = tree_.may_overlap(root, filter, kReadRight, names);
    return verdict.is_allowed;
  });
  return verdict;
}

broker::Explanation AclFile::explain(const broker::Identity& identity, broker::Access access,
                                     std::string_view topic, const Verdict& verdict) const {
  const std::string_view wish = wish_of(access);
  if (verdict.denied_by != 0) {
    const auto denial =
        std::ranges::lower_bound(denials_, verdict.denied_by, std::less<>(), &Denial::line);
    const std::string_view filter =
        denial != denials_.end() && denial->line == verdict.denied_by ? denial->filter : topic;
    return {
        .file = name_, .line = verdict.denied_by, .rule = fmt::format("deny {} {}", wish, filter)};
  }
  if (verdict.is_dangerous_name) {
    return {.file = name_, .rule = "patterns do not hold for names with + or #"};
  }
  const std::string who = identity.user_name.empty() ? std::string("clients without a user name")
                                                     : fmt::format("user '{}'", identity.user_name);
  const std::string_view any = access == broker::Access::subscribe ? "any topic of " : "";
  return {.file = name_,
          .rule = fmt::format("no rule for {} allows {} {}{}", who, wish, any, topic)};
}

}  // namespace tombo::auth
