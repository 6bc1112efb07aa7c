#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/acl_tree.h"
#include "base/hash.h"
#include "base/result.h"
#include "broker/ports/authorizer.h"

namespace tombo::auth {

/// Bytes of an acl_file at most.
inline constexpr size_t kAclFileBytesMax = size_t{64} << 20;
/// Exit status of the process that an invalid acl_file ends.
inline constexpr int kInvalidAclFile = 3;
/// Levels of a filter in an acl_file at most, as in Mosquitto.
inline constexpr uint32_t kAclLevelsMax = 201;

/// The rules of one acl_file, which has lines of these forms:
/// ```
/// # Before the first user: for clients without a user name.
/// topic read news/#
/// user anna
/// topic [read|write|readwrite|deny] FILTER
/// # For all clients; levels %c and %u are the client id and the user name.
/// pattern [read|write|readwrite|deny] FILTER
/// ```
/// A client has what the `topic` lines of its user grant and do not deny; the patterns are asked
/// when those lines say nothing of the topic and the access. What nothing grants is refused, so the
/// order of lines is of no matter. Topics that begin with `$` match only filters that do.
/// SUBSCRIBE and UNSUBSCRIBE are always allowed: what a client may not read does not reach it. With
/// acl_subscribe_check a subscription is refused of which nothing could ever be read.
/// Immutable once parsed.  Bounds: kAclFileBytesMax, kAclLevelsMax; see also AclTree.
class AclFile {
 public:
  /// Compiles the text of the file `name`. The error says what is wrong in Mosquitto's words, and
  /// in a second line where.
  static Result<AclFile> parse(std::string_view text, std::string_view name);

  struct Verdict {
    bool is_allowed = false;
    /// A pattern would have asked for a name that could be taken for a filter.
    bool is_dangerous_name = false;
    uint32_t nodes_visited = 0;
    uint32_t denied_by = 0;  ///< line of the rule that denies; 0: none, or it is allowed
  };

  [[nodiscard]] Verdict check(const broker::Identity& identity, broker::Access access,
                              std::string_view topic) const;

  /// May the client read any topic of the filter? That is: a rule that grants reading matches a
  /// topic that the filter matches, too, and no single rule denies all that the filter matches. The
  /// order of the two questions is that of check(). Of a shared subscription the filter counts.
  [[nodiscard]] Verdict check_subscribe(const broker::Identity& identity,
                                        std::string_view filter) const;

  /// Says why check() or check_subscribe() does not allow it. `denied_by` is the line that it
  /// named.
  [[nodiscard]] broker::Explanation explain(const broker::Identity& identity, broker::Access access,
                                            std::string_view topic, const Verdict& verdict) const;

  [[nodiscard]] size_t rule_count() const { return rules_; }

 private:
  class Parser;

  template <class Settles>
  void ask_sections(const broker::Identity& identity, Verdict& verdict, Settles settles) const;

  struct NameHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name.

    size_t operator()(std::string_view name) const { return hash64(name, 0); }
  };

  struct Denial {
    uint32_t line;
    std::string filter;
  };

  AclFile() : anonymous_(tree_.add_root()), patterns_(tree_.add_root()) {}

  AclTree tree_;
  AclTree::Root anonymous_;
  AclTree::Root patterns_;
  std::unordered_map<std::string, AclTree::Root, NameHash, std::equal_to<>> users_;
  std::string name_;
  std::vector<Denial> denials_;  // By line.
  bool has_patterns_ = false;
  size_t rules_ = 0;
};

}  // namespace tombo::auth
