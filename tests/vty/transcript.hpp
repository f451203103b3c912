#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace withdrawd::test {

/// A conversation recorded with a real bgpd: a file of tests/transcripts.
struct Transcript {
  struct Turn {
    std::string send;  ///< over a socket or telnet: what was sent, and what came back
    std::string recv;
    std::vector<std::string> argv;  ///< over vtysh: one run of it
    std::string out;
    std::string err;
    int exit = 0;
  };
  std::string name;
  std::vector<Turn> turns;

  static Transcript load(const std::string& name);

  /// What the first turn that sent `command` brought: text alone, without the socket's trailer.
  std::string answer(std::string_view command, std::size_t skip = 0) const {
    for (const auto& turn : turns) {
      if (turn.send != std::string(command) + '\0') continue;
      if (skip-- == 0) return turn.recv.substr(0, turn.recv.find('\0'));
    }
    throw std::runtime_error(name + " has no turn " + std::string(command));
  }
};

/// A file's code points are the bytes (Latin-1).
inline std::string bytes_of(const boost::json::object& turn, std::string_view key) {
  const auto* value = turn.if_contains(key);
  if (!value || !value->is_string()) return "";
  const auto& text = value->as_string();
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
    } else {
      const auto next = static_cast<unsigned char>(text[++i]);
      bytes += static_cast<char>((byte & 0x03) << 6 | (next & 0x3f));
    }
  }
  return bytes;
}

inline Transcript Transcript::load(const std::string& name) {
  std::ifstream file(std::string(WITHDRAWD_TRANSCRIPTS) + "/" + name + ".json", std::ios::binary);
  if (!file) throw std::runtime_error("no transcript " + name);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  Transcript transcript{name, {}};
  const auto document = boost::json::parse(text);
  for (const auto& value : document.at("turns").as_array()) {
    const auto& object = value.as_object();
    Turn turn{bytes_of(object, "send"),   bytes_of(object, "recv"),   {},
              bytes_of(object, "stdout"), bytes_of(object, "stderr"), 0};
    if (const auto* argv = object.if_contains("argv")) {
      for (const auto& word : argv->as_array()) turn.argv.emplace_back(word.as_string().c_str());
    }
    if (const auto* exit = object.if_contains("exit"))
      turn.exit = static_cast<int>(exit->as_int64());
    transcript.turns.push_back(std::move(turn));
  }
  return transcript;
}

}  // namespace withdrawd::test
