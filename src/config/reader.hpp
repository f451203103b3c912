#pragma once

#include <toml++/toml.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaints.hpp"
#include "core/error.hpp"
#include "core/time.hpp"

namespace withdrawd::config {

/// Text for a message: printable, and short enough for one.
std::string in_quotes(std::string_view text);

struct DurationLimits {
  core::Duration least{1};
  core::Duration most = core::Duration::max();
};

struct ByteLimits {
  std::int64_t least, most;
};

/// One word of an enumeration and what it stands for.
template <class T>
struct Word {
  std::string_view text;
  T means;
};

/// A value of the file, with what complaints need to talk about it. Each reader gives the value, or
/// nothing after it has complained.
class Value {
 public:
  /// Complaints begin with `label` and `verb`: "\"mode\"" "is", "\"prefixes\" in [rule.a]" "has".
  Value(const toml::node& node, std::string label, Complaints& complaints,
        std::string_view verb = "is")
      : node_(&node), label_(std::move(label)), verb_(verb), complaints_(&complaints) {}

  Position position() const { return complaints_->position_of(node_->source()); }

  bool is_string() const { return node_->is_string(); }

  std::optional<std::string> string(std::string_view expected) const;
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  std::optional<core::Duration> duration(const DurationLimits& limits = {}) const;

  /// A string that `parse` takes.
  template <class T>
  std::optional<T> parsed(core::Result<T> (*parse)(std::string_view),
                          std::string_view expected) const {
    const auto text = string(expected);
    if (!text) return {};
    auto result = parse(*text);
    if (result) return *std::move(result);
    refuse(result.error());
    return {};
  }

  template <class T, std::size_t N>
  std::optional<T> one_of(const std::array<Word<T>, N>& words) const {
    std::vector<std::string> texts;
    for (const auto& word : words) texts.emplace_back(word.text);
    const auto index = word_index(texts);
    if (!index) return {};
    return words[*index].means;
  }

  /// A number of bytes: a whole number, or a string such as "1MB".
  std::optional<std::int64_t> bytes(const ByteLimits& limits) const;

  /// A path, absolute or not.
  std::optional<std::filesystem::path> path(std::string_view expected) const;
  /// An absolute path.
  std::optional<std::filesystem::path> file() const;
  /// An absolute path, or "" for none.
  std::optional<std::filesystem::path> file_or_none() const;
  /// An absolute path short enough for a Unix socket.
  std::optional<std::filesystem::path> socket_path() const;
  std::optional<std::filesystem::path> socket_path_or_none() const;
  /// A program: an absolute path, or a name to look up in PATH.
  std::optional<std::filesystem::path> program() const;

  /// What an inline table has under `key`, which must be all that it has.
  std::optional<Value> only_member(std::string_view key, std::string_view expected) const;

  bool is_array() const { return node_->is_array(); }
  /// The elements of an array that has at least one; `expected` describes the array.
  std::optional<std::vector<Value>> elements(std::string_view expected) const;

  /// Complains: "... is the string \"x\"; expected ...".
  void refuse(std::string_view expected, const std::string& suggestion = "") const;
  /// Complains: "... is the string \"x\": it has no unit (...)".
  void refuse(const core::Error& error) const;
  /// Complains: "... is the string \"x\"" and `rest`.
  void complain(const std::string& rest) const;

 private:
  bool is_empty_string() const;
  std::optional<std::size_t> word_index(const std::vector<std::string>& words) const;

  const toml::node* node_;
  std::string label_;
  std::string_view verb_;
  Complaints* complaints_;
};

/// What a node is, for a message: "the string \"x\"", "the number 5", "a table".
std::string describe(const toml::node& node);

}  // namespace withdrawd::config
